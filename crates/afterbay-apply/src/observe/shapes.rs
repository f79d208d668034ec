//! How the fields of every kind of a set merge, as far as it is known.

use std::collections::BTreeMap;

use afterbay_manifest::{Gvk, ObjectRef};
use serde_json::Value;

use crate::desired::Definitions;
use crate::shape::Shape;

/// The schemas of custom resources, beside the kinds of Kubernetes itself.
#[derive(Default)]
pub(crate) struct Shapes<'a> {
    schemas: BTreeMap<Gvk, &'a Value>,
}

impl<'a> Shapes<'a> {
    /// The schemas that the set itself defines, for every CRD that `is_live` as the set has it. With another schema in the
    /// cluster, managed fields mean something else.
    pub(crate) fn of(definitions: &'a Definitions, is_live: impl Fn(&ObjectRef) -> bool) -> Self {
        let mut schemas = BTreeMap::new();
        for ((group, kind), definition) in &definitions.kinds {
            if !is_live(&definition.crd) {
                continue;
            }
            for (version, schema) in &definition.schemas {
                let gvk = Gvk {
                    group: group.clone(),
                    version: version.clone(),
                    kind: kind.clone(),
                };
                schemas.insert(gvk, schema);
            }
        }
        Self { schemas }
    }

    /// The shape of a kind's objects; `None` when nothing is known of it.
    pub(crate) fn get(&self, gvk: &Gvk) -> Option<Shape<'a>> {
        match self.schemas.get(gvk) {
            Some(schema) => Some(Shape::Schema(schema)),
            None => Shape::built_in(gvk),
        }
    }
}
