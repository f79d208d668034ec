//! What is decided from what was observed, without a server.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterbay_manifest::{Gvk, ObjectRef};
use serde_json::{Value, json};

use super::*;
use crate::desired::{self, Definitions};
use crate::discovery::{Kinds, Resource, Scope};
use crate::inventory::{Pace, ParentKind, ParentState};
use crate::live::{Member, Present};
use crate::scripted;
use crate::{FailurePolicy, Guards, MaxPrune, Owner, PROTECTED, Prune};

fn resource(api_version: &str, kind: &str, plural: &str, scope: Scope) -> Resource {
    Resource {
        gvk: Gvk::new(api_version, kind),
        plural: plural.to_owned(),
        scope,
    }
}

fn kinds() -> Kinds {
    Kinds::of([
        resource("v1", "Namespace", "namespaces", Scope::Cluster),
        resource("v1", "Secret", "secrets", Scope::Namespaced),
        resource(
            "v1",
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            Scope::Namespaced,
        ),
        resource("v1", "ConfigMap", "configmaps", Scope::Namespaced),
        resource("apps/v1", "Deployment", "deployments", Scope::Namespaced),
        resource(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            Scope::Cluster,
        ),
        resource("example.com/v1", "Widget", "widgets", Scope::Namespaced),
    ])
}

fn reference(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        gvk: Gvk::new(api_version, kind),
        namespace: Some(namespace.to_owned()).filter(|text| !text.is_empty()),
        name: name.to_owned(),
    }
}

/// An inventory `default/app` with these members, each with the uid `uid-NAME`.
fn inventory(members: &[ObjectRef]) -> Inventory {
    let entries = members.iter().map(|object| {
        let entry = Entry {
            object: object.clone(),
            uid: Some(format!("uid-{}", object.name)),
            since: Some("main@sha1:old".to_owned()),
        };
        (Key::of(object), entry)
    });
    Inventory::of(State {
        parent: ParentState::new(ParentKind::ConfigMap, "default".to_owned(), "app".to_owned()),
        entries: entries.collect(),
        holder: "test".to_owned(),
        pace: Pace::default(),
    })
}

/// The member as it is after a run of ours.
fn ours(inventory: &Inventory, object: &ObjectRef) -> Present {
    let gvk = &object.gvk;
    Present {
        resource: kinds().exact(gvk).unwrap().clone(),
        uid: format!("uid-{}", object.name),
        state: "version 1".to_owned(),
        part_of: inventory.id().map(str::to_owned),
        owner: None,
        is_own: false,
        applied_by_us: true,
        kept_by: None,
    }
}

fn live(
    objects: &[Value],
    verdicts: Vec<Result<Verdict, ApplyError>>,
    members: BTreeMap<Key, Member>,
) -> Live {
    let findings = (0..).zip(objects).zip(verdicts).map(|((index, json), verdict)| {
        let object = scripted::object(index, json);
        let address = desired::address(&object, &kinds(), &Definitions::default(), "default").unwrap();
        Finding {
            subject: desired::subject(&object, &address.object),
            address: Some(address),
            verdict,
            evidence: None,
        }
    });
    Live {
        findings: findings.collect(),
        members,
        warnings: Vec::new(),
        rollout: None,
    }
}

fn show(plan: &ApplyPlan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        writeln!(text, "{} {:?}", step.address.object, step.verdict).unwrap();
    }
    for prune in &plan.prunes {
        let fate = match &prune.fate {
            Fate::Delete { uid, .. } => format!("delete {uid}"),
            Fate::Held { reason, .. } => format!("held: {reason}"),
            Fate::Keep { reason } => format!("keep: {reason}"),
            Fate::Release { reason } => format!("release: {reason}"),
            Fate::Forget => "forget".to_owned(),
        };
        writeln!(text, "{} {fate}", prune.entry.object).unwrap();
    }
    text
}

fn pruning(prune: Prune) -> ApplyOptions {
    ApplyOptions {
        prune,
        guards: Guards {
            protected: Vec::new(),
            ..Guards::default()
        },
        ..ApplyOptions::default()
    }
}

