//! What went wrong, as the user reads it: everything at once, each with a place, a cause and a remedy.

use std::fmt::Write as _;

use afterbay_apply::ApplyReport;
use afterbay_manifest::Finding;
use afterbay_pipeline::{RunError, Stage};

use crate::exit::Exit;
use crate::output;

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What is wrong, in order.
    pub(crate) findings: Vec<Finding>,
    /// One line on what was and was not done.
    pub(crate) outcome: Option<String>,
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
        }
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
        let exit = match error.stage() {
            _ if error.is_locked() => Exit::Locked,
            Stage::Fetch => Exit::Source,
            Stage::Decrypt => Exit::Decrypt,
            Stage::Render => Exit::Render,
            Stage::Normalize => Exit::Normalize,
            Stage::Plan => Exit::Plan,
            Stage::Apply => Exit::Apply,
        };
        let outcome = match &error {
            RunError::Apply(failure) if exit == Exit::Apply => stopped(&failure.report),
            _ => "nothing was written to the cluster, nothing was pruned".to_owned(),
        };
        Self {
            exit,
            findings: error.findings(),
            outcome: Some(outcome),
        }
    }
}

/// What was done before the run stopped.
fn stopped(report: &ApplyReport) -> String {
    let pruned = if report.counts.pruned == 0 {
        "; nothing was pruned"
    } else {
        ""
    };
    let done = output::objects_table(report);
    let mut warnings = String::new();
    for warning in &report.warnings {
        let _ = writeln!(warnings, "warning: {warning}");
    }
    format!(
        "{warnings}the run stopped after the first write{pruned}; run it again to converge; done before:\n{done}"
    )
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::other(Exit::Failure, &error)
    }
}
