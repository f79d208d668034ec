//! Kubernetes objects: identity, origin, body.

use std::fmt;

use thiserror::Error;

use crate::{KeyPath, Node, Place, Position, TreePath};

/// Group, version and kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Kind, such as `Secret`.
    pub kind: String,
}

impl Gvk {
    /// Splits an `apiVersion` into group and version.
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// The `apiVersion` text.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether this is the core `v1` Secret.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.version == "v1" && self.kind == "Secret"
    }
}

/// The identity of an object: what the API server keys it by, plus the version written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Group, version, kind.
    pub gvk: Gvk,
    /// Namespace as written; `None` for cluster-scoped kinds and for the default namespace.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    /// `Secret/apps/db`, `Deployment.apps/web/api`, `Namespace/apps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.gvk.kind)?;
        if !self.gvk.group.is_empty() {
            write!(f, ".{}", self.gvk.group)?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, "/{namespace}")?;
        }
        write!(f, "/{}", self.name)
    }
}

/// Where an object was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file.
    pub file: TreePath,
    /// Index of the YAML document in the file, from 0.
    pub document: usize,
    /// First line of the object.
    pub position: Position,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Place::new(self.file.clone(), self.position).fmt(f)
    }
}

/// Why a document is not a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObjectError {
    /// The document is a list or a scalar.
    #[error(
        "{origin}: a {found} where a Kubernetes object is expected; an object is a map with apiVersion, kind and metadata.name"
    )]
    NotAnObject {
        /// The place.
        origin: Origin,
        /// What stands there.
        found: &'static str,
    },
    /// A field that identifies the object is missing, empty or not a string.
    #[error(
        "{origin}: {path} is {problem}; every Kubernetes object needs apiVersion, kind and metadata.name as text"
    )]
    Identity {
        /// The place.
        origin: Origin,
        /// The field.
        path: KeyPath,
        /// `missing`, `empty`, or what stands there instead.
        problem: String,
    },
}

/// One Kubernetes object with where it came from.
#[derive(Clone, PartialEq)]
pub struct Object {
    /// Identity.
    reference: ObjectRef,
    /// File, document, line.
    origin: Origin,
    /// The whole object, `apiVersion` and `kind` included.
    body: Node,
}

impl Object {
    /// Reads the identity out of a document.
    ///
    /// `metadata.generateName` without a name is refused: what has no name cannot be applied twice.
    pub fn new(body: Node, origin: Origin) -> Result<Self, ObjectError> {
        let reference = read_reference(&body, &origin, false)?;
        Ok(Self {
            reference,
            origin,
            body,
        })
    }

    /// The same, where `apiVersion` may be missing: kustomize builds such objects, and no API server takes them.
    pub fn with_any_version(body: Node, origin: Origin) -> Result<Self, ObjectError> {
        let reference = read_reference(&body, &origin, true)?;
        Ok(Self {
            reference,
            origin,
            body,
        })
    }

    /// What keeps a document from being an object.
    pub fn check(body: &Node, origin: &Origin, allows_missing_version: bool) -> Result<(), ObjectError> {
        read_reference(body, origin, allows_missing_version).map(|_| ())
    }

    /// Identity.
    pub fn reference(&self) -> &ObjectRef {
        &self.reference
    }

    /// Where it was read from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The whole object.
    pub fn body(&self) -> &Node {
        &self.body
    }

    /// Changes the body and reads the identity again.
    pub fn map_body(self, change: impl FnOnce(&mut Node)) -> Result<Self, ObjectError> {
        let Self { origin, mut body, .. } = self;
        change(&mut body);
        Self::new(body, origin)
    }

    /// The body, given away.
    pub fn into_body(self) -> Node {
        self.body
    }
}

impl fmt::Debug for Object {
    /// Prints the identity only, for every kind: plaintext can be in any of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({})", self.reference)
    }
}

fn read_reference(
    body: &Node,
    origin: &Origin,
    allows_missing_version: bool,
) -> Result<ObjectRef, ObjectError> {
    if body.as_mapping().is_none() {
        return Err(ObjectError::NotAnObject {
            origin: origin.clone(),
            found: body.kind_name(),
        });
    }
    let field = |keys: &[&str]| identity_field(body, keys, origin);
    let api_version = match body.get("apiVersion") {
        None if allows_missing_version => String::new(),
        _ => field(&["apiVersion"])?,
    };
    let (kind, name) = (field(&["kind"])?, field(&["metadata", "name"])?);
    let namespace = match body.at(&["metadata", "namespace"]) {
        None => None,
        // The API server reads an empty namespace as none.
        Some(node) if node.is_null() || node.as_plain_str() == Some("") => None,
        Some(_) => Some(field(&["metadata", "namespace"])?),
    };
    Ok(ObjectRef {
        gvk: Gvk::new(&api_version, &kind),
        namespace,
        name,
    })
}

fn identity_field(body: &Node, keys: &[&str], origin: &Origin) -> Result<String, ObjectError> {
    let problem = match body.at(keys) {
        None => "missing".to_owned(),
        Some(node) => match node.as_plain_str() {
            Some("") => "empty".to_owned(),
            Some(text) => return Ok(text.to_owned()),
            None if node.is_null() => "missing".to_owned(),
            None if !node.provenance.is_plain() => "encrypted".to_owned(),
            None => format!("{} {}", article(node.kind_name()), node.kind_name()),
        },
    };
    Err(ObjectError::Identity {
        origin: origin.clone(),
        path: KeyPath::of_keys(keys.iter().copied()),
        problem,
    })
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

#[cfg(test)]
mod tests;