/// A set of one object that stays, so that the set is not refused as empty.
fn stays() -> ([Value; 1], Vec<Result<Verdict, ApplyError>>) {
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "stays" } });
    ([object], vec![Ok(Verdict::Unchanged { uid: "1".to_owned() })])
}

/// Plans over members that left the set and that the change has touched; shows what becomes of them.
fn prune_of(objects: &[ObjectRef], change: impl Fn(&mut Present), prune: Prune) -> String {
    prune_with(objects, change, &pruning(prune))
}

fn prune_with(objects: &[ObjectRef], change: impl Fn(&mut Present), options: &ApplyOptions) -> String {
    let inventory = inventory(objects);
    let members = objects.iter().map(|object| {
        let mut present = ours(&inventory, object);
        change(&mut present);
        (Key::of(object), Member::Present(present))
    });
    let (objects, verdicts) = stays();
    let live = live(&objects, verdicts, members.collect());
    let plan = plan(scripted::set(&objects, 'a'), &inventory, live, options)
        .ok()
        .unwrap();
    show(&plan).split_once('\n').unwrap().1.to_owned()
}

#[test]
fn an_empty_set_does_not_empty_the_inventory() {
    let member = reference("v1", "Secret", "shop", "db");
    let inventory = inventory(std::slice::from_ref(&member));
    let members = || BTreeMap::from([(Key::of(&member), Member::Present(ours(&inventory, &member)))]);
    let planned = |prune| {
        plan(
            scripted::set(&[], 'a'),
            &inventory,
            live(&[], Vec::new(), members()),
            &pruning(prune),
        )
    };
    let held = planned(Prune::Delete).ok().unwrap();
    insta::assert_snapshot!(show(&held), @"Secret/shop/db held: held back: no object to apply, and pruning would delete all 1 objects");
    insta::assert_snapshot!(held.held_back()[0], @"no object to apply, and pruning would delete all 1 objects of inventory default/app; if that is wanted, run again with --consent 7c6a6c60fb394826");
    assert!(planned(Prune::Keep).ok().unwrap().held_back().is_empty());
}

/// Plans over members that left, with these guards.
fn guarded(objects: &[ObjectRef], guards: Guards, commit: char) -> ApplyPlan {
    let inventory = inventory(objects);
    let members = objects
        .iter()
        .map(|object| (Key::of(object), Member::Present(ours(&inventory, object))));
    let (stays, verdicts) = stays();
    let options = ApplyOptions {
        guards,
        ..pruning(Prune::Delete)
    };
    let live = live(&stays, verdicts, members.collect());
    plan(scripted::set(&stays, commit), &inventory, live, &options)
        .ok()
        .unwrap()
}

fn deletes(plan: &ApplyPlan) -> usize {
    let prunes = plan.prunes.iter();
    prunes
        .filter(|prune| matches!(prune.fate, Fate::Delete { .. }))
        .count()
}

fn secrets(count: usize) -> Vec<ObjectRef> {
    (0..count)
        .map(|index| reference("v1", "Secret", "default", &format!("s{index}")))
        .collect()
}

#[test]
fn more_than_allowed_is_held_back_as_a_whole() {
    for (limit, count, allowed) in [
        (MaxPrune::Count(3), 3, true),
        (MaxPrune::Count(2), 3, false),
        (MaxPrune::Count(0), 1, false),
        (MaxPrune::Percent(100), 3, true),
        (MaxPrune::Percent(99), 3, false),
        (MaxPrune::Percent(0), 1, false),
    ] {
        let guards = Guards {
            max_prune: Some(limit),
            ..Guards::default()
        };
        let plan = guarded(&secrets(count), guards, 'a');
        assert_eq!(deletes(&plan), if allowed { count } else { 0 }, "{limit} {count}");
        assert_eq!(plan.held_back().is_empty(), allowed, "{limit} {count}");
        assert_eq!(plan.writes(), if allowed { count } else { 0 });
    }
    // Half of four objects, of which two left.
    assert!(MaxPrune::Percent(50).allows(2, 4));
    assert!(!MaxPrune::Percent(49).allows(2, 4));
}

