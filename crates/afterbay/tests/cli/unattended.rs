//! What a script or a log gets to read besides results: warnings, each once and with its place.

use crate::machine::Machine;

const ODD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: odd\nimmutable: yes\n";

#[test]
fn a_scalar_that_tools_read_differently_is_named_with_its_line() {
    let machine = Machine::new();
    let repository = machine.repository(&[("odd.yaml", ODD)]);
    machine.save("fetched.tar", ["fetch", "--url", &repository]);
    machine.write("odd.yaml", ODD);
    machine.write("kubeconfig", "apiVersion: v1\nkind: Config\n");
    for arguments in [
        &["render", "-f", "fetched.tar"][..],
        &["normalize", "-f", "odd.yaml"],
        // Without a cluster the run fails, and the warning is there nevertheless.
        &["apply", "-f", "odd.yaml", "--kubeconfig", "kubeconfig"],
        &["apply", "--url", &repository, "--kubeconfig", "kubeconfig"],
    ] {
        let ended = machine.run(arguments);
        let told = ended.stderr.matches("warning: odd.yaml:5:12: ").count();
        assert_eq!(told, 1, "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn what_came_through_a_pipe_is_said_to_have_lost_its_provenance() {
    let machine = Machine::new();
    machine.write(
        "x.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: b\n",
    );
    let ended = machine.run(["normalize", "-f", "x.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended
            .stderr
            .matches("input from x.yaml has lost its provenance")
            .count(),
        1,
        "{}",
        ended.stderr
    );
}
