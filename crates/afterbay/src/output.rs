//! Results on standard output: a table for people, JSON and YAML for programs. No value of a Secret is in them.

use std::fmt::Write as _;
use std::io::Write;

use afterbay_apply::{Action, ApplyReport, ObjectReport};
use afterbay_decrypt::DecryptReport;
use afterbay_manifest::{Node, yaml};
use afterbay_pipeline::RunReport;
use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};

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

/// Prints what the user should know about keys and objects to standard error; what the stages warned of was
/// printed when they did.
pub(crate) fn warnings(report: &RunReport) {
    for note in &report.keys {
        eprintln!("{}: {note}", if note.is_warning() { "warning" } else { "note" });
    }
    for warning in &report.apply.warnings {
        eprintln!("warning: {warning}");
    }
}

/// Prints a run's report.
pub(crate) fn report(report: &RunReport, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Table => out.write_all(table(report).as_bytes()).context("standard output"),
        Format::Json | Format::Yaml => value(&as_json(report)?, format, out),
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

fn table(report: &RunReport) -> String {
    objects_table(&report.apply) + &opened(&report.decrypt)
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
        notes.push(format!(
            "deferred until {} was there",
            object.deferred_for.join(", ")
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
    if counts.sealed == 0 && report.exemptions.is_empty() {
        return String::new();
    }
    let mut parts = vec![format!("{} sealed values", counts.sealed)];
    for (count, what) in [
        (counts.mac_not_verified, "from files whose MAC was not verified"),
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
    parts.join(", ") + "\n"
}

fn as_json(report: &RunReport) -> anyhow::Result<Value> {
    let RunReport { decrypt, keys, apply } = report;
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
        "unauthenticated": decrypt.counts.unauthenticated,
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
}
