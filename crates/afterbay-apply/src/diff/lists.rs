//! Which item of a list was which before.

use serde_json::Value;

/// The fields by which the items of Kubernetes' lists are told apart, the first that all items have. They are those of the
/// list-map keys in the API's own schemas, most common first.
const KEYS: [&[&str]; 9] = [
    &["name"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["containerPort"],
    &["port"],
    &["mountPath"],
    &["uid"],
    &["ip"],
    &["type"],
];

/// One item, before and after.
pub(super) struct Pair {
    /// How its place is written: `[name=web]`, `[2]`.
    pub(super) label: String,
    pub(super) before: Option<usize>,
    pub(super) after: Option<usize>,
}

/// Pairs the items of two lists. `may_tell` says which fields of an item may be written into a path.
pub(super) fn pairs(before: &[Value], after: &[Value], may_tell: &dyn Fn(&str) -> bool) -> Vec<Pair> {
    for fields in KEYS {
        if fields.iter().all(|field| may_tell(field))
            && let (Some(old), Some(new)) = (labels(before, fields), labels(after, fields))
        {
            return by_label(&old, &new);
        }
    }
    by_place(before, after)
}

/// The labels of all items; `None` unless each has one of its own.
fn labels(items: &[Value], fields: &[&str]) -> Option<Vec<String>> {
    let mut labels: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let parts: Option<Vec<String>> = fields
            .iter()
            .map(|field| {
                let value = match item.get(field)? {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    _ => return None,
                };
                Some(format!("{field}={value}"))
            })
            .collect();
        let label = format!("[{}]", parts?.join(","));
        if labels.contains(&label) {
            return None;
        }
        labels.push(label);
    }
    Some(labels)
}

fn by_label(old: &[String], new: &[String]) -> Vec<Pair> {
    let place = |labels: &[String], label: &String| labels.iter().position(|other| other == label);
    let gone = old.iter().enumerate().filter(|(_, label)| !new.contains(label));
    let mut pairs: Vec<Pair> = gone
        .map(|(index, label)| Pair {
            label: label.clone(),
            before: Some(index),
            after: None,
        })
        .collect();
    pairs.extend(new.iter().enumerate().map(|(index, label)| Pair {
        label: label.clone(),
        before: place(old, label),
        after: Some(index),
    }));
    pairs
}

/// What is the same at both ends stays; what is between is paired in order.
fn by_place(before: &[Value], after: &[Value]) -> Vec<Pair> {
    let start = before
        .iter()
        .zip(after)
        .take_while(|(old, new)| old == new)
        .count();
    let (old, new) = (&before[start..], &after[start..]);
    let same = |(old, new): &(&Value, &Value)| old == new;
    let end = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (old, new) = (old.len() - end, new.len() - end);
    (0..old.max(new))
        .map(|offset| {
            let at = |count: usize| (offset < count).then_some(start + offset);
            Pair {
                label: format!("[{}]", start + offset),
                before: at(old),
                after: at(new),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    fn told(before: &Value, after: &Value) -> String {
        let mut text = String::new();
        for pair in pairs(before.as_array().unwrap(), after.as_array().unwrap(), &|field| {
            field != "type"
        }) {
            write!(text, "{} {:?}→{:?}; ", pair.label, pair.before, pair.after).unwrap();
        }
        text
    }

    #[test]
    fn items_are_known_by_what_the_api_knows_them_by() {
        insta::assert_snapshot!(
            told(&json!([{ "name": "a" }, { "name": "b" }]), &json!([{ "name": "b" }, { "name": "c" }])),
            @"[name=a] Some(0)→None; [name=b] Some(1)→Some(0); [name=c] None→Some(1);"
        );
        insta::assert_snapshot!(
            told(&json!([{ "port": 53, "protocol": "UDP" }]), &json!([{ "port": 53, "protocol": "TCP" }])),
            @"[port=53,protocol=UDP] Some(0)→None; [port=53,protocol=TCP] None→Some(0);"
        );
    }

    #[test]
    fn items_without_a_label_of_their_own_keep_their_places() {
        insta::assert_snapshot!(
            told(&json!(["a", "b", "c"]), &json!(["a", "x", "y", "c"])),
            @"[1] Some(1)→Some(1); [2] None→Some(2);"
        );
        // Not by a field that may not be told.
        insta::assert_snapshot!(told(&json!([{ "type": "x" }]), &json!([{ "type": "y" }])), @"[0] Some(0)→Some(0);");
        // Two of one name are told apart by their place.
        insta::assert_snapshot!(
            told(&json!([{ "name": "a" }, { "name": "a" }]), &json!([{ "name": "a" }])),
            @"[1] Some(1)→None;"
        );
    }
}
