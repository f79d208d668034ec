//! A diff as a comment on a pull request: GitHub-flavored Markdown.

use std::fmt::Write as _;

use afterbay_apply::{Diff, ObjectDiff};

use super::counted;
use super::html::escape;
use super::lines::{Mark, lines};
use crate::output::plan::{symbol, why};

/// GitHub takes comments of up to 65,536 characters; what would go beyond is counted instead.
const LONGEST: usize = 60_000;

/// Objects with more lines are folded.
const FOLDED: usize = 40;

/// The diff as Markdown.
pub(super) fn markdown(diff: &Diff) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### afterbay diff: {}\n", escape(&counted(diff)));
    let _ = writeln!(out, "Revision {}", code(&diff.revision));
    if let Some(inventory) = &diff.inventory {
        let _ = writeln!(out, "Inventory {}", code(inventory));
    }
    if diff.objects.is_empty() {
        out.push_str("\nThe cluster is as the revision says.\n");
        return out;
    }
    out.push_str("\n| | object | |\n|---|---|---|\n");
    for object in &diff.objects {
        let why = why(&object.object).join("; ").replace('|', "\\|");
        let _ = writeln!(
            out,
            "| {} {} | {} | {} |",
            symbol(object.object.action),
            object.object.action,
            code(&object.object.title()),
            escape(&why)
        );
    }
    let mut left_out = 0;
    for object in &diff.objects {
        let section = section(object);
        if out.len() + section.len() > LONGEST {
            left_out += 1;
        } else {
            out += &section;
        }
    }
    if left_out > 0 {
        let _ = writeln!(
            out,
            "\nThe changes of {left_out} more objects would make this comment too long."
        );
    }
    out.push_str("\nValues that are not shown are told apart by fingerprints, which mean something within this diff only.\n");
    out
}

fn section(object: &ObjectDiff) -> String {
    let lines = lines(object);
    if lines.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    for line in &lines {
        // `diff` knows two signs for what is new and what is gone; `!` and `#` stand for the others.
        let mark = match line.mark {
            Mark::Added => '+',
            Mark::Removed => '-',
            Mark::Changed => '!',
            Mark::Note => '#',
            Mark::Same => ' ',
        };
        let _ = writeln!(body, "{}", format!("{mark} {}", line.text()).trim_end());
    }
    let fence = fence(&body);
    let open = if lines.len() > FOLDED { "" } else { " open" };
    let title = escape(&object.object.title());
    let action = object.object.action;
    let origin = object.object.origin.as_deref().map(escape).unwrap_or_default();
    format!(
        "\n<details{open}><summary>{} {action} <b>{title}</b> {origin}</summary>\n\n{fence}diff\n{body}{fence}\n\n</details>\n",
        symbol(action)
    )
}

/// More backticks than stand in the text in a row, so that nothing in it ends the block.
fn fence(body: &str) -> String {
    "`".repeat(longest_run(body).max(2) + 1)
}

/// A text as code on one line.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let text = text.replace('|', "\\|");
    format!("{ticks}{text}{ticks}")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`').map(str::len);
    runs.max().unwrap_or_default()
}
