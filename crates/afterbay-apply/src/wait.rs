//! Waits until CRDs are served and Namespaces are active.

use std::collections::BTreeMap;
use std::time::Duration;

use afterbay_manifest::Scrubber;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::client::{Client, Failure, Request, ServerText};
use crate::discovery::Resource;
use crate::error::{ApplyError, Quotes, refused};
use crate::execute::ApplyEvent;
use crate::live::Verdict;
use crate::order::{is_crd, is_namespace};
use crate::plan::{ApplyPlan, Step};

const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What an object is waited for.
enum Readiness {
    Ready,
    /// Not yet, and what is missing.
    Not(String),
    /// Never, and why.
    Never(String),
}

/// Waits for the CRDs and Namespaces among `fresh`.
pub(crate) async fn until_ready(
    client: &Client,
    plan: &ApplyPlan,
    fresh: &[&Step],
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Vec<ApplyError> {
    let mut errors = Vec::new();
    for step in fresh {
        let gvk = &step.address.object.gvk;
        if !is_crd(gvk) && !is_namespace(gvk) {
            continue;
        }
        events(ApplyEvent::Waiting {
            subject: &step.subject,
        });
        let look = async || {
            let response = client.send(&Request::get(step.address.path())).await?;
            let object: Value = response.json()?;
            Ok(if is_crd(gvk) {
                crd(&object)
            } else {
                namespace(&object)
            })
        };
        errors.extend(poll(client, plan, step, look).await.err());
    }
    errors
}

/// Waits until the kinds of deferred objects that are due answer.
pub(crate) async fn until_served(
    client: &Client,
    plan: &ApplyPlan,
    is_due: &(dyn Fn(&Step) -> bool + Sync),
) -> Vec<ApplyError> {
    let mut errors = Vec::new();
    for (resource, step) in awaited_kinds(plan, is_due) {
        let look = async || served(client, resource).await;
        errors.extend(poll(client, plan, step, look).await.err());
    }
    errors
}

async fn poll(
    client: &Client,
    plan: &ApplyPlan,
    step: &Step,
    look: impl AsyncFn() -> Result<Readiness, Failure>,
) -> Result<(), ApplyError> {
    let mut pause = FIRST_LOOK;
    loop {
        let state = match look().await {
            Ok(Readiness::Ready) => return Ok(()),
            Ok(Readiness::Not(state)) => state,
            Ok(Readiness::Never(state)) => return Err(not_ready(step, state)),
            Err(failure) => {
                return Err(refused(
                    client,
                    &step.subject,
                    Quotes::Keep,
                    failure,
                    plan.set.scrubber(),
                ));
            }
        };
        if Instant::now() + pause >= client.deadline() {
            return Err(not_ready(step, state));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn not_ready(step: &Step, state: String) -> ApplyError {
    ApplyError::NotReady {
        subject: Box::new(step.subject.clone()),
        state,
    }
}

fn crd(object: &Value) -> Readiness {
    let condition = |name: &str| {
        object["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == name)
    };
    // A CRD holds no values; what a controller says about it may still hold anything else.
    let message = |condition: &Value| {
        ServerText::new(condition["message"].as_str().unwrap_or_default()).said(&Scrubber::default())
    };
    if let Some(refused) = condition("NamesAccepted").filter(|condition| condition["status"] == "False") {
        return Readiness::Never(format!("its names are taken: {}", message(refused)));
    }
    match condition("Established") {
        Some(established) if established["status"] == "True" => Readiness::Ready,
        Some(other) => Readiness::Not(format!("not established: {}", message(other))),
        None => Readiness::Not("not established yet".to_owned()),
    }
}

fn namespace(object: &Value) -> Readiness {
    match object["status"]["phase"].as_str() {
        Some("Active") => Readiness::Ready,
        Some("Terminating") => Readiness::Never("it is being deleted".to_owned()),
        _ => Readiness::Not("not active yet".to_owned()),
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

/// The server answers for a kind a moment after its CRD is established. Being forbidden to list is an
/// answer, too.
async fn served(client: &Client, resource: &Resource) -> Result<Readiness, Failure> {
    let uri = format!("{}?limit=1", resource.collection(None));
    match client.send(&Request::get(uri)).await {
        Ok(_) => Ok(Readiness::Ready),
        Err(failure) if failure.is_forbidden() => Ok(Readiness::Ready),
        Err(failure) if failure.is_not_found() => Ok(Readiness::Not("its kind is not served yet".to_owned())),
        Err(failure) => Err(failure),
    }
}
