//! Secrets that nobody sealed.

use afterbay_manifest::Sealed;

use super::*;
use crate::testing::{render_text, token, tree_of};

fn requiring() -> DecryptOptions {
    DecryptOptions {
        secret_policy: SecretPolicy::RequireEncrypted,
        ..DecryptOptions::default()
    }
}

fn finished(text: &str, options: &DecryptOptions) -> Result<DecryptedSet, DecryptErrors> {
    run_objects(render_text(text), OpenedFiles::default(), options)
}

const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata: {a: aHVudGVyMg==, empty: '', nothing: null}\n\
                     stringData: {b: hunter2, c: 7}\ntype: Opaque\n";

#[test]
fn plain_values_of_a_secret_are_named_and_never_shown() {
    let error = errors_of(finished(PLAIN, &requiring()));
    insta::assert_snapshot!(error, @"app.yaml:1:1: Secret/s: not sealed: data.a, stringData.b, stringData.c in plain text in the revision");
    let options = |secret_policy| DecryptOptions {
        secret_policy,
        ..DecryptOptions::default()
    };
    let warned = finished(PLAIN, &options(SecretPolicy::Warn)).unwrap();
    insta::assert_snapshot!(warned.warnings()[0], @"app.yaml:1:1: Secret/s: not sealed: data.a, stringData.b, stringData.c in plain text in the revision");
    assert!(
        finished(PLAIN, &options(SecretPolicy::Off))
            .unwrap()
            .warnings()
            .is_empty()
    );
}

#[test]
fn a_sealed_file_satisfies() {
    assert!(run(tree_of(&["secret.yaml"]), &requiring()).is_ok());
}

#[test]
fn a_token_of_eyaml_is_encrypted_and_not_authenticated() {
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: '{}'\n",
        token("hiera-string")
    );
    insta::assert_snapshot!(errors_of(finished(&text, &requiring())), @"app.yaml:1:1: Secret/s: not sealed: stringData.a from a hiera-eyaml token, which is encrypted and not authenticated (--allow-unauthenticated eyaml)");
    let allowed = DecryptOptions {
        unauthenticated_eyaml: UnauthenticatedEyaml::Allowed,
        ..requiring()
    };
    assert!(finished(&text, &allowed).is_ok());
    let warned = finished(
        &text,
        &DecryptOptions {
            secret_policy: SecretPolicy::Warn,
            ..DecryptOptions::default()
        },
    );
    assert!(warned.unwrap().warnings().is_empty());
}

#[test]
fn the_operator_may_name_other_places() {
    let text =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {password: hunter2, color: blue}\n";
    assert!(finished(text, &requiring()).is_ok());
    let options = DecryptOptions {
        secret_places: vec!["ConfigMap:data.password".parse().unwrap()],
        ..requiring()
    };
    insta::assert_snapshot!(errors_of(finished(text, &options)), @"app.yaml:1:1: ConfigMap/c: not sealed: data.password in plain text in the revision");
}

#[test]
fn what_came_through_a_pipe_is_refused_where_encryption_is_required() {
    let piped = || {
        let mut set =
            render_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: aHVudGVyMg==}\n");
        set.objects = set
            .objects
            .into_iter()
            .map(|object| {
                let source = Sealed::Piped {
                    stream: "standard input".to_owned(),
                };
                let mark = |body: &mut Node| {
                    let fields = body.as_mapping_mut().into_iter().flatten();
                    let data = fields.filter(|(name, _)| *name == "data");
                    for value in data.flat_map(|(_, data)| data.as_mapping_mut().unwrap().values_mut()) {
                        value.provenance = afterbay_manifest::Provenance::sealed(source.clone());
                    }
                };
                object.map_body(mark).unwrap()
            })
            .collect();
        set
    };
    insta::assert_snapshot!(errors_of(run_objects(piped(), OpenedFiles::elsewhere(), &requiring())), @"app.yaml:1:1: Secret/s: not sealed: data.a from a pipe, so nobody knows whether it was sealed");
    let warn = DecryptOptions {
        secret_policy: SecretPolicy::Warn,
        ..DecryptOptions::default()
    };
    let warned = run_objects(piped(), OpenedFiles::elsewhere(), &warn).unwrap();
    assert!(warned.warnings().is_empty());
}
