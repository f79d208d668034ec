//! `sortOptions`, and the order that kustomize's command line has by default.

use std::cmp::Reverse;
use std::collections::HashMap;

use afterbay_manifest::Place;

use crate::arguments::{LegacySort, SortOptions};
use crate::config::{self, ORDER_FIRST, ORDER_LAST};
use crate::error::RenderError;
use crate::resource::{Id, Resource};

/// Sorts by what a kustomization says.
pub(crate) fn transform(
    resources: &mut [Resource],
    options: &SortOptions,
    place: &Place,
    errors: &mut Vec<RenderError>,
) {
    let problem = match (options.order.as_str(), &options.legacy) {
        ("fifo", None) => return,
        ("legacy", Some(legacy)) => return legacy_order(resources, legacy),
        ("legacy", None) => return by_default(resources),
        ("fifo", Some(_)) => "has legacySortOptions, which only the order legacy has; remove them".to_owned(),
        (other, _) => format!("has order {other:?} where legacy or fifo is expected"),
    };
    errors.push(RenderError::Step {
        place: place.clone(),
        step: "sortOptions",
        problem,
    });
}

/// The order of the command line.
pub(crate) fn by_default(resources: &mut [Resource]) {
    let list = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let legacy = LegacySort {
        first: list(&ORDER_FIRST),
        last: list(&ORDER_LAST),
    };
    legacy_order(resources, &legacy);
}

/// First the kinds that go first, last those that go last, all others between, by group, version, kind, namespace and name.
fn legacy_order(resources: &mut [Resource], options: &LegacySort) {
    let mut ranks: HashMap<&str, i64> = HashMap::new();
    for (kind, rank) in options.first.iter().rev().zip(1..) {
        ranks.entry(kind).or_insert(-rank);
    }
    for (kind, rank) in options.last.iter().zip(1..) {
        ranks.insert(kind, rank);
    }
    resources.sort_by_cached_key(|resource| {
        let id = resource.id();
        let rank = ranks.get(id.kind).copied().unwrap_or(0);
        let namespace = resource.namespace().unwrap_or("~X");
        (rank, Kinds::of(&id), [namespace, id.name].join("|"))
    });
}

/// How kinds of one rank are ordered.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kinds {
    /// The namespaces of Kubernetes come before what other groups call Namespace, because kustomize turns the order round for
    /// them; so it does among their own versions.
    Namespaces(Reverse<String>),
    Others(String),
}

impl Kinds {
    fn of(id: &Id<'_>) -> Self {
        let text = config::sort_text(id.group, id.version, id.kind);
        if id.kind == "Namespace" && id.group.is_empty() {
            Self::Namespaces(Reverse(text))
        } else {
            Self::Others(text)
        }
    }
}
