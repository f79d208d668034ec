//! An object on its way through the build, with the identities it had before.

use afterbay_manifest::{Gvk, Node, Object, ObjectError, Origin};

use crate::scope;

/// An identity as kustomize compares it: the namespace is the effective one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) gvk: Gvk,
    pub(crate) name: String,
    pub(crate) namespace: Effective,
}

/// The namespace an object is in, after defaulting.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Effective {
    /// The kind has none.
    Cluster,
    /// This one; `default` when none is written.
    Namespace(String),
}

/// An object and its history.
pub(crate) struct Resource {
    object: Object,
    previous: Vec<Identity>,
}

impl Resource {
    pub(crate) fn new(object: Object) -> Self {
        Self {
            object,
            previous: Vec::new(),
        }
    }

    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    pub(crate) fn into_object(self) -> Object {
        self.object
    }

    pub(crate) fn origin(&self) -> &Origin {
        self.object.origin()
    }

    pub(crate) fn gvk(&self) -> &Gvk {
        &self.object.reference().gvk
    }

    /// The namespace as written.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.object.reference().namespace.as_deref()
    }

    pub(crate) fn is_cluster_scoped(&self) -> bool {
        scope::is_cluster_scoped(self.gvk())
    }

    pub(crate) fn effective_namespace(&self) -> Effective {
        match self.namespace() {
            _ if self.is_cluster_scoped() => Effective::Cluster,
            namespace => Effective::Namespace(namespace.unwrap_or("default").to_owned()),
        }
    }

    /// The identity it has now.
    pub(crate) fn identity(&self) -> Identity {
        let reference = self.object.reference();
        Identity {
            gvk: reference.gvk.clone(),
            name: reference.name.clone(),
            namespace: self.effective_namespace(),
        }
    }

    /// The identities it had, oldest first.
    pub(crate) fn previous(&self) -> &[Identity] {
        &self.previous
    }

    /// The namespace it had at first, which references were written against.
    pub(crate) fn original_namespace(&self) -> Effective {
        self.previous.first().map_or_else(
            || self.effective_namespace(),
            |identity| identity.namespace.clone(),
        )
    }

    /// Remembers the identity it has now, before a change.
    pub(crate) fn remember(mut self) -> Self {
        let identity = self.identity();
        self.previous.push(identity);
        self
    }

    /// Changes the body; the identity is read again.
    pub(crate) fn map_body(self, change: impl FnOnce(&mut Node)) -> Result<Self, ObjectError> {
        Ok(Self {
            object: self.object.map_body(change)?,
            previous: self.previous,
        })
    }
}
