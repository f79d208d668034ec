//! `postBuild` substitution: `${NAME}` in objects, as Flux's kustomize-controller does it.
//!
//! ```text
//! object ──object.rs──► text of YAML ──template.rs──► pieces ──expand.rs──► text ──► object
//!            │                                           └─ function.rs, pattern.rs: ${NAME%%.*} and the like
//!            └─ sealed leaves stay outside of the text; values that are sealed mark the leaves they touch
//! ```
//!
//! The grammar is the one that Flux executes (fluxcd/pkg/envsubst 1.8.0), which its documentation describes in part.

mod expand;
mod function;
mod lookup;
mod object;
mod pattern;
mod template;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use afterbay_manifest::{ObjectRef, Provenance, SecretBytes};
use thiserror::Error;

pub use lookup::{Reference, ReferenceKind};
pub use object::{Options, Outcome, substitute};

/// The variables of a run.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, Variable>);

impl fmt::Debug for Variables {
    /// Prints the names only: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A value and where it is from.
#[derive(Clone)]
struct Variable {
    value: Arc<SecretBytes>,
    provenance: Provenance,
}

impl Variable {
    fn text(&self) -> &str {
        // It was made from text.
        std::str::from_utf8(self.value.expose_bytes()).unwrap_or_default()
    }
}

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable; a later one of the same name replaces an earlier one. Line breaks are taken out of the value, as
    /// Flux does.
    ///
    /// A value read from a Secret should say so in its provenance, which every leaf that it touches takes over.
    pub fn insert(&mut self, name: &str, value: &str, provenance: Provenance) -> Result<(), SubstituteError> {
        let mut rest = name.bytes();
        let is_valid = rest
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && rest.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_valid {
            return Err(SubstituteError::Name {
                name: name.to_owned(),
            });
        }
        let value = Arc::new(SecretBytes::new(value.replace('\n', "").into_bytes()));
        self.0.insert(name.to_owned(), Variable { value, provenance });
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }
}

/// Why nothing was substituted in an object. No message holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SubstituteError {
    /// A variable has a name that none can have.
    #[error(
        "variable {name:?}: a name consists of letters, digits and underscores, and does not begin with a digit"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// An object gives no variables.
    #[error("{kind} {name}: {problem}")]
    Source {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An object is of a kind that gives none.
    #[error("{object} is neither a ConfigMap nor a Secret of v1, from which variables can be read")]
    NoSource {
        /// The object.
        object: Box<ObjectRef>,
    },
    /// A `${` begins no substitution that can be read.
    #[error(
        "{path}: {problem}; write $${{ for ${{ itself, or set the annotation kustomize.toolkit.fluxcd.io/substitute: disabled"
    )]
    Template {
        /// The field it stands in.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// Variables are used that are not set.
    #[error("{} not set; set a value, or write ${{NAME:=default}}", missing(.names))]
    Missing {
        /// Their names, in order.
        names: Vec<String>,
    },
    /// A function cannot be applied to a value.
    #[error("{path}: {problem}")]
    Function {
        /// The field it stands in.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// What comes out is no YAML, or no object.
    #[error("after substitution the object {problem}; quote the field, or check the values of {}", .names.join(", "))]
    Result {
        /// What is wrong, without the text.
        problem: String,
        /// The variables that were used.
        names: Vec<String>,
    },
    /// Something is wrong in an object whose sealed values take part.
    #[error(
        "the values that were opened take part in substitution here, and it cannot be done; what is wrong is not shown, \
         because it may quote a value"
    )]
    InSealed,
    /// A value that is sealed has changed more than the leaf it stands in.
    #[error(
        "a value of {} changes which fields the object has; a value from a Secret may fill in a field and no more",
        .names.join(", ")
    )]
    Structure {
        /// The variables with sealed values that were used.
        names: Vec<String>,
    },
}

fn missing(names: &[String]) -> String {
    match names {
        [name] => format!("variable {name} is"),
        names => format!("variables {} are", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
