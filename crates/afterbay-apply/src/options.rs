//! How to apply.

/// The field manager when nobody names another.
pub const FIELD_MANAGER: &str = "afterbay";

/// How to apply a set.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Who owns the fields that are written (`metadata.managedFields[].manager`).
    pub field_manager: String,
    /// Where namespaced objects without a namespace go; `None` is the namespace of the context.
    pub namespace: Option<String>,
    /// What to do about fields that others own.
    pub conflicts: Conflicts,
    /// What to do about objects that are in the inventory and not in the set.
    pub prune: Prune,
    /// Whether to write.
    pub mode: Mode,
    /// What to do about fields that the server does not know.
    pub unknown_fields: UnknownFields,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Managers whose `stringData` left keys behind that are named in the report, beside our own. A
    /// name ending in `*` stands for all that begin so.
    pub take_over: Vec<String>,
}

impl Default for ApplyOptions {
    /// Reports conflicts, prunes nothing, writes, refuses unknown fields, sixteen requests at once.
    fn default() -> Self {
        Self {
            field_manager: FIELD_MANAGER.to_owned(),
            namespace: None,
            conflicts: Conflicts::Report,
            prune: Prune::Keep,
            mode: Mode::Write,
            unknown_fields: UnknownFields::Refuse,
            concurrency: 16,
            take_over: ["kubectl*", "kustomize-controller"].map(str::to_owned).to_vec(),
        }
    }
}

/// What to do about fields that other managers own with other values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// Each is an error with field and owner.
    Report,
    /// They become ours.
    Override,
}

/// What to do about objects that left the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// They stay in the cluster and in the inventory.
    Keep,
    /// They are deleted, where they are ours.
    Delete,
}

/// Whether to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write what the plan says.
    Write,
    /// Only report what would be written, as far as the server can judge it now.
    DryRun,
}

/// What to do about fields that the server does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// Refuse the object, as `kubectl apply` does.
    Refuse,
    /// Let the server drop them and warn, as Flux does.
    Warn,
}

impl UnknownFields {
    /// The value of the `fieldValidation` parameter.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Refuse => "Strict",
            Self::Warn => "Warn",
        }
    }
}
