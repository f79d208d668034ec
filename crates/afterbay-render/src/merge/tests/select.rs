//! `fixtures/merge/targets.json`: which objects a target means.

use afterbay_manifest::yaml::{Table, parse};
use afterbay_manifest::{Gvk, Node};
use serde_json::Value as Json;

use crate::merge::{Identity, Selector, Target};

const STILL: &str = include_str!("../../../../../fixtures/merge/targets/still/objects.yaml");
const MOVED: &str = include_str!("../../../../../fixtures/merge/targets/moved/objects.yaml");
const RECORDED: &str = include_str!("../../../../../fixtures/merge/targets.json");

/// A pattern that closes the parentheses which kustomize puts around it; it is refused.
const REFUSED: &str = "a)|(b";

/// An object with the name and namespace that its file has, and those it gets.
struct Subject {
    body: Node,
    original: (String, Option<String>),
    current: (String, Option<String>),
}

fn subjects() -> Vec<Subject> {
    let read = |text: &str, moves: bool| -> Vec<Subject> {
        let documents = parse(text.as_bytes()).unwrap();
        let bodies = documents
            .iter()
            .map(|document| document.resolve(Table::Kustomize).unwrap().unwrap());
        bodies
            .map(|body| {
                let field = |field: &str| {
                    body.at(&["metadata", field])
                        .and_then(Node::as_plain_str)
                        .map(str::to_owned)
                };
                let original = (field("name").unwrap(), field("namespace"));
                let current = if moves {
                    (format!("p-{}", original.0), Some("after".to_owned()))
                } else {
                    original.clone()
                };
                Subject {
                    body,
                    original,
                    current,
                }
            })
            .collect()
    };
    read(STILL, false).into_iter().chain(read(MOVED, true)).collect()
}

fn target(json: &Json) -> Target {
    let text = |field: &str| {
        json.get(field)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Target {
        group: text("group"),
        version: text("version"),
        kind: text("kind"),
        name: text("name"),
        namespace: text("namespace"),
        label_selector: text("labelSelector"),
        annotation_selector: text("annotationSelector"),
    }
}

fn hits(subjects: &[Subject], target: &Target) -> Option<Vec<String>> {
    let selector = Selector::new(target).ok()?;
    let hits = subjects.iter().filter(|subject| {
        let text = |field: &str| subject.body.get(field).and_then(Node::as_plain_str).unwrap();
        let gvk = Gvk::new(text("apiVersion"), text("kind"));
        let [original, current] = [&subject.original, &subject.current]
            .map(|(name, namespace)| Identity::new(&gvk, name, namespace.as_deref()));
        selector.selects(&subject.body, &gvk, original, current)
    });
    let kind = |subject: &Subject| {
        subject
            .body
            .get("kind")
            .and_then(Node::as_plain_str)
            .unwrap()
            .to_owned()
    };
    Some(
        hits.map(|subject| format!("{} {}", kind(subject), subject.current.0))
            .collect(),
    )
}

#[test]
fn targets_mean_what_kustomize_takes_them_to_mean() {
    let rows: Vec<Json> = serde_json::from_str(RECORDED).unwrap();
    assert!(rows.len() >= 77, "{}", rows.len());
    let subjects = subjects();
    for row in &rows {
        let target = target(&row["target"]);
        let recorded: Option<Vec<String>> = serde_json::from_value(row["hits"].clone()).unwrap();
        let expected = recorded.filter(|_| target.name != REFUSED);
        assert_eq!(hits(&subjects, &target), expected, "{}", row["target"]);
    }
}

#[test]
fn what_is_wrong_with_a_target_is_said() {
    let error = |target: Target| Selector::new(&target).unwrap_err().to_string();
    let name = Target {
        name: "web-(".to_owned(),
        ..Target::default()
    };
    assert_eq!(
        error(name),
        "name of the target \"web-(\" is no regular expression: unclosed group"
    );
    let labels = Target {
        label_selector: "app in web".to_owned(),
        ..Target::default()
    };
    assert_eq!(
        error(labels),
        "labelSelector of the target \"app in web\" cannot be read: \"web\" stands where ( is expected"
    );
}
