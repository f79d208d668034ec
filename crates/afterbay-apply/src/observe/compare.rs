//! Whether an apply would change anything: the live object against the server's dry-run of it.
//!
//! Flux's rule: labels, annotations and everything outside `metadata` and `status` are compared. Ours
//! adds `finalizers`, `ownerReferences` and the fields that our manager owns: an object that looks the
//! same but is not yet ours has to become ours, or its fields could never be removed again.

use serde_json::{Map, Value};

use super::managed;

/// As many changed fields are named; a report is no diff.
const NAMED: usize = 20;

const METADATA: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];

/// The fields that differ, by key path; empty when an apply would change nothing.
pub(super) fn changes(live: &Value, dry_run: &Value, manager: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let empty = Map::new();
    let (old, new) = (
        live.as_object().unwrap_or(&empty),
        dry_run.as_object().unwrap_or(&empty),
    );
    for key in keys(old, new) {
        // The items of a list carry neither apiVersion nor kind.
        if !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind") {
            differences(&key, old.get(&key), new.get(&key), &mut paths);
        }
    }
    let (old, new) = (&live["metadata"], &dry_run["metadata"]);
    for key in METADATA {
        differences(&format!("metadata.{key}"), old.get(key), new.get(key), &mut paths);
    }
    if paths.is_empty() && managed::applied(live, manager) != managed::applied(dry_run, manager) {
        paths.push("metadata.managedFields".to_owned());
    }
    paths.truncate(NAMED);
    paths
}

fn differences(path: &str, old: Option<&Value>, new: Option<&Value>, paths: &mut Vec<String>) {
    if old == new || paths.len() > NAMED {
        return;
    }
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for key in keys(old, new) {
                let path = if is_word(&key) {
                    format!("{path}.{key}")
                } else {
                    format!("{path}[{key:?}]")
                };
                differences(&path, old.get(&key), new.get(&key), paths);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                differences(&format!("{path}[{index}]"), Some(old), Some(new), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

/// Whether a key can stand in a path as it is. A live object may have keys of any characters.
pub(super) fn is_word(key: &str) -> bool {
    key.chars()
        .all(|character| character.is_alphanumeric() || matches!(character, '-' | '_'))
}

/// The keys of both, sorted, so that the order does not depend on the server's.
fn keys(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let mut keys: Vec<_> = old.keys().chain(new.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changes;

    #[test]
    fn names_fields_and_never_values() {
        let live = json!({
            "metadata": { "resourceVersion": "1", "labels": { "a/b": "x" } },
            "data": { "k": "b2xk", "same": "c2FtZQ==", "gone": "" },
            "list": [1, 2],
            "status": { "phase": "Old" },
        });
        let dry = json!({
            "apiVersion": "v1",
            "metadata": { "resourceVersion": "2", "labels": { "a/b": "y" } },
            "data": { "k": "bmV3", "same": "c2FtZQ==", "new": "" },
            "list": [1, 3],
            "status": { "phase": "New" },
        });
        assert_eq!(
            changes(&live, &dry, "afterbay"),
            [
                "data.gone",
                "data.k",
                "data.new",
                "list[1]",
                "metadata.labels[\"a/b\"]"
            ]
        );
    }

    #[test]
    fn a_key_that_a_terminal_would_obey_is_escaped() {
        let live = json!({ "spec": { "a\u{1b}[2J": 1, "tls.crt": 1 } });
        assert_eq!(
            changes(&live, &json!({ "spec": {} }), "afterbay"),
            [r#"spec["a\u{1b}[2J"]"#, r#"spec["tls.crt"]"#]
        );
    }

    #[test]
    fn what_the_server_counts_is_no_change() {
        let live = json!({ "metadata": { "generation": 1, "managedFields": [] }, "status": 1 });
        let dry = json!({ "kind": "X", "metadata": { "generation": 2 }, "status": 2 });
        assert!(changes(&live, &dry, "afterbay").is_empty());
    }

    #[test]
    fn becoming_the_owner_is_a_change() {
        let entry = |fields: serde_json::Value| {
            json!({ "metadata": { "managedFields": [
                { "manager": "afterbay", "operation": "Apply", "time": "t", "fieldsV1": fields },
            ] } })
        };
        let mine = entry(json!({ "f:data": { "f:a": {} } }));
        let none = json!({ "metadata": {} });
        assert_eq!(changes(&none, &mine, "afterbay"), ["metadata.managedFields"]);
        assert!(changes(&mine, &mine, "afterbay").is_empty());
    }
}
