//! A plan that was saved, and whether it still says what would be done now.
//!
//! It holds names, key paths and reasons, and what identifies live objects and content; no value, and nothing that a value could
//! be guessed from. What is hidden in a diff goes into no digest. Its content is that of the revision, whose commit id is a digest
//! of the ciphertext; where it came from elsewhere, only a key of the operator's identifies it (HMAC-SHA256).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{ApplyPlan, Outline, Planned, PlannedObject, Step};
use crate::desired::{self, Address};
use crate::diff::{FingerprintKey, Marks, Mask, canonical, hex, is_identified_by_revision, skeleton};

/// The version of the format.
const VERSION: u32 = 1;

/// A plan as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    version: u32,
    /// Which program made it.
    program: String,
    /// The address of the API server that was asked.
    server: String,
    #[serde(flatten)]
    outline: Outline,
}

/// Why a text is no saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAPlan {
    /// It cannot be read as one.
    #[error("it is no saved plan (line {line}, column {column}); `afterbay plan -o json` makes one")]
    Unreadable {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// It was made by a program that saves plans differently.
    #[error(
        "it was saved in version {found} of the format, and this program reads version {VERSION}; make a new plan"
    )]
    Version {
        /// The version.
        found: u32,
    },
}

/// What a plan is saved with.
#[derive(Clone, Copy)]
pub struct SaveOptions<'a> {
    /// The address of the API server that was asked.
    pub server: &'a str,
    /// The places that the operator marks as hidden.
    pub marks: Marks<'a>,
    /// The key under which content is identified; without one, the revision identifies it.
    pub key: Option<&'a FingerprintKey>,
    /// Whether values came from beside the revision, such as those of variables. Then only a key identifies content.
    pub has_values_beside: bool,
}

impl ApplyPlan {
    /// The plan as it is saved. It has to be made with [`crate::Detail::Objects`].
    pub fn save(&self, options: &SaveOptions<'_>) -> SavedPlan {
        SavedPlan {
            version: VERSION,
            program: concat!("afterbay ", env!("CARGO_PKG_VERSION")).to_owned(),
            server: options.server.to_owned(),
            outline: self.outline_with(&|step| self.content(step, options)),
        }
    }

    /// What identifies the content of an object; `None` where nothing can without revealing it.
    fn content(&self, step: &Step, options: &SaveOptions<'_>) -> Option<String> {
        let object = &self.set.objects()[step.object];
        let part_of = self.state.as_ref().map(|state| state.parent.id());
        // What identifies its references follows from their content, and on first use its key is another in every run.
        let address = Address {
            references: None,
            ..step.address.clone()
        };
        let declared = desired::body(object, &address, part_of, self.options.owner.as_ref());
        if let Some(key) = options.key {
            let digest = key.content(canonical(&declared).as_bytes());
            return Some(format!("hmac-sha256:{}", hex(&digest)));
        }
        let is_piped = self.set.scrubber().is_partial();
        let is_of_a_revision =
            self.set.revision().commit.is_some() && !is_piped && !options.has_values_beside;
        (is_of_a_revision && is_identified_by_revision(object)).then(|| {
            let evidence = step.evidence.as_ref();
            let sides = evidence
                .into_iter()
                .flat_map(|evidence| evidence.live.iter().chain(&evidence.outcome));
            let mask = Mask::of(object, sides, options.marks, is_piped);
            format!(
                "sha256:{}",
                hex(&Sha256::digest(skeleton(object, &declared, &mask)))
            )
        })
    }
}

impl SavedPlan {
    /// Reads a saved plan.
    pub fn parse(text: &[u8]) -> Result<Self, NotAPlan> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        // serde's own text may quote what the file holds, and it may be any file.
        let unreadable = |error: serde_json::Error| NotAPlan::Unreadable {
            line: error.line(),
            column: error.column(),
        };
        let head: Head = serde_json::from_slice(text).map_err(unreadable)?;
        if head.version != VERSION {
            return Err(NotAPlan::Version { found: head.version });
        }
        serde_json::from_slice(text).map_err(unreadable)
    }

    /// The plan in words.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The objects whose content nothing in the plan identifies. With one of them it cannot be told later whether the plan still
    /// holds.
    pub fn unidentified(&self) -> Vec<String> {
        self.objects()
            .filter(|object| {
                matches!(
                    object.action,
                    Planned::Create | Planned::Change | Planned::Adopt | Planned::Recreate
                )
            })
            .filter(|object| object.content.is_none())
            .map(PlannedObject::title)
            .collect()
    }

    /// What is not any more as this plan says, compared with one that was made just now; empty when it still holds.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut other = |what: &str, then: &str, now: &str| {
            if then != now {
                found.push(format!("{what}: planned {then}, now {now}"));
            }
        };
        let inventory = |plan: &Self| {
            plan.outline
                .inventory
                .clone()
                .unwrap_or_else(|| "none".to_owned())
        };
        other("revision", &self.outline.revision, &now.outline.revision);
        other("server", &self.server, &now.server);
        other("inventory", &inventory(self), &inventory(now));
        let (then, current) = (self.by_identity(), now.by_identity());
        for (identity, object) in &then {
            match current.get(identity) {
                Some(current) => found.extend(changed(object, current)),
                None => found.push(format!(
                    "{}: was to {}, and there is nothing to do about it now",
                    object.title(),
                    object.action
                )),
            }
        }
        let new = current
            .iter()
            .filter(|(identity, _)| !then.contains_key(*identity));
        found.extend(new.map(|(_, object)| {
            format!(
                "{}: is to {} now, and the plan does not have it",
                object.title(),
                object.action
            )
        }));
        if found.is_empty() && self.outline.id != now.outline.id {
            found.push("the objects of the revision are others".to_owned());
        }
        found
    }

    fn objects(&self) -> impl Iterator<Item = &PlannedObject> {
        self.outline.stages.iter().flat_map(|stage| &stage.objects)
    }

    fn by_identity(&self) -> BTreeMap<[&str; 4], &PlannedObject> {
        self.objects()
            .map(|object| {
                let namespace = object.namespace.as_deref().unwrap_or_default();
                (
                    [&object.api_version, &object.kind, namespace, &object.name],
                    object,
                )
            })
            .collect()
    }
}

/// What is another of one object.
fn changed(then: &PlannedObject, now: &PlannedObject) -> Vec<String> {
    // Consent turns the one into the other, and it names the plan.
    let action = |action| {
        if action == Planned::Hold {
            Planned::Prune
        } else {
            action
        }
    };
    let title = then.title();
    if action(then.action) != action(now.action) {
        return vec![format!(
            "{title}: was to {}, and is to {} now",
            then.action, now.action
        )];
    }
    let mut found = Vec::new();
    if then.live != now.live {
        let told = |live: &Option<String>| live.clone().unwrap_or_else(|| "absent".to_owned());
        found.push(format!(
            "{title}: the live object was changed since: planned for {}, now {}",
            told(&then.live),
            told(&now.live)
        ));
    }
    if then.content != now.content {
        found.push(format!("{title}: its content is another"));
    }
    let what = |object: &PlannedObject| {
        let mut parts = [
            object.fields.clone(),
            object.takes_over.clone(),
            object.deferred_for.clone(),
        ]
        .concat();
        if !matches!(object.action, Planned::Prune | Planned::Hold) {
            parts.extend(object.reason.clone());
        }
        parts
    };
    if found.is_empty() && what(then) != what(now) {
        found.push(format!(
            "{title}: what changes in it is another: planned {}, now {}",
            listed(&what(then)),
            listed(&what(now))
        ));
    }
    found
}

fn listed(parts: &[String]) -> String {
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests;
