//! A diff as one page: style and script are in it, nothing is fetched, and without the script all of it can still be read.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use afterbay_apply::{Diff, ObjectDiff, Planned};

use super::counted;
use super::lines::{Line, Mark, Part, lines};
use crate::output::plan::{symbol, why};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The diff as a page.
pub(super) fn html(diff: &Diff) -> String {
    let inventory = diff.inventory.as_deref().map_or_else(String::new, |inventory| {
        format!(
            "<span class=\"fact\">inventory <b>{}</b></span>",
            escape(inventory)
        )
    });
    let warnings = diff.warnings.iter().fold(String::new(), |list, warning| {
        list + "<li>" + &escape(warning) + "</li>"
    });
    let warnings = if warnings.is_empty() {
        warnings
    } else {
        format!("<details class=\"warnings\" open><summary>Warnings</summary><ul>{warnings}</ul></details>")
    };
    let objects: String = if diff.objects.is_empty() {
        "<p class=\"empty\">The cluster is as the revision says.</p>".to_owned()
    } else {
        diff.objects.iter().map(object).collect()
    };
    // What is filled in may hold the marks of the others, so the marks are filled in from the last to the first.
    let parts = [
        ("{{style}}", STYLE.to_owned()),
        ("{{summary}}", escape(&counted(diff))),
        ("{{revision}}", escape(&diff.revision)),
        ("{{inventory}}", inventory),
        ("{{filters}}", filters(diff)),
        ("{{warnings}}", warnings),
        ("{{objects}}", objects),
        ("{{script}}", SCRIPT.to_owned()),
    ];
    let mut page = PAGE.to_owned();
    for (mark, text) in parts.iter().rev() {
        if let Some(at) = PAGE.find(mark) {
            page.replace_range(at..at + mark.len(), text);
        }
    }
    page
}

/// The boxes that show and hide objects, by what would become of them and by kind.
fn filters(diff: &Diff) -> String {
    let mut out = String::new();
    let actions: BTreeSet<Planned> = diff.objects.iter().map(|object| object.object.action).collect();
    let kinds: BTreeSet<&str> = diff
        .objects
        .iter()
        .map(|object| object.object.kind.as_str())
        .collect();
    let mut boxes = |legend: &str, field: &str, names: &mut dyn Iterator<Item = (String, usize)>| {
        let _ = write!(out, "<fieldset><legend>{legend}</legend>");
        for (name, count) in names {
            let name = escape(&name);
            let _ = write!(
                out,
                "<label class=\"chip {field}-{name}\"><input type=\"checkbox\" data-field=\"{field}\" value=\"{name}\" checked>\
                 {name} <i>{count}</i></label>"
            );
        }
        out.push_str("</fieldset>");
    };
    let count = |is: &dyn Fn(&ObjectDiff) -> bool| diff.objects.iter().filter(|object| is(object)).count();
    boxes(
        "Action",
        "action",
        &mut actions.into_iter().map(|action| {
            (
                action.to_string(),
                count(&|object| object.object.action == action),
            )
        }),
    );
    boxes(
        "Kind",
        "kind",
        &mut kinds
            .into_iter()
            .map(|kind| (kind.to_owned(), count(&|object| object.object.kind == kind))),
    );
    out
}

fn object(diff: &ObjectDiff) -> String {
    let object = &diff.object;
    let lines = lines(diff);
    let action = object.action;
    let mut body = String::new();
    if lines.is_empty() {
        for reason in why(object) {
            let _ = write!(body, "<p class=\"why\">{}</p>", escape(&reason));
        }
    } else {
        body.push_str("<div class=\"lines\">");
        body.extend(lines.iter().map(line_html));
        body.push_str("</div>");
    }
    let place = object
        .namespace
        .as_ref()
        .map_or_else(String::new, |namespace| format!("{}/", escape(namespace)));
    format!(
        "<details class=\"object {action}\" data-action=\"{action}\" data-kind=\"{kind}\" data-title=\"{title}\" open>\
         <summary><span class=\"badge\">{symbol} {action}</span><span class=\"title\"><span class=\"kind\">{kind}</span> \
         <span class=\"namespace\">{place}</span><b>{name}</b></span><span class=\"origin\">{origin}</span></summary>{body}</details>\n",
        kind = escape(&object.kind),
        title = escape(&object.title()),
        symbol = symbol(action),
        name = escape(&object.name),
        origin = object.origin.as_deref().map(escape).unwrap_or_default(),
    )
}

fn line_html(line: &Line) -> String {
    let class = match line.mark {
        Mark::Added => "added",
        Mark::Removed => "removed",
        Mark::Changed => "changed",
        Mark::Same => "same",
        Mark::Note => "note",
    };
    let parts: String = line
        .parts
        .iter()
        .map(|part| match part {
            Part::Path(text) => format!("<span class=\"path\">{}</span>", escape(text)),
            Part::Plain(text) => escape(text),
            Part::Before(text) => format!("<del>{}</del>", escape(text)),
            Part::After(text) => format!("<ins>{}</ins>", escape(text)),
            Part::Masked(text) => format!("<span class=\"masked\">{}</span>", escape(text)),
        })
        .collect();
    format!(
        "<div class=\"line {class}\"><span class=\"mark\">{}</span><span>{parts}</span></div>",
        line.mark.character()
    )
}

/// The text where markup is read, in attributes too.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
