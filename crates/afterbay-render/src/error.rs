//! What can be wrong with a build. All of it is reported, each with its place.

use std::collections::BTreeSet;
use std::fmt;

use afterbay_manifest::{
    Finding, ObjectError, ObjectRef, Origin, Place, RemoteAddress, RemoteEntry, TreeError, TreePath,
};
use thiserror::Error;

use crate::substitute::SubstituteError;

/// One thing that is wrong with a build.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// The path of the build is not a directory of the tree.
    #[error("cannot build {path}: {source}")]
    Target {
        /// The path asked for.
        path: TreePath,
        /// Why.
        source: TreeError,
    },
    /// A directory has more than one kustomization file.
    #[error("{directory}: has {}; keep one of them, kustomize refuses to choose", files.join(" and "))]
    ManyKustomizationFiles {
        /// The directory.
        directory: TreePath,
        /// The files found.
        files: Vec<String>,
    },
    /// The directory of the build has no kustomization file, and was to have one.
    #[error(
        "{directory}: has no kustomization.yaml, kustomization.yml or Kustomization; add one, or build what lies below it"
    )]
    NoKustomization {
        /// The directory.
        directory: TreePath,
    },
    /// A directory listed in `resources` has no kustomization file.
    #[error(
        "{place}: {what} {entry:?} is a directory without kustomization.yaml, kustomization.yml or Kustomization; \
         list its files, or give it one"
    )]
    NoKustomizationFile {
        /// The entry.
        place: Place,
        /// What kind of entry: `resource`, `component`, ….
        what: &'static str,
        /// The path as written.
        entry: String,
    },
    /// The kustomization file is encrypted.
    #[error(
        "{file}: is encrypted; a kustomization file says what to build and must be plain text, encrypt the files it lists"
    )]
    EncryptedKustomization {
        /// The file.
        file: TreePath,
    },
    /// The text is not YAML.
    #[error("{place}: {message}")]
    Yaml {
        /// The place.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// The text of a file cannot be split into documents as kustomize splits it.
    #[error("{place}: {message}")]
    Separator {
        /// The place.
        place: Place,
        /// What is wrong.
        message: &'static str,
    },
    /// A field of a kustomization file has the wrong form.
    #[error("{place}: {field} {problem}")]
    Field {
        /// The place.
        place: Place,
        /// The field as written.
        field: String,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// A field is written twice, in two spellings.
    #[error(
        "{place}: {field} is the same field as the one on line {first}; kustomize reads keys without regard to case"
    )]
    RepeatedField {
        /// The second place.
        place: Place,
        /// The second spelling.
        field: String,
        /// Line of the first.
        first: u32,
    },
    /// Fields that kustomize knows or not, and this build does not apply. One error for the whole build.
    #[error("{}", unsupported(.fields))]
    Unsupported {
        /// Every such field of every kustomization file of the build.
        fields: Vec<UnsupportedField>,
    },
    /// The kustomization file of a base says nothing.
    #[error("{file}: is empty; list what it builds under resources")]
    EmptyKustomization {
        /// The file.
        file: TreePath,
    },
    /// Entries are on other machines and were not fetched. One error for the whole build.
    #[error("{}", remote(.entries))]
    Remote {
        /// Every such entry of every kustomization file of the build.
        entries: Vec<RemoteEntry>,
    },
    /// An entry of `resources` leads nowhere.
    #[error("{place}: {what} {entry:?}: {source}")]
    Resource {
        /// The place.
        place: Place,
        /// What kind of entry: `resource`, `component`, ….
        what: &'static str,
        /// The entry as written.
        entry: String,
        /// Why.
        source: TreeError,
    },
    /// An entry of `resources` is not usable as a path.
    #[error("{place}: {what} {entry:?} {problem}")]
    Entry {
        /// The place.
        place: Place,
        /// What kind of entry: `resource`, `component`, ….
        what: &'static str,
        /// The entry as written.
        entry: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A base contains the kustomization that lists it.
    #[error(
        "{place}: {what} {entry:?} is a cycle: it leads to {base}, which is or holds {visited}, where this build \
         comes from; a base must lie beside or below what builds on it"
    )]
    Cycle {
        /// The place.
        place: Place,
        /// What kind of entry: `resource`, `component`, ….
        what: &'static str,
        /// The entry as written.
        entry: String,
        /// The directory it leads to.
        base: TreePath,
        /// The directory that is being built.
        visited: TreePath,
    },
    /// A document is not a Kubernetes object.
    #[error(transparent)]
    Object(ObjectError),
    /// Something inside an object has a form that the build cannot use.
    #[error("{origin}: {object}: {path} {problem}")]
    Shape {
        /// Where the object stands.
        origin: Origin,
        /// The object.
        object: String,
        /// The field in it.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// Two objects have one identity.
    #[error(
        "{second}: {object} is defined twice, first at {first}; remove one, or give it another name or namespace"
    )]
    Duplicate {
        /// The object.
        object: Box<ObjectRef>,
        /// Where it stands first.
        first: Box<Origin>,
        /// Where it stands again.
        second: Box<Origin>,
    },
    /// `namespace:` gives two objects one identity.
    #[error(
        "{place}: namespace {namespace:?} makes {object} out of two objects, at {first} and at {second}; \
         rename one of them"
    )]
    NamespaceConflict {
        /// The `namespace` field.
        place: Place,
        /// Its value.
        namespace: String,
        /// The identity both would have.
        object: Box<ObjectRef>,
        /// One object.
        first: Box<Origin>,
        /// The other.
        second: Box<Origin>,
    },
    /// What a base is does not fit the field that lists it.
    #[error("{place}: {what} {entry:?} {problem}")]
    WrongKind {
        /// The place.
        place: Place,
        /// `resource` or `component`.
        what: &'static str,
        /// The entry as written.
        entry: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A step of the build cannot be done.
    #[error("{place}: {step}: {problem}")]
    Step {
        /// The field or entry that asks for it.
        place: Place,
        /// The field or the transformer.
        step: &'static str,
        /// What is wrong and what to do; names the object, if one is concerned, and shows nothing of its body.
        problem: String,
    },
    /// Variables cannot be substituted in an object.
    #[error("{origin}: {object}: {source}")]
    Substitute {
        /// Where the object stands.
        origin: Origin,
        /// The object.
        object: Box<ObjectRef>,
        /// Why.
        source: SubstituteError,
    },
    /// More than one object may be meant by a reference.
    #[error("{origin}: {object}: {path} may mean {}; give them different names", candidates.join(" or "))]
    AmbiguousReference {
        /// Where the referrer stands.
        origin: Origin,
        /// The referrer.
        object: Box<ObjectRef>,
        /// The field of the reference.
        path: String,
        /// The objects it may mean.
        candidates: Vec<String>,
    },
}