#[test]
fn consent_is_to_one_plan() {
    let guards = |consent: Option<&str>| Guards {
        max_prune: Some(MaxPrune::Count(1)),
        consent: consent.map(str::to_owned),
        ..Guards::default()
    };
    let held = guarded(&secrets(2), guards(None), 'a');
    let id = held.id();
    assert_eq!(deletes(&guarded(&secrets(2), guards(Some(&id)), 'a')), 2);
    assert!(
        guarded(&secrets(2), guards(Some(&id)), 'a')
            .held_back()
            .is_empty()
    );
    // Another revision, other objects, another name.
    for plan in [
        guarded(&secrets(2), guards(Some(&id)), 'b'),
        guarded(&secrets(3), guards(Some(&id)), 'a'),
        guarded(&secrets(2), guards(Some("yes")), 'a'),
        guarded(&secrets(2), guards(Some("")), 'a'),
    ] {
        assert_eq!(deletes(&plan), 0);
        assert_eq!(plan.held_back().len(), 1);
        assert_ne!(plan.id(), "yes");
    }
    let other = guarded(&secrets(2), guards(Some("yes\u{1b}[2J")), 'a');
    insta::assert_snapshot!(other.held_back()[0].to_string().replace(&id, "ID"), @r#"pruning would delete, against --max-prune 1, 2 of 2 objects of inventory default/app; if that is wanted, run again with --consent ID (--consent yes\u{1b}[2J is for another plan)"#);
}

#[test]
fn what_may_have_been_lost_on_the_way_is_not_deleted() {
    let guards = Guards {
        partly_read: Some("standard input announces 3 objects and has 1".to_owned()),
        ..Guards::default()
    };
    let plan = guarded(&secrets(2), guards, 'a');
    assert_eq!(deletes(&plan), 0);
    insta::assert_snapshot!(plan.guards[0], @"standard input announces 3 objects and has 1, and pruning would delete 2 objects");
}

#[test]
fn protected_kinds_and_our_own_parts_stay_whatever_anyone_consents_to() {
    let crd = |name| reference("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name);
    let members = [
        reference("v1", "Namespace", "", "team"),
        reference("v1", "Namespace", "", "runs-here"),
        reference("v1", "Secret", "default", "own-part"),
        crd("targets.afterbay.dev"),
        crd("targets.x.afterbay.dev"),
        crd("widgets.notafterbay.dev"),
        reference("example.com/v1", "Widget", "default", "w"),
    ];
    let inventory = inventory(&members);
    let texts = [
        vec![],
        PROTECTED.map(str::to_owned).to_vec(),
        vec!["Widget.example.com".to_owned(), "Namespace.other".to_owned()],
    ]
    .map(|protected| {
        let states = members.iter().map(|object| {
            let mut present = ours(&inventory, object);
            present.is_own = object.name == "own-part";
            (Key::of(object), Member::Present(present))
        });
        let (stays, verdicts) = stays();
        let options = ApplyOptions {
            guards: Guards {
                protected,
                own_namespace: Some("runs-here".to_owned()),
                ..Guards::default()
            },
            ..pruning(Prune::Delete)
        };
        let live = live(&stays, verdicts, states.collect());
        let plan = plan(scripted::set(&stays, 'a'), &inventory, live, &options);
        show(&plan.ok().unwrap())
    });
    insta::assert_snapshot!(texts.join("--\n"), @r#"
    ConfigMap/default/stays Unchanged { uid: "1" }
    Widget.example.com/default/w delete uid-w
    Secret/default/own-part keep: left the revision; it is a part of afterbay itself, so delete it by hand
    Namespace/team delete uid-team
    Namespace/runs-here keep: left the revision; it is a part of afterbay itself, so delete it by hand
    CustomResourceDefinition.apiextensions.k8s.io/widgets.notafterbay.dev delete uid-widgets.notafterbay.dev
    CustomResourceDefinition.apiextensions.k8s.io/targets.x.afterbay.dev keep: left the revision; it is a part of afterbay itself, so delete it by hand
    CustomResourceDefinition.apiextensions.k8s.io/targets.afterbay.dev keep: left the revision; it is a part of afterbay itself, so delete it by hand
    --
    ConfigMap/default/stays Unchanged { uid: "1" }
    Widget.example.com/default/w delete uid-w
    Secret/default/own-part keep: left the revision; it is a part of afterbay itself, so delete it by hand
    Namespace/team keep: left the revision; Namespace is a protected kind, so delete it by hand or change --protect
    Namespace/runs-here keep: left the revision; it is a part of afterbay itself, so delete it by hand
    CustomResourceDefinition.apiextensions.k8s.io/widgets.notafterbay.dev keep: left the revision; CustomResourceDefinition is a protected kind, so delete it by hand or change --protect
    CustomResourceDefinition.apiextensions.k8s.io/targets.x.afterbay.dev keep: left the revision; it is a part of afterbay itself, so delete it by hand
    CustomResourceDefinition.apiextensions.k8s.io/targets.afterbay.dev keep: left the revision; it is a part of afterbay itself, so delete it by hand
    --
    ConfigMap/default/stays Unchanged { uid: "1" }
    Widget.example.com/default/w keep: left the revision; Widget is a protected kind, so delete it by hand or change --protect
    Secret/default/own-part keep: left the revision; it is a part of afterbay itself, so delete it by hand
    Namespace/team delete uid-team
    Namespace/runs-here keep: left the revision; it is a part of afterbay itself, so delete it by hand
    CustomResourceDefinition.apiextensions.k8s.io/widgets.notafterbay.dev delete uid-widgets.notafterbay.dev
    CustomResourceDefinition.apiextensions.k8s.io/targets.x.afterbay.dev keep: left the revision; it is a part of afterbay itself, so delete it by hand
    CustomResourceDefinition.apiextensions.k8s.io/targets.afterbay.dev keep: left the revision; it is a part of afterbay itself, so delete it by hand
    "#);
}

#[test]
fn a_volume_is_recreated_with_consent_to_that_plan_only() {
    let claim =
        json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" } });
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "typed" } });
    let planned = |objects: &[Value], consent: Option<String>| {
        let verdict = Verdict::Recreate {
            uid: "1".to_owned(),
            fields: vec!["spec: is immutable".to_owned()],
        };
        let verdicts = objects.iter().map(|_| Ok(verdict.clone())).collect();
        let options = ApplyOptions {
            guards: Guards {
                // Not protecting a kind from pruning is no consent to lose what is in it.
                protected: Vec::new(),
                consent,
                ..Guards::default()
            },
            ..pruning(Prune::Delete)
        };
        let live = live(objects, verdicts, BTreeMap::new());
        plan(scripted::set(objects, 'a'), &Inventory::none(), live, &options)
            .ok()
            .unwrap()
    };
    let both = [claim, secret.clone()];
    let held = planned(&both, None);
    let errors: Vec<_> = held.held_back().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n").replace(&held.id(), "ID"), @"app.yaml:1:1: PersistentVolumeClaim/default/data would be deleted and created anew, and what it holds would be gone; if that is wanted, run again with --consent ID");
    assert!(planned(&both, Some(held.id())).held_back().is_empty());
    assert!(planned(&[secret], None).held_back().is_empty());
}

