//! One object: the server's dry-run of it, held against what is there.

use afterbay_manifest::{Object, Scrubber};
use serde_json::{Map, Value, json};

use super::ignoring::Ignored;
use super::recreate::Creation;
use super::take_over::is_among;
use super::unchanged::{self, Declared};
use super::{Shapes, compare, managed};
use crate::client::{Client, Failure, Method, Request, Response, ServerText};
use crate::desired::{self, Address, has_control};
use crate::discovery::write_query;
use crate::error::{ApplyError, Quotes, Subject, Words, refused};
use crate::inventory::PART_OF;
use crate::live::{Evidence, Verdict};
use crate::{ApplyOptions, Check, Conflicts, Detail, Existing};

/// How often an object that changes under the hands of the judge is looked at again.
const LOOKS: usize = 3;

/// What it takes to dry-run objects.
pub(crate) struct Judge<'a> {
    pub(crate) client: &'a Client,
    pub(crate) options: &'a ApplyOptions,
    pub(crate) scrubber: &'a Scrubber,
    /// The label that members of the set carry.
    pub(crate) part_of: Option<&'a str>,
    /// Whether the verdict may be to delete an object and create it anew: before there is a plan, not while it is carried out.
    pub(crate) recreates: bool,
    /// How the fields of custom resources merge.
    pub(crate) shapes: Shapes<'a>,
}

/// A verdict, and what the server said besides.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) warnings: Vec<String>,
    /// What it was made from, where that is kept.
    pub(crate) evidence: Option<Evidence>,
}

/// What came of trying otherwise.
enum Otherwise {
    /// The answer to another dry-run.
    Answered(Response),
    Judged(Judged),
    /// The object is gone, so the question is another.
    Again,
}

/// Whether an apply is only tried or done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    DryRun,
    Write,
}

impl Effect {
    pub(crate) fn parameter(self) -> Option<(&'static str, &'static str)> {
        (self == Self::DryRun).then_some(("dryRun", "All"))
    }
}

