//! Which kinds are cluster-scoped, as far as kustomize 5.8.2 knows.
//!
//! The table is `data/scope.tsv`; `data/README.md` says how it was recorded from the real program. A kind that is
//! not in it counts as namespaced, a cluster-scoped custom resource included: that is what kustomize does.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use afterbay_manifest::Gvk;

static CLUSTER_SCOPED: LazyLock<BTreeSet<(&str, &str)>> = LazyLock::new(|| {
    rows()
        .filter(|(_, _, scope)| *scope == "cluster")
        .map(|(api_version, kind, _)| (api_version, kind))
        .collect()
});

static KNOWN: LazyLock<BTreeSet<(&str, &str)>> =
    LazyLock::new(|| rows().map(|(api_version, kind, _)| (api_version, kind)).collect());

/// Whether kustomize knows the kind to be cluster-scoped. The version counts: an unknown version is namespaced.
pub fn is_cluster_scoped(gvk: &Gvk) -> bool {
    CLUSTER_SCOPED.contains(&(gvk.api_version().as_str(), gvk.kind.as_str()))
}

/// Whether kustomize knows the scope of the kind.
pub(crate) fn is_known(gvk: &Gvk) -> bool {
    KNOWN.contains(&(gvk.api_version().as_str(), gvk.kind.as_str()))
}

/// `apiVersion`, kind, and `cluster` or `namespaced`.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    include_str!("../data/scope.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, columns.next()?, columns.next()?))
        })
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::Gvk;

    use super::{CLUSTER_SCOPED, is_cluster_scoped, rows};

    #[test]
    fn the_table_is_whole() {
        assert_eq!((rows().count(), CLUSTER_SCOPED.len()), (84, 38));
    }

    #[test]
    fn versions_count() {
        assert!(is_cluster_scoped(&Gvk::new("v1", "Namespace")));
        assert!(is_cluster_scoped(&Gvk::new(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole"
        )));
        assert!(!is_cluster_scoped(&Gvk::new("v1", "Secret")));
        assert!(!is_cluster_scoped(&Gvk::new("example.com/v1", "Namespace")));
        // kustomize moves it, although Kubernetes has it without namespace.
        assert!(!is_cluster_scoped(&Gvk::new("resource.k8s.io/v1", "DeviceClass")));
    }
}
