//! The rules of kstatus (sigs.k8s.io/cli-utils, pkg/kstatus/status), and Flux's for Jobs (fluxcd/pkg, runtime/statusreaders).
//!
//! The verdicts of the real libraries are on record under `fixtures/health`, and the tests hold these rules to them.

use afterbay_manifest::Gvk;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fields::{Condition, conditions, nested, nested_int, nested_text, text};
use super::{Health, workloads};

/// How long a Pod may be without a node before that is a failure.
const SCHEDULE_WINDOW: time::Duration = time::Duration::seconds(15);

/// A verdict, or why there can be none.
pub(super) type Verdict = Result<Health, String>;

/// The status of a live object of this kind. The object need not name its kind: items of lists do not.
pub(super) fn compute(gvk: &Gvk, object: &Value) -> Health {
    let verdict = match generic(gvk, object) {
        Ok(Some(health)) => Ok(health),
        Ok(None) => match rule(gvk) {
            Some(rule) => rule(object),
            None => ready_condition(object),
        },
        Err(problem) => Err(problem),
    };
    verdict.unwrap_or_else(Health::unknown)
}

/// Kinds that are current as soon as they are there.
pub(super) fn is_always_ready(gvk: &Gvk) -> bool {
    matches!(
        (gvk.group.as_str(), gvk.kind.as_str()),
        ("", "Secret" | "ConfigMap") | ("batch", "CronJob")
    )
}

fn rule(gvk: &Gvk) -> Option<fn(&Value) -> Verdict> {
    Some(match (gvk.group.as_str(), gvk.kind.as_str()) {
        _ if is_always_ready(gvk) => |_| Ok(Health::current("Resource is always ready")),
        ("", "Service") => |object| Ok(service(object)),
        ("", "Pod") => pod,
        ("", "PersistentVolumeClaim") => |object| Ok(claim(object)),
        ("apps", "StatefulSet") => |object| Ok(workloads::stateful_set(object)),
        ("apps" | "extensions", "DaemonSet") => workloads::daemon_set,
        ("apps" | "extensions", "Deployment") => workloads::deployment,
        ("apps" | "extensions", "ReplicaSet") => workloads::replica_set,
        ("policy", "PodDisruptionBudget") => |_| Ok(Health::current("AllowedDisruptions has been computed.")),
        ("batch", "Job") => workloads::job,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition,
        _ => return None,
    })
}

/// What holds for every kind, and decides where it says anything.
fn generic(gvk: &Gvk, object: &Value) -> Result<Option<Health>, String> {
    if nested_text(object, &["metadata", "deletionTimestamp"])?.is_some_and(|time| !time.is_empty()) {
        let status = super::HealthStatus::Terminating;
        return Ok(Some(Health::new(status, "Resource scheduled for deletion")));
    }
    if let Some(generation) = nested_int(object, &["metadata", "generation"])?
        && let Some(observed) = nested_int(object, &["status", "observedGeneration"])?
        && observed != generation
    {
        let kind = &gvk.kind;
        return Ok(Some(Health::in_progress(format!(
            "{kind} generation is {generation}, but latest observed generation is {observed}"
        ))));
    }
    for condition in conditions(object)? {
        if condition.is("Reconciling", "True") {
            return Ok(Some(Health::in_progress(condition.message)));
        }
        if condition.is("Stalled", "True") {
            return Ok(Some(Health::failed(condition.message)));
        }
    }
    Ok(None)
}

/// For kinds without a rule of their own.
fn ready_condition(object: &Value) -> Verdict {
    let conditions = conditions(object)?;
    let ready = conditions.iter().find_map(|condition| {
        let health = match (condition.kind, condition.status) {
            ("Ready", "True") => Health::current("Resource is Ready"),
            ("Ready", "False" | "Unknown") => Health::in_progress(condition.message),
            _ => return None,
        };
        Some(health)
    });
    Ok(ready.unwrap_or_else(|| Health::current("Resource is current")))
}

fn service(object: &Value) -> Health {
    let is_balanced = text(object, "spec.type", "ClusterIP") == "LoadBalancer";
    if is_balanced && text(object, "spec.clusterIP", "").is_empty() {
        Health::in_progress("ClusterIP not set. Service type: LoadBalancer")
    } else {
        Health::current("Service is ready")
    }
}

fn claim(object: &Value) -> Health {
    match text(object, "status.phase", "unknown") {
        "Bound" => Health::current("PVC is Bound"),
        phase => Health::in_progress(format!("PVC is not Bound. phase: {phase}")),
    }
}

fn definition(object: &Value) -> Verdict {
    for condition in conditions(object)? {
        if condition.is("NamesAccepted", "False") {
            return Ok(Health::failed(condition.message));
        }
        if condition.is("Established", "False") && condition.reason != "Installing" {
            return Ok(Health::failed(condition.message));
        }
        if condition.is("Established", "True") {
            return Ok(Health::current("CRD is established"));
        }
    }
    Ok(Health::in_progress("Install in progress"))
}

fn pod(object: &Value) -> Verdict {
    let conditions = conditions(object)?;
    let is = |kind: &str, status: &str| conditions.iter().any(|condition| condition.is(kind, status));
    Ok(match text(object, "status.phase", "") {
        "Succeeded" => Health::current("Pod has completed successfully"),
        "Failed" => Health::current("Pod has completed, but not successfully"),
        "Running" if is("Ready", "True") => Health::current("Pod is Ready"),
        "Running" => match crash_looping(object)? {
            names if names.is_empty() => Health::in_progress("Pod is running but is not Ready"),
            names => Health::failed(format!("Containers in CrashLoop state: {}", names.join(","))),
        },
        "Pending" => pending(object, &conditions),
        "" => Health::in_progress("Pod phase not available"),
        phase => return Err(format!("unknown phase {phase}")),
    })
}

fn pending(object: &Value, conditions: &[Condition<'_>]) -> Health {
    let unscheduled = conditions
        .iter()
        .find(|condition| condition.is("PodScheduled", "False"));
    if unscheduled.is_none_or(|condition| condition.reason != "Unschedulable") {
        return Health::in_progress("Pod is in the Pending phase");
    }
    let failed = Health::failed("Pod could not be scheduled");
    let created = text(object, "metadata.creationTimestamp", "");
    match OffsetDateTime::parse(created, &Rfc3339) {
        Ok(created) => Health {
            later: Some((created + SCHEDULE_WINDOW, Box::new(failed))),
            ..Health::in_progress("Pod has not been scheduled")
        },
        Err(_) => failed,
    }
}

fn crash_looping(object: &Value) -> Result<Vec<&str>, String> {
    let statuses = match nested(object, &["status", "containerStatuses"])? {
        None => return Ok(Vec::new()),
        Some(Value::Array(statuses)) => statuses,
        Some(_) => return Err("status.containerStatuses is not a list".to_owned()),
    };
    let looping = |status: &&Value| status["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    Ok(statuses
        .iter()
        .filter(looping)
        .filter_map(|status| status["name"].as_str())
        .collect())
}