impl RenderError {
    /// Moves its place down, when it is about a text that stands inside a file.
    pub(crate) fn move_down(&mut self, lines: u32) {
        match self {
            Self::Yaml { place, .. } | Self::Separator { place, .. } => place.position.line += lines,
            Self::Shape { origin, .. }
            | Self::Object(ObjectError::NotAnObject { origin, .. } | ObjectError::Identity { origin, .. }) => {
                origin.position.line += lines;
            }
            _ => {}
        }
    }

    /// What is not in the tree, if that is what is wrong.
    pub(crate) fn missing(&self) -> Option<&TreePath> {
        match self {
            Self::Target { source, .. } | Self::Resource { source, .. } => match source {
                TreeError::NotFound { path } => Some(path),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a path in it goes outside of the tree.
    pub fn leaves_tree(&self) -> bool {
        matches!(
            self,
            Self::Target {
                source: TreeError::LeavesTree { .. },
                ..
            } | Self::Resource {
                source: TreeError::LeavesTree { .. }
                    | TreeError::LeavesFetched { .. }
                    | TreeError::EntersFetched { .. },
                ..
            }
        )
    }

    /// What to do about it, where the text does not say so itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            _ if self.leaves_tree() => None,
            Self::Target { .. } => Some("check the path, and that it is in this revision"),
            Self::Resource { .. } => Some("correct the entry, or add what it names to the repository"),
            Self::Yaml { .. } => Some("correct the text at this place"),
            Self::RepeatedField { .. } => Some("keep one of the two"),
            Self::Shape { .. } => Some("correct the field in the object"),
            _ => None,
        }
    }
}

/// A field of a kustomization file that is not applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnsupportedField {
    /// Where it stands.
    pub place: Place,
    /// The field as written, or `kind: Component`.
    pub field: String,
    /// Whether kustomize 5.8.2 knows it.
    pub known: bool,
}

