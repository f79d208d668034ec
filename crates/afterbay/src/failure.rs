//! What went wrong, as the user reads it: everything at once, each with a place, a cause and a remedy.

use std::fmt::Write as _;
use std::io;

use afterbay_apply::{ApplyReport, Wrote};
use afterbay_manifest::Finding;
use afterbay_pipeline::{RunError, Stage};

use crate::exit::Exit;
use crate::output::{self, Format};

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What is wrong, in order.
    pub(crate) findings: Vec<Finding>,
    /// One line on what was and was not done.
    pub(crate) outcome: Option<String>,
    /// What was done before a run stopped that had begun to write.
    pub(crate) report: Option<Box<ApplyReport>>,
}

impl Failure {
    /// One finding outside the stages, with its chain of causes.
    pub(crate) fn other(exit: Exit, error: &anyhow::Error) -> Self {
        let finding = Finding {
            message: format!("{error:#}"),
            hint: None,
        };
        Self {
            exit,
            findings: vec![finding],
            outcome: None,
            report: None,
        }
    }

    /// A mistake on the command line that clap cannot see.
    pub(crate) fn usage(message: &str) -> Self {
        let finding = Finding {
            message: message.to_owned(),
            hint: None,
        };
        Self {
            exit: Exit::Usage,
            findings: vec![finding],
            outcome: None,
            report: None,
        }
    }

    /// A signal ended the command.
    pub(crate) fn interrupted() -> Self {
        let finding = Finding {
            message: "interrupted".to_owned(),
            hint: Some("what was written stays; run the command again to converge".to_owned()),
        };
        Self {
            exit: Exit::Interrupted,
            findings: vec![finding],
            outcome: None,
            report: None,
        }
    }

    /// Prints what was done before on standard output, where a program looks for it; nothing when nothing was.
    pub(crate) fn print_report(&self, format: Format) -> anyhow::Result<()> {
        let Some(report) = &self.report else {
            return Ok(());
        };
        output::warnings(&report.warnings);
        output::apply_report(report, format, &mut io::stdout().lock())
    }

    /// The text for standard error.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let mut lines = finding.message.lines();
            let _ = writeln!(out, "error: {}", lines.next().unwrap_or_default());
            for line in lines {
                let _ = writeln!(out, "       {line}");
            }
            if let Some(hint) = &finding.hint {
                let _ = writeln!(out, " hint: {hint}");
            }
        }
        if self.findings.len() > 1 {
            let _ = writeln!(out, "{} errors", self.findings.len());
        }
        if let Some(outcome) = &self.outcome {
            let _ = writeln!(out, "{}", outcome.trim_end());
        }
        out
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let wrote = match &error {
            RunError::Apply(failure) => failure.wrote,
            _ => Wrote::Nothing,
        };
        let exit = match error.stage() {
            _ if error.is_locked() => Exit::Locked,
            Stage::Fetch => Exit::Source,
            Stage::Decrypt => Exit::Decrypt,
            Stage::Render => Exit::Render,
            Stage::Normalize => Exit::Normalize,
            Stage::Plan => Exit::Plan,
            // The first write itself was refused: the run has got no further than its plan.
            Stage::Apply if wrote == Wrote::Nothing => Exit::Plan,
            Stage::Apply => Exit::Apply,
        };
        let findings = error.findings();
        let report = match error {
            RunError::Apply(failure) if wrote != Wrote::Nothing => Some(Box::new(failure.report)),
            _ => None,
        };
        Self {
            exit,
            findings,
            outcome: Some(stopped(wrote, report.as_deref())),
            report,
        }
    }
}

/// What was and was not written before the run stopped.
fn stopped(wrote: Wrote, report: Option<&ApplyReport>) -> String {
    let pruned = match report.map_or(0, |report| report.counts.pruned) {
        0 => "nothing was pruned",
        _ => "pruning was under way",
    };
    match wrote {
        Wrote::Nothing => format!("nothing was written to the cluster, {pruned}"),
        Wrote::Perhaps => format!(
            "the answer to the first write was lost, so it may have been done; {pruned}; run it again to converge"
        ),
        Wrote::Something => {
            format!("the run stopped after the first write; {pruned}; run it again to converge")
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::other(Exit::Failure, &error)
    }
}

#[cfg(test)]
mod tests {
    use afterbay_apply::{ApplyError, ApplyErrors, ApplyFailure, Counts};

    use super::*;

    /// A run that stopped with this error while it carried its plan out.
    fn stopped_with(error: ApplyError, wrote: Wrote) -> Failure {
        let failure = ApplyFailure {
            errors: ApplyErrors::new([error]),
            report: ApplyReport {
                revision: "main".to_owned(),
                dry_run: false,
                inventory: None,
                prunes_everything: false,
                counts: Counts::default(),
                objects: Vec::new(),
                warnings: Vec::new(),
            },
            wrote,
        };
        Failure::from(RunError::from(Box::new(failure)))
    }

    #[test]
    fn exit_code_and_last_line_agree_with_what_was_written() {
        let inventory = || "apps/shop".to_owned();
        let denied = || ApplyError::Inventory {
            inventory: inventory(),
            problem: "no".to_owned(),
        };
        let held = || ApplyError::InventoryChanged {
            inventory: inventory(),
        };
        for (error, wrote, exit, says) in [
            (denied(), Wrote::Nothing, Exit::Plan, "nothing was written"),
            (denied(), Wrote::Perhaps, Exit::Apply, "it may have been done"),
            (denied(), Wrote::Something, Exit::Apply, "after the first write"),
            (held(), Wrote::Nothing, Exit::Locked, "nothing was written"),
            (held(), Wrote::Something, Exit::Apply, "after the first write"),
        ] {
            let failure = stopped_with(error, wrote);
            assert_eq!(failure.exit, exit);
            let outcome = failure.outcome.as_deref().unwrap_or_default();
            assert!(outcome.contains(says), "{outcome}");
            assert_eq!(
                outcome.contains("nothing was written"),
                wrote == Wrote::Nothing,
                "{outcome}"
            );
            assert_eq!(failure.report.is_some(), wrote != Wrote::Nothing, "{outcome}");
        }
    }
}
