//! What went wrong, as the user reads it: everything at once, each with a place, a cause and a remedy.

use std::fmt::Write as _;

use afterbay_manifest::Finding;
use afterbay_pipeline::{RunError, Stage};

use crate::exit::Exit;

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What is wrong, in order.
    pub(crate) findings: Vec<Finding>,
    /// One line on what was and was not done.
    pub(crate) outcome: Option<&'static str>,
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
        if let Some(outcome) = self.outcome {
            let _ = writeln!(out, "{outcome}");
        }
        out
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let (exit, outcome) = match error.stage() {
            Stage::Fetch => (Exit::Source, "nothing was written to the cluster"),
            Stage::Decrypt => (Exit::Decrypt, "nothing was written to the cluster"),
            Stage::Render => (Exit::Render, "nothing was written to the cluster"),
            Stage::Normalize => (Exit::Normalize, "nothing was written to the cluster"),
            Stage::Plan => (
                Exit::Plan,
                "nothing was written to the cluster, nothing was pruned",
            ),
            Stage::Apply => (
                Exit::Apply,
                "the run stopped after the first write; run it again to converge",
            ),
        };
        let (exit, outcome) = if error.is_locked() {
            (Exit::Locked, "nothing was written to the cluster")
        } else {
            (exit, outcome)
        };
        Self {
            exit,
            findings: error.findings(),
            outcome: Some(outcome),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::other(Exit::Failure, &error)
    }
}
