//! From what the server said to an [`ApplyError`], scrubbed on the way.

use afterbay_manifest::{Object, Scrubber};

use super::{ApplyError, FieldConflict, Subject};
use crate::client::{Cause, Client, Failure, ServerText, Status};

/// What may be repeated of the values that a server quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// The object is plain: its values are in the revision for everyone to read.
    Keep,
    /// The object holds opened values, or may: a quoted value is dropped whole. The scrubber knows the
    /// opened values, but not one too short to tell, nor what the server made of several.
    Drop,
}

impl Quotes {
    /// For a Secret, for any object with a leaf that is not plain, and where nobody knows which leaves are: drop.
    pub(crate) fn of(object: &Object, scrubber: &Scrubber) -> Self {
        let mut quotes = if object.reference().gvk.is_secret() || scrubber.is_partial() {
            Self::Drop
        } else {
            Self::Keep
        };
        object.body().leaves(&mut |_, leaf| {
            if !leaf.provenance.is_plain() {
                quotes = Self::Drop;
            }
        });
        quotes
    }
}

/// The words of a server, on their way into an error or a warning.
pub(crate) struct Words<'a> {
    pub(crate) quotes: Quotes,
    pub(crate) scrubber: &'a Scrubber,
}

impl Words<'_> {
    pub(crate) fn clean(&self, text: &ServerText) -> String {
        let said = text.said(self.scrubber);
        match self.quotes {
            Quotes::Keep => said,
            // Scrubbed before: a value cut at a quote inside it may leave a piece too short to tell.
            Quotes::Drop => without_values(&said),
        }
    }
}

/// A failure that concerns one object.
pub(crate) fn refused(
    client: &Client,
    subject: &Subject,
    quotes: Quotes,
    failure: Failure,
    scrubber: &Scrubber,
) -> ApplyError {
    let boxed = Box::new(subject.clone());
    match failure {
        Failure::Status(status) if status.code != 401 => {
            of_status(boxed, &status, &Words { quotes, scrubber })
        }
        Failure::Malformed { problem } => ApplyError::Refused {
            subject: boxed,
            code: 200,
            message: format!("the answer is {}", scrubber.scrub(&problem)),
        },
        other => global(client, other, scrubber),
    }
}

/// A failure that concerns the server as a whole.
pub(crate) fn global(client: &Client, failure: Failure, scrubber: &Scrubber) -> ApplyError {
    let server = client.server().to_owned();
    match failure {
        Failure::Status(status) if status.code == 401 => ApplyError::Unauthorized {
            server,
            message: status.message.said(scrubber),
        },
        Failure::Status(status) => ApplyError::Unreachable {
            server,
            problem: format!("status {}: {}", status.code, status.message.said(scrubber)),
        },
        Failure::Unreachable { problem } | Failure::Malformed { problem } => ApplyError::Unreachable {
            server,
            problem: scrubber.scrub(&problem),
        },
        Failure::Slow { after } => ApplyError::TooSlow { server, after },
        Failure::Deadline => ApplyError::OutOfTime { server },
    }
}

fn of_status(subject: Box<Subject>, status: &Status, words: &Words<'_>) -> ApplyError {
    let message = || words.clean(&status.message);
    let details = &status.details;
    match (status.code, status.reason.as_str()) {
        (404, _) if details.kind == "namespaces" && !details.name.is_empty() => {
            ApplyError::NamespaceMissing {
                subject,
                namespace: details.name.clone(),
            }
        }
        (403, _)
            if details
                .causes
                .iter()
                .any(|cause| cause.reason == "NamespaceTerminating") =>
        {
            let namespace = subject.object.namespace.clone().unwrap_or_default();
            ApplyError::NamespaceTerminating { subject, namespace }
        }
        (403, _) => ApplyError::Forbidden {
            subject,
            message: message(),
        },
        (409, _)
            if details
                .causes
                .iter()
                .any(|cause| cause.reason == "FieldManagerConflict") =>
        {
            ApplyError::Conflict {
                subject,
                conflicts: conflicts(status, words),
            }
        }
        (422, _) => invalid(subject, status, words),
        (500, _) if crate::client::is_bad_input(status) => ApplyError::Invalid {
            subject,
            causes: vec![message()],
        },
        (code, _) => ApplyError::Refused {
            subject,
            code,
            message: message(),
        },
    }
}

fn conflicts(status: &Status, words: &Words<'_>) -> Vec<FieldConflict> {
    let mut conflicts: Vec<_> = status
        .details
        .causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| FieldConflict {
            field: words.clean(&cause.field),
            manager: manager(&words.clean(&cause.message)),
        })
        .collect();
    conflicts.sort();
    conflicts
}

