//! Lists whose items have an identity: sets, and maps with keys (`x-kubernetes-list-type`).

use serde_json::Value;

/// What is wrong with the items, by index. Server-side apply refuses an item without a key, and two with
/// the same ones.
pub(super) fn problems(items: &[Value], schema: &Value) -> Vec<(usize, String)> {
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => of_map(items, schema),
        Some("set") => of_set(items),
        _ => Vec::new(),
    }
}

fn of_map(items: &[Value], schema: &Value) -> Vec<(usize, String)> {
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut problems = Vec::new();
    let mut seen: Vec<Vec<&Value>> = Vec::new();
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
        let values: Vec<&Value> = keys.iter().map(|key| &item[*key]).collect();
        if let Some((key, _)) = keys.iter().zip(&values).find(|(_, value)| value.is_null()) {
            // A null may be a default that the server fills in.
            if item.get(*key).is_none() {
                problems.push((index, format!("has no {key}, which is a key of the list")));
            }
        } else if seen.contains(&values) {
            problems.push((index, format!("has the {} of another item", keys.join(", "))));
        } else {
            seen.push(values);
        }
    }
    problems
}

fn of_set(items: &[Value]) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let is_scalar = item.is_string() || item.is_number() || item.is_boolean();
        if is_scalar && items[..index].contains(item) {
            problems.push((index, "is in the set twice".to_owned()));
        }
    }
    problems
}
