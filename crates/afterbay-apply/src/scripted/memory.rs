//! What an API server keeps: objects by path, each with a uid and a `resourceVersion` that writes are held to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Reply, status};

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) objects: BTreeMap<String, Value>,
    writes: u64,
}

impl Memory {
    /// Answers `METHOD /path?query` as the real one does, as far as this crate looks.
    pub(crate) fn answer(&mut self, request: &str, body: &[u8]) -> Reply {
        let (method, uri) = request.split_once(' ').unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let is_dry_run = query.contains("dryRun=All");
        let live = self.objects.get(path).cloned();
        match (method, live) {
            ("POST", _) => {
                let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
                if self.objects.contains_key(&path) {
                    return Reply::Json(409, status(409, "AlreadyExists", "already exists"));
                }
                Reply::Json(201, self.put(&path, body, is_dry_run))
            }
            // An apply; a merge patch does not say how fields are validated.
            ("PATCH", live) if query.contains("fieldValidation=") => {
                let code = if live.is_some() { 200 } else { 201 };
                Reply::Json(code, self.put(path, body, is_dry_run))
            }
            (_, None) => Reply::Json(404, status(404, "NotFound", "not found")),
            ("GET", Some(live)) => Reply::Json(200, live),
            ("DELETE", Some(live)) => {
                if is_other(&live, &body["preconditions"]) {
                    return conflict("the precondition is not met");
                }
                self.objects.remove(path);
                Reply::Json(200, json!({ "kind": "Status", "status": "Success" }))
            }
            (_, Some(live)) if is_other(&live, &body["metadata"]) => conflict("the object has been modified"),
            ("PUT", Some(_)) => Reply::Json(200, self.put(path, body, is_dry_run)),
            ("PATCH", Some(mut live)) => {
                merge(&mut live, &body);
                Reply::Json(200, self.put(path, live, is_dry_run))
            }
            (other, _) => panic!("{other}"),
        }
    }

    fn put(&mut self, path: &str, mut object: Value, is_dry_run: bool) -> Value {
        let version = self.writes + 1;
        object["metadata"]["uid"] = match self.objects.get(path) {
            Some(live) => live["metadata"]["uid"].clone(),
            None => json!(format!("uid-{version}")),
        };
        if is_dry_run {
            let live = self.objects.get(path);
            let version = live.map_or(Value::Null, |live| live["metadata"]["resourceVersion"].clone());
            object["metadata"]["resourceVersion"] = version;
            return object;
        }
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        self.writes = version;
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

/// Whether a write means another object, or another state of it, than the live one.
fn is_other(live: &Value, wanted: &Value) -> bool {
    ["uid", "resourceVersion"]
        .iter()
        .any(|key| !wanted[key].is_null() && wanted[key] != live["metadata"][key])
}

/// RFC 7386.
fn merge(target: &mut Value, value: &Value) {
    let Some(patch) = value.as_object() else {
        target.clone_from(value);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().shift_remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

fn conflict(message: &str) -> Reply {
    Reply::Json(409, status(409, "Conflict", message))
}
