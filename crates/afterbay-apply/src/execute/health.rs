//! Waits until everything that was applied, and what else was asked for, is healthy.

use std::time::Duration;

use afterbay_manifest::ObjectRef;
use tokio::time::Instant;

use super::{ApplyEvent, ApplyFailure, Run};
use crate::client::Client;
use crate::desired::Definitions;
use crate::discovery::{self, Kinds, Resource, Scope};
use crate::error::{self, ApplyError, Subject};
use crate::health::{self, GroupKind, Health, HealthCheck};
use crate::live::Verdict;
use crate::plan::Step;
use crate::report::{ApplyReport, ObjectHealth};
use crate::wait::{Awaited, Ending, Heard, Watching};

impl Run {
    /// Where the objects of explicit checks are. Kinds that neither the server nor the set has are errors, before anything is
    /// written.
    pub(super) async fn resolve_checks(&self, client: &Client) -> Result<Vec<Awaited>, Vec<ApplyError>> {
        let checks = &self.plan.options.wait.checks;
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        let scrubber = self.plan.set.scrubber();
        let groups = checks.iter().map(|check| check.kind.group.clone()).collect();
        let kinds = discovery::discover(client, &groups)
            .await
            .map_err(|failure| vec![error::global(client, failure, scrubber)])?;
        let definitions = Definitions::of(self.plan.set.objects());
        let namespace = self.plan.options.namespace.as_deref();
        let namespace = namespace.unwrap_or(client.default_namespace());
        let mut errors = Vec::new();
        let mut awaited = Vec::new();
        for check in checks {
            match resource(&check.kind, &kinds, &definitions) {
                Some(resource) => awaited.push(self.checked(check, resource, namespace)),
                None => errors.push(ApplyError::UnknownKind {
                    subject: Box::new(subject(check, None)),
                    kind: check.kind.kind.clone(),
                    api_version: group_name(&check.kind),
                    served: Vec::new(),
                }),
            }
        }
        if errors.is_empty() {
            Ok(awaited)
        } else {
            Err(errors)
        }
    }

    fn checked(&self, check: &HealthCheck, resource: Resource, namespace: &str) -> Awaited {
        let namespace = match resource.scope {
            Scope::Cluster => None,
            Scope::Namespaced => Some(check.namespace.clone().unwrap_or_else(|| namespace.to_owned())),
        };
        let mut subject = subject(check, namespace);
        subject.object.gvk.version.clone_from(&resource.gvk.version);
        // In the set, it has a place in a file.
        if let Some(step) = self.step_of(&subject.object) {
            subject.origin.clone_from(&step.subject.origin);
        }
        Awaited {
            subject,
            resource,
            is_ours: false,
            may_be_gone: false,
            health: None,
        }
    }

    fn step_of(&self, object: &ObjectRef) -> Option<&Step> {
        self.plan
            .steps
            .iter()
            .find(|step| is_same(&step.subject.object, object))
    }

    /// The end of a run that has written what it could: waits if all of it is done, and reports.
    pub(super) async fn finish(
        mut self,
        client: &Client,
        mut errors: Vec<ApplyError>,
        checked: Vec<Awaited>,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<ApplyReport, Box<ApplyFailure>> {
        let is_whole = errors.is_empty() && self.failed.is_empty() && self.plan.refused.is_empty();
        if is_whole && self.plan.options.wait.is_asked_for() {
            self.applied = true;
            errors = self.check_health(client, checked, events).await;
        }
        self.end(errors, client.wrote())
    }

    /// Every object of the set that is not left alone, and the others that were asked for.
    fn awaited(&self, checked: Vec<Awaited>) -> Vec<Awaited> {
        let mut awaited = Vec::new();
        if self.plan.options.wait.all {
            let applied = self.plan.steps.iter();
            let applied = applied.filter(|step| !matches!(step.verdict, Verdict::Skip { .. }));
            awaited.extend(applied.map(|step| self.applied(step)));
        }
        for one in checked {
            if !awaited
                .iter()
                .any(|other: &Awaited| is_same(&other.subject.object, &one.subject.object))
            {
                awaited.push(one);
            }
        }
        awaited
    }

    fn applied(&self, step: &Step) -> Awaited {
        let object = &self.plan.set.objects()[step.object];
        let gvk = &step.address.object.gvk;
        let is_job = gvk.group == "batch" && gvk.kind == "Job";
        Awaited {
            subject: step.subject.clone(),
            resource: step.address.resource.clone(),
            is_ours: self.plan.state.is_some(),
            may_be_gone: is_job && object.body().at(&["spec", "ttlSecondsAfterFinished"]).is_some(),
            health: None,
        }
    }

    async fn check_health(
        &mut self,
        client: &Client,
        checked: Vec<Awaited>,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let wait = self.plan.options.wait.clone();
        let within = wait.timeout.map(|timeout| client.within(timeout));
        let client = within.as_ref().unwrap_or(client);
        let mut awaited = self.awaited(checked);
        let (began, total) = (Instant::now(), awaited.len());
        events(ApplyEvent::Applied {
            summary: self.summary(),
            awaited: total,
        });
        let mut warnings = Vec::new();
        let scrubber = self.plan.set.scrubber();
        let watching = Watching {
            client,
            scrubber,
            expressions: &wait.expressions,
            part_of: self.plan.state.as_ref().map(|state| state.parent.id()),
            judge: health::judge,
        };
        let mut heard = |heard: Heard<'_>| match heard {
            Heard::Changed { one, current } => {
                let object = told(one, &watching);
                tracing::info!(%object, current, total, "health");
                events(ApplyEvent::Health {
                    object: &object,
                    current,
                });
            }
            Heard::ByName(resource, namespace) => warnings.push(by_name(resource, namespace)),
        };
        let ending = watching.wait(&mut awaited, &mut heard).await;
        let errors = errors(&watching, ending, &awaited, began.elapsed());
        self.health = awaited.iter().map(|one| told(one, &watching)).collect();
        self.warnings.extend(warnings);
        errors
    }
}

