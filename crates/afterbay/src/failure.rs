//! What went wrong, as the user reads it: everything at once, each with a place, a cause and a remedy.

use std::fmt::Write as _;
use std::io;

use afterbay_apply::{ApplyReport, Wrote};
use afterbay_decrypt::DecryptReport;
use afterbay_keys::KeyNote;
use afterbay_manifest::Finding;
use afterbay_pipeline::{RunError, Stage, Stopped};

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
    /// What was opened for it.
    pub(crate) decrypt: Option<Box<DecryptReport>>,
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
            decrypt: None,
        }
    }

    /// Says of the last finding what to do about it.
    pub(crate) fn hint(&mut self, hint: &str) {
        if let Some(finding) = self.findings.last_mut() {
            finding.hint = Some(hint.to_owned());
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
            decrypt: None,
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
            decrypt: None,
        }
    }

    /// The same, as the commands end that compare: with one code for everything that is wrong.
    pub(crate) fn of_comparison(self) -> Self {
        let exit = match self.exit {
            Exit::Interrupted => Exit::Interrupted,
            _ => Exit::Usage,
        };
        Self { exit, ..self }
    }

    /// The server refuses objects, and what is printed says which.
    pub(crate) fn refused_objects() -> Self {
        let mut failure =
            Self::usage("the server refuses objects of this revision; each is named above with its reason");
        failure.hint("correct them; without --failure-policy per-resource nothing at all would be written");
        failure
    }

    /// Prints what was done before on standard output, where a program looks for it; nothing when nothing was. Of a run that
    /// has opened something it has the parts of the report of one that succeeded.
    pub(crate) fn print_report(&self, keys: &[KeyNote], format: Format) -> anyhow::Result<()> {
        let Some(report) = &self.report else {
            return Ok(());
        };
        output::warnings(&report.warnings);
        let out = &mut io::stdout().lock();
        match &self.decrypt {
            Some(decrypt) => output::report(decrypt, report, keys, format, out),
            None => output::apply_report(report, format, out),
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
        let wrote = match &error {
            RunError::Apply(failure) => failure.wrote,
            _ => Wrote::Nothing,
        };
        let is_applied = matches!(&error, RunError::Apply(failure) if failure.applied);
        let exit = match error.stage() {
            _ if is_applied => Exit::Health,
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
            // A dry-run that goes on without refused objects has something to tell, too.
            RunError::Apply(failure) if wrote != Wrote::Nothing || is_applied || failure.report.dry_run => {
                Some(Box::new(failure.report))
            }
            _ => None,
        };
        Self {
            exit,
            findings,
            outcome: Some(if is_applied {
                "everything was applied; not everything that was waited for is healthy".to_owned()
            } else {
                stopped(wrote, report.as_deref())
            }),
            report,
            decrypt: None,
        }
    }
}

impl From<Stopped> for Failure {
    fn from((error, decrypt): Stopped) -> Self {
        Self {
            decrypt: decrypt.map(Box::new),
            ..error.into()
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
        Failure::from(RunError::from(failure_of(error, wrote)))
    }

    fn failure_of(error: ApplyError, wrote: Wrote) -> Box<ApplyFailure> {
        Box::new(ApplyFailure {
            errors: ApplyErrors::new([error]),
            report: ApplyReport {
                revision: "main".to_owned(),
                dry_run: false,
                inventory: None,
                prunes_everything: false,
                counts: Counts::default(),
                objects: Vec::new(),
                needs_consent: None,
                health: Vec::new(),
                warnings: Vec::new(),
            },
            wrote,
            applied: false,
        })
    }

    fn opened() -> DecryptReport {
        DecryptReport {
            revision: afterbay_manifest::Revision::UNKNOWN,
            files: Vec::new(),
            exemptions: Vec::new(),
            counts: afterbay_decrypt::Counts {
                sealed: 2,
                ..Default::default()
            },
            warnings: Vec::new(),
        }
    }

    /// A program that reads the report of a run finds the same parts in it, whether or not the run got to its end.
    #[test]
    fn a_run_that_stopped_tells_what_it_had_opened() {
        let error = || ApplyError::Inventory {
            inventory: "apps/shop".to_owned(),
            problem: "no".to_owned(),
        };
        let bare = stopped_with(error(), Wrote::Something);
        assert!(bare.decrypt.is_none());
        let failure = Failure::from((
            RunError::from(failure_of(error(), Wrote::Something)),
            Some(opened()),
        ));
        assert_eq!((failure.exit, &failure.outcome), (bare.exit, &bare.outcome));
        assert_eq!(failure.findings.len(), bare.findings.len());
        let (decrypt, report) = (failure.decrypt.unwrap(), failure.report.unwrap());
        let keys = [KeyNote::RoleUsed {
            role: "arn:aws:iam::1:role/deployer".to_owned(),
        }];
        let mut printed = Vec::new();
        output::report(&decrypt, &report, &keys, Format::Json, &mut printed).unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&printed).unwrap();
        assert_eq!(printed["revision"], "main");
        assert_eq!(printed["decrypt"]["values"], 2);
        assert_eq!(
            printed["decrypt"]["keys"][0],
            "role arn:aws:iam::1:role/deployer was assumed, as an encrypted file asks"
        );
    }

    /// Nothing is printed when nothing was written: whether a report is there says so.
    #[test]
    fn a_run_that_wrote_nothing_has_no_report() {
        let error = ApplyError::InventoryChanged {
            inventory: "apps/shop".to_owned(),
        };
        let failure = Failure::from((RunError::from(failure_of(error, Wrote::Nothing)), Some(opened())));
        assert_eq!(failure.exit, Exit::Locked);
        assert!(failure.report.is_none());
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
