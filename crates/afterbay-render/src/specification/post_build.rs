//! What is done to the objects that a build makes: substitution, then labels and annotations for all.

use std::collections::BTreeMap;

use afterbay_manifest::{Mapping, Node};

use super::Specification;
use crate::substitute::{self, SubstituteError, Variables};

/// By this annotation an object wants its opened values substituted in too, as Flux does it.
const IN_OPENED: &str = "afterbay.dev/substitute-opened";
const ON: &str = "enabled";

/// `postBuild` of a Flux Kustomization.
#[derive(Debug, Clone)]
pub struct PostBuild {
    /// The values; those from a Secret say so in their provenance.
    pub variables: Variables,
    /// Whether a variable that is not set is an error, as in Flux since 2.9. Otherwise it is empty.
    pub strict: bool,
    /// Whether it is done without any variables, too, for the sake of defaults.
    pub always: bool,
}

impl Default for PostBuild {
    /// Strict, with no variables and so without effect.
    fn default() -> Self {
        Self {
            variables: Variables::new(),
            strict: true,
            always: false,
        }
    }
}

impl Specification {
    /// Puts variables into the body of an object. On an error it stays as it was.
    pub(crate) fn substitute(&self, body: &mut Node) -> Result<(), SubstituteError> {
        let Some(post_build) = &self.post_build else {
            return Ok(());
        };
        let options = substitute::Options {
            strict: post_build.strict,
            always: post_build.always,
            in_sealed: wants_in_opened(body),
        };
        substitute::substitute(body, &post_build.variables, options).map(drop)
    }

    /// Sets labels and annotations for all. They come last, as in Flux, which sets them just before it applies
    /// (`SetCommonMetadata` in `ssa/utils/meta.go` of fluxcd/pkg).
    pub(crate) fn set_common_metadata(&self, body: &mut Node) {
        set(body, "labels", &self.common_labels);
        set(body, "annotations", &self.common_annotations);
    }
}

fn wants_in_opened(body: &Node) -> bool {
    let value = body.at(&["metadata", "annotations", IN_OPENED]);
    value.and_then(Node::as_plain_str) == Some(ON)
}

/// Sets entries of a map of `metadata`, which every object has, for it has a name.
fn set(body: &mut Node, field: &str, values: &BTreeMap<String, String>) {
    if values.is_empty() {
        return;
    }
    let metadata = body
        .as_mapping_mut()
        .and_then(|body| body.get_mut("metadata")?.as_mapping_mut());
    let Some(metadata) = metadata else { return };
    let map = metadata
        .entry(field.to_owned())
        .or_insert_with(|| Node::plain(Mapping::new()));
    if map.as_mapping().is_none() {
        *map = Node::plain(Mapping::new());
    }
    for (key, value) in values {
        if let Some(entries) = map.as_mapping_mut() {
            entries.insert(key.clone(), Node::plain(value.as_str()));
        }
    }
}
