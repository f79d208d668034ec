//! A plan for people: stage by stage, what would become of every object, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterbay_apply::{Outline, Planned, PlannedObject};

use super::columns;

/// The plan as text.
pub(crate) fn plan_table(outline: &Outline) -> String {
    let mut text = String::new();
    for (number, stage) in outline.stages.iter().enumerate() {
        let _ = writeln!(text, "stage {}: {}", number + 1, stage.name);
        let rows: Vec<[String; 3]> = stage.objects.iter().map(row).collect();
        for line in columns(&rows).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    for guard in &outline.guards {
        let _ = writeln!(text, "held back: {guard}");
    }
    if !outline.guards.is_empty() {
        let _ = writeln!(
            text,
            "nothing is written without --consent {}, which names this plan",
            outline.id
        );
    }
    let _ = writeln!(text, "{} at {}", counts(&outline.counts), outline.revision);
    text
}

fn row(object: &PlannedObject) -> [String; 3] {
    [
        format!("{} {}", symbol(object.action), object.action),
        object.title(),
        why(object).join("; "),
    ]
}

/// Why something would become of an object.
pub(super) fn why(object: &PlannedObject) -> Vec<String> {
    let mut notes: Vec<String> = object.reason.clone().into_iter().collect();
    if !object.fields.is_empty() {
        notes.push(object.fields.join(", "));
    }
    if !object.takes_over.is_empty() {
        notes.push(format!("taken over from {}", object.takes_over.join(", ")));
    }
    if !object.deferred_for.is_empty() {
        notes.push(format!("judged once {} is there", object.deferred_for.join(", ")));
    }
    match object.action {
        Planned::Create if notes.is_empty() => notes.push("it does not exist".to_owned()),
        Planned::Adopt => notes.insert(0, "it exists and is not ours yet".to_owned()),
        Planned::Prune if notes.is_empty() => notes.push("it left the revision".to_owned()),
        _ => {}
    }
    notes
}

/// One character for what would become of an object.
pub(super) fn symbol(action: Planned) -> char {
    match action {
        Planned::Create => '+',
        Planned::Change | Planned::Adopt => '~',
        Planned::Recreate => '±',
        Planned::Prune => '-',
        Planned::Hold | Planned::Refuse => '!',
        Planned::Keep | Planned::Release | Planned::Forget | Planned::Skip | Planned::Unchanged => '·',
    }
}

/// `1 to create, 2 unchanged`.
pub(super) fn counts(counts: &BTreeMap<Planned, usize>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(action, count)| match action {
            Planned::Unchanged => format!("{count} unchanged"),
            action => format!("{count} to {action}"),
        })
        .collect();
    if counts.keys().any(|action| action.is_change()) {
        parts.join(", ")
    } else if parts.is_empty() {
        "nothing to do".to_owned()
    } else {
        format!("nothing to do: {}", parts.join(", "))
    }
}
