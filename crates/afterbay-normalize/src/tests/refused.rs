//! What is refused, with the text a person reads. No text holds a value.

use insta::assert_snapshot;

use super::normalized;

fn refusal(text: &str) -> String {
    let errors = normalized(text).errors;
    assert!(!errors.is_empty());
    crate::NormalizeErrors(errors).to_string()
}

#[test]
fn wrong_types_and_values_name_the_key_and_never_the_value() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\ndata:\n  number: 1234567\n  plain: hunter2!\n  \
                list: [canary]\n  tls..crt: Yg==\n  ..hidden: Yg==\n  good: Yg==\nstringData:\n  port: 5432\n  flag: true\n  when: 2020-01-01\n  \
                map: {canary: canary}\n  a b: canary\n";
    let refusal = refusal(text);
    assert_snapshot!(refusal, @r#"
    objects.yaml:5:11: Secret/apps/db: data.number is an integer where text is expected; put its base64 there, or the value under stringData with quotes
    objects.yaml:6:10: Secret/apps/db: data.plain is not base64 (standard alphabet, with padding); put plain text under stringData
    objects.yaml:7:9: Secret/apps/db: data.list is a list where text is expected; put its base64 there, or the value under stringData with quotes
    objects.yaml:9:13: Secret/apps/db: the key of data["..hidden"] must not start with ..
    objects.yaml:12:9: Secret/apps/db: stringData.port is an integer where text is expected; put quotes around it, or base64 under data
    objects.yaml:13:9: Secret/apps/db: stringData.flag is a boolean where text is expected; put quotes around it, or base64 under data
    objects.yaml:15:8: Secret/apps/db: stringData.map is a map where text is expected; put quotes around it, or base64 under data
    objects.yaml:16:8: Secret/apps/db: the key of stringData["a b"] must consist of letters, digits, '-', '_' or '.', such as tls.crt
    "#);
    for value in ["canary", "hunter2", "1234567", "5432"] {
        assert!(!refusal.contains(value), "{value}");
    }
}

#[test]
fn fields_that_are_not_maps() {
    assert_snapshot!(refusal("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: canary\nstringData: [canary]\n"), @r"
    objects.yaml:5:13: Secret/a: stringData is a list where a map is expected; write one entry for each key of the Secret
    objects.yaml:4:7: Secret/a: data is text where a map is expected; write one entry for each key of the Secret
    ");
}

#[test]
fn more_than_a_secret_may_hold() {
    let half = "x".repeat(1 << 19);
    let secret = |end: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData:\n  a: {half}\n  b: {half}{end}\n"
        )
    };
    assert_eq!(normalized(&secret("")).errors, []);
    assert_snapshot!(refusal(&secret("y")), @"objects.yaml:1:1: Secret/a: holds 1048577 bytes of data, and a Secret may hold 1048576; split it");
}

#[test]
fn duplicates_name_both_places_whatever_the_version() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\n---\n\
                apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: a, namespace: n}\n---\n\
                apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: other}\n---\n\
                apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a, namespace: n}\n";
    assert_snapshot!(refusal(text), @"objects.yaml:5:1: Deployment.apps/n/a is defined twice, first at objects.yaml:1:1; the cluster has room for one, remove the other or give it another name");
}

#[test]
fn everything_is_said_at_once() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: 1}\n---\n\
                apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {b: '%'}\n";
    assert_snapshot!(refusal(text), @r"
    objects.yaml:6:1: Secret/a is defined twice, first at objects.yaml:1:1; the cluster has room for one, remove the other or give it another name
    objects.yaml:4:17: Secret/a: stringData.a is an integer where text is expected; put quotes around it, or base64 under data
    objects.yaml:9:11: Secret/a: data.b is not base64 (standard alphabet, with padding); put plain text under stringData
    ");
}

#[test]
fn a_list_of_something_else() {
    let list = "apiVersion: v1\nkind: SecretList\nmetadata: {name: all}\nitems: ";
    assert_snapshot!(refusal(&format!("{list}canary\n")), @"objects.yaml:1:1: SecretList/all: items is text where a list of objects is expected; write one object per item");
    assert_snapshot!(refusal(&format!("{list}\n- {{kind: Secret}}\n- canary\n")), @r"
    objects.yaml:5:3: apiVersion is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text
    objects.yaml:6:3: a string where a Kubernetes object is expected; an object is a map with apiVersion, kind and metadata.name
    ");
}
