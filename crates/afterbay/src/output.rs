//! Results on standard output: a table for people, JSON and YAML for programs. No value of a Secret is in them.

mod diff;
mod plan;

use std::fmt::Display;
use std::fmt::Write as _;
use std::io::Write;

use afterbay_apply::{Action, ApplyReport, ObjectReport};
use afterbay_decrypt::DecryptReport;
use afterbay_keys::KeyNote;
use afterbay_manifest::{Node, yaml};
use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};

pub(crate) use diff::{DiffFormat, diff};
pub(crate) use plan::plan_table;

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people: what changed, and counts
    Table,
    /// One JSON object
    Json,
    /// The same as YAML
    Yaml,
}

/// Prints what there is to say about keys to standard error, however the run ended.
pub(crate) fn notes(notes: &[KeyNote]) {
    for note in notes {
        eprintln!("{}: {note}", if note.is_warning() { "warning" } else { "note" });
    }
}

/// Prints warnings to standard error.
pub(crate) fn warnings(warnings: &[impl Display]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

/// Prints the report of a run, also of one that stopped on the way.
pub(crate) fn report(
    decrypt: &DecryptReport,
    apply: &ApplyReport,
    keys: &[KeyNote],
    format: Format,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    match format {
        Format::Table => {
            let text = objects_table(apply) + &opened(decrypt);
            out.write_all(text.as_bytes()).context("standard output")
        }
        Format::Json | Format::Yaml => value(&as_json(decrypt, apply, keys)?, format, out),
    }
}

/// Prints the report of a deletion.
pub(crate) fn apply_report(report: &ApplyReport, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Table => out
            .write_all(objects_table(report).as_bytes())
            .context("standard output"),
        Format::Json | Format::Yaml => {
            value(&serde_json::to_value(report).context("the report")?, format, out)
        }
    }
}

/// Prints a value as JSON or YAML; a table is its caller's matter.
pub(crate) fn value(value: &Value, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = match format {
        Format::Yaml => yaml::emit(&[Node::from_json(value)]),
        Format::Table | Format::Json => serde_json::to_string_pretty(value)? + "\n",
    };
    out.write_all(text.as_bytes()).context("standard output")
}

/// Rows in columns, two blanks apart; the last column is not padded.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What became of objects that are not as they were, one a line, and counts.
pub(crate) fn objects_table(apply: &ApplyReport) -> String {
    let changed = apply
        .objects
        .iter()
        .filter(|object| object.action != Action::Unchanged);
    let rows: Vec<[String; 3]> = changed.map(row).collect();
    let mut text = columns(&rows);
    let would = if apply.dry_run {
        " (dry-run: nothing was written)"
    } else {
        ""
    };
    let _ = writeln!(text, "{} at {}{would}", apply.counts, apply.revision);
    if let Some(summary) = apply.health_summary() {
        let _ = writeln!(text, "{summary}");
    }
    text
}

fn row(object: &ObjectReport) -> [String; 3] {
    let place = object
        .namespace
        .as_ref()
        .map_or_else(String::new, |namespace| format!("{namespace}/"));
    let mut notes: Vec<String> = object.reason.clone().into_iter().collect();
    if !object.fields.is_empty() {
        notes.push(object.fields.join(", "));
    }
    if !object.deferred_for.is_empty() {
        let is_over = !matches!(object.action, Action::Failed | Action::NotReached);
        notes.push(format!(
            "deferred until {} {} there",
            object.deferred_for.join(", "),
            if is_over { "was" } else { "is" }
        ));
    }
    [
        object.action.to_string(),
        format!("{}/{place}{}", object.kind, object.name),
        notes.join("; "),
    ]
}

/// What was opened and what is known about its integrity; empty when nothing was sealed.
fn opened(report: &DecryptReport) -> String {
    let counts = report.counts;
    let mut parts = Vec::new();
    for (count, what) in [
        (counts.sealed, "sealed values"),
        (
            counts.unknown,
            "values of Secrets that came as they are, so that nobody knows which were sealed",
        ),
        (counts.mac_not_verified, "from files whose MAC was not verified"),
        (counts.unbound, "not bound to their place (hiera-eyaml GPG)"),
        (
            counts.unauthenticated,
            "unauthenticated (hiera-eyaml has no integrity)",
        ),
        (report.exemptions.len(), "documents left sealed"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    parts.join(", ") + "\n"
}

fn as_json(decrypt: &DecryptReport, apply: &ApplyReport, keys: &[KeyNote]) -> anyhow::Result<Value> {
    let files: Vec<Value> = decrypt
        .files
        .iter()
        .map(|file| json!({ "file": file.place.file.to_string(), "mac": mac(file.mac), "values": file.opened }))
        .collect();
    let mut value = serde_json::to_value(apply).context("the report")?;
    value["decrypt"] = json!({
        "files": files,
        "values": decrypt.counts.sealed,
        "macNotVerified": decrypt.counts.mac_not_verified,
        "unbound": decrypt.counts.unbound,
        "unauthenticated": decrypt.counts.unauthenticated,
        "unknown": decrypt.counts.unknown,
        "exemptions": decrypt.exemptions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "keys": keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    Ok(value)
}

fn mac(outcome: afterbay_decrypt::MacOutcome) -> &'static str {
    use afterbay_decrypt::MacOutcome;
    match outcome {
        MacOutcome::Verified => "verified",
        MacOutcome::Mismatch => "mismatch",
        MacOutcome::Missing => "missing",
        MacOutcome::Unreadable => "unreadable",
        MacOutcome::Off => "off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_blanks_at_the_end() {
        let rows = [
            ["created", "Secret/shop/database", ""],
            ["pruned", "ConfigMap/shop/banner", "left the revision"],
        ];
        insta::assert_snapshot!(columns(&rows.map(|row| row.map(str::to_owned))), @r"
        created  Secret/shop/database
        pruned   ConfigMap/shop/banner  left the revision
        ");
    }

    #[test]
    fn values_from_a_pipe_are_not_called_sealed() {
        let report = |counts| DecryptReport {
            revision: afterbay_manifest::Revision::UNKNOWN,
            files: Vec::new(),
            exemptions: Vec::new(),
            counts,
            warnings: Vec::new(),
        };
        let counts = afterbay_decrypt::Counts::default();
        assert_eq!(opened(&report(counts)), "");
        let piped = afterbay_decrypt::Counts { unknown: 2, ..counts };
        insta::assert_snapshot!(opened(&report(piped)), @"2 values of Secrets that came as they are, so that nobody knows which were sealed");
        let both = afterbay_decrypt::Counts {
            sealed: 3,
            unauthenticated: 1,
            ..counts
        };
        insta::assert_snapshot!(opened(&report(both)), @"3 sealed values, 1 unauthenticated (hiera-eyaml has no integrity)");
    }
}
