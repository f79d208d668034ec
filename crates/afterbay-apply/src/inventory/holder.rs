//! Who writes at the moment.
//!
//! The holder stands in an annotation of the parent, not in a Lease: it changes in the same write as
//! the list of objects, under the same `resourceVersion`, and needs no permission on another kind. All
//! times are the server's (`Date` of its answers), so clocks of two machines need not agree.

use afterbay_manifest::tame_to;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::LEASE;

/// Longest name of a holder in a message, in characters.
const SHOWN: usize = 200;

/// One run that holds an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Holder {
    /// For people.
    pub(super) identity: String,
    /// Tells two runs of one identity apart.
    pub(super) run: String,
    pub(super) acquire_time: String,
    pub(super) renew_time: String,
    pub(super) lease_duration_seconds: u64,
}

impl Holder {
    pub(super) fn new(identity: &str, run: &str, now: OffsetDateTime) -> Self {
        let now = text(now);
        Self {
            identity: identity.to_owned(),
            run: run.to_owned(),
            acquire_time: now.clone(),
            renew_time: now,
            lease_duration_seconds: LEASE.as_secs(),
        }
    }

    /// Reads the annotation; `None` for a text that is none of ours. Whoever may write the parent can put
    /// anything there, so what people read is made fit for a terminal.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let holder: Self = serde_json::from_str(text).ok()?;
        Some(Self {
            identity: tame_to(&holder.identity, SHOWN),
            acquire_time: tame_to(&holder.acquire_time, SHOWN),
            ..holder
        })
    }

    pub(super) fn renewed(&self, now: OffsetDateTime) -> Self {
        Self {
            renew_time: text(now),
            ..self.clone()
        }
    }

    /// Whether the holder has been silent for longer than it promised. A time that cannot be read is
    /// taken as long ago.
    pub(super) fn is_expired(&self, now: OffsetDateTime) -> bool {
        let Ok(renewed) = OffsetDateTime::parse(&self.renew_time, &Rfc3339) else {
            return true;
        };
        // The `Date` header counts whole seconds.
        let silent = (now - renewed).whole_seconds();
        silent > i64::try_from(self.lease_duration_seconds).unwrap_or(i64::MAX)
    }

    pub(super) fn to_text(&self) -> String {
        // Strings and a number: writing them to memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn text(time: OffsetDateTime) -> String {
    // Years 0 to 9999 always have an RFC 3339 form, and no server's clock is outside.
    time.replace_nanosecond(0)
        .unwrap_or(time)
        .format(&Rfc3339)
        .unwrap_or_default()
}
