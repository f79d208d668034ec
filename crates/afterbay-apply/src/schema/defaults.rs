//! Fills in the defaults of a structural schema, as the server does before it validates.

use serde_json::Value;

/// A missing field gets its default, and so does a null that the schema does not allow; below what is there,
/// the same again.
pub(super) fn fill(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            let properties = schema["properties"].as_object();
            for (name, property) in properties.into_iter().flatten() {
                let Some(default) = property.get("default") else {
                    continue;
                };
                let is_missing = fields
                    .get(name)
                    .is_none_or(|value| value.is_null() && property["nullable"] != true);
                if is_missing {
                    fields.insert(name.clone(), default.clone());
                }
            }
            let additional = Some(&schema["additionalProperties"]).filter(|schema| schema.is_object());
            for (name, value) in fields {
                if let Some(schema) = properties.and_then(|known| known.get(name)).or(additional) {
                    fill(value, schema);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                fill(item, &schema["items"]);
            }
        }
        _ => {}
    }
}
