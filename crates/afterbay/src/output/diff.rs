//! A diff in the forms that people and programs read. Everything that has to stay hidden is masked before it comes here.

mod html;
mod lines;
mod markdown;
mod scalar;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use afterbay_apply::{Diff, Planned};
use anyhow::Context as _;
use clap::ValueEnum;

/// The form of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// Lines for a terminal
    Text,
    /// One JSON object; a value that is not shown is `{"$masked": {"bytes": N, "fingerprint": "…"}}`
    Json,
    /// For a comment on a pull request
    Markdown,
    /// One page that needs nothing else
    Html,
}

/// The diff in this form.
pub(crate) fn diff(diff: &Diff, format: DiffFormat, colored: bool) -> anyhow::Result<String> {
    Ok(match format {
        DiffFormat::Text => text::text(diff, colored),
        DiffFormat::Json => serde_json::to_string_pretty(diff).context("the diff")? + "\n",
        DiffFormat::Markdown => markdown::markdown(diff),
        DiffFormat::Html => html::html(diff),
    })
}

/// How many objects have which fate.
fn counted(diff: &Diff) -> String {
    let mut counts: BTreeMap<Planned, usize> = BTreeMap::new();
    for object in &diff.objects {
        *counts.entry(object.object.action).or_default() += 1;
    }
    if diff.unchanged > 0 {
        counts.insert(Planned::Unchanged, diff.unchanged);
    }
    super::plan::counts(&counts)
}
