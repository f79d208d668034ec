//! Waits until what a stage brought can be built on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Awaited, Ending, Watching};
use crate::client::{Client, Failure, Request};
use crate::discovery::Resource;
use crate::error::{ApplyError, Quotes, refused};
use crate::execute::ApplyEvent;
use crate::health::{Health, judge_in_stage};
use crate::live::Verdict;
use crate::order::is_crd;
use crate::plan::{ApplyPlan, Step};

const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Waits for objects that were just written and were not ready by the answer to the write.
pub(crate) async fn until_ready(
    client: &Client,
    plan: &ApplyPlan,
    fresh: &[(&Step, &Health)],
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Vec<ApplyError> {
    let mut awaited: Vec<Awaited> = fresh
        .iter()
        .filter(|(_, health)| !health.is_current())
        .map(|(step, health)| Awaited {
            subject: step.subject.clone(),
            resource: step.address.resource.clone(),
            is_ours: plan.state.is_some(),
            may_be_gone: false,
            health: Some((*health).clone()),
        })
        .collect();
    if awaited.is_empty() {
        return Vec::new();
    }
    for one in &awaited {
        events(ApplyEvent::Waiting {
            subject: &one.subject,
        });
    }
    let watching = Watching {
        client,
        scrubber: plan.set.scrubber(),
        expressions: &plan.options.wait.expressions,
        part_of: plan.state.as_ref().map(|state| state.parent.id()),
        judge: judge_in_stage,
    };
    let not_ready = |one: &Awaited| {
        let (status, message) = one.told(watching.scrubber);
        ApplyError::NotReady {
            subject: Box::new(one.subject.clone()),
            state: format!("{status}: {message}"),
        }
    };
    let is_bad = |one: &&Awaited| one.health.as_ref().is_some_and(Health::is_failed);
    match watching.wait(&mut awaited, &mut |_| ()).await {
        Ending::Healthy => Vec::new(),
        Ending::Failed => awaited.iter().filter(is_bad).map(not_ready).collect(),
        Ending::Late => awaited
            .iter()
            .filter(|one| !one.is_current())
            .map(not_ready)
            .collect(),
        Ending::Lost(place, failure) => vec![watching.error_of_loss(&awaited[place].subject, failure)],
    }
}

/// How an object is by the answer to its write, as far as others may build on it.
pub(crate) fn by_answer(plan: &ApplyPlan, step: &Step, answer: &Value) -> Health {
    let gvk = &step.address.resource.gvk;
    judge_in_stage(gvk, answer, &plan.options.wait.expressions)
}

/// Waits until the kinds of deferred objects that are due answer. A kind that is not served cannot be watched, so this asks
/// again and again; the server needs a moment only.
pub(crate) async fn until_served(
    client: &Client,
    plan: &ApplyPlan,
    is_due: &(dyn Fn(&Step) -> bool + Sync),
) -> Vec<ApplyError> {
    let mut errors = Vec::new();
    for (resource, step) in awaited_kinds(plan, is_due) {
        errors.extend(served(client, plan, resource, step).await.err());
    }
    errors
}

async fn served(
    client: &Client,
    plan: &ApplyPlan,
    resource: &Resource,
    step: &Step,
) -> Result<(), ApplyError> {
    let mut pause = FIRST_LOOK;
    loop {
        match is_served(client, resource).await {
            Ok(true) => return Ok(()),
            Ok(false) if Instant::now() + pause < client.deadline() => sleep(pause).await,
            Ok(false) => {
                return Err(ApplyError::NotReady {
                    subject: Box::new(step.subject.clone()),
                    state: "its kind is not served yet".to_owned(),
                });
            }
            Err(failure) => {
                let scrubber = plan.set.scrubber();
                return Err(refused(client, &step.subject, Quotes::Keep, failure, scrubber));
            }
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The server answers for a kind a moment after its CRD is established. Being forbidden to list is an answer, too.
async fn is_served(client: &Client, resource: &Resource) -> Result<bool, Failure> {
    let uri = format!("{}?limit=1", resource.collection(None));
    match client.send(&Request::get(uri)).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.is_forbidden() => Ok(true),
        Err(failure) if failure.is_not_found() => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The kinds of deferred objects, each with one object that needs it.
fn awaited_kinds<'a>(plan: &'a ApplyPlan, is_due: &dyn Fn(&Step) -> bool) -> Vec<(&'a Resource, &'a Step)> {
    let mut kinds: BTreeMap<String, (&Resource, &Step)> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| is_due(step)) {
        let Verdict::Deferred { waits_for } = &step.verdict else {
            continue;
        };
        if waits_for.iter().any(|object| is_crd(&object.gvk)) {
            let resource = &step.address.resource;
            kinds.entry(resource.collection(None)).or_insert((resource, step));
        }
    }
    kinds.into_values().collect()
}
