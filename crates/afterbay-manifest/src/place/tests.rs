//! How places are written.

use super::{KeyPath, Place, Position, Segment};
use crate::TreePath;

#[test]
fn key_paths_are_written_like_jsonpath() {
    let ports = KeyPath::of_keys(["spec", "ports"]).index(0).key("name");
    assert_eq!(ports.to_string(), "spec.ports[0].name");
    assert_eq!(KeyPath::root().to_string(), ".");
    let odd = KeyPath::root().key("a.b").key("").key("c d").key("e");
    assert_eq!(odd.to_string(), r#"["a.b"][""]["c d"].e"#);
    assert_eq!(KeyPath::root().index(3).to_string(), "[3]");
}

#[test]
fn key_paths_go_down_and_up() {
    let mut path = KeyPath::root();
    path.push(Segment::Key("data".into()));
    path.push(Segment::Index(1));
    assert!(path.starts_with(&KeyPath::of_keys(["data"])) && path.starts_with(&path.clone()));
    assert!(!KeyPath::of_keys(["data"]).starts_with(&path));
    path.pop();
    assert_eq!(path, KeyPath::of_keys(["data"]));
    path.pop();
    assert!(path.is_root() && path.segments().is_empty());
}

#[test]
fn a_place_shows_what_is_known() {
    let file = TreePath::parse("apps/db.yaml").unwrap();
    assert_eq!(
        Place::new(file.clone(), Position::new(7, 3)).to_string(),
        "apps/db.yaml:7:3"
    );
    assert_eq!(
        Place::new(file.clone(), Position::new(7, 0)).to_string(),
        "apps/db.yaml:7"
    );
    assert_eq!(Place::of_file(file).to_string(), "apps/db.yaml");
    assert!(Position::UNKNOWN < Position::new(1, 1));
}
