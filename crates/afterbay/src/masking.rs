//! Objects as they may be shown: every opened value and every value of a Secret replaced.

use afterbay_manifest::{Mapping, Node, Object, REDACTED, Value};

/// The body with `[REDACTED]` in place of each leaf that is not plain, and of each value under `data` and
/// `stringData` of a v1 Secret: provenance does not cross a pipe, so a Secret's values always count.
pub(crate) fn masked(object: &Object) -> Node {
    let mut body = object.body().clone();
    if object.reference().gvk.is_secret()
        && let Some(fields) = body.as_mapping_mut()
    {
        for field in ["data", "stringData"] {
            if let Some(values) = fields.get_mut(field) {
                mask_all(values);
            }
        }
    }
    mask_sealed(&mut body);
    body
}

fn mask_all(node: &mut Node) {
    match &mut node.value {
        Value::Mapping(entries) if !entries.is_empty() => entries.values_mut().for_each(mask_all),
        _ => hide(node),
    }
}

fn mask_sealed(node: &mut Node) {
    match &mut node.value {
        Value::Mapping(entries) if !entries.is_empty() => entries.values_mut().for_each(mask_sealed),
        Value::Sequence(items) if !items.is_empty() => items.iter_mut().for_each(mask_sealed),
        _ if node.provenance.is_plain() => {}
        _ => hide(node),
    }
}

fn hide(node: &mut Node) {
    // A null or an empty map tells nothing, and showing it helps to find an empty Secret.
    let empty = match &node.value {
        Value::Scalar(scalar) => matches!(scalar, afterbay_manifest::Scalar::Null),
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => Mapping::is_empty(entries),
    };
    if !empty {
        node.value = REDACTED.into();
    }
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Integrity, KeyPath, Origin, Position, Provenance, Sealed, TreePath};

    use super::*;

    fn object(json: &serde_json::Value) -> Object {
        let origin = Origin {
            file: TreePath::parse("a.yaml").unwrap(),
            document: 0,
            position: Position::new(1, 1),
        };
        Object::new(Node::from_json(json), origin).unwrap()
    }

    #[test]
    fn values_of_a_secret_are_masked_whatever_their_provenance() {
        let secret = object(&serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db" }, "type": "Opaque",
            "data": { "a": "aHVudGVyMg==", "empty": null }, "stringData": { "b": "hunter2" },
        }));
        insta::assert_snapshot!(
            masked(&secret).expose_json(),
            @r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"type":"Opaque","data":{"a":"[REDACTED]","empty":null},"stringData":{"b":"[REDACTED]"}}"#
        );
    }

    #[test]
    fn opened_values_of_other_kinds_are_masked() {
        let map = object(&serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": { "a": "hunter2", "b": "plain" },
        }));
        let source = Sealed::Ciphertext {
            file: TreePath::parse("a.yaml").unwrap(),
            document: 0,
            path: KeyPath::of_keys(["data", "a"]),
            integrity: Integrity::Verified,
        };
        let map = map
            .map_body(|body| {
                let data = body.as_mapping_mut().unwrap().get_mut("data").unwrap();
                data.as_mapping_mut().unwrap().get_mut("a").unwrap().provenance = Provenance::sealed(source);
            })
            .unwrap();
        insta::assert_snapshot!(
            masked(&map).expose_json(),
            @r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"[REDACTED]","b":"plain"}}"#
        );
    }
}
