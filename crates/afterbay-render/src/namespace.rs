//! The `namespace:` field: which fields of an object it writes.
//!
//! As kustomize 5.8.2 does: `metadata.namespace` of every kind not known to be cluster-scoped; the name of a v1
//! Namespace; subjects of role bindings that are named `default`; the service of an `APIService`, made if missing; the
//! service of a CRD's conversion webhook, if there. Other references follow at the end ([`crate::reference`]).

use afterbay_manifest::{Gvk, KeyPath, Mapping, Node, Scalar, Segment, Value};

use crate::error::an;
use crate::scope;

/// A field that cannot be written because of what stands there.
pub(crate) struct Misshapen {
    pub(crate) path: KeyPath,
    pub(crate) problem: String,
}

/// Whether a missing or `null` field on the way is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Create,
    Leave,
}

/// Writes the namespace into an object.
pub(crate) fn set(body: &mut Node, gvk: &Gvk, namespace: &str) -> Result<(), Misshapen> {
    if !scope::is_cluster_scoped(gvk) {
        write(body, &["metadata", "namespace"], namespace, Missing::Create)?;
    }
    if gvk.kind == "RoleBinding" || gvk.kind == "ClusterRoleBinding" {
        set_default_subjects(body, namespace)?;
    }
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Namespace") if gvk.version == "v1" => {
            write(body, &["metadata", "name"], namespace, Missing::Create)
        }
        ("apiregistration.k8s.io", "APIService") => write(
            body,
            &["spec", "service", "namespace"],
            namespace,
            Missing::Create,
        ),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let path = [
                "spec",
                "conversion",
                "webhook",
                "clientConfig",
                "service",
                "namespace",
            ];
            write(body, &path, namespace, Missing::Leave)
        }
        _ => Ok(()),
    }
}

/// Subjects are moved by name alone, whatever their kind.
fn set_default_subjects(body: &mut Node, namespace: &str) -> Result<(), Misshapen> {
    let Some(subjects) = body.as_mapping_mut().and_then(|body| body.get_mut("subjects")) else {
        return Ok(());
    };
    let mut path = KeyPath::of_keys(["subjects"]);
    let found = subjects.kind_name();
    let items = match &mut subjects.value {
        Value::Sequence(items) => items,
        Value::Scalar(Scalar::Null) => return Ok(()),
        _ => return Err(misshapen(path, found, "list")),
    };
    for (index, subject) in items.iter_mut().enumerate() {
        path.push(Segment::Index(index));
        let found = subject.kind_name();
        let Some(entries) = subject.as_mapping_mut() else {
            return Err(misshapen(path, found, "map"));
        };
        if entries.get("name").and_then(Node::expose_str) == Some("default") {
            set_text(entries, "namespace", namespace, &path)?;
        }
        path.pop();
    }
    Ok(())
}

/// Writes a text at a path of keys.
fn write(body: &mut Node, keys: &[&str], text: &str, missing: Missing) -> Result<(), Misshapen> {
    let Some((last, parents)) = keys.split_last() else {
        return Ok(());
    };
    let mut path = KeyPath::root();
    let mut node = body;
    for key in parents {
        let Some(next) = step(node, key, &path, missing)? else {
            return Ok(());
        };
        node = next;
        path.push(Segment::Key((*key).into()));
    }
    let found = node.kind_name();
    let Some(entries) = node.as_mapping_mut() else {
        return Err(misshapen(path, found, "map"));
    };
    let is_there = entries.get(*last).is_some();
    if is_there || missing == Missing::Create {
        set_text(entries, last, text, &path)?;
    }
    Ok(())
}

/// Goes one key down; `None` when there is nothing and nothing is made.
fn step<'a>(
    node: &'a mut Node,
    key: &str,
    path: &KeyPath,
    missing: Missing,
) -> Result<Option<&'a mut Node>, Misshapen> {
    let (found, position) = (node.kind_name(), node.position);
    let Some(entries) = node.as_mapping_mut() else {
        return Err(misshapen(path.clone(), found, "map"));
    };
    let is_missing = entries.get(key).is_none_or(Node::is_null);
    if is_missing && missing == Missing::Leave {
        return Ok(None);
    }
    if is_missing {
        entries.insert(
            key.to_owned(),
            Node {
                position,
                ..Node::plain(Mapping::new())
            },
        );
    }
    Ok(entries.get_mut(key))
}

/// Writes a text into a map; what stood there must have been a scalar.
pub(crate) fn set_text(
    entries: &mut Mapping,
    key: &str,
    text: &str,
    path: &KeyPath,
) -> Result<(), Misshapen> {
    match entries.get_mut(key) {
        Some(node) if matches!(node.value, Value::Scalar(_)) => {
            *node = Node {
                position: node.position,
                ..Node::plain(text)
            };
        }
        Some(node) => return Err(misshapen(path.key(key), node.kind_name(), "text")),
        None => {
            entries.insert(key.to_owned(), Node::plain(text));
        }
    }
    Ok(())
}

fn misshapen(path: KeyPath, found: &str, expected: &str) -> Misshapen {
    Misshapen {
        path,
        problem: format!("is {} where a {expected} is expected", an(found)),
    }
}
