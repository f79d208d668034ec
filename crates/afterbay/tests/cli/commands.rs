//! Flags and small commands.

use std::net::TcpListener;

use crate::machine::{Machine, ended};

#[test]
fn every_shell_has_a_completion() {
    let machine = Machine::new();
    for (shell, sign) in [
        ("bash", "complete -F _afterbay"),
        ("elvish", "set edit:completion:arg-completer[afterbay]"),
        ("fish", "complete -c afterbay"),
        (
            "powershell",
            "Register-ArgumentCompleter -Native -CommandName 'afterbay'",
        ),
        ("zsh", "#compdef afterbay"),
    ] {
        let script = machine.run(["completion", shell]);
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(script.stdout.contains(sign), "{shell}: {}", script.stdout);
        assert!(script.stdout.contains("keep-sealed-kind"), "{shell}");
    }
    assert_eq!(machine.run(["completion", "tcsh"]).code, Some(2));
}

#[test]
fn flags_about_waiting_that_would_do_nothing_are_refused() {
    let machine = Machine::new();
    for (flags, said) in [
        (&["--wait", "--dry-run"][..], "there is nothing to wait for"),
        (&["--wait", "--mode", "report"], "there is nothing to wait for"),
        (
            &["--health-check", "Deployment/web", "--dry-run"],
            "there is nothing to wait for",
        ),
        (&["--wait-timeout", "1m"], "are for --wait and --health-check"),
        (
            &["--health-check-exprs", "exprs.yaml"],
            "are for --wait and --health-check",
        ),
    ] {
        let ended = machine.run([&["apply", "--filename", "-"], flags].concat());
        assert_eq!(ended.code, Some(2), "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{flags:?}: {}", ended.stderr);
    }
}

#[test]
fn the_version_names_what_is_followed() {
    let machine = Machine::new();
    let version = machine.run(["version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(
        version.stdout.lines().next().unwrap(),
        concat!("afterbay ", env!("CARGO_PKG_VERSION"))
    );
    assert!(version.stdout.contains("kustomize v5.8.2") && version.stdout.contains("sops 3.13.3"));
    assert_eq!(machine.run(["--version"]).stdout, version.stdout);
}

/// Two clusters in one file, neither of which is there; the port says which one was asked.
#[test]
fn kubeconfig_and_context_choose_the_cluster() {
    let machine = Machine::new();
    let closed = || {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    };
    let (first, second, third) = (closed(), closed(), closed());
    let config = |current: &str, clusters: &[(&str, u16)]| {
        let list = |line: &dyn Fn(&str, u16) -> String| -> String {
            clusters.iter().map(|(name, port)| line(name, *port)).collect()
        };
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {current}\nclusters:\n{}contexts:\n{}users: [{{name: u, user: {{}}}}]\n",
            list(&|name, port| format!(
                "- {{name: {name}, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}\n"
            )),
            list(&|name, _| format!("- {{name: {name}, context: {{cluster: {name}, user: u}}}}\n")),
        )
    };
    machine.write("flag", config("a", &[("a", first), ("b", second)]));
    machine.write("variable", config("c", &[("c", third)]));
    for (flags, port) in [
        (&[][..], third),
        (&["--kubeconfig", "flag"], first),
        (&["--kubeconfig", "flag", "--context", "b"], second),
    ] {
        let arguments = [&["inventory", "--timeout", "1s"], flags].concat();
        let output = machine
            .afterbay(&arguments)
            .env("KUBECONFIG", machine.path("variable"))
            .output()
            .unwrap();
        let ended = ended(output);
        assert_eq!(ended.code, Some(14), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("127.0.0.1:{port}")),
            "{flags:?}: {}",
            ended.stderr
        );
    }
    let unknown = machine.run(["inventory", "--kubeconfig", "flag", "--context", "nowhere"]);
    assert_eq!(unknown.code, Some(14), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("nowhere"), "{}", unknown.stderr);
}

#[test]
fn flags_about_a_revision_do_not_go_with_a_file() {
    let machine = Machine::new();
    machine.write("x.yaml", "");
    for flags in [
        &["--ref", "main"][..],
        &["--path", "apps"],
        &["--git-username", "me"],
        &["--git-password-file", "p"],
        &["--git-ca-file", "c"],
        &["--git-allow-plain-http"],
        &["--cache-dir", "d"],
        &["--no-cache"],
        &["--max-file-size", "1"],
        &["--max-files", "1"],
        &["--max-tree-size", "1"],
    ] {
        let ended = machine.run([&["apply", "-f", "x.yaml"], flags].concat());
        assert_eq!(ended.code, Some(2), "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("cannot be used with"), "{}", ended.stderr);
    }
    // What stands in the environment is for other runs.
    let output = machine
        .afterbay(["apply", "-f", "gone.yaml"])
        .env("AFTERBAY_GIT_USERNAME", "me")
        .env("AFTERBAY_CACHE_DIR", "d")
        .output()
        .unwrap();
    let ended = ended(output);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot read gone.yaml"), "{}", ended.stderr);
}

#[test]
fn a_file_is_named_as_it_was_typed() {
    let machine = Machine::new();
    let path = machine.write("x.yaml", "kind: {\n").display().to_string();
    machine.write("below/here", "");
    for typed in ["x.yaml", "below/../x.yaml", path.as_str()] {
        for command in ["apply", "normalize"] {
            let ended = machine.run([command, "-f", typed]);
            assert_eq!(ended.code, Some(11), "{}", ended.stderr);
            assert!(
                ended.stderr.starts_with(&format!("error: {typed}:")),
                "{}",
                ended.stderr
            );
        }
    }
}