#[test]
fn writes_in_order_and_deletes_in_reverse() {
    let objects = [
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db" } }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "new" } }),
    ];
    let members = [
        reference("v1", "Namespace", "", "old"),
        reference("v1", "Secret", "old", "gone"),
        reference("apps/v1", "Deployment", "old", "left"),
    ];
    let inventory = inventory(&members);
    let mut states: BTreeMap<Key, Member> = members
        .iter()
        .map(|object| (Key::of(object), Member::Present(ours(&inventory, object))))
        .collect();
    states.insert(Key::of(&members[1]), Member::Gone);
    let verdicts = vec![
        Ok(Verdict::Unchanged { uid: "1".to_owned() }),
        Ok(Verdict::Configure {
            uid: "2".to_owned(),
            fields: vec!["data.k".to_owned()],
            leftovers: Vec::new(),
            takes_over: Vec::new(),
        }),
        Ok(Verdict::Create),
    ];
    let plan = plan(
        scripted::set(&objects, 'a'),
        &inventory,
        live(&objects, verdicts, states),
        &pruning(Prune::Delete),
    )
    .ok()
    .unwrap();
    insta::assert_snapshot!(show(&plan), @r#"
    Namespace/new Create
    Secret/default/db Configure { uid: "2", fields: ["data.k"], leftovers: [], takes_over: [] }
    Deployment.apps/default/web Unchanged { uid: "1" }
    Deployment.apps/old/left delete uid-left
    Secret/old/gone forget
    Namespace/old delete uid-old
    "#);
    assert_eq!(plan.writes(), 4);
    let union: Vec<_> = plan
        .union()
        .into_values()
        .map(|entry| (entry.object.to_string(), entry.uid))
        .collect();
    let uid = |text: &str| Some(text.to_owned());
    assert_eq!(
        union,
        [
            ("Namespace/new".to_owned(), None),
            ("Namespace/old".to_owned(), uid("uid-old")),
            ("Secret/default/db".to_owned(), uid("2")),
            ("Secret/old/gone".to_owned(), uid("uid-gone")),
            ("Deployment.apps/default/web".to_owned(), uid("1")),
            ("Deployment.apps/old/left".to_owned(), uid("uid-left")),
        ]
    );
}

#[test]
fn every_refusal_is_reported() {
    let objects = [
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "b" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "c" } }),
    ];
    let refusal = |index: u32, message: &str| {
        let object = scripted::object(index, &objects[index as usize]);
        Err(ApplyError::Forbidden {
            subject: Box::new(desired::subject(&object, object.reference())),
            message: message.to_owned(),
        })
    };
    let verdicts = vec![refusal(0, "no"), Ok(Verdict::Create), refusal(2, "never")];
    let errors = plan(
        scripted::set(&objects, 'a'),
        &Inventory::none(),
        live(&objects, verdicts, BTreeMap::new()),
        &ApplyOptions::default(),
    )
    .err()
    .unwrap();
    insta::assert_snapshot!(errors, @r"
    app.yaml:1:1: Secret/a: forbidden: no
    app.yaml:3:1: Secret/c: forbidden: never
    ");
}