/// What stands somewhere, with its article.
pub(crate) fn an(found: &str) -> String {
    let article = if found.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {found}")
}

fn unsupported(fields: &[UnsupportedField]) -> String {
    let mut text = String::from(
        "the build needs fields that are not supported yet; apply what `kustomize build` prints with \
         `afterbay apply -f -`, or remove them:",
    );
    for field in fields {
        let note = if field.known {
            ""
        } else {
            " (no such field in kustomize either)"
        };
        text.extend(["\n  ", &field.place.to_string(), ": ", &field.field, note]);
    }
    text
}

/// Everything that is wrong with a build; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct RenderErrors(pub Vec<RenderError>);

impl RenderErrors {
    /// Each of them as a person reads it.
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |error: &RenderError| Finding::of(error, error.hint().map(str::to_owned));
        self.0.iter().map(finding).collect()
    }

    /// The value if nothing is wrong.
    pub(crate) fn check<T>(errors: Vec<RenderError>, value: T) -> Result<T, Self> {
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(Self(merge_unsupported(errors)))
        }
    }
}

impl fmt::Display for RenderErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

fn remote(entries: &[RemoteEntry]) -> String {
    let line = |found: &RemoteEntry| {
        let RemoteEntry {
            place,
            what,
            entry,
            address,
        } = found;
        let todo = match address {
            Ok(address) => format!(": allow it with --allow-remote {}", allowance(address)),
            Err(problem) => format!(" {problem}"),
        };
        format!("\n  {place}: {what} {entry:?}{todo}")
    };
    let lines = entries.iter().map(line).collect::<Vec<_>>().concat();
    format!(
        "the build needs what is on other machines; copy it into the repository, or have it fetched by \
         `afterbay apply` or `afterbay fetch`:{lines}"
    )
}

/// What an operator allows to have something fetched: a repository, or the directory of a file.
fn allowance(address: &RemoteAddress) -> &str {
    let url = address.url();
    let url = match address {
        RemoteAddress::Git { .. } => url,
        RemoteAddress::File { .. } => {
            let path = url.split_once('?').map_or(url, |(path, _)| path);
            path.rsplit_once('/').map_or(path, |(directory, _)| directory)
        }
    };
    url.strip_prefix("https://").unwrap_or(url)
}

/// Joins the unsupported fields of all files into one error, in the place of the first, and so the remote entries. A base
/// that two overlays list is reported once.
fn merge_unsupported(errors: Vec<RenderError>) -> Vec<RenderError> {
    let mut merged: Vec<RenderError> = Vec::with_capacity(errors.len());
    let (mut seen, mut seen_fields, mut seen_entries) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for mut error in errors {
        let is_new = match &mut error {
            RenderError::Unsupported { fields } => {
                fields.retain(|field| seen_fields.insert(field.clone()));
                join(&mut merged, fields, |error| match error {
                    RenderError::Unsupported { fields } => Some(fields),
                    _ => None,
                })
            }
            RenderError::Remote { entries } => {
                entries.retain(|entry| seen_entries.insert(entry.clone()));
                join(&mut merged, entries, |error| match error {
                    RenderError::Remote { entries } => Some(entries),
                    _ => None,
                })
            }
            error => seen.insert(error.to_string()),
        };
        if is_new {
            merged.push(error);
        }
    }
    merged
}

/// Adds to the error of the same kind that is there; says whether there is none.
fn join<T>(
    merged: &mut [RenderError],
    more: &mut Vec<T>,
    list: impl Fn(&mut RenderError) -> Option<&mut Vec<T>>,
) -> bool {
    match merged.iter_mut().find_map(list) {
        Some(all) => {
            all.append(more);
            false
        }
        None => true,
    }
}
