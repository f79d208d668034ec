//! Objects as they may be shown: every opened value and every value of a Secret replaced.

use afterbay_manifest::{Mapping, Node, Object, REDACTED, Value};

/// The body with `[REDACTED]` in place of each leaf that is not plain, and of each value under `data` and
/// `stringData` of a v1 Secret: provenance does not cross a pipe, so a Secret's values always count.
///
/// With [`Hide::Everything`] nothing stays but what the object is known by: where any value may have been opened, and
/// nobody knows which.
pub(crate) fn masked(object: &Object, hide: Hide) -> Node {
    let mut body = object.body().clone();
    if hide == Hide::Everything {
        mask_all_but_names(&mut body, object.reference().gvk.is_secret());
        return body;
    }
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

/// How much of an object is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hide {
    /// What was opened, and the values of Secrets.
    Opened,
    /// All but apiVersion, kind, name and namespace, and the type of a Secret.
    Everything,
}

fn mask_all_but_names(body: &mut Node, is_secret: bool) {
    for (field, value) in body.as_mapping_mut().into_iter().flatten() {
        match field.as_str() {
            "apiVersion" | "kind" => {}
            "type" if is_secret => {}
            "metadata" => {
                for (field, value) in value.as_mapping_mut().into_iter().flatten() {
                    if !["name", "namespace"].contains(&field.as_str()) {
                        mask_all(value);
                    }
                }
            }
            _ => mask_all(value),
        }
    }
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
            masked(&secret, Hide::Opened).expose_json(),
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
            masked(&map, Hide::Opened).expose_json(),
            @r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"[REDACTED]","b":"plain"}}"#
        );
    }

    #[test]
    fn where_nobody_knows_what_was_opened_only_names_stay() {
        let widget = object(&serde_json::json!({
            "apiVersion": "example.org/v1", "kind": "Widget",
            "metadata": { "name": "w", "namespace": "apps", "annotations": { "a": "hunter2" } },
            "spec": { "token": "hunter2", "type": "x", "list": ["hunter2"], "empty": {} },
        }));
        insta::assert_snapshot!(
            masked(&widget, Hide::Everything).expose_json(),
            @r#"{"apiVersion":"example.org/v1","kind":"Widget","metadata":{"name":"w","namespace":"apps","annotations":{"a":"[REDACTED]"}},"spec":{"token":"[REDACTED]","type":"[REDACTED]","list":"[REDACTED]","empty":{}}}"#
        );
    }
}
