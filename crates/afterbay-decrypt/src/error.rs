//! What can go wrong in the stage, all of it at once, and never with a value in the text.

use std::fmt::{self, Write as _};

use afterbay_manifest::{
    Finding, KeyFailure, KeyPath, ObjectError, ObjectRef, Place, Scrubber, Sealed, TreeError,
};
use afterbay_sops::{SopsError, SopsErrors, TokenProblem};
use thiserror::Error;

use crate::plaintext::{self, Unsealed};
use crate::{DecryptedParts, ExemptionReason, MessageFailure, nested};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// A file that the build reads is not in the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A SOPS file cannot be read or opened.
    #[error(transparent)]
    Sops(#[from] SopsErrors),
    /// Something exempts a v1 Secret from being opened, and the operator has not allowed that.
    #[error(
        "{place}: {object} would stay sealed ({reason}), and a v1 Secret cannot: what reads it would get \
         ciphertext; remove the exemption, or let the operator allow it (--keep-sealed-secrets)"
    )]
    SecretExempt {
        /// The document.
        place: Place,
        /// The object.
        object: String,
        /// What exempts it.
        reason: ExemptionReason,
    },
    /// Only some of the sealed documents of a stream, or items of a List, are exempt.
    #[error(
        "{place}: {object} is to stay sealed ({reason}) and other sealed parts of the file are not; move it to a \
         file of its own, because a SOPS file is opened as a whole"
    )]
    PartlyExempt {
        /// The exempt document.
        place: Place,
        /// The exempt object.
        object: String,
        /// What exempts it.
        reason: ExemptionReason,
    },
    /// A hiera-eyaml token did not open. One text for whatever was wrong with the envelope: PKCS#1
    /// v1.5 lets whoever can tell the reasons apart open envelopes.
    #[error(
        "{place}: {object}: {path}: no RSA key given opens this eyaml token to text: its key is not among \
         those given, or the token is damaged, or it holds bytes that are not UTF-8 (put such a value in \
         as base64, under data){}",
        tried(failures)
    )]
    Eyaml {
        /// Where the value stands.
        place: Place,
        /// The object.
        object: ObjectRef,
        /// The key path.
        path: KeyPath,
        /// What was wrong with the keys themselves.
        failures: Vec<KeyFailure>,
    },
    /// A token of hiera-eyaml-gpg did not open.
    #[error("{place}: {object}: {path}: this ENC[GPG,…] token did not open: {reason}")]
    EyamlGpg {
        /// Where the value stands.
        place: Place,
        /// The object.
        object: ObjectRef,
        /// The key path.
        path: KeyPath,
        /// Why.
        reason: MessageFailure,
    },
    /// A SOPS file in an entry of a Secret cannot be read or opened.
    #[error(
        "{place}: {object}: {path}: the SOPS file in it does not open:\n  {}",
        nested::below(errors)
    )]
    NestedSops {
        /// Where the entry stands.
        place: Place,
        /// The Secret.
        object: ObjectRef,
        /// The key path.
        path: KeyPath,
        /// What is wrong; the places are those in the entry.
        errors: SopsErrors,
    },
    /// A SOPS file in an entry of `stringData` opened to what is no text.
    #[error(
        "{place}: {object}: {path}: the SOPS file in it holds bytes that are not UTF-8, and stringData takes text only; \
         put the file in as base64, under data"
    )]
    NestedNotText {
        /// Where the entry stands.
        place: Place,
        /// The Secret.
        object: ObjectRef,
        /// The key path.
        path: KeyPath,
    },
    /// Something sealed is left in an object that is not exempt.
    #[error("{place}: {object}: {path}: {leftover}")]
    Leftover {
        /// Where it stands.
        place: Place,
        /// The object.
        object: ObjectRef,
        /// The key path.
        path: KeyPath,
        /// What it is, and what to do.
        leftover: Leftover,
    },
    /// An opened value ended where everyone can read it.
    #[error(
        "{place}: {object}: {path} holds what was opened from {}{}; an opened value may stand only under data or \
         stringData of a v1 Secret, or at the kind and key path where its own file declares it; put it in a \
         Secret, or let the operator allow it (--allow-opened-in {}:{path})",
        sources(from), cause(by.as_deref()), object.gvk.kind
    )]
    Unconfined {
        /// The object's place.
        place: Place,
        /// The object.
        object: ObjectRef,
        /// The key path.
        path: KeyPath,
        /// What the value was made from.
        from: Vec<Sealed>,
        /// What put it there, where that was found out ([`DecryptErrors::blame`]).
        by: Option<String>,
    },
    /// Values of a Secret did not come from authenticated ciphertext, and the operator requires that.
    #[error("{place}: {object}: not sealed: {}", reasons(found))]
    Unsealed {
        /// The object's place.
        place: Place,
        /// The object.
        object: ObjectRef,
        /// Why, and which values.
        found: Vec<(Unsealed, Vec<KeyPath>)>,
    },
    /// What opened is no object any more.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// What was found sealed after everything had been opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Leftover {
    /// The metadata of a SOPS file.
    #[error(
        "the metadata of a SOPS file that was not opened; SOPS files are opened where the build reads them whole: keep it \
         in a file of its own there, open it before (`afterbay decrypt`), or keep the object sealed \
         (--keep-sealed-kind, --keep-sealed-path)"
    )]
    SopsMetadata,
    /// A SOPS token.
    #[error(
        "ENC[AES256_GCM,…] without the metadata to open it: the `sops` block of its file is missing, or it was copied out \
         of its file; restore the block, encrypt the value in its place with sops, or keep the object sealed \
         (--keep-sealed-kind, --keep-sealed-path)"
    )]
    SopsToken,
    /// A hiera-eyaml token where none is opened.
    #[error(
        "{token} is an eyaml token, and those are opened in values of a v1 Secret only; put it in a Secret, \
         or let the operator allow it (--eyaml-kind {kind})"
    )]
    EyamlToken {
        /// The start of the token.
        token: String,
        /// The kind of the object.
        kind: String,
    },
    /// A hiera-eyaml token in a field or a key by which the object is known.
    #[error("{token} stands in a name; tokens are opened in values only, write the name out")]
    TokenInName {
        /// The start of the token.
        token: String,
    },
    /// Something else of the form.
    #[error(
        "{token} begins a sealed value, and no whole one of a known kind follows; open it before it is committed, \
         write the text without `ENC[`, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)"
    )]
    OtherToken {
        /// The start of the token.
        token: String,
    },
    /// A SOPS file as a value.
    #[error(
        "a whole SOPS file as a value, and those are opened in entries of a v1 Secret only; keep it as a file that the \
         build reads, or put it into a Secret"
    )]
    SopsFile,
    /// Base64 of a Secret that decodes to something sealed.
    #[error("its base64 decodes to text with {token}; put the sealed value itself under stringData instead")]
    Encoded {
        /// The start of the token.
        token: String,
    },
}