#[test]
fn per_resource_goes_on_without_what_was_refused_and_freezes_pruning() {
    let objects = [
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "refused" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "new" } }),
        json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "waits" } }),
        json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": { "name": "widgets.example.com" } }),
    ];
    let refusal = |index: usize| {
        let object = scripted::object(u32::try_from(index).unwrap(), &objects[index]);
        let address = desired::address(&object, &kinds(), &Definitions::default(), "default").unwrap();
        Err(ApplyError::Forbidden {
            subject: Box::new(desired::subject(&object, &address.object)),
            message: "no".to_owned(),
        })
    };
    let members = [
        reference("v1", "Secret", "default", "refused"),
        reference("v1", "Secret", "default", "left"),
    ];
    let inventory = inventory(&members);
    let states = || {
        members
            .iter()
            .map(|object| (Key::of(object), Member::Present(ours(&inventory, object))))
            .collect()
    };
    let verdicts = || {
        vec![
            refusal(0),
            Ok(Verdict::Create),
            Ok(Verdict::Deferred {
                waits_for: vec![reference(
                    "apiextensions.k8s.io/v1",
                    "CustomResourceDefinition",
                    "",
                    "widgets.example.com",
                )],
            }),
            refusal(3),
        ]
    };
    let planned = |failures, verdicts| {
        let options = ApplyOptions {
            failures,
            ..pruning(Prune::Delete)
        };
        plan(
            scripted::set(&objects, 'a'),
            &inventory,
            live(&objects, verdicts, states()),
            &options,
        )
    };
    assert_eq!(planned(FailurePolicy::Atomic, verdicts()).err().unwrap().len(), 2);
    let plan = planned(FailurePolicy::PerResource, verdicts()).ok().unwrap();
    let refused: Vec<_> = plan.refused.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(show(&plan) + "--\n" + &refused.join("\n"), @r"
    Secret/default/new Create
    Secret/default/left keep: left the revision; nothing is pruned while objects fail (3 do)
    --
    app.yaml:1:1: Secret/default/refused: forbidden: no
    app.yaml:4:1: CustomResourceDefinition.apiextensions.k8s.io/widgets.example.com: forbidden: no
    app.yaml:3:1: Widget.example.com/default/waits: waits for CustomResourceDefinition.apiextensions.k8s.io/widgets.example.com, which failed
    ");
    // What concerns more than one object stops everything under any policy.
    let unreachable = ApplyError::OutOfTime {
        server: "s".to_owned(),
    };
    let mut all = verdicts();
    all[0] = Err(unreachable);
    assert!(planned(FailurePolicy::PerResource, all).is_err());
}

