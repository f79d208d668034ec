//! The `namespace:` field: which fields of an object it writes.
//!
//! As kustomize 5.8.2 does: `metadata.namespace` of every kind not known to be cluster-scoped; subjects of role bindings that are
//! named `default`; and the fields of the table: the name of a v1 Namespace, the service of an `APIService`, made if
//! missing, the service of a CRD's conversion webhook, if there. Other references follow at the end ([`crate::references`]).

use std::collections::HashMap;

use afterbay_manifest::{KeyPath, Node, Place, Scalar, Segment, Value};

use crate::annotation;
use crate::error::RenderError;
use crate::fieldspec::{self, FieldSpec, Make, Misshapen};
use crate::read;
use crate::resource::Resource;
use crate::scope;

/// What is moved, and how.
pub(crate) struct Namespace<'a> {
    pub(crate) name: &'a str,
    pub(crate) specs: &'a [FieldSpec],
    /// Only fields that are not set.
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
}

/// Which subjects of role bindings are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Those named `default`.
    Default,
    /// Every service account.
    ServiceAccounts,
    None,
}

impl Namespace<'_> {
    /// Moves every object; two that end with one identity are a conflict.
    pub(crate) fn transform(&self, resources: &mut [Resource], place: &Place, errors: &mut Vec<RenderError>) {
        let mut taken: HashMap<String, usize> = HashMap::with_capacity(resources.len());
        let mut conflicts = Vec::new();
        for (index, resource) in resources.iter_mut().enumerate() {
            if !annotation::is_helm_generated(&resource.body) {
                resource.remember();
                if let Err(misshapen) = self.set(resource) {
                    errors.push(read::shape(
                        resource.origin(),
                        resource.reference().to_string(),
                        misshapen,
                    ));
                }
                resource.refresh();
            }
            if let Some(first) = taken.insert(resource.id().key(), index) {
                conflicts.push((first, index));
            }
        }
        for (first, second) in conflicts {
            if let (Some(first), Some(second)) = (resources.get(first), resources.get(second)) {
                errors.push(RenderError::NamespaceConflict {
                    place: place.clone(),
                    namespace: self.name.to_owned(),
                    object: Box::new(second.reference()),
                    first: Box::new(first.origin().clone()),
                    second: Box::new(second.origin().clone()),
                });
            }
        }
    }

    /// Writes the namespace into one object.
    pub(crate) fn set(&self, resource: &mut Resource) -> Result<(), Misshapen> {
        let gvk = resource.gvk().clone();
        let body = &mut resource.body;
        let mut write = |node: &mut Node| self.write(node);
        if !scope::is_cluster_scoped(&gvk) {
            FieldSpec::of_all("metadata/namespace", true).visit_any(body, Make::Scalar, &mut write)?;
        }
        let is_binding = gvk.kind == "RoleBinding" || gvk.kind == "ClusterRoleBinding";
        if is_binding {
            self.set_subjects(body)?;
        }
        for spec in self.specs {
            let is_own = match spec.path.as_str() {
                "metadata/namespace" => true,
                "metadata/name" => !(gvk.group.is_empty() && gvk.version == "v1"),
                "subjects/namespace" => {
                    is_binding && matches!(spec.selector.kind.as_str(), "RoleBinding" | "ClusterRoleBinding")
                }
                _ => false,
            };
            if !is_own {
                spec.visit(body, &gvk, Make::Scalar, &mut write)?;
            }
        }
        Ok(())
    }

    fn write(&self, node: &mut Node) -> Result<(), Misshapen> {
        let is_set = match &node.value {
            Value::Scalar(Scalar::Null) => false,
            Value::Scalar(Scalar::String(text)) => !text.is_empty(),
            Value::Scalar(_) => true,
            _ => false,
        };
        if self.unset_only && is_set {
            return Ok(());
        }
        fieldspec::set_scalar(node, self.name)
    }

    /// Subjects are moved by name or by kind.
    fn set_subjects(&self, body: &mut Node) -> Result<(), Misshapen> {
        if self.subjects == Subjects::None {
            return Ok(());
        }
        let Some(subjects) = body.as_mapping_mut().and_then(|body| body.get_mut("subjects")) else {
            return Ok(());
        };
        let mut path = KeyPath::of_keys(["subjects"]);
        let misshapen = |node: &Node, path: &KeyPath, expected: &str| Misshapen {
            path: path.clone(),
            problem: Misshapen::expected(node, expected).problem,
        };
        if subjects.is_null() {
            return Ok(());
        }
        if subjects.as_sequence().is_none() {
            return Err(misshapen(subjects, &path, "a list"));
        }
        let Value::Sequence(items) = &mut subjects.value else {
            return Ok(());
        };
        for (index, subject) in items.iter_mut().enumerate() {
            path.push(Segment::Index(index));
            if subject.is_null() {
                path.pop();
                continue;
            }
            if subject.as_mapping().is_none() {
                return Err(misshapen(subject, &path, "a map"));
            }
            let (key, wanted) = match self.subjects {
                Subjects::ServiceAccounts => ("kind", "ServiceAccount"),
                Subjects::Default | Subjects::None => ("name", "default"),
            };
            if key == "name"
                && let Some(name) = subject.get("name")
                && !matches!(name.value, Value::Scalar(_))
            {
                return Err(misshapen(name, &path.key("name"), "text"));
            }
            let is_meant = subject.get(key).and_then(Node::expose_str) == Some(wanted);
            if is_meant && let Some(entries) = subject.as_mapping_mut() {
                let namespace = entries
                    .entry("namespace".to_owned())
                    .or_insert_with(|| Node::plain(""));
                self.write(namespace).map_err(|error| Misshapen {
                    path: path.key("namespace"),
                    problem: error.problem,
                })?;
            }
            path.pop();
        }
        Ok(())
    }
}