/// `data.a, data.b in plain text in the revision; …`.
pub(crate) fn reasons(found: &[(Unsealed, Vec<KeyPath>)]) -> String {
    let texts: Vec<String> = found
        .iter()
        .map(|(reason, paths)| format!("{} {reason}", plaintext::listed(paths)))
        .collect();
    texts.join("; ")
}

impl DecryptError {
    /// What to do about it, where the text does not say so itself. A file with several errors has several remedies.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Sops(errors) | Self::NestedSops { errors, .. } => {
                let mut hints: Vec<&str> = errors.errors.iter().filter_map(sops_hint).collect();
                hints.sort_unstable();
                hints.dedup();
                (!hints.is_empty()).then(|| hints.join("; "))
            }
            Self::Tree(_) => Some("add the file to the revision, or take it out of the build".to_owned()),
            Self::Eyaml { .. } => {
                Some("give the private key with --eyaml-private-key-file or EYAML_PRIVATE_KEY".to_owned())
            }
            Self::Unsealed { .. } => Some(
                "seal the values with sops, or let the operator allow plain ones with --secret-policy"
                    .to_owned(),
            ),
            Self::SecretExempt { .. }
            | Self::PartlyExempt { .. }
            | Self::NestedNotText { .. }
            | Self::EyamlGpg { .. }
            | Self::Leftover { .. }
            | Self::Unconfined { .. }
            | Self::Object(_) => None,
        }
    }

    /// Takes opened values out of what key services answered.
    pub(crate) fn scrub(&mut self, scrubber: &Scrubber) {
        let failures: Vec<&mut KeyFailure> = match self {
            Self::Eyaml { failures, .. } => failures.iter_mut().collect(),
            Self::Sops(errors) | Self::NestedSops { errors, .. } => errors
                .errors
                .iter_mut()
                .flat_map(|error| match error {
                    SopsError::NoDataKey { failures, .. } | SopsError::TooFewShares { failures, .. } => {
                        failures.as_mut_slice()
                    }
                    _ => &mut [],
                })
                .collect(),
            _ => Vec::new(),
        };
        for failure in failures {
            failure.scrub(scrubber);
        }
    }
}

