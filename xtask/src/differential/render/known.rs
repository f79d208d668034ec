//! Differences that are meant, each with its reason.

use super::Difference;
use super::tree::Tree;

/// What the product says when it refuses on purpose what kustomize builds, and why it does.
const REFUSED_HERE: [(&str, &str); 0] = [];

/// Why a difference is meant.
pub(super) fn reason(difference: &Difference, _tree: &Tree) -> Option<&'static str> {
    let Difference::RefusedHere(said) = difference else {
        return None;
    };
    REFUSED_HERE
        .into_iter()
        .find_map(|(part, reason)| said.contains(part).then_some(reason))
}
