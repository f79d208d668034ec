//! Everything that is wrong with a revision is said in one run.

use crate::machine::{Machine, fixture};

const BAD_SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: bad\ndata:\n  password: not base64\n";

#[test]
fn a_wrong_key_a_bad_manifest_and_a_bad_secret_are_shown_together() {
    let machine = Machine::new();
    let repository = machine.repository(&[
        ("bad.yaml", BAD_SECRET),
        ("broken.yaml", "apiVersion: v1\nkind: ConfigMap\ndata: {}\n"),
        ("sealed.yaml", &fixture("decrypt/sealed/secret.yaml")),
        (
            "sound.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: sound\n",
        ),
    ]);
    machine.write("keys.txt", fixtures::sops::OTHER_IDENTITIES);
    let ended = machine.run([
        "apply",
        "--quiet",
        "--url",
        &repository,
        "--age-key-file",
        "keys.txt",
    ]);
    assert_eq!(ended.code, Some(12), "{}", ended.stderr);
    let text = ended.stderr;
    for wanted in [
        "error: sealed.yaml:",
        "none of the keys in its sops metadata could be used",
        "keys.txt",
        " hint: any one of these keys is enough",
        "error: broken.yaml:1:1: metadata.name is missing",
        "error: bad.yaml:6:13: Secret/bad: data.password is not base64",
        "3 errors\n",
        "nothing was written to the cluster",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
    }
}

#[test]
fn an_unsupported_field_hides_no_other_error() {
    let machine = Machine::new();
    let repository = machine.repository(&[
        ("bad.yaml", BAD_SECRET),
        (
            "kustomization.yaml",
            "resources: [bad.yaml, sealed.yaml]\nhelmCharts: [{name: x}]\n",
        ),
        ("sealed.yaml", &fixture("decrypt/sealed/secret.yaml")),
    ]);
    machine.write("keys.txt", fixtures::sops::OTHER_IDENTITIES);
    let ended = machine.run([
        "apply",
        "--quiet",
        "--url",
        &repository,
        "--age-key-file",
        "keys.txt",
    ]);
    let text = ended.stderr;
    for wanted in [
        "error: sealed.yaml:",
        "kustomization.yaml:2:1: helmCharts",
        "error: bad.yaml:6:13: Secret/bad: data.password is not base64",
        "3 errors\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
    }
}

/// With the right key only what is wrong is left: nothing that followed from the file that did not open.
#[test]
fn what_only_follows_is_not_said() {
    let machine = Machine::new();
    let repository = machine.repository(&[("sealed.yaml", &fixture("decrypt/sealed/secret.yaml"))]);
    let ended = machine.run(["apply", "--quiet", "--url", &repository]);
    assert_eq!(ended.stderr.matches("error:").count(), 1, "{}", ended.stderr);
    assert!(!ended.stderr.contains("ENC["), "{}", ended.stderr);
}
