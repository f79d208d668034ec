//! Asks the server: what it serves, what is there, and what it would make of every object.
//!
//! The requests are in proportion to the change: two for discovery, one list per kind and namespace where members are
//! expected, or one read per object where a list is not allowed or would not pay, and one dry-run per object that is not
//! unchanged beyond doubt. An object that is not expected to exist costs its dry-run only, because status 201 says so.

mod compare;
mod ignoring;
mod judge;
mod live_objects;
pub(crate) mod managed;
mod members;
mod recreate;
mod shapes;
mod staged;
mod take_over;
mod unchanged;

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::{Object, ObjectRef, Scrubber};
use afterbay_normalize::NormalizedSet;
use futures::StreamExt;
use futures::stream;

pub(crate) use judge::{Effect, Judge, Judged};
pub(crate) use recreate::Creation;
pub(crate) use shapes::Shapes;
pub(crate) use take_over::is_among;

use crate::client::Client;
use crate::desired::{self, Address, Definitions};
use crate::discovery::{self, Kinds};
use crate::error::{self, ApplyError, ApplyErrors, Subject};
use crate::inventory::{Inventory, Key};
use crate::live::{Evidence, Finding, Live, Member, Verdict};
use crate::order::{is_cluster_role, is_definition};
use crate::rollout::{RolloutKey, Workloads};
use crate::schema;
use crate::{ApplyOptions, UnknownFields};

