//! Which fields the transformers write: the builtin table, and what `configurations` and `crds` add to it.
//!
//! The builtin table is `data/fieldspecs.tsv`; `data/README.md` says where it comes from.

use std::sync::{Arc, LazyLock};

use crate::fieldspec::{self, FieldSpec, Selector};

/// The specs of one build, which grow as layers are merged.
#[derive(Clone)]
pub(crate) struct Config(Arc<Specs>);

/// The specs of every transformer.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Specs {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) volume_claim_template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

/// Fields that name an object of some kind.
#[derive(Clone, PartialEq)]
pub(crate) struct NameReference {
    /// The kind that is named.
    pub(crate) target: Selector,
    /// Where it is named.
    pub(crate) referrers: Vec<FieldSpec>,
}

static BUILTIN: LazyLock<Config> = LazyLock::new(|| Config(Arc::new(builtin())));

/// The builtin specs, added to nothing: what is said twice is there once.
static BUILTIN_ALONE: LazyLock<Config> = LazyLock::new(|| {
    let mut alone = Specs::default();
    // A table that contradicted itself would be incomplete, which a test would see.
    let _ = alone.add(BUILTIN.specs());
    alone.sort();
    Config(Arc::new(alone))
});

impl Config {
    /// What kustomize has built in.
    pub(crate) fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// No specs, to begin with.
    pub(crate) fn nothing() -> Self {
        Self(Arc::new(Specs::default()))
    }

    pub(crate) fn specs(&self) -> &Specs {
        &self.0
    }

    /// Adds the specs of another layer. A spec for all kinds that comes behind one for some is left out, as in kustomize. The
    /// error names the spec that is there in another form.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), String> {
        let is = |config: &Self, known: &Self| Arc::ptr_eq(&config.0, &known.0);
        let (is_plain, is_empty) = (
            is(other, &BUILTIN) || is(other, &BUILTIN_ALONE),
            *self.0 == Specs::default(),
        );
        if is_plain && is_empty {
            *self = BUILTIN_ALONE.clone();
            return Ok(());
        }
        // Whatever is not empty has been merged with the builtin ones before.
        if is_plain || Arc::ptr_eq(&self.0, &other.0) {
            return Ok(());
        }
        self.add(other.specs())
    }

    /// Adds specs to it.
    pub(crate) fn add(&mut self, specs: &Specs) -> Result<(), String> {
        if *specs == Specs::default() {
            return Ok(());
        }
        let mut merged = Specs::clone(&self.0);
        merged.add(specs)?;
        merged.sort();
        self.0 = Arc::new(merged);
        Ok(())
    }
}

impl Specs {
    pub(crate) fn add(&mut self, other: &Self) -> Result<(), String> {
        let mut others = other.clone();
        for (into, specs) in self.lists().into_iter().zip(others.lists()) {
            fieldspec::merge(into, specs)?;
        }
        for reference in &other.name_reference {
            self.add_reference(reference)?;
        }
        Ok(())
    }

    pub(crate) fn add_reference(&mut self, reference: &NameReference) -> Result<(), String> {
        let mut is_known = false;
        for known in &mut self.name_reference {
            if known.target == reference.target {
                fieldspec::merge(&mut known.referrers, &reference.referrers)?;
                is_known = true;
            }
        }
        if !is_known {
            self.name_reference.push(reference.clone());
        }
        Ok(())
    }

    fn lists(&mut self) -> [&mut Vec<FieldSpec>; 11] {
        [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.volume_claim_template_labels,
            &mut self.common_annotations,
            &mut self.var_reference,
            &mut self.images,
            &mut self.replicas,
        ]
    }

    /// kustomize sorts by kind after every merge.
    pub(crate) fn sort(&mut self) {
        for list in self.lists() {
            list.sort_by_cached_key(|spec| rank(&spec.selector));
        }
        self.name_reference
            .sort_by_cached_key(|reference| rank(&reference.target));
    }
}

fn builtin() -> Specs {
    let mut specs = Specs::default();
    let rows = include_str!("../data/fieldspecs.tsv").lines();
    for row in rows.filter(|row| !row.starts_with('#')) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [table, group, version, kind, path, create, target @ ..] = columns.as_slice() else {
            continue;
        };
        let selector = Selector {
            group: (*group).to_owned(),
            version: (*version).to_owned(),
            kind: (*kind).to_owned(),
        };
        let spec = FieldSpec::new(selector, path, *create == "create");
        match (*table, target) {
            ("namePrefix", _) => specs.name_prefix.push(spec),
            ("nameSuffix", _) => specs.name_suffix.push(spec),
            ("namespace", _) => specs.namespace.push(spec),
            ("commonLabels", _) => specs.common_labels.push(spec),
            ("templateLabels", _) => specs.template_labels.push(spec),
            ("volumeClaimTemplateLabels", _) => specs.volume_claim_template_labels.push(spec),
            ("commonAnnotations", _) => specs.common_annotations.push(spec),
            ("varReference", _) => specs.var_reference.push(spec),
            ("images", _) => specs.images.push(spec),
            ("replicas", _) => specs.replicas.push(spec),
            ("nameReference", [group, version, kind]) => {
                let target = Selector {
                    group: (*group).to_owned(),
                    version: (*version).to_owned(),
                    kind: (*kind).to_owned(),
                };
                match specs.name_reference.last_mut() {
                    Some(last) if last.target == target => last.referrers.push(spec),
                    _ => specs.name_reference.push(NameReference {
                        target,
                        referrers: vec![spec],
                    }),
                }
            }
            _ => {}
        }
    }
    specs.sort();
    specs
}

/// Kinds that kustomize puts before all others, in this order.
pub(crate) const ORDER_FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that it puts behind all others.
pub(crate) const ORDER_LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Group, version and kind as kustomize sorts them, with a mark for what is empty.
pub(crate) fn sort_text(group: &str, version: &str, kind: &str) -> String {
    let or = |text: &str, mark: &str| {
        if text.is_empty() {
            mark.to_owned()
        } else {
            text.to_owned()
        }
    };
    [or(group, "~G"), or(version, "~V"), or(kind, "~K")].join("_")
}

/// By what specs are sorted: the rank of the kind, then group, version and kind as text.
fn rank(selector: &Selector) -> (usize, usize, String) {
    let Selector { group, version, kind } = selector;
    let first = ORDER_FIRST.iter().position(|known| known == kind);
    let last = ORDER_LAST.iter().position(|known| known == kind);
    let (part, index) = match (first, last) {
        (Some(index), _) => (0, index),
        (None, None) => (1, 0),
        (None, Some(index)) => (2, index),
    };
    (part, index, sort_text(group, version, kind))
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn the_table_is_whole() {
        let config = Config::builtin();
        let specs = config.specs();
        let referrers: usize = specs.name_reference.iter().map(|one| one.referrers.len()).sum();
        let counts = [
            specs.common_labels.len(),
            specs.template_labels.len(),
            specs.common_annotations.len(),
            specs.var_reference.len(),
            specs.images.len(),
            specs.replicas.len(),
            specs.namespace.len(),
            referrers,
        ];
        assert_eq!(counts, [32, 9, 9, 72, 7, 4, 3, 167]);
    }
}