/// The manager, as the server writes it after these words.
fn manager(message: &str) -> String {
    message
        .strip_prefix("conflict with ")
        .unwrap_or(message)
        .to_owned()
}

fn invalid(subject: Box<Subject>, status: &Status, words: &Words<'_>) -> ApplyError {
    let causes = &status.details.causes;
    let mut texts: Vec<String> = causes
        .iter()
        .map(|cause| {
            let message = words.clean(&cause.message);
            let field = words.clean(&cause.field);
            if field.is_empty() || field == "<nil>" {
                message
            } else {
                format!("{field}: {message}")
            }
        })
        .collect();
    if !causes.is_empty() && causes.iter().all(is_immutable) {
        return ApplyError::Immutable {
            subject,
            fields: texts,
        };
    }
    if texts.is_empty() {
        texts.push(words.clean(&status.message));
    }
    ApplyError::Invalid {
        subject,
        causes: texts,
    }
}

/// Whether a reason is that a field cannot change after creation. The server has no word of its own for it, only these
/// sentences (Kubernetes 1.34, pkg/apis/*/validation, and what CEL rules of CRDs are advised to say). They count where a
/// field is what is wrong, and outside the value that the server repeats: a policy that denies, or a value that says
/// "is immutable", is none.
fn is_immutable(cause: &Cause) -> bool {
    const SENTENCES: [&str; 10] = [
        "is immutable",
        "may not change once set",
        "may not be changed in an update",
        "cannot change roleRef",
        "updates to statefulset spec for fields other than",
        "pod updates may not change fields other than",
        "updates to parameters are forbidden",
        "updates to provisioner are forbidden",
        "updates to reclaimPolicy are forbidden",
        "updates to provided fields are forbidden",
    ];
    let is_of_field = matches!(cause.reason.as_str(), "FieldValueInvalid" | "FieldValueForbidden");
    // Never shown, so nothing is scrubbed.
    let text = without_values(&cause.message.said(&Scrubber::default()));
    is_of_field && SENTENCES.iter().any(|sentence| text.contains(sentence))
}

/// The text without the value that `Invalid value: …` and Go's `Value:…` repeat.
fn without_values(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, mark, after)) = next_value(rest) {
        kept.push_str(before);
        kept.push_str(mark);
        kept.push('…');
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// Splits at the next repeated value: what stands before, the mark, and what follows the value.
fn next_value(text: &str) -> Option<(&str, &'static str, &str)> {
    const MARKS: [&str; 4] = [
        "Invalid value: ",
        "Unsupported value: ",
        "Duplicate value: ",
        "valueUnstructured{Value:",
    ];
    let (at, mark) = MARKS
        .iter()
        .filter_map(|mark| text.find(mark).map(|at| (at, *mark)))
        .min()?;
    let value = &text[at + mark.len()..];
    Some((&text[..at], mark, &value[value_length(value)..]))
}

/// Length of a value as Go prints it: a quoted string, or anything up to where its brackets are
/// closed and the message goes on.
fn value_length(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => {
                quoted = !quoted;
                if !quoted && depth == 0 {
                    return at + 1;
                }
            }
            _ if quoted => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' | ':' | ',' if depth == 0 => return at,
            '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn repeated_values_go_and_reasons_stay() {
        for (text, expected) in [
            (
                r#"Invalid value: "kubernetes.io/tls": field is immutable"#,
                "Invalid value: …: field is immutable",
            ),
            (
                r#"Secret "a" is invalid: [type: Invalid value: "a \"b: c": field is immutable, data[x]: Required value]"#,
                r#"Secret "a" is invalid: [type: Invalid value: …: field is immutable, data[x]: Required value]"#,
            ),
            (
                "spec.selector: Invalid value: {\"a\":{\"b\":\"}\"}}: field is immutable",
                "spec.selector: Invalid value: …: field is immutable",
            ),
            (
                "spec.n: Invalid value: 12: must be less",
                "spec.n: Invalid value: …: must be less",
            ),
            (
                ".data.k: expected string, got &value.valueUnstructured{Value:12345}",
                ".data.k: expected string, got &value.valueUnstructured{Value:…}",
            ),
            (
                ".data.k: expected string, got &value.valueUnstructured{Value:map[string]interface {}{\"a\":\"b\"}}",
                ".data.k: expected string, got &value.valueUnstructured{Value:…}",
            ),
            (
                "Unsupported value: \"x\": supported values: \"A\"",
                "Unsupported value: …: supported values: \"A\"",
            ),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(without_values(text), expected);
        }
    }
}
