//! Which objects a target means: regular expressions for the parts of an identity, and selectors of labels and annotations.

use crate::arguments::Target;
use crate::merge::{self, Identity, Selector};
use crate::resource::{Id, Resource};

/// A target, ready to be asked.
pub(crate) struct Selection {
    selector: Selector,
    asks_metadata: bool,
    is_empty: bool,
}

impl Selection {
    /// The error says which part cannot be read.
    pub(crate) fn new(target: &Target) -> Result<Self, String> {
        let selector = Selector::new(&merge::Target {
            group: target.gvk.group.clone(),
            version: target.gvk.version.clone(),
            kind: target.gvk.kind.clone(),
            name: target.name.clone(),
            namespace: target.namespace.clone(),
            label_selector: target.label_selector.clone(),
            annotation_selector: target.annotation_selector.clone(),
        })
        .map_err(|error| error.to_string())?;
        Ok(Self {
            selector,
            asks_metadata: !target.label_selector.is_empty() || !target.annotation_selector.is_empty(),
            is_empty: target.is_empty(),
        })
    }

    /// Whether a patch means an object: by the name and the namespace that it has or had at first.
    pub(crate) fn selects(&self, resource: &Resource) -> bool {
        let (original, gvk) = (resource.original_id(), resource.gvk());
        let original = Identity::new(gvk, original.name, Some(original.namespace));
        let current = Identity::new(gvk, resource.name(), resource.namespace());
        self.selector.selects(&resource.body, gvk, original, current)
    }

    /// Whether labels and annotations are those asked for.
    pub(crate) fn selects_metadata(&self, resource: &Resource) -> bool {
        self.selector.fits_metadata(&resource.body)
    }

    /// Whether labels or annotations are asked for.
    pub(crate) fn asks_metadata(&self) -> bool {
        self.asks_metadata
    }

    /// Whether a replacement means an object with these identities, current one first. The namespace is the one written; former
    /// ones are effective.
    pub(crate) fn selects_any(&self, resource: &Resource) -> bool {
        let current = Id {
            namespace: resource.namespace().unwrap_or(""),
            ..resource.id()
        };
        [current].into_iter().chain(resource.previous_ids()).any(|id| {
            self.selector.fits_kind(id.group, id.version, id.kind)
                && self.selector.fits_name(id.name, id.namespace)
        })
    }

    /// Whether no part of an identity is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }
}
