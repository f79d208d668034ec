//! The file that `afterbay plan -o json` makes and `afterbay apply --plan` takes.

use std::path::Path;

use afterbay_apply::{ApplyPlan, FingerprintKey, SaveOptions, SavedPlan};
use afterbay_manifest::Finding;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::arguments::Recorded;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::marks::Marks;
use crate::stream;

/// A saved plan with the flags that it was made with.
#[derive(Debug)]
pub(crate) struct Document {
    plan: SavedPlan,
    marks: Marks,
}

/// The parts of the file that are not the plan itself.
#[derive(Serialize, Deserialize)]
struct Rest {
    arguments: Recorded,
    /// The places whose values the operator had hidden.
    #[serde(default)]
    masks: Vec<String>,
}

impl Document {
    /// Reads the file, and the flags to apply it with.
    pub(crate) fn read(file: &Path) -> Result<(Recorded, Self), Failure> {
        let parsed = || {
            let text = stream::input(Some(file))?;
            let plan = SavedPlan::parse(&text).with_context(|| file.display().to_string())?;
            let rest: Rest = serde_json::from_slice(&text).map_err(|error| {
                anyhow::anyhow!(
                    "{}: it is no saved plan (line {}, column {}); `afterbay plan -o json` makes one",
                    file.display(),
                    error.line(),
                    error.column()
                )
            })?;
            let marks = Marks::parse(&rest.masks)?;
            Ok((rest.arguments, Self { plan, marks }))
        };
        parsed().map_err(|error: anyhow::Error| Failure::other(Exit::Usage, &error))
    }

    /// The file's text, as JSON.
    pub(crate) fn json(
        plan: &SavedPlan,
        recorded: Recorded,
        marks: &Marks,
    ) -> anyhow::Result<serde_json::Value> {
        let mut document = serde_json::to_value(plan).context("the plan")?;
        let rest = Rest {
            arguments: recorded,
            masks: marks.texts().to_vec(),
        };
        let rest = serde_json::to_value(rest).context("the flags of the plan")?;
        if let (Some(document), serde_json::Value::Object(rest)) = (document.as_object_mut(), rest) {
            document.extend(rest);
        }
        Ok(document)
    }

    /// Refuses unless the plan that was made just now is the saved one.
    pub(crate) fn check(
        &self,
        now: &ApplyPlan,
        server: &str,
        key: Option<&FingerprintKey>,
        has_values_beside: bool,
    ) -> Result<(), Failure> {
        let hidden = |gvk: &_, path: &_| self.marks.hide(gvk, path);
        let now = now.save(&SaveOptions {
            server,
            marks: &hidden,
            key,
            has_values_beside,
        });
        let unidentified = self.plan.unidentified();
        let mut findings: Vec<Finding> = unidentified
            .iter()
            .map(|object| Finding {
                message: format!(
                    "{object}: the plan does not identify its content, because not all of it came from a revision"
                ),
                hint: None,
            })
            .collect();
        if findings.is_empty() {
            let differences = self.plan.differences(&now).into_iter();
            findings.extend(differences.map(|message| Finding { message, hint: None }));
        }
        let Some(last) = findings.last_mut() else {
            return Ok(());
        };
        last.hint = Some(
            if unidentified.is_empty() {
                "make a new plan with `afterbay plan`, and look at it"
            } else {
                "plan from --url and without values from beside the revision, or save the plan and apply it with one --fingerprint-key-file"
            }
            .to_owned(),
        );
        Err(Failure {
            exit: Exit::Plan,
            findings,
            outcome: Some(
                "the saved plan does not hold any more; nothing was written to the cluster, nothing was pruned".to_owned(),
            ),
            report: None,
            decrypt: None,
        })
    }
}