fn is_same(left: &ObjectRef, right: &ObjectRef) -> bool {
    (&left.gvk.group, &left.gvk.kind, &left.namespace, &left.name)
        == (&right.gvk.group, &right.gvk.kind, &right.namespace, &right.name)
}

fn subject(check: &HealthCheck, namespace: Option<String>) -> Subject {
    let GroupKind { group, kind } = check.kind.clone();
    let version = String::new();
    Subject {
        object: ObjectRef {
            gvk: afterbay_manifest::Gvk { group, version, kind },
            namespace,
            name: check.name.clone(),
        },
        origin: None,
    }
}

fn resource(kind: &GroupKind, kinds: &Kinds, definitions: &Definitions) -> Option<Resource> {
    let defined = || {
        let definition = definitions.kinds.get(&(kind.group.clone(), kind.kind.clone()))?;
        definition.versions.values().next().cloned()
    };
    kinds.preferred(&kind.group, &kind.kind).cloned().or_else(defined)
}

fn by_name(resource: &Resource, namespace: Option<&str>) -> String {
    let place = namespace.map_or_else(String::new, |namespace| format!(" in namespace {namespace}"));
    format!(
        "{} may be neither listed nor watched{place}; they were read by name every two seconds while waiting",
        resource.plural
    )
}

fn told(one: &Awaited, watching: &Watching<'_>) -> ObjectHealth {
    let object = &one.subject.object;
    let (status, message) = one.told(watching.scrubber);
    ObjectHealth {
        api_version: one.resource.gvk.api_version(),
        kind: object.gvk.kind.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        status,
        message,
    }
}

/// What is wrong: what has failed, or at the end of the time everything that is not as it should be.
fn errors(watching: &Watching<'_>, ending: Ending, awaited: &[Awaited], after: Duration) -> Vec<ApplyError> {
    let unhealthy = |one: &Awaited| {
        let (status, message) = one.told(watching.scrubber);
        let subject = Box::new(one.subject.clone());
        if one.health.as_ref().is_some_and(Health::is_failed) {
            ApplyError::Unhealthy {
                subject,
                status,
                message,
            }
        } else {
            ApplyError::NotCurrent {
                subject,
                after: Duration::from_millis(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
                status,
                message,
            }
        }
    };
    let pending = || awaited.iter().filter(|one| !one.is_current()).map(unhealthy);
    match ending {
        Ending::Healthy => Vec::new(),
        Ending::Failed => {
            let failed = |one: &&Awaited| one.health.as_ref().is_some_and(Health::is_failed);
            awaited.iter().filter(failed).map(unhealthy).collect()
        }
        Ending::Late => pending().collect(),
        Ending::Lost(place, failure) => {
            let lost = watching.error_of_loss(&awaited[place].subject, failure);
            std::iter::once(lost).chain(pending()).collect()
        }
    }
}

fn group_name(kind: &GroupKind) -> String {
    if kind.group.is_empty() {
        "the core group".to_owned()
    } else {
        kind.group.clone()
    }
}
