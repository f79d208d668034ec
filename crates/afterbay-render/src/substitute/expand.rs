//! Pieces to text, with what sealed values went into which part of it.

use std::collections::BTreeSet;

use afterbay_manifest::Provenance;

use super::template::{Piece, Reference};
use super::{Variable, Variables, function};

/// How long the text of an object may become, in bytes.
pub(super) const MAX_LENGTH: usize = 64 << 20;

/// A text after substitution.
#[derive(Default)]
pub(super) struct Expansion {
    pub(super) text: String,
    /// The lines, from 1, on which something sealed went into the text, with what it was.
    pub(super) touched: Vec<Touched>,
    /// The variables that are used and not set.
    pub(super) missing: BTreeSet<String>,
    /// The variables that are used.
    pub(super) used: BTreeSet<String>,
}

/// Lines that something sealed went into.
pub(super) struct Touched {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) provenance: Provenance,
}

/// Why a text cannot be made.
pub(super) struct ExpandError {
    pub(super) problem: String,
    /// Where the `${` stands in the text before.
    pub(super) start: usize,
}

/// Puts values in place of references.
pub(super) fn expand(
    pieces: &[Piece],
    variables: &Variables,
    strict: bool,
) -> Result<Expansion, ExpandError> {
    let mut expander = Expander {
        variables,
        strict,
        result: Expansion::default(),
    };
    let mut sealed = Vec::new();
    for piece in pieces {
        let (text, provenance, start) = match piece {
            Piece::Text(text) => (text.clone(), Provenance::PLAIN, 0),
            Piece::Reference(reference) => {
                let (text, provenance) = expander.value(reference)?;
                (text, provenance, reference.start)
            }
        };
        let begin = expander.result.text.len();
        let end = begin + text.len();
        if end > MAX_LENGTH {
            let problem = "the object becomes longer than 64 MiB, which is the limit".to_owned();
            return Err(ExpandError { problem, start });
        }
        expander.result.text.push_str(&text);
        if !provenance.is_plain() {
            sealed.push((begin, end, provenance));
        }
    }
    let mut result = expander.result;
    result.touched = touched(&result.text, sealed);
    Ok(result)
}

/// The lines of parts of a text, which come in order. A carriage return by itself ends a line too, as it does for the reader.
fn touched(text: &str, parts: Vec<(usize, usize, Provenance)>) -> Vec<Touched> {
    let bytes = text.as_bytes();
    let (mut line, mut at) = (1, 0);
    let mut line_of = |offset: usize| {
        for (index, byte) in bytes.iter().enumerate().take(offset).skip(at) {
            let is_break = *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n'));
            line += u32::from(is_break);
        }
        at = offset;
        line
    };
    let lines = parts.into_iter().map(|(begin, end, provenance)| Touched {
        first: line_of(begin),
        last: line_of(end),
        provenance,
    });
    lines.collect()
}

struct Expander<'v> {
    variables: &'v Variables,
    strict: bool,
    result: Expansion,
}

impl Expander<'_> {
    /// A reference's text, and everything sealed that had a part in it, even if nothing of it is to be seen.
    fn value(&mut self, reference: &Reference) -> Result<(String, Provenance), ExpandError> {
        let mut provenance = Provenance::PLAIN;
        let mut arguments = Vec::with_capacity(reference.arguments.len());
        for argument in &reference.arguments {
            match argument {
                Piece::Text(text) => arguments.push(text.clone()),
                Piece::Reference(inner) => {
                    let (text, source) = self.value(inner)?;
                    provenance = provenance.union(&source);
                    arguments.push(text);
                }
            }
        }
        let variable = self.variables.get(&reference.name);
        let value = variable.map_or("", Variable::text);
        if let Some(variable) = variable {
            provenance = provenance.union(&variable.provenance);
            self.result.used.insert(reference.name.clone());
        } else if self.strict && !function::has_default(&reference.operator) {
            self.result.missing.insert(reference.name.clone());
        }
        let text =
            function::apply(&reference.operator, value, &arguments).map_err(|problem| ExpandError {
                problem: format!("${{{}}}: {problem}", reference.name),
                start: reference.start,
            })?;
        if text.len() > MAX_LENGTH {
            return Err(ExpandError {
                problem: format!(
                    "${{{}}} becomes longer than 64 MiB, which is the limit",
                    reference.name
                ),
                start: reference.start,
            });
        }
        Ok((text, provenance))
    }
}
