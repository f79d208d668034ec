//! The rules for what runs Pods.

use serde_json::Value;

use super::Health;
use super::fields::{conditions, int, nested, nested_int, text};
use super::kstatus::Verdict;

pub(super) fn stateful_set(object: &Value) -> Health {
    // Such a set is its owner's to roll.
    if text(object, "spec.updateStrategy.type", "") == "OnDelete" {
        return Health::current("StatefulSet is using the ondelete update strategy");
    }
    let wanted = int(object, "spec.replicas", 1);
    let ready = int(object, "status.readyReplicas", 0);
    let current = int(object, "status.currentReplicas", 0);
    let updated = int(object, "status.updatedReplicas", 0);
    let there = int(object, "status.replicas", 0);
    let partition = int(object, "spec.updateStrategy.rollingUpdate.partition", -1);
    if wanted > there {
        Health::in_progress(format!("Replicas: {there}/{wanted}"))
    } else if wanted > ready {
        Health::in_progress(format!("Ready: {ready}/{wanted}"))
    } else if there > wanted {
        Health::in_progress(format!("Pending termination: {}", there - wanted))
    } else if partition != -1 {
        let rolled = wanted.saturating_sub(partition);
        if updated < rolled {
            Health::in_progress(format!("updated: {updated}/{rolled}"))
        } else {
            Health::current(format!("Partition rollout complete. updated: {updated}"))
        }
    } else if wanted > current {
        Health::in_progress(format!("current: {current}/{wanted}"))
    } else if text(object, "status.currentRevision", "") != text(object, "status.updateRevision", "") {
        Health::in_progress("Waiting for updated revision to match current")
    } else {
        Health::current(format!("All replicas scheduled as expected. Replicas: {there}"))
    }
}

pub(super) fn deployment(object: &Value) -> Verdict {
    // Without a deadline the controller says nothing about progress.
    let no_deadline = i64::from(i32::MAX);
    let mut is_progressing = int(object, "spec.progressDeadlineSeconds", no_deadline) == no_deadline;
    let mut is_available = false;
    for condition in conditions(object)? {
        match condition.kind {
            "Progressing" if condition.reason == "ProgressDeadlineExceeded" => {
                return Ok(Health::failed("Progress deadline exceeded"));
            }
            "Progressing" => {
                is_progressing |= condition.status == "True" && condition.reason == "NewReplicaSetAvailable";
            }
            "Available" => is_available |= condition.status == "True",
            _ => {}
        }
    }
    let wanted = int(object, "spec.replicas", 1);
    let there = int(object, "status.replicas", 0);
    let updated = int(object, "status.updatedReplicas", 0);
    let ready = int(object, "status.readyReplicas", 0);
    let available = int(object, "status.availableReplicas", 0);
    Ok(if wanted > there {
        Health::in_progress(format!("Replicas: {there}/{wanted}"))
    } else if wanted > updated {
        Health::in_progress(format!("Updated: {updated}/{wanted}"))
    } else if there > wanted {
        Health::in_progress(format!("Pending termination: {}", there - wanted))
    } else if updated > available {
        Health::in_progress(format!("Available: {available}/{updated}"))
    } else if wanted > ready {
        Health::in_progress(format!("Ready: {ready}/{wanted}"))
    } else if !is_progressing {
        Health::in_progress("ReplicaSet not Available")
    } else if !is_available {
        Health::in_progress("Deployment not Available")
    } else {
        Health::current(format!("Deployment is available. Replicas: {there}"))
    })
}

pub(super) fn replica_set(object: &Value) -> Verdict {
    if conditions(object)?
        .iter()
        .any(|condition| condition.is("ReplicaFailure", "True"))
    {
        return Ok(Health::in_progress("Replica Failure condition. Check Pods"));
    }
    let wanted = int(object, "spec.replicas", 1);
    let there = int(object, "status.replicas", 0);
    let ready = int(object, "status.readyReplicas", 0);
    let available = int(object, "status.availableReplicas", 0);
    let labeled = int(object, "status.fullyLabeledReplicas", 0);
    Ok(if wanted > labeled {
        Health::in_progress(format!("Labelled: {labeled}/{wanted}"))
    } else if wanted > available {
        Health::in_progress(format!("Available: {available}/{wanted}"))
    } else if wanted > ready {
        Health::in_progress(format!("Ready: {ready}/{wanted}"))
    } else if there > wanted {
        Health::in_progress(format!("Pending termination: {}", there - wanted))
    } else {
        Health::current(format!("ReplicaSet is available. Replicas: {there}"))
    })
}

pub(super) fn daemon_set(object: &Value) -> Verdict {
    for path in [["metadata", "generation"], ["status", "observedGeneration"]] {
        if nested_int(object, &path)?.is_none() {
            let path = path.join(".");
            return Ok(Health::in_progress(format!("DaemonSet {path} not found")));
        }
    }
    let wanted = int(object, "status.desiredNumberScheduled", -1);
    let current = int(object, "status.currentNumberScheduled", 0);
    let updated = int(object, "status.updatedNumberScheduled", 0);
    let available = int(object, "status.numberAvailable", 0);
    let ready = int(object, "status.numberReady", 0);
    Ok(if wanted == -1 {
        Health::in_progress("Missing .status.desiredNumberScheduled")
    } else if wanted > current {
        Health::in_progress(format!("Current: {current}/{wanted}"))
    } else if wanted > updated {
        Health::in_progress(format!("Updated: {updated}/{wanted}"))
    } else if wanted > available {
        Health::in_progress(format!("Available: {available}/{wanted}"))
    } else if wanted > ready {
        Health::in_progress(format!("Ready: {ready}/{wanted}"))
    } else {
        Health::current(format!("All replicas scheduled as expected. Replicas: {wanted}"))
    })
}

/// Flux's rule: kstatus itself calls a Job current as soon as it runs, and Flux once it is complete.
pub(super) fn job(object: &Value) -> Verdict {
    if nested(object, &["spec", "suspend"]).is_ok_and(|suspend| suspend == Some(&Value::Bool(true))) {
        return Ok(Health::current("Job is suspended"));
    }
    let parallelism = int(object, "spec.parallelism", 1);
    let completions = int(object, "spec.completions", parallelism);
    let succeeded = int(object, "status.succeeded", 0);
    let active = int(object, "status.active", 0);
    let failed = int(object, "status.failed", 0);
    for condition in conditions(object)? {
        if condition.is("Complete", "True") {
            return Ok(Health::current(format!(
                "Job Completed. succeeded: {succeeded}/{completions}"
            )));
        }
        if condition.is("Failed", "True") {
            return Ok(Health::failed(format!(
                "Job Failed. failed: {failed}/{completions}"
            )));
        }
    }
    Ok(Health::in_progress(
        if text(object, "status.startTime", "").is_empty() {
            format!("Job not started. active: 0/{parallelism}")
        } else {
            format!("Job in progress. success:{succeeded}, active: {active}, failed: {failed}")
        },
    ))
}
