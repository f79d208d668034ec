//! What the server's dry-run does not show: fields that go away before the apply, and objects that it was not asked about.

use serde_json::{Map, Value};

/// Takes those fields out of the outcome that the plan names as changing and in which outcome and live object agree: what
/// our own `stringData` left, and what was taken over from others and is not in the revision.
pub(super) fn give_up(outcome: &mut Value, live: Option<&Value>, fields: &[String]) {
    let Some(live) = live else { return };
    for field in fields {
        let Some(keys) = keys(field) else { continue };
        let at = |root: &Value| {
            keys.iter()
                .try_fold(root.clone(), |value, key| value.get(key).cloned())
        };
        let Some((last, above)) = keys.split_last() else {
            continue;
        };
        let value = at(outcome);
        if value.is_none() || value != at(live) {
            continue;
        }
        let parent = above
            .iter()
            .try_fold(&mut *outcome, |value, key| value.get_mut(key));
        if let Some(Value::Object(entries)) = parent {
            entries.shift_remove(last);
        }
    }
}

/// The keys of a path that has keys only: `data.k`, `data["tls.crt"]`.
fn keys(path: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('[') {
            let mut parts = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
            keys.push(parts.next()?.ok()?);
            rest = quoted.get(parts.byte_offset()..)?.strip_prefix(']')?;
        } else {
            let text = rest.strip_prefix('.').unwrap_or(rest);
            let end = text.find(['.', '[']).unwrap_or(text.len());
            keys.push(text[..end].to_owned());
            rest = &text[end..];
        }
    }
    Some(keys)
}

/// Of a live object only what the revision declares, so that what the server filled in is no difference.
pub(super) fn to_declared(live: Value, declared: &Value) -> Value {
    match (live, declared) {
        (Value::Object(live), Value::Object(declared)) => {
            let kept: Map<String, Value> = live
                .into_iter()
                .filter_map(|(key, value)| {
                    let value = to_declared(value, declared.get(&key)?);
                    Some((key, value))
                })
                .collect();
            Value::Object(kept)
        }
        (Value::Array(live), Value::Array(declared)) if live.len() == declared.len() => live
            .into_iter()
            .zip(declared)
            .map(|(live, declared)| to_declared(live, declared))
            .collect(),
        (live, _) => live,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_take_over_gives_up_is_gone() {
        let live =
            json!({ "data": { "a": "1", "tls.crt": "2", "kept": "3" }, "metadata": { "finalizers": ["x"] } });
        let mut outcome = live.clone();
        outcome["data"]["a"] = json!("changed");
        let fields = [
            "data.a",
            r#"data["tls.crt"]"#,
            "metadata.finalizers",
            "data.none",
            "data[0]",
        ];
        give_up(&mut outcome, Some(&live), &fields.map(str::to_owned));
        assert_eq!(
            outcome,
            json!({ "data": { "a": "changed", "kept": "3" }, "metadata": {} })
        );
    }

    #[test]
    fn what_the_server_filled_in_is_left_out() {
        let live =
            json!({ "spec": { "a": 1, "defaulted": 2, "list": [{ "n": 1, "p": "TCP" }] }, "status": {} });
        let declared = json!({ "spec": { "a": 2, "list": [{ "n": 3 }] } });
        assert_eq!(
            to_declared(live, &declared),
            json!({ "spec": { "a": 1, "list": [{ "n": 1 }] } })
        );
    }
}