impl Judge<'_> {
    /// Dry-runs the object and compares the outcome with the live one, which is read unless `known`. What is `known` to be
    /// unchanged is not dry-run.
    pub(crate) async fn judge(
        &self,
        object: &Object,
        subject: &Subject,
        address: &Address,
        known: Option<Value>,
    ) -> Result<Judged, ApplyError> {
        let quotes = Quotes::of(object, self.scrubber);
        let refuse = |failure: Failure| refused(self.client, subject, quotes, failure, self.scrubber);
        let desired = desired::body(object, address, self.part_of, self.options.owner.as_ref());
        if let Some(reason) = left_alone(&desired["metadata"]) {
            return Ok(skip(known.as_ref(), reason));
        }
        let mut notes = Vec::new();
        let ignored = self.ignored(subject, address, &desired, &mut notes);
        if let Some(live) = &known
            && notes.is_empty()
            && self.is_unchanged(subject, &desired, live, &ignored)
        {
            return match self.hands_off(subject, &desired, live)? {
                Some(judged) => Ok(judged),
                None => Ok(as_it_should_be(live)),
            };
        }
        let mut known = known;
        let mut looks = 0;
        loop {
            looks += 1;
            // What is sent depends on what is there.
            if known.is_none() && !ignored.is_empty() {
                known = self.read(address).await.map_err(refuse)?;
            }
            if let Some(live) = &known
                && let Some(judged) = self.hands_off(subject, &desired, live)?
            {
                return Ok(judged);
            }
            let spared = known
                .as_ref()
                .filter(|_| !ignored.is_empty())
                .map(|live| self.spared(&desired, live, &ignored));
            let sent = spared.as_ref().map_or(&desired, |(body, _)| body);
            let response = match self.apply(address, sent, Effect::DryRun).await {
                Ok(response) => response,
                Err(failure) => {
                    if known.is_none() && !failure.is_global() {
                        known = self.read(address).await.ok().flatten();
                        // What is to be left alone is not to be changed, so nobody needs to hear that it cannot be.
                        if let Some(live) = &known
                            && let Some(judged) = self.hands_off(subject, &desired, live)?
                        {
                            return Ok(judged);
                        }
                    }
                    let known_now = known.as_ref();
                    match self
                        .try_otherwise(&refuse, failure, address, (&desired, sent), known_now)
                        .await?
                    {
                        Otherwise::Answered(response) => response,
                        Otherwise::Judged(judged) => return Ok(judged),
                        Otherwise::Again => {
                            known = None;
                            continue;
                        }
                    }
                }
            };
            let mut warnings = self.warnings(subject, quotes, &response);
            warnings.extend_from_slice(&notes);
            if response.created {
                let evidence = self.keeps(None, response.json().ok().as_ref());
                return Ok(Judged {
                    verdict: Verdict::Create,
                    warnings,
                    evidence,
                });
            }
            let dry_run: Value = response.json().map_err(refuse)?;
            let is_same =
                |live: &Value| live["metadata"]["resourceVersion"] == dry_run["metadata"]["resourceVersion"];
            if known.is_none() || !known.as_ref().is_some_and(is_same) && looks <= LOOKS {
                known = self.read(address).await.map_err(refuse)?;
                // Only a changed object has to be asked about again.
                if !known.as_ref().is_some_and(is_same) {
                    continue;
                }
            }
            let Some(live) = &known else { continue };
            if let Some(judged) = self.hands_off(subject, &desired, live)? {
                return Ok(judged);
            }
            let settled = spared.as_ref().map(|(_, unheeded)| {
                warnings.extend(unheeded.iter().map(|problem| format!("{subject}: {problem}")));
                self.settled(&dry_run, &desired, live, &ignored)
            });
            let outcome = settled.as_ref().unwrap_or(&dry_run);
            let mut judged = self.compare(subject, &desired, live, outcome, warnings);
            if let Verdict::Configure { uid, leftovers, .. } = &judged.verdict
                && !leftovers.is_empty()
            {
                let removal = self.remove_keys(address, uid, leftovers, Effect::DryRun).await;
                let response = removal.map_err(refuse)?;
                judged.warnings.extend(self.warnings(subject, quotes, &response));
            }
            return Ok(judged);
        }
    }

    /// Whether the live object leaves no doubt that the apply would change nothing.
    fn is_unchanged(&self, subject: &Subject, desired: &Value, live: &Value, ignored: &Ignored) -> bool {
        if self.options.check == Check::Server || !self.successor().predecessors(desired, live).is_empty() {
            return false;
        }
        let spared = (!ignored.is_empty()).then(|| self.spared(desired, live, ignored));
        // What could not be heeded is said with the dry-run.
        if spared.as_ref().is_some_and(|(_, unheeded)| !unheeded.is_empty()) {
            return false;
        }
        let gvk = &subject.object.gvk;
        let declared = Declared {
            gvk,
            body: spared.as_ref().map_or(desired, |(body, _)| body),
            shape: self.shapes.get(gvk),
            manager: &self.options.field_manager,
        };
        match unchanged::check(&declared, live) {
            Ok(()) => true,
            Err(doubt) => {
                tracing::debug!(object = %subject.object, %doubt, "dry-run");
                false
            }
        }
    }

    /// What else may be done about an object whose dry-run was refused: taking over what stands in its way, or deleting it
    /// and creating it anew.
    async fn try_otherwise(
        &self,
        refuse: &(dyn Fn(Failure) -> ApplyError + Sync),
        failure: Failure,
        address: &Address,
        // What the revision says, and what is sent to the object that is there.
        (desired, sent): (&Value, &Value),
        known: Option<&Value>,
    ) -> Result<Otherwise, ApplyError> {
        let Some(live) = known else {
            return Err(refuse(failure));
        };
        let mut error = refuse(failure);
        if self.yields(&mut error, desired, live) {
            let forced = self.apply_over(address, sent, Effect::DryRun, Conflicts::Override);
            match forced.await {
                Ok(response) => return Ok(Otherwise::Answered(response)),
                Err(failure) => error = refuse(failure),
            }
        }
        match &error {
            ApplyError::Immutable { fields, .. } if self.may_recreate(desired, live) => {
                match self.try_to_create(address, desired).await {
                    Ok(Creation::WouldSucceed) => Ok(Otherwise::Judged(Judged {
                        evidence: self.keeps(Some(live), None),
                        ..recreate(live, fields)
                    })),
                    Ok(Creation::IsFree) => Ok(Otherwise::Again),
                    Err(failure) => Err(refuse(failure)),
                }
            }
            _ => Err(error),
        }
    }

    /// The verdict on an object that has to be left as it is in the cluster.
    fn hands_off(
        &self,
        subject: &Subject,
        desired: &Value,
        live: &Value,
    ) -> Result<Option<Judged>, ApplyError> {
        self.refuse_other_owner(subject, live)?;
        let left = (self.options.existing == Existing::Leave)
            .then(|| "it exists, and nothing that exists is corrected".to_owned());
        let reason = left_alone(&live["metadata"])
            .or_else(|| once_only(&desired["metadata"]))
            .or(left);
        Ok(reason.map(|reason| skip(Some(live), reason)))
    }

    /// Removes keys that our own `stringData` left in a Secret, provided that it is still the one that was
    /// judged.
    pub(crate) async fn remove_keys(
        &self,
        address: &Address,
        uid: &str,
        keys: &[String],
        effect: Effect,
    ) -> Result<Response, Failure> {
        let data: Map<String, Value> = keys.iter().map(|key| (key.clone(), Value::Null)).collect();
        let patch = json!({ "metadata": { "uid": uid }, "data": data });
        let mut query = vec![("fieldManager", self.options.field_manager.as_str())];
        query.extend(effect.parameter());
        let uri = format!("{}?{}", address.path(), write_query(&query));
        self.client
            .send(&Request::with_body(Method::Merge, uri, &patch))
            .await
    }

    /// Server-side apply of a body.
    pub(crate) async fn apply(
        &self,
        address: &Address,
        body: &Value,
        effect: Effect,
    ) -> Result<Response, Failure> {
        self.apply_over(address, body, effect, self.options.conflicts)
            .await
    }

    async fn apply_over(
        &self,
        address: &Address,
        body: &Value,
        effect: Effect,
        conflicts: Conflicts,
    ) -> Result<Response, Failure> {
        let mut query = vec![
            ("fieldManager", self.options.field_manager.as_str()),
            ("fieldValidation", self.options.unknown_fields.parameter()),
        ];
        if conflicts == Conflicts::Override {
            query.push(("force", "true"));
        }
        query.extend(effect.parameter());
        let uri = format!("{}?{}", address.path(), write_query(&query));
        self.client
            .send(&Request::with_body(Method::Apply, uri, body))
            .await
    }

    /// The warnings that came with an answer, by the same rule as a refusal of this object.
    pub(crate) fn warnings(&self, subject: &Subject, quotes: Quotes, response: &Response) -> Vec<String> {
        let words = Words {
            quotes,
            scrubber: self.scrubber,
        };
        response
            .warnings
            .iter()
            .map(|text| format!("{subject}: {}", words.clean(text)))
            .collect()
    }

    pub(super) async fn read(&self, address: &Address) -> Result<Option<Value>, Failure> {
        match self.client.send(&Request::get(address.path())).await {
            Ok(response) => response.json().map(Some),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn refuse_other_owner(&self, subject: &Subject, live: &Value) -> Result<(), ApplyError> {
        let label = live["metadata"]["labels"][PART_OF].as_str();
        match label {
            Some(other) if Some(other) != self.part_of && self.options.conflicts == Conflicts::Report => {
                Err(ApplyError::OwnedByOther {
                    subject: Box::new(subject.clone()),
                    other: ServerText::new(other).said(self.scrubber),
                })
            }
            _ => Ok(()),
        }
    }

    fn compare(
        &self,
        subject: &Subject,
        desired: &Value,
        live: &Value,
        dry_run: &Value,
        mut warnings: Vec<String>,
    ) -> Judged {
        let uid = uid(live);
        let manager = self.options.field_manager.as_str();
        let mut leftovers = Vec::new();
        if subject.object.gvk.is_secret() {
            for found in managed::string_data_leftovers(live, desired, &|name| self.is_concerned(name)) {
                let keys = found.keys.join(", ");
                if found.manager == manager {
                    warnings.push(format!(
                        "{subject}: removes {keys}, left behind by our own stringData"
                    ));
                    leftovers.extend(found.keys);
                } else {
                    warnings.push(format!(
                        "{subject}: keeps {keys}, left behind by the stringData of {}; delete by hand what is not wanted",
                        found.manager
                    ));
                }
            }
        }
        if live["metadata"]["deletionTimestamp"].is_string() {
            warnings.push(format!(
                "{subject}: is being deleted in the cluster; run again once it is gone"
            ));
        }
        let mut fields = compare::changes(live, dry_run, manager);
        let successor = self.successor();
        let takes_over = successor.predecessors(desired, live);
        if !takes_over.is_empty() {
            let given_up = successor.given_up(live, managed::applied(dry_run, manager));
            let (gone, reset) = given_up.into_iter().partition(|path| has_no_default(path));
            let (gone, reset): (Vec<String>, Vec<String>) = (gone, reset);
            if !reset.is_empty() {
                warnings.push(format!(
                    "{subject}: takes over from {}; {} goes back to the default, because the revision does not set it",
                    takes_over.join(", "),
                    reset.join(", ")
                ));
            }
            fields.extend(
                gone.into_iter()
                    .filter(|path| !fields.contains(path))
                    .collect::<Vec<_>>(),
            );
        }
        fields.extend(leftovers.iter().map(|key| format!("data.{key}")));
        let verdict = if fields.is_empty() && takes_over.is_empty() {
            Verdict::Unchanged { uid }
        } else {
            Verdict::Configure {
                uid,
                fields,
                leftovers,
                takes_over,
            }
        };
        let evidence = match verdict {
            Verdict::Configure { .. } => self.keeps(Some(live), Some(dry_run)),
            _ => None,
        };
        Judged {
            verdict,
            warnings,
            evidence,
        }
    }

    fn keeps(&self, live: Option<&Value>, outcome: Option<&Value>) -> Option<Evidence> {
        (self.options.detail == Detail::Objects).then(|| Evidence {
            live: live.cloned(),
            outcome: outcome.cloned(),
        })
    }

    fn is_concerned(&self, manager: &str) -> bool {
        manager == self.options.field_manager || is_among(manager, &self.options.leftovers_of)
    }
}

/// Whether a field is gone once nobody owns it. Most others have a value that the server fills in.
fn has_no_default(path: &str) -> bool {
    ["data", "binaryData", "metadata"]
        .iter()
        .any(|start| path.starts_with(start))
}

fn uid(live: &Value) -> String {
    live["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn as_it_should_be(live: &Value) -> Judged {
    Judged {
        verdict: Verdict::Unchanged { uid: uid(live) },
        warnings: Vec::new(),
        evidence: None,
    }
}

fn recreate(live: &Value, fields: &[String]) -> Judged {
    Judged {
        verdict: Verdict::Recreate {
            uid: uid(live),
            fields: fields.to_vec(),
        },
        warnings: Vec::new(),
        evidence: None,
    }
}

fn skip(live: Option<&Value>, reason: String) -> Judged {
    Judged {
        verdict: Verdict::Skip {
            uid: live.map(uid),
            reason,
        },
        warnings: Vec::new(),
        evidence: None,
    }
}

/// A control of Flux, on the object in the revision or in the cluster, that says hands off.
fn left_alone(metadata: &Value) -> Option<String> {
    [("reconcile", "disabled"), ("ssa", "ignore")]
        .iter()
        .find(|(name, value)| has_control(metadata, name, value))
        .map(|(name, value)| format!("kustomize.toolkit.fluxcd.io/{name}: {value}"))
}

/// The control of Flux that creates an object and then leaves it alone.
fn once_only(metadata: &Value) -> Option<String> {
    has_control(metadata, "ssa", "ifnotpresent")
        .then(|| "kustomize.toolkit.fluxcd.io/ssa: IfNotPresent".to_owned())
}