#[test]
fn two_objects_that_become_one_are_refused() {
    let objects = [
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a", "namespace": "default" } }),
    ];
    let verdicts = vec![Ok(Verdict::Create), Ok(Verdict::Create)];
    let errors = plan(
        scripted::set(&objects, 'a'),
        &Inventory::none(),
        live(&objects, verdicts, BTreeMap::new()),
        &ApplyOptions::default(),
    )
    .err()
    .unwrap();
    insta::assert_snapshot!(
        errors,
        @"app.yaml:2:1: Secret/default/a: is in the revision twice, also as app.yaml:1:1: Secret/default/a"
    );
}

#[test]
fn what_was_observed_for_another_set_is_refused() {
    let objects = [json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" } })];
    let other = [json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "b" } })];
    let live = live(&other, vec![Ok(Verdict::Create)], BTreeMap::new());
    let errors = plan(
        scripted::set(&objects, 'a'),
        &Inventory::none(),
        live,
        &ApplyOptions::default(),
    )
    .err()
    .unwrap();
    insta::assert_snapshot!(errors, @"app.yaml:1:1: Secret/a: was not observed in the cluster");
}

#[test]
fn ours_is_what_inventory_label_and_manager_say() {
    let object = [reference("v1", "Secret", "default", "s")];
    let texts = [
        prune_of(&object, |_| {}, Prune::Delete),
        prune_of(&object, |_| {}, Prune::Keep),
        prune_of(&object, |present| present.part_of = None, Prune::Delete),
        prune_of(
            &object,
            |present| present.part_of = Some("other".to_owned()),
            Prune::Delete,
        ),
        prune_of(&object, |present| present.applied_by_us = false, Prune::Delete),
        prune_of(&object, |present| present.uid = "new".to_owned(), Prune::Delete),
        prune_of(
            &object,
            |present| present.kept_by = Some("prune: disabled".to_owned()),
            Prune::Delete,
        ),
    ];
    insta::assert_snapshot!(texts.concat(), @r"
    Secret/default/s delete uid-s
    Secret/default/s keep: left the revision; pruning was not asked for
    Secret/default/s release: not ours: it does not have the label of this inventory
    Secret/default/s release: not ours: its label says it belongs to other
    Secret/default/s release: not ours: our field manager owns nothing of it
    Secret/default/s release: not ours: it was deleted and created again by somebody else (uid uid-s is now new)
    Secret/default/s release: kept by prune: disabled
    ");
}

#[test]
fn with_an_owner_only_what_carries_its_labels_is_pruned() {
    let object = [reference("v1", "Secret", "default", "s")];
    let owner = |name: &str| Owner {
        namespace: "apps".to_owned(),
        name: name.to_owned(),
    };
    let options = ApplyOptions {
        owner: Some(owner("shop")),
        ..pruning(Prune::Delete)
    };
    let of = |name: &'static str| move |present: &mut Present| present.owner = Some(Box::new(owner(name)));
    let texts = [
        prune_with(&object, of("shop"), &options),
        prune_with(&object, of("other"), &options),
        prune_with(&object, |_| {}, &options),
        prune_of(&object, of("other"), Prune::Delete),
    ];
    insta::assert_snapshot!(texts.concat(), @r"
    Secret/default/s delete uid-s
    Secret/default/s release: not ours: its labels say it belongs to apps/other
    Secret/default/s release: not ours: it does not have the labels of its owner
    Secret/default/s delete uid-s
    ");
}

#[test]
fn a_namespace_or_crd_stays_while_something_in_it_stays() {
    let members = [
        reference("v1", "Namespace", "", "default"),
        reference("v1", "Namespace", "", "used"),
        reference("v1", "Namespace", "", "kept"),
        reference("v1", "Namespace", "", "empty"),
        reference("v1", "Secret", "kept", "foreign"),
        reference(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "",
            "widgets.example.com",
        ),
        reference(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "",
            "others.example.com",
        ),
    ];
    let inventory = inventory(&members);
    let states = members.iter().map(|object| {
        let mut present = ours(&inventory, object);
        present.applied_by_us = object.name != "foreign";
        (Key::of(object), Member::Present(present))
    });
    let objects = [
        json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w", "namespace": "used" } }),
    ];
    let live = live(
        &objects,
        vec![Ok(Verdict::Unchanged { uid: "1".to_owned() })],
        states.collect(),
    );
    let plan = plan(
        scripted::set(&objects, 'a'),
        &inventory,
        live,
        &pruning(Prune::Delete),
    )
    .ok()
    .unwrap();
    insta::assert_snapshot!(show(&plan), @r#"
    Widget.example.com/used/w Unchanged { uid: "1" }
    Secret/kept/foreign release: not ours: our field manager owns nothing of it
    Namespace/used keep: objects that stay are in it
    Namespace/kept keep: objects that stay are in it
    Namespace/empty delete uid-empty
    Namespace/default keep: objects that stay are in it
    CustomResourceDefinition.apiextensions.k8s.io/widgets.example.com keep: objects that stay are in it
    CustomResourceDefinition.apiextensions.k8s.io/others.example.com delete uid-others.example.com
    "#);
}

#[test]
fn an_object_that_moved_to_another_group_is_not_deleted_under_the_old_name() {
    let old = reference("apps/v1", "Deployment", "default", "d");
    let inventory = inventory(std::slice::from_ref(&old));
    let objects = [json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "d" } })];
    let members = BTreeMap::from([(Key::of(&old), Member::Present(ours(&inventory, &old)))]);
    let live = live(
        &objects,
        vec![Ok(Verdict::Unchanged {
            uid: "uid-d".to_owned(),
        })],
        members,
    );
    let plan = plan(
        scripted::set(&objects, 'a'),
        &inventory,
        live,
        &pruning(Prune::Delete),
    )
    .ok()
    .unwrap();
    assert!(matches!(plan.prunes[0].fate, Fate::Release { .. }));
}

#[test]
fn what_cannot_be_told_stays_recorded() {
    let member = reference("metrics.example.com/v1", "Thing", "default", "t");
    let inventory = inventory(std::slice::from_ref(&member));
    let unknown = Member::Unknown {
        reason: "its server is away".to_owned(),
    };
    for members in [BTreeMap::from([(Key::of(&member), unknown)]), BTreeMap::new()] {
        let plan = plan(
            scripted::set(&[], 'a'),
            &inventory,
            live(&[], Vec::new(), members),
            &pruning(Prune::Delete),
        )
        .ok()
        .unwrap();
        assert!(matches!(plan.prunes[0].fate, Fate::Keep { .. }));
    }
}