fn sops_hint(error: &SopsError) -> Option<&'static str> {
    match error {
        SopsError::Syntax { .. } => {
            Some("correct the file at that line, or restore it from a revision in which it opens")
        }
        SopsError::Value {
            problem: TokenProblem::PlainText | TokenProblem::PlainValue { .. },
            ..
        } => Some(
            "it stands in the repository as it is: if it is a secret, replace it with another one, and encrypt that with sops",
        ),
        SopsError::MacMismatch { .. } => {
            Some("undo the change, which `git log -p` of the file shows, and make it again with `sops edit`")
        }
        SopsError::Value { .. } | SopsError::MacUnreadable { .. } | SopsError::DataKeyLength { .. } => {
            Some("restore the file from a revision in which it opens, or encrypt it again with sops")
        }
        SopsError::TooFewShares { .. } => Some(
            "one key of each group that is missing is enough; or have somebody who can open the file add yours \
             (`sops updatekeys`)",
        ),
        SopsError::NoDataKey { .. } => Some(
            "any one of these keys is enough; or have somebody who can open the file add yours (`sops updatekeys`)",
        ),
        SopsError::NotWritable { .. } => Some("change the value, or keep the file as YAML"),
        _ => None,
    }
}

/// The errors of the last pass, with what is sound of the set. It proves nothing, and no later stage takes it: only its
/// objects can be looked at for more errors.
#[derive(Debug, Error)]
#[error("{errors}")]
pub struct Unfinished {
    /// What is wrong.
    pub errors: DecryptErrors,
    /// The objects with which nothing is wrong so far, and what belongs to them.
    pub parts: Box<DecryptedParts>,
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct DecryptErrors(pub Vec<DecryptError>);

impl DecryptErrors {
    /// Each of them as a person reads it.
    pub fn findings(&self) -> Vec<Finding> {
        self.0
            .iter()
            .map(|error| Finding::of(error, error.hint()))
            .collect()
    }

    /// Says of each value that strayed what put it there: the step of the build and its place, as far as the explanation of the
    /// build has a cause. It is asked for only where a value strayed.
    pub fn blame<E>(
        &mut self,
        explain: impl FnOnce() -> E,
        cause: impl Fn(&E, &ObjectRef, &KeyPath) -> Option<String>,
    ) {
        let strayed = self.0.iter_mut().filter_map(|error| match error {
            DecryptError::Unconfined { object, path, by, .. } => Some((object, path, by)),
            _ => None,
        });
        let mut strayed = strayed.peekable();
        if strayed.peek().is_none() {
            return;
        }
        let explanation = explain();
        for (object, path, by) in strayed {
            *by = cause(&explanation, object, path);
        }
    }

    /// The value if nothing went wrong.
    pub(crate) fn check<T>(errors: Vec<DecryptError>, value: T) -> Result<T, Self> {
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(Self(errors))
        }
    }
}

impl fmt::Display for DecryptErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

fn cause(by: Option<&str>) -> String {
    by.map_or_else(String::new, |by| format!(", put there by {by}"))
}

/// The keys tried with their reasons, one a line.
pub(crate) fn tried(failures: &[KeyFailure]) -> String {
    let mut text = String::new();
    for failure in failures {
        for attempt in &failure.attempts {
            let (key, with, reason) = (&failure.key, &attempt.with, &attempt.reason);
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {key}: {with}: {reason}");
            if let Some(hint) = &attempt.hint {
                let _ = write!(text, "\n    hint: {hint}");
            }
        }
    }
    text
}

fn sources(from: &[Sealed]) -> String {
    let sources = from.iter().map(|source| match source {
        Sealed::Ciphertext { file, path, .. } if path.is_root() => file.to_string(),
        Sealed::Ciphertext { file, path, .. } => format!("{file} ({path})"),
        Sealed::Lookup { kind, name } => format!("{kind} {name} of the cluster"),
        Sealed::Piped { stream } => format!("something that {stream} does not name"),
    });
    sources.collect::<Vec<_>>().join(", ")
}
