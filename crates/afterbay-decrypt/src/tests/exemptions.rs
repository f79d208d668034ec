//! What stays sealed, by name.

use afterbay_manifest::TreePath;

use super::*;
use crate::testing::{sealed, token, tree, tree_of};

fn exemptions(set: &DecryptedSet) -> Vec<String> {
    set.exemptions().iter().map(ToString::to_string).collect()
}

#[test]
fn a_sops_secret_goes_to_the_cluster_as_it_is() {
    let set = run(tree_of(&["sops-secret.yaml"]), &DecryptOptions::default()).unwrap();
    assert_eq!(
        exemptions(&set),
        ["sops-secret.yaml: SopsSecret/apps/for-the-operator stays sealed: kind SopsSecret is exempt"]
    );
    assert_eq!(set.counts(), Counts::default());
    assert!(set.objects()[0].body().get("sops").is_some());
}

#[test]
fn an_operator_can_have_every_kind_opened() {
    let options = DecryptOptions {
        exempt_kinds: Vec::new(),
        ..DecryptOptions::default()
    };
    let set = run(tree_of(&["sops-secret.yaml"]), &options).unwrap();
    assert_eq!(exemptions(&set), [""; 0]);
    assert_eq!(set.counts().sealed, 2);
}

#[test]
fn the_annotation_of_flux_keeps_an_object_sealed() {
    let set = run(tree_of(&["annotated.yaml"]), &DecryptOptions::default()).unwrap();
    assert_eq!(
        exemptions(&set),
        [
            "annotated.yaml: Sealed/stays stays sealed: annotation kustomize.toolkit.fluxcd.io/decrypt: disabled"
        ]
    );
}

#[test]
fn a_secret_stays_sealed_only_where_the_operator_says_so() {
    let files = ["annotated-secret.yaml"];
    insta::assert_snapshot!(errors_of(run(tree_of(&files), &DecryptOptions::default())), @r#"annotated-secret.yaml:1:1: Secret/stays would stay sealed (annotation kustomize.toolkit.fluxcd.io/decrypt: disabled), and a v1 Secret cannot: what reads it would get ciphertext; remove the exemption, or let the operator allow it (--keep-sealed-secrets)"#);
    let allowed = DecryptOptions {
        exempt_secrets: SecretExemption::Allowed,
        ..DecryptOptions::default()
    };
    let listed = DecryptOptions {
        exempt_kinds: vec!["Secret".parse().unwrap()],
        ..DecryptOptions::default()
    };
    for options in [allowed, listed] {
        let set = run(tree_of(&files), &options).unwrap();
        assert_eq!((set.exemptions().len(), set.counts().sealed), (1, 0));
    }
}

#[test]
fn an_operator_can_list_paths() {
    let files = [
        ("sealed/widget.yaml", sealed("widget.yaml")),
        ("sealed-not/widget.yaml", sealed("widget.yaml")),
    ];
    let options = DecryptOptions {
        exempt_paths: vec![TreePath::parse("sealed").unwrap()],
        ..DecryptOptions::default()
    };
    let set = run(tree(&files), &options).unwrap();
    assert_eq!(
        exemptions(&set),
        ["sealed/widget.yaml: Widget/w stays sealed: path sealed is exempt"]
    );
    assert_eq!(set.counts().sealed, 5);
    let secret = [("sealed/secret.yaml", sealed("secret.yaml"))];
    assert!(errors_of(run(tree(&secret), &options)).contains("a v1 Secret cannot"));
}

#[test]
fn a_sops_stream_is_exempt_as_a_whole_or_not_at_all() {
    let stream = format!("{}---\n{}", sealed("annotated.yaml"), sealed("widget.yaml"));
    insta::assert_snapshot!(errors_of(run(tree(&[("stream.yaml", stream)]), &DecryptOptions::default())), @r#"stream.yaml:1:1: Sealed/stays is to stay sealed (annotation kustomize.toolkit.fluxcd.io/decrypt: disabled) and other sealed parts of the file are not; move it to a file of its own, because a SOPS file is opened as a whole"#);
}

#[test]
fn an_item_of_a_list_cannot_be_exempt_by_itself() {
    let list = sealed("list.yaml").replacen(
        "name: one",
        "name: one\n        annotations: {kustomize.toolkit.fluxcd.io/decrypt: disabled}",
        1,
    );
    let error = errors_of(run(tree(&[("list.yaml", list)]), &DecryptOptions::default()));
    assert!(
        error.starts_with("list.yaml:1:1: an item of List is to stay sealed"),
        "{error}"
    );
}

#[test]
fn plain_documents_beside_an_exempt_one_are_no_trouble() {
    let stream = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: apps\n---\n{}",
        sealed("sops-secret.yaml")
    );
    let set = run(tree(&[("stream.yaml", stream)]), &DecryptOptions::default()).unwrap();
    assert_eq!((set.objects().len(), set.exemptions().len()), (2, 1));
    assert_eq!(set.exemptions()[0].document, 1);
}

#[test]
fn an_exempt_object_keeps_its_tokens() {
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n  annotations:\n    \
         kustomize.toolkit.fluxcd.io/decrypt: disabled\nstringData:\n  a: {}\n",
        token("aes256")
    );
    let options = DecryptOptions {
        exempt_secrets: SecretExemption::Allowed,
        ..DecryptOptions::default()
    };
    let set = run(tree(&[("x.yaml", text.clone())]), &options).unwrap();
    assert!(super::text(&set.objects()[0], &["stringData", "a"]).starts_with("ENC[PKCS7,"));
    assert_eq!(set.exemptions().len(), 1);
    // An annotation on something that is not sealed exempts nothing.
    let plain = text.replace(&token("aes256"), "plain");
    assert_eq!(
        run(tree(&[("x.yaml", plain)]), &DecryptOptions::default())
            .unwrap()
            .exemptions(),
        []
    );
}

/// Objects from a pipe have no files that were seen; a kind is exempt all the same, and on record.
#[test]
fn objects_without_files_are_exempt_by_kind() {
    let rendered = crate::testing::render_text(&sealed("sops-secret.yaml"));
    let set = run_objects(rendered, OpenedFiles::default(), &DecryptOptions::default()).unwrap();
    assert_eq!(
        exemptions(&set),
        [
            "app.yaml: SopsSecret.isindir.github.com/apps/for-the-operator stays sealed: kind SopsSecret is exempt"
        ]
    );
}

/// What is known of an object from a pipe stands in the object. Where its file was seen, an annotation that
/// the build added counts for nothing.
#[test]
fn an_annotation_counts_in_a_pipe_and_not_after_a_scan() {
    let rendered = || crate::testing::render_text(&sealed("annotated.yaml"));
    let options = DecryptOptions::default();
    let set = run_objects(rendered(), OpenedFiles::default(), &options).unwrap();
    assert_eq!(set.exemptions().len(), 1);
    let (_, seen) = overlay(tree(&[]), SealedFiles::default(), &DataKeys::default(), &options).unwrap();
    assert!(errors_of(run_objects(rendered(), seen, &options)).contains("metadata of a SOPS file"));
    let secret = crate::testing::render_text(&sealed("annotated-secret.yaml"));
    assert!(
        errors_of(run_objects(secret, OpenedFiles::default(), &options)).contains("metadata of a SOPS file")
    );
}
