//! The set to apply, seen as what the server will be sent.

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::{Gvk, Object, ObjectRef};
use serde_json::{Value, json};

use crate::Owner;
use crate::discovery::{Kinds, Resource, Scope};
use crate::error::{ApplyError, Subject};
use crate::inventory::PART_OF;
use crate::order::{is_crd, is_namespace};
use crate::rollout::{self, References};

/// Where an object goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) resource: Resource,
    /// Identity with the namespace that the object really goes to.
    pub(crate) object: ObjectRef,
    /// What it is rolled out for when it changes; `None` for all but such workloads.
    pub(crate) references: Option<References>,
}

impl Address {
    pub(crate) fn path(&self) -> String {
        self.resource
            .object(self.object.namespace.as_deref(), &self.object.name)
    }
}

/// A kind that a CRD of the set defines.
#[derive(Clone)]
pub(crate) struct Definition {
    /// The CRD.
    pub(crate) crd: ObjectRef,
    /// How its served versions will be served.
    pub(crate) versions: BTreeMap<String, Resource>,
    /// The structural schema of each version.
    pub(crate) schemas: BTreeMap<String, Value>,
}

/// What the set itself brings into the cluster.
#[derive(Clone, Default)]
pub(crate) struct Definitions {
    /// By group and kind.
    pub(crate) kinds: BTreeMap<(String, String), Definition>,
    /// Names of Namespace objects.
    pub(crate) namespaces: BTreeSet<String>,
}

impl Definitions {
    pub(crate) fn of(objects: &[Object]) -> Self {
        let mut definitions = Self::default();
        for object in objects {
            let gvk = &object.reference().gvk;
            if is_namespace(gvk) {
                definitions.namespaces.insert(object.reference().name.clone());
            } else if is_crd(gvk) {
                definitions.read_crd(object);
            }
        }
        definitions
    }

    fn read_crd(&mut self, object: &Object) {
        // A CRD holds a schema, not values of a user; sealed leaves in it are refused before.
        let crd = object.body().expose_json();
        let spec = &crd["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (group, kind, plural) = (
            text(&spec["group"]),
            text(&spec["names"]["kind"]),
            text(&spec["names"]["plural"]),
        );
        let scope = if spec["scope"] == "Cluster" {
            Scope::Cluster
        } else {
            Scope::Namespaced
        };
        let mut definition = Definition {
            crd: object.reference().clone(),
            versions: BTreeMap::new(),
            schemas: BTreeMap::new(),
        };
        for version in spec["versions"].as_array().into_iter().flatten() {
            if version["served"] != true {
                continue;
            }
            let name = text(&version["name"]);
            let gvk = Gvk {
                group: group.clone(),
                version: name.clone(),
                kind: kind.clone(),
            };
            definition.versions.insert(
                name.clone(),
                Resource {
                    gvk,
                    plural: plural.clone(),
                    scope,
                },
            );
            let schema = &version["schema"]["openAPIV3Schema"];
            if schema.is_object() {
                definition.schemas.insert(name, schema.clone());
            }
        }
        self.kinds.insert((group, kind), definition);
    }

    pub(crate) fn definition(&self, gvk: &Gvk) -> Option<&Definition> {
        self.kinds.get(&(gvk.group.clone(), gvk.kind.clone()))
    }
}

/// Where an object goes, by what the server serves or the set itself defines.
pub(crate) fn address(
    object: &Object,
    kinds: &Kinds,
    definitions: &Definitions,
    namespace: &str,
) -> Result<Address, ApplyError> {
    let reference = object.reference();
    let subject = || Box::new(subject(object, reference));
    let gvk = &reference.gvk;
    if !is_path_segment(&reference.name) {
        return Err(ApplyError::InvalidName {
            subject: subject(),
            name: reference.name.clone(),
        });
    }
    let defined = definitions
        .definition(gvk)
        .and_then(|definition| definition.versions.get(&gvk.version));
    let Some(resource) = kinds.exact(gvk).or(defined) else {
        return Err(ApplyError::UnknownKind {
            subject: subject(),
            kind: gvk.kind.clone(),
            api_version: gvk.api_version(),
            served: kinds
                .versions(&gvk.group, &gvk.kind)
                .iter()
                .map(|resource| resource.gvk.api_version())
                .collect(),
        });
    };
    let namespace = match resource.scope {
        // The server drops a namespace written on an object that lives in none.
        Scope::Cluster => None,
        Scope::Namespaced => Some(
            reference
                .namespace
                .clone()
                .unwrap_or_else(|| namespace.to_owned()),
        ),
    };
    if let Some(namespace) = namespace
        .as_deref()
        .filter(|namespace| !is_path_segment(namespace))
    {
        return Err(ApplyError::InvalidName {
            subject: subject(),
            name: namespace.to_owned(),
        });
    }
    if label(object, PART_OF).is_some() {
        return Err(ApplyError::OwnLabel { subject: subject() });
    }
    Ok(Address {
        resource: resource.clone(),
        object: ObjectRef {
            namespace,
            ..reference.clone()
        },
        references: None,
    })
}

/// The object under the identity that it has in the cluster.
pub(crate) fn subject(object: &Object, reference: &ObjectRef) -> Subject {
    Subject {
        object: reference.clone(),
        origin: Some(object.origin().clone()),
    }
}

/// Names that Kubernetes itself refuses because they cannot be a path segment.
fn is_path_segment(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '%'])
}

fn label<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.body().at(&["metadata", "labels", key])?.as_plain_str()
}

/// What the objects of our own installation carry.
pub(crate) const OWN_LABEL: (&str, &str) = ("app.kubernetes.io/part-of", "afterbay");

/// Whether a control of Flux (`kustomize.toolkit.fluxcd.io/NAME`) has this value, in a label or in an annotation. Case does
/// not count, and one of the two is enough, whatever the other says (fluxcd/pkg, ssa, `AnyInMetadata`).
pub(crate) fn has_control(metadata: &Value, name: &str, value: &str) -> bool {
    let key = format!("kustomize.toolkit.fluxcd.io/{name}");
    ["labels", "annotations"]
        .iter()
        .filter_map(|field| metadata[field].get(&key)?.as_str())
        .any(|text| text.eq_ignore_ascii_case(value))
}

/// What the server is sent: the object with its namespace, its owner's labels, and what identifies its references, plaintext included.
pub(crate) fn body(
    object: &Object,
    address: &Address,
    part_of: Option<&str>,
    owner: Option<&Owner>,
) -> Value {
    let mut body = object.body().expose_json();
    let metadata = &mut body["metadata"];
    match &address.object.namespace {
        Some(namespace) => metadata["namespace"] = json!(namespace),
        None => {
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.shift_remove("namespace");
            }
        }
    }
    let labels = part_of.into_iter().map(|id| (PART_OF, id)).chain(
        owner
            .into_iter()
            .flat_map(|owner| [(Owner::NAME, &*owner.name), (Owner::NAMESPACE, &*owner.namespace)]),
    );
    for (key, value) in labels {
        if !metadata["labels"].is_object() {
            metadata["labels"] = json!({});
        }
        metadata["labels"][key] = json!(value);
    }
    if let Some(references) = &address.references {
        rollout::annotate(&mut body, references);
    }
    body
}
