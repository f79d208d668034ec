//! What a live object is in, told without any of its values, so that a saved plan can say later whether it was changed.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// What the object with this metadata is in: a text that is another one once somebody has changed the object.
///
/// Where the server counts generations, the status may change without it, as it does all the time: the generation, and
/// who wrote what when outside of the status (`managedFields`), tell the rest. Other kinds have their `resourceVersion`.
pub(crate) fn state(metadata: &Value) -> String {
    let entries = metadata["managedFields"].as_array();
    let main: Vec<&Value> = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry["subresource"].as_str().unwrap_or_default().is_empty())
        .collect();
    match metadata["generation"].as_u64() {
        Some(generation) if generation > 0 && !main.is_empty() => {
            format!("generation {generation}, fields {}", written(&main))
        }
        _ => {
            let version = metadata["resourceVersion"].as_str().unwrap_or("unknown");
            format!("version {version}")
        }
    }
}

/// Who wrote which fields when; names of fields, never what is in them.
fn written(entries: &[&Value]) -> String {
    let mut digest = Sha256::new();
    for entry in entries {
        for part in ["manager", "operation", "time"] {
            let text = entry[part].as_str().unwrap_or_default();
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
    }
    let bytes = digest.finalize();
    let start = bytes
        .iter()
        .take(6)
        .fold(0_u64, |start, byte| start << 8 | u64::from(*byte));
    format!("{start:012x}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::state;

    fn deployment(generation: u64, time: &str, status: &str, version: &str) -> serde_json::Value {
        json!({
            "generation": generation, "resourceVersion": version,
            "managedFields": [
                { "manager": "afterbay", "operation": "Apply", "time": time },
                { "manager": "controller", "operation": "Update", "time": status, "subresource": "status" },
            ],
        })
    }

    #[test]
    fn a_status_that_moves_on_is_no_change() {
        let before = state(&deployment(1, "10:00", "10:01", "5"));
        assert_eq!(before, state(&deployment(1, "10:00", "10:02", "6")));
        assert_ne!(before, state(&deployment(2, "10:00", "10:02", "6")));
        // Labels and annotations have no generation; whoever changes them leaves the time.
        assert_ne!(before, state(&deployment(1, "10:03", "10:02", "6")));
    }

    #[test]
    fn without_generation_every_write_counts() {
        assert_eq!(state(&json!({ "resourceVersion": "7" })), "version 7");
        assert_eq!(
            state(&json!({ "resourceVersion": "7", "generation": 1 })),
            "version 7"
        );
    }
}
