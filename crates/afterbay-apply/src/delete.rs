//! Deletes everything that an inventory owns, and the inventory.

use std::collections::BTreeMap;

use afterbay_manifest::{Revision, Scrubber};

use crate::client::{Client, Wrote};
use crate::error::ApplyErrors;
use crate::execute::{ApplyEvent, ApplyFailure, Ending, Pruned, keep_alive, prune, prune_report};
use crate::inventory::{Inventory, Key, Store};
use crate::observe;
use crate::order::is_namespace;
use crate::plan::{Fate, PruneStep, prunes};
use crate::report::{ApplyReport, Counts};
use crate::{ApplyOptions, Guards, Mode, Prune};

/// Deletes what the inventory owns, in the reverse order of applying, with the same rules as pruning:
/// what is not ours any more, or what a control of Flux keeps, stays. Then the inventory goes; it stays
/// when something in it could not be deleted.
pub async fn delete(
    client: &Client,
    inventory: Inventory,
    options: &ApplyOptions,
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Result<ApplyReport, Box<ApplyFailure>> {
    let scrubber = Scrubber::default();
    let mut report = ApplyReport {
        revision: inventory
            .revision()
            .map_or_else(|| Revision::UNKNOWN.to_string(), str::to_owned),
        dry_run: options.mode == Mode::DryRun,
        inventory: inventory.state().map(|state| state.parent.display()),
        prunes_everything: true,
        counts: Counts::default(),
        objects: Vec::new(),
        needs_consent: None,
        health: Vec::new(),
        warnings: Vec::new(),
    };
    let Some(state) = inventory.state().filter(|_| inventory.exists()) else {
        return Ok(report);
    };
    let client = &client.counting();
    let failure = |errors, report, wrote: Wrote| {
        Box::new(ApplyFailure {
            errors,
            report,
            wrote,
            applied: false,
        })
    };
    // Whoever asks for all of it has been asked; only what this program itself is made of stays.
    let guards = Guards {
        protected: Vec::new(),
        ..options.guards.clone()
    };
    let pruning = ApplyOptions {
        prune: Prune::Delete,
        guards,
        ..options.clone()
    };
    let members = match observe::members(client, &inventory, options).await {
        Ok(members) => members,
        Err(errors) => return Err(failure(errors, report, client.wrote())),
    };
    let mut steps = prunes(&[], &inventory, &members, &pruning);
    release_home(&mut steps, state.parent.namespace());
    let mut pruned: Vec<Option<Pruned>> = steps.iter().map(|_| None).collect();
    let mut errors = Vec::new();
    if options.mode == Mode::Write {
        let writes = steps
            .iter()
            .filter(|step| matches!(step.fate, Fate::Delete { .. }))
            .count();
        events(ApplyEvent::Started { writes });
        let mut store = match Store::acquire(client, state, &state.entries).await {
            Ok(store) => store,
            Err(error) => return Err(failure(error.into(), report, client.wrote())),
        };
        let held = client.while_held(store.hold());
        errors = tokio::select! {
            errors = prune(&held, &steps, options, &scrubber, &mut pruned, events) => errors,
            lost = keep_alive(client, &mut store) => vec![lost],
        };
        let left: BTreeMap<_, _> = steps
            .iter()
            .zip(&pruned)
            .filter(|(_, pruned)| matches!(pruned, None | Some(Pruned::Kept)))
            .map(|(step, _)| (Key::of(&step.entry.object), step.entry.clone()))
            .collect();
        let outcome = if left.is_empty() {
            store.remove(client).await
        } else {
            store.finish(client, &left, None).await
        };
        errors.extend(outcome.err());
    }
    let errors = ApplyErrors::new(errors);
    let ending = match options.mode {
        Mode::DryRun => Ending::DryRun,
        Mode::Write if errors.is_empty() => Ending::Done,
        Mode::Write => Ending::Stopped(&errors),
    };
    report.objects = steps
        .iter()
        .zip(&pruned)
        .filter_map(|(step, pruned)| prune_report(step, pruned.as_ref(), ending))
        .collect();
    report.count();
    if errors.is_empty() {
        Ok(report)
    } else {
        Err(failure(errors, report, client.wrote()))
    }
}

/// The Namespace that the inventory itself is in cannot go before it, and after it nobody would know
/// whose it was. It is left, unless other members stay in it anyway.
fn release_home(steps: &mut [PruneStep], home: &str) {
    let is_empty = steps.iter().all(|step| {
        let stays = matches!(
            step.fate,
            Fate::Held { .. } | Fate::Keep { .. } | Fate::Release { .. }
        );
        !stays || step.entry.object.namespace.as_deref() != Some(home)
    });
    for step in steps {
        let is_home = is_namespace(&step.entry.object.gvk) && step.entry.object.name == home;
        if is_home && is_empty && matches!(step.fate, Fate::Keep { .. }) {
            step.fate = Fate::Release {
                reason: "the inventory itself was in it; delete the namespace by hand".to_owned(),
            };
        }
    }
}
