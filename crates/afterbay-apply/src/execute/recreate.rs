//! Deletes an object that cannot be changed in place, so that it can be created anew.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::client::{Client, Failure, Method, Request};
use crate::error::{ApplyError, Quotes, refused};
use crate::observe::{Creation, Judge};
use crate::plan::Step;

const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Deletes the live object, provided that it is the one that was judged and that the server would create the new one at this
/// moment; returns once it is gone.
pub(super) async fn clear(
    judge: &Judge<'_>,
    step: &Step,
    uid: &str,
    body: &Value,
    quotes: Quotes,
) -> Result<(), ApplyError> {
    let refuse = |failure| refused(judge.client, &step.subject, quotes, failure, judge.scrubber);
    match judge.try_to_create(&step.address, body).await.map_err(refuse)? {
        Creation::IsFree => return Ok(()),
        Creation::WouldSucceed => {}
    }
    let options = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": { "uid": uid },
    });
    let request = Request::with_body(Method::Delete, step.address.path(), &options);
    match judge.client.send(&request).await {
        Ok(_) => {}
        Err(failure) if failure.is_not_found() => return Ok(()),
        Err(failure) => return Err(refuse(failure)),
    }
    let mut pause = FIRST_LOOK;
    loop {
        let Some(state) = still_there(judge.client, step, uid).await.map_err(refuse)? else {
            return Ok(());
        };
        if Instant::now() + pause >= judge.client.deadline() {
            return Err(ApplyError::NotReady {
                subject: Box::new(step.subject.clone()),
                state,
            });
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What the object waits for; `None` when it is gone.
async fn still_there(client: &Client, step: &Step, uid: &str) -> Result<Option<String>, Failure> {
    let request = Request::get(step.address.path()).accepting(METADATA_ONLY);
    let object: Value = match client.send(&request).await {
        Ok(response) => response.json()?,
        Err(failure) if failure.is_not_found() => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let metadata = &object["metadata"];
    if metadata["uid"] != uid {
        return Ok(None);
    }
    let finalizers = metadata["finalizers"].as_array().map_or(0, Vec::len);
    Ok(Some(format!(
        "it is being deleted to be created anew, and {finalizers} finalizers hold it"
    )))
}
