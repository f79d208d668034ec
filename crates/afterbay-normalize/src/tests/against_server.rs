//! The same as a real API server: `fixtures/normalize/secrets.json`, recorded from kube-apiserver 1.34.2.

use std::fs;

use afterbay_manifest::Node;
use serde_json::Value;

use super::object;
use crate::set::objects_of;

#[test]
fn data_is_what_the_server_would_store() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/normalize/secrets.json"
    );
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 50, "the fixture is missing cases");
    for case in &cases {
        let name = case["case"].as_str().unwrap();
        let normalized = objects_of(vec![object(Node::from_json(&case["secret"]))]);
        if case["server"].get("refused").is_some() {
            assert!(
                !normalized.errors.is_empty(),
                "{name}: accepted, the server refuses it"
            );
            continue;
        }
        assert_eq!(normalized.errors, [], "{name}");
        let body = normalized.objects[0].body();
        assert!(body.get("stringData").is_none(), "{name}");
        // An empty map is stored as none.
        let data = body
            .get("data")
            .map(Node::expose_json)
            .filter(|data| *data != serde_json::json!({}));
        assert_eq!(data.unwrap_or_default(), case["server"]["data"], "{name}");
    }
}
