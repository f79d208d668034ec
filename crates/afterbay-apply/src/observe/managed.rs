//! Who owns which fields (`metadata.managedFields`, `FieldsV1`).

use serde_json::Value;

/// What a manager applied: its `FieldsV1` of operation Apply on the object itself.
pub(crate) fn applied<'a>(object: &'a Value, manager: &str) -> Option<&'a Value> {
    entries(object)
        .find(|entry| entry["operation"] == "Apply" && entry["manager"] == manager && is_main(entry))
        .map(|entry| &entry["fieldsV1"])
}

/// Keys of a live Secret that came from a `stringData` and that nobody would ever remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leftovers {
    pub(super) manager: String,
    pub(super) keys: Vec<String>,
}

/// What `stringData` left behind in a Secret.
///
/// The server copies `stringData` into `data` but notes the owner under `f:stringData`. When a key goes
/// from the applied object, the server removes it from `stringData`, where nothing is, and the value
/// in `data` stays without an owner. Found are the keys that an entry of `ours` or of `others` has under
/// `f:stringData`, that the live object still has, that the new object has not, and that no manager
/// owns under `f:data`.
pub(super) fn string_data_leftovers(
    live: &Value,
    desired: &Value,
    is_concerned: &dyn Fn(&str) -> bool,
) -> Vec<Leftovers> {
    let Some(data) = live["data"].as_object() else {
        return Vec::new();
    };
    let owned_elsewhere =
        |key: &str| entries(live).any(|entry| entry["fieldsV1"]["f:data"].get(format!("f:{key}")).is_some());
    entries(live)
        .filter(|entry| is_main(entry))
        .filter_map(|entry| {
            let manager = entry["manager"]
                .as_str()
                .filter(|manager| is_concerned(manager))?;
            let keys: Vec<_> = entry["fieldsV1"]["f:stringData"]
                .as_object()?
                .keys()
                .filter_map(|key| key.strip_prefix("f:"))
                .filter(|key| data.contains_key(*key))
                .filter(|key| desired["data"].get(key).is_none() && desired["stringData"].get(key).is_none())
                .filter(|key| !owned_elsewhere(key))
                .map(str::to_owned)
                .collect();
            (!keys.is_empty()).then(|| Leftovers {
                manager: manager.to_owned(),
                keys,
            })
        })
        .collect()
}

pub(super) fn entries(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
}

/// Whether the entry is about the object itself and not about its status.
pub(super) fn is_main(entry: &Value) -> bool {
    entry["subresource"].as_str().unwrap_or_default().is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_keys_that_string_data_left() {
        let live = json!({
            "metadata": { "managedFields": [
                { "manager": "afterbay", "operation": "Apply",
                  "fieldsV1": { "f:stringData": { "f:kept": {}, "f:left": {}, "f:taken": {}, "f:gone": {} } } },
                { "manager": "kubectl", "operation": "Apply", "fieldsV1": { "f:stringData": { "f:theirs": {} } } },
                { "manager": "operator", "operation": "Update", "fieldsV1": { "f:data": { "f:taken": {} } } },
                { "manager": "stranger", "operation": "Apply", "fieldsV1": { "f:stringData": { "f:alien": {} } } },
            ] },
            "data": { "kept": "", "left": "", "taken": "", "theirs": "", "alien": "" },
        });
        let desired = json!({ "data": { "kept": "" } });
        let found = string_data_leftovers(&live, &desired, &|manager| manager != "stranger");
        assert_eq!(
            found,
            [
                Leftovers {
                    manager: "afterbay".to_owned(),
                    keys: vec!["left".to_owned()]
                },
                Leftovers {
                    manager: "kubectl".to_owned(),
                    keys: vec!["theirs".to_owned()]
                },
            ]
        );
    }
}