/// Asks the server about every object of the set and every member of the inventory. Writes nothing.
///
/// Refusals of single objects are kept for [`crate::plan`], which reports all of them together; an error
/// here means that the server as a whole did not answer. `judged` hears how many objects of how many are through.
pub async fn observe(
    client: &Client,
    set: &NormalizedSet,
    inventory: &Inventory,
    options: &ApplyOptions,
    judged: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Live, ApplyErrors> {
    let objects = set.objects();
    let scrubber = set.scrubber();
    let definitions = Definitions::of(objects);
    let kinds = discovery::discover(client, &needed_groups(objects, inventory))
        .await
        .map_err(|failure| error::global(client, failure, scrubber))?;
    let namespace = options.namespace.as_deref().unwrap_or(client.default_namespace());
    let mut drafts: Vec<Draft<'_>> = objects
        .iter()
        .map(|object| Draft::new(object, &kinds, &definitions, namespace))
        .collect();

    let mut warnings = Vec::new();
    let rollout = refer(client, &mut drafts, inventory, options, namespace, &mut warnings).await?;
    let mut live =
        live_objects::fetch(client, &kinds, &addresses(&drafts), inventory, options, scrubber).await?;
    let mut judge = Judge {
        client,
        options,
        scrubber,
        part_of: inventory.id(),
        recreates: true,
        shapes: Shapes::default(),
    };
    warnings.extend(live.take_notes());

    // Definitions first: what they bring decides what the server can judge of the rest.
    let (first, rest): (Vec<usize>, Vec<usize>) =
        (0..drafts.len()).partition(|&index| drafts[index].is_definition());
    let total = drafts.len();
    let mut through = 0;
    let mut next = || {
        through += 1;
        judged(through, total);
    };
    judge_all(&judge, &mut drafts, &first, &mut live, &mut warnings, &mut next).await?;
    judge.shapes = Shapes::of(&definitions, |crd| {
        drafts
            .iter()
            .any(|draft| draft.object.reference() == crd && draft.is_unchanged())
    });
    let pending = Pending::of(&drafts, &kinds, &definitions);
    let mut judged_now = Vec::new();
    for index in rest {
        let waits_for = pending.awaited_by(&drafts[index]);
        if waits_for.is_empty() {
            judged_now.push(index);
        } else {
            let draft = &mut drafts[index];
            draft.verdict = Some(deferred(draft, &definitions, waits_for, options.unknown_fields));
        }
    }
    judge_all(
        &judge,
        &mut drafts,
        &judged_now,
        &mut live,
        &mut warnings,
        &mut next,
    )
    .await?;
    for index in judged_now {
        pending.excuse(&mut drafts[index]);
    }
    staged::excuse(&mut drafts, &options.stage_kinds);

    let members =
        members::observe(client, &kinds, &keys(&drafts), inventory, live, options, scrubber).await?;
    warnings.sort();
    Ok(Live {
        findings: drafts.into_iter().filter_map(Draft::finish).collect(),
        members,
        warnings,
        rollout,
    })
}

/// Notes what the workloads of the set refer to, under the key of the cluster.
async fn refer(
    client: &Client,
    drafts: &mut [Draft<'_>],
    inventory: &Inventory,
    options: &ApplyOptions,
    namespace: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<RolloutKey>, ApplyErrors> {
    let placed: Vec<_> = drafts
        .iter()
        .map(|draft| (draft.object, draft.address.as_ref()))
        .collect();
    let workloads = Workloads::of(&placed, options);
    warnings.extend_from_slice(&workloads.warnings);
    if workloads.is_empty() {
        return Ok(None);
    }
    let home = inventory
        .state()
        .map_or(namespace, |state| state.parent.namespace());
    let key = RolloutKey::read(client, home).await?;
    warnings.extend(key.note());
    for (index, references) in workloads.references(&placed, &key.key) {
        if let Some(address) = &mut drafts[index].address {
            address.references = Some(references);
        }
    }
    Ok(Some(key))
}

/// The state of everything that the inventory has, for deleting all of it.
pub(crate) async fn members(
    client: &Client,
    inventory: &Inventory,
    options: &ApplyOptions,
) -> Result<BTreeMap<Key, Member>, ApplyErrors> {
    let scrubber = Scrubber::default();
    let kinds = discovery::discover(client, &needed_groups(&[], inventory))
        .await
        .map_err(|failure| error::global(client, failure, &scrubber))?;
    let live = live_objects::fetch(client, &kinds, &[], inventory, options, &scrubber).await?;
    members::observe(
        client,
        &kinds,
        &BTreeSet::new(),
        inventory,
        live,
        options,
        &scrubber,
    )
    .await
}

fn needed_groups(objects: &[Object], inventory: &Inventory) -> BTreeSet<String> {
    let of_objects = objects.iter().map(|object| object.reference().gvk.group.clone());
    let of_members = inventory.entries().map(|entry| entry.object.gvk.group.clone());
    of_objects.chain(of_members).collect()
}

/// An object on its way to a verdict.
struct Draft<'a> {
    object: &'a Object,
    subject: Subject,
    address: Option<Address>,
    verdict: Option<Result<Verdict, ApplyError>>,
    evidence: Option<Evidence>,
}

impl<'a> Draft<'a> {
    fn new(object: &'a Object, kinds: &Kinds, definitions: &Definitions, namespace: &str) -> Self {
        match desired::address(object, kinds, definitions, namespace) {
            Ok(address) => Self {
                object,
                subject: desired::subject(object, &address.object),
                address: Some(address),
                verdict: None,
                evidence: None,
            },
            Err(error) => Self {
                object,
                subject: desired::subject(object, object.reference()),
                address: None,
                verdict: Some(Err(error)),
                evidence: None,
            },
        }
    }

    fn is_definition(&self) -> bool {
        self.address
            .as_ref()
            .is_some_and(|address| is_definition(&address.object.gvk))
    }

    fn is_unchanged(&self) -> bool {
        matches!(self.verdict, Some(Ok(Verdict::Unchanged { .. })))
    }

    fn finish(self) -> Option<Finding> {
        Some(Finding {
            subject: self.subject,
            address: self.address,
            verdict: self.verdict?,
            evidence: self.evidence,
        })
    }
}

fn addresses<'a>(drafts: &'a [Draft<'_>]) -> Vec<&'a Address> {
    drafts.iter().filter_map(|draft| draft.address.as_ref()).collect()
}

fn keys(drafts: &[Draft<'_>]) -> BTreeSet<Key> {
    addresses(drafts)
        .into_iter()
        .map(|address| Key::of(&address.object))
        .collect()
}

/// Dry-runs some of the drafts, a bounded number at once. Stops early when the server is away.
async fn judge_all(
    judge: &Judge<'_>,
    drafts: &mut [Draft<'_>],
    indexes: &[usize],
    live: &mut live_objects::LiveObjects,
    warnings: &mut Vec<String>,
    next: &mut (dyn FnMut() + Send),
) -> Result<(), ApplyErrors> {
    let work: Vec<_> = indexes
        .iter()
        .filter_map(|&index| {
            let draft = &drafts[index];
            let address = draft.address.clone()?;
            let known = live.take(&Key::of(&address.object));
            Some((index, draft.object, draft.subject.clone(), address, known))
        })
        .collect();
    let mut answers = stream::iter(work)
        .map(async |(index, object, subject, address, known)| {
            let known = known.and_then(|known| known.open());
            (index, judge.judge(object, &subject, &address, known).await)
        })
        .buffer_unordered(judge.options.concurrency.max(1));
    while let Some((index, judged)) = answers.next().await {
        next();
        match judged {
            Ok(judged) => {
                warnings.extend(judged.warnings);
                drafts[index].verdict = Some(Ok(judged.verdict));
                drafts[index].evidence = judged.evidence;
            }
            Err(error) if error.is_connection() => return Err(error.into()),
            Err(error) => drafts[index].verdict = Some(Err(error)),
        }
    }
    Ok(())
}

/// What this plan brings into the cluster and is not there yet.
struct Pending {
    namespaces: BTreeMap<String, ObjectRef>,
    /// By group and kind: a CRD that is created or changed, or whose kind is not served yet.
    kinds: BTreeMap<(String, String), ObjectRef>,
    cluster_roles: BTreeMap<String, ObjectRef>,
}

impl Pending {
    fn of(drafts: &[Draft<'_>], kinds: &Kinds, definitions: &Definitions) -> Self {
        let mut pending = Self {
            namespaces: BTreeMap::new(),
            kinds: BTreeMap::new(),
            cluster_roles: BTreeMap::new(),
        };
        let mut written = BTreeSet::new();
        for draft in drafts {
            let reference = draft.object.reference();
            let name = reference.name.clone();
            match &draft.verdict {
                Some(Ok(Verdict::Create | Verdict::Recreate { .. })) => {
                    written.insert(reference.clone());
                    if definitions.namespaces.contains(&name) && crate::order::is_namespace(&reference.gvk) {
                        pending.namespaces.insert(name, reference.clone());
                    } else if is_cluster_role(&reference.gvk) {
                        pending.cluster_roles.insert(name, reference.clone());
                    }
                }
                Some(Ok(Verdict::Configure { .. })) => {
                    written.insert(reference.clone());
                    if is_cluster_role(&reference.gvk) {
                        pending.cluster_roles.insert(name, reference.clone());
                    }
                }
                _ => {}
            }
        }
        for (group_kind, definition) in &definitions.kinds {
            let is_served = definition
                .versions
                .values()
                .all(|resource| kinds.exact(&resource.gvk).is_some());
            if !is_served || written.contains(&definition.crd) {
                pending.kinds.insert(group_kind.clone(), definition.crd.clone());
            }
        }
        pending
    }

    fn awaited_by(&self, draft: &Draft<'_>) -> Vec<ObjectRef> {
        let Some(address) = &draft.address else {
            return Vec::new();
        };
        let gvk = &address.object.gvk;
        let kind = self.kinds.get(&(gvk.group.clone(), gvk.kind.clone()));
        let namespace = address
            .object
            .namespace
            .as_ref()
            .and_then(|namespace| self.namespaces.get(namespace));
        kind.into_iter().chain(namespace).cloned().collect()
    }

    /// A binding to a `ClusterRole` that this plan brings is refused to anyone but an administrator,
    /// because the server compares permissions with a role that is not there yet. It is judged later.
    fn excuse(&self, draft: &mut Draft<'_>) {
        let refused = matches!(
            draft.verdict,
            Some(Err(
                ApplyError::Forbidden { .. } | ApplyError::Refused { code: 404, .. }
            ))
        );
        let gvk = &draft.object.reference().gvk;
        let binds = gvk.group == "rbac.authorization.k8s.io" && gvk.kind.ends_with("Binding");
        if !refused || !binds {
            return;
        }
        let reference = draft.object.body().at(&["roleRef"]);
        let text = |key| reference.and_then(|reference| reference.get(key)?.as_plain_str());
        if text("kind") == Some("ClusterRole")
            && let Some(role) = text("name").and_then(|name| self.cluster_roles.get(name))
        {
            draft.verdict = Some(Ok(Verdict::Deferred {
                waits_for: vec![role.clone()],
            }));
        }
    }
}

/// A deferred object is at least held against the schema that its CRD in the set declares.
fn deferred(
    draft: &Draft<'_>,
    definitions: &Definitions,
    waits_for: Vec<ObjectRef>,
    unknown_fields: UnknownFields,
) -> Result<Verdict, ApplyError> {
    let gvk = &draft.object.reference().gvk;
    if let Some(definition) = definitions.definition(gvk)
        && let Some(schema) = definition.schemas.get(&gvk.version)
    {
        let problems = schema::check(&draft.object.body().expose_json(), schema, unknown_fields);
        if !problems.is_empty() {
            return Err(ApplyError::Schema {
                subject: Box::new(draft.subject.clone()),
                crd: definition.crd.name.clone(),
                problems,
            });
        }
    }
    Ok(Verdict::Deferred { waits_for })
}

#[cfg(test)]
mod tests;
