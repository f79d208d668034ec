//! What kustomize does to annotations on the way through a build, whatever the kustomization file says.
//!
//! It reads `metadata.annotations` as texts and writes them back, so `scrape: true` becomes `"true"`, exactly as
//! spelled; an empty map goes away; and so do the annotations it uses to keep its own books.

use afterbay_manifest::{KeyPath, Mapping, Node, Scalar, Spelling, Value};

use crate::error::an;
use crate::fieldspec::Misshapen;
use crate::go;

/// Drops an object at the end of a build, unless its value is `false`.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Keeps `namespace:` from moving an object.
const HELM_GENERATED: &str = "internal.config.kubernetes.io/helm-generated";

/// Annotations that kustomize removes at the end of every build.
const REMOVED: [&str; 12] = [
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

/// More of them, which come from `buildMetadata`.
const REMOVED_ORIGINS: [&str; 2] = [
    "config.kubernetes.io/origin",
    "alpha.config.kubernetes.io/transformations",
];

/// Annotations that would steer a build. kustomize takes them from a file as its own; here they are refused.
const STEERING: [&str; 6] = [
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/needsHashSuffix",
];

/// Makes every annotation a text, as it was spelled.
pub(crate) fn to_text(body: &mut Node) -> Result<(), Misshapen> {
    make_text(body, |_| Spelling::Plain)
}

/// The same for an object that was just read; what was no text keeps its spelling, by which [`to_values`] knows it.
pub(crate) fn read(body: &mut Node) -> Result<(), Misshapen> {
    make_text(body, |text| match text {
        "" => Spelling::Plain,
        text => Spelling::As(text.into()),
    })
}

fn make_text(body: &mut Node, spelling: impl Fn(&str) -> Spelling) -> Result<(), Misshapen> {
    let path = KeyPath::of_keys(["metadata", "annotations"]);
    let Some(metadata) = body.as_mapping_mut().and_then(|body| body.get_mut("metadata")) else {
        return Ok(());
    };
    let Some(metadata) = metadata.as_mapping_mut() else {
        return Ok(());
    };
    let Some(annotations) = metadata.get_mut("annotations") else {
        return Ok(());
    };
    if annotations.is_null() || annotations.as_mapping().is_some_and(Mapping::is_empty) {
        metadata.shift_remove("annotations");
        return Ok(());
    }
    let found = annotations.kind_name();
    let Some(entries) = annotations.as_mapping_mut() else {
        return Err(Misshapen {
            path,
            problem: format!("is {} where a map of text to text is expected", an(found)),
        });
    };
    if let Some(key) = STEERING.iter().find(|key| entries.contains_key(**key)) {
        let problem = "is for kustomize's own books and would change the build; remove it".to_owned();
        return Err(Misshapen {
            path: path.key(key),
            problem,
        });
    }
    for (key, value) in entries.iter_mut() {
        let found = value.kind_name();
        let text = match &value.value {
            Value::Scalar(Scalar::String(_)) if !matches!(value.spelling, Spelling::As(_)) => continue,
            Value::Scalar(Scalar::Bytes(_)) => None,
            _ => value.expose_spelling(),
        };
        let Some(text) = text else {
            let problem = format!("is {} where text is expected", an(found));
            return Err(Misshapen {
                path: path.key(key),
                problem,
            });
        };
        let text = text.into_owned();
        value.spelling = spelling(&text);
        value.value = Value::Scalar(Scalar::String(text));
    }
    Ok(())
}

/// Makes the annotations that a file spells as something else than text what they are to JSON, where `1e3` is 1000.
pub(crate) fn to_values(body: &mut Node) {
    let metadata = body.as_mapping_mut().and_then(|body| body.get_mut("metadata"));
    let annotations = metadata
        .and_then(Node::as_mapping_mut)
        .and_then(|metadata| metadata.get_mut("annotations"))
        .and_then(Node::as_mapping_mut);
    for value in annotations.into_iter().flat_map(Mapping::values_mut) {
        if let (Value::Scalar(Scalar::String(_)), Spelling::As(text)) = (&value.value, &value.spelling) {
            value.value = Value::Scalar(go::plain(text));
            value.spelling = Spelling::Plain;
        }
    }
}

/// Whether an object is dropped at the end.
pub(crate) fn is_local(body: &Node) -> bool {
    annotation(body, LOCAL_CONFIG).is_some_and(|value| value.expose_str() != Some("false"))
}

/// Whether `namespace:` leaves an object alone.
pub(crate) fn is_helm_generated(body: &Node) -> bool {
    annotation(body, HELM_GENERATED).is_some_and(|value| value.expose_str() == Some("true"))
}

/// Takes out what kustomize removes at the end of a build.
pub(crate) fn remove_internal(body: &mut Node) {
    let Some(metadata) = body.as_mapping_mut().and_then(|body| body.get_mut("metadata")) else {
        return;
    };
    let Some(metadata) = metadata.as_mapping_mut() else {
        return;
    };
    let Some(entries) = metadata.get_mut("annotations").and_then(Node::as_mapping_mut) else {
        return;
    };
    let removed = REMOVED.iter().chain(&REMOVED_ORIGINS).chain([&HELM_GENERATED]);
    for key in removed {
        entries.shift_remove(*key);
    }
    if entries.is_empty() {
        metadata.shift_remove("annotations");
    }
}

fn annotation<'a>(body: &'a Node, key: &str) -> Option<&'a Node> {
    body.at(&["metadata", "annotations"])?.get(key)
}
