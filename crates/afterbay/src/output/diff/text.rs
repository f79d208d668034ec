//! A diff for a terminal.

use std::fmt::Write as _;

use afterbay_apply::{Diff, ObjectDiff, Planned};

use super::counted;
use super::lines::{Line, Mark, Part, lines};
use crate::output::plan::{symbol, why};

/// Select Graphic Rendition of ECMA-48; what every terminal has.
const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const MAGENTA: &str = "\u{1b}[35m";

/// The diff as lines.
pub(super) fn text(diff: &Diff, colored: bool) -> String {
    let paint = Paint { colored };
    let mut out = String::new();
    for object in &diff.objects {
        paint.object(object, &mut out);
    }
    if !diff.objects.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{} at {}", counted(diff), diff.revision);
    out
}

struct Paint {
    colored: bool,
}

impl Paint {
    fn paint(&self, color: &str, text: &str) -> String {
        if self.colored && !text.is_empty() {
            format!("{color}{text}{RESET}")
        } else {
            text.to_owned()
        }
    }

    fn object(&self, diff: &ObjectDiff, out: &mut String) {
        let object = &diff.object;
        let color = match object.action {
            Planned::Create => GREEN,
            Planned::Prune | Planned::Recreate | Planned::Hold | Planned::Refuse => RED,
            Planned::Change | Planned::Adopt => YELLOW,
            _ => DIM,
        };
        let action = self.paint(color, &format!("{} {}", symbol(object.action), object.action));
        let title = self.paint(BOLD, &object.title());
        let _ = write!(out, "{action} {title}");
        if let Some(origin) = &object.origin {
            let _ = write!(out, "{}", self.paint(DIM, &format!("  {origin}")));
        }
        out.push('\n');
        // Fields are told by the changes themselves.
        if diff.changes.is_empty() && diff.notes.is_empty() {
            for reason in why(object) {
                let _ = writeln!(out, "    {}", self.paint(DIM, &reason));
            }
        }
        for line in lines(diff) {
            self.line(&line, out);
        }
    }

    fn line(&self, line: &Line, out: &mut String) {
        let color = match line.mark {
            Mark::Added => GREEN,
            Mark::Removed => RED,
            Mark::Changed => YELLOW,
            Mark::Same | Mark::Note => DIM,
        };
        let mut text = String::new();
        for part in &line.parts {
            text += &match part {
                Part::Masked(part) => self.paint(MAGENTA, part),
                Part::Before(part) => self.paint(RED, part),
                Part::After(part) => self.paint(GREEN, part),
                // A change on one line has its color in its values.
                other if line.mark == Mark::Changed => other.text().to_owned(),
                other => self.paint(color, other.text()),
            };
        }
        let mark = self.paint(color, &line.mark.character().to_string());
        let _ = writeln!(out, "{}", format!("    {mark} {text}").trim_end());
    }
}
