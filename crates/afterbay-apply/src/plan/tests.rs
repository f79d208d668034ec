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
use crate::{Owner, Prune};

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
        part_of: inventory.id().map(str::to_owned),
        owner: None,
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
        }
    });
    Live {
        findings: findings.collect(),
        members,
        warnings: Vec::new(),
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
    insta::assert_snapshot!(
        planned(Prune::Delete).err().unwrap(),
        @"no object to apply, and pruning would delete all 1 objects of inventory default/app"
    );
    assert!(planned(Prune::Keep).is_ok());
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
