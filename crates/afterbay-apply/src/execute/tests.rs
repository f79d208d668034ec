//! Plans carried out against a server that keeps what it is sent, and that misbehaves where a test says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterbay_manifest::{Gvk, ObjectRef};
use serde_json::{Value, json};

use super::*;
use crate::client::Wrote;
use crate::desired::{self, Definitions};
use crate::discovery::{Kinds, Resource, Scope};
use crate::inventory::{Busy, Inventory, InventoryOptions, Key, Pace, ParentKind};
use crate::live::{Finding, Live, Member, Present};
use crate::scripted::{self, Memory, Reply, Server, status};
use crate::{ApplyOptions, Prune};

const PARENT: &str = "/api/v1/namespaces/default/configmaps/app";
const ENOUGH: Duration = Duration::from_secs(20);

fn resource(kind: &str, plural: &str, scope: Scope) -> Resource {
    Resource {
        gvk: Gvk::new("v1", kind),
        plural: plural.to_owned(),
        scope,
    }
}

fn kinds() -> Kinds {
    Kinds::of([
        resource("Namespace", "namespaces", Scope::Cluster),
        resource("ConfigMap", "configmaps", Scope::Namespaced),
        resource("Secret", "secrets", Scope::Namespaced),
    ])
}

fn config_map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "k": "v" } })
}

/// A server with a memory, and what happens to a request instead of its answer. What is lost on the way back
/// has been done.
struct Fake {
    server: Server,
    memory: Arc<Mutex<Memory>>,
}

impl Fake {
    async fn start(script: impl Fn(&str, &mut Memory) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::with_bodies(move |request, _, memory| script(request, memory)).await
    }

    async fn with_bodies(
        script: impl Fn(&str, &[u8], &mut Memory) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let memory = Arc::new(Mutex::new(Memory::default()));
        let shared = Arc::clone(&memory);
        let server = Server::start(move |request, body, _| {
            let mut memory = shared.lock().unwrap();
            script(request, body, &mut memory).unwrap_or_else(|| memory.answer(request, body))
        })
        .await;
        Self { server, memory }
    }

    fn client(&self) -> Client {
        self.server.client(ENOUGH)
    }

    fn parent(&self) -> Value {
        self.memory.lock().unwrap().objects[PARENT].clone()
    }

    /// Everything that was asked, but for reads.
    fn writes(&self) -> Vec<String> {
        let requests = self.server.requests().into_iter();
        requests.filter(|request| !request.starts_with("GET")).collect()
    }
}

async fn inventory(client: &Client) -> Inventory {
    let options = InventoryOptions {
        name: "app".to_owned(),
        namespace: None,
        parent: ParentKind::ConfigMap,
        busy: Busy::Fail,
        holder: "me".to_owned(),
    };
    crate::inventory::inventory(client, &options).await.ok().unwrap()
}

/// A plan that creates the objects and deletes the members of the inventory that are not among them.
fn plan(objects: &[Value], inventory: &Inventory) -> ApplyPlan {
    planned(objects, inventory, |_| Verdict::Create)
}

fn planned(objects: &[Value], inventory: &Inventory, verdict: impl Fn(&ObjectRef) -> Verdict) -> ApplyPlan {
    let findings = (0..).zip(objects).map(|(index, json)| {
        let object = scripted::object(index, json);
        let address = desired::address(&object, &kinds(), &Definitions::default(), "default").unwrap();
        Finding {
            subject: desired::subject(&object, &address.object),
            verdict: Ok(verdict(&address.object)),
            evidence: None,
            address: Some(address),
        }
    });
    let members = inventory.entries().map(|entry| {
        let present = Present {
            resource: kinds().exact(&entry.object.gvk).unwrap().clone(),
            uid: entry.uid.clone().unwrap_or_default(),
            state: "version 1".to_owned(),
            part_of: inventory.id().map(str::to_owned),
            owner: None,
            is_own: false,
            applied_by_us: true,
            kept_by: None,
        };
        (Key::of(&entry.object), Member::Present(present))
    });
    let live = Live {
        findings: findings.collect(),
        members: members.collect(),
        warnings: Vec::new(),
        rollout: None,
    };
    let options = ApplyOptions {
        prune: Prune::Delete,
        concurrency: 4,
        ..ApplyOptions::default()
    };
    let mut plan = crate::plan(scripted::set(objects, 'a'), inventory, live, &options)
        .ok()
        .unwrap();
    // In milliseconds what takes seconds in a cluster.
    plan.state.as_mut().unwrap().pace = Pace {
        renewal: Duration::from_millis(40),
        trusted: Duration::from_millis(120),
        again: Duration::from_millis(20),
    };
    plan
}

async fn run(client: &Client, plan: ApplyPlan) -> Result<ApplyReport, Box<ApplyFailure>> {
    execute(client, plan, &mut |_| ()).await
}

/// Applies two ConfigMaps, so that there is an inventory to work with.
async fn prepared(fake: &Fake) {
    let client = fake.client();
    let first = inventory(&client).await;
    run(&client, plan(&[config_map("one"), config_map("two")], &first))
        .await
        .ok()
        .unwrap();
}

/// What became of each object, and the errors.
fn told(outcome: &Result<ApplyReport, Box<ApplyFailure>>) -> String {
    let (report, errors) = match outcome {
        Ok(report) => (report, None),
        Err(failure) => (&failure.report, Some(failure)),
    };
    let mut text = String::new();
    for object in &report.objects {
        let reason = object.reason.clone().unwrap_or_default();
        writeln!(text, "{} {}/{} {reason}", object.action, object.kind, object.name).unwrap();
    }
    if let Some(failure) = errors {
        writeln!(text, "{:?}: {failure}", failure.wrote).unwrap();
    }
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn members(parent: &Value) -> Vec<String> {
    let text = parent["data"]["objects"].as_str().unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    let rows = document["objects"].as_array().unwrap().iter();
    rows.map(|row| row[2].as_str().unwrap().to_owned()).collect()
}

fn is_write_of_parent(request: &str) -> bool {
    request.starts_with("POST /api/v1/namespaces/default/configmaps") || request == format!("PUT {PARENT}")
}

/// Does the n-th write of the inventory and loses its answer.
async fn losing(nth: usize) -> Fake {
    let seen = Mutex::new(0);
    Fake::with_bodies(move |request, body, memory| {
        let mut seen = seen.lock().unwrap();
        *seen += usize::from(is_write_of_parent(request));
        (is_write_of_parent(request) && *seen == nth).then(|| {
            memory.answer(request, body);
            Reply::Reset
        })
    })
    .await
}

#[tokio::test]
async fn a_lost_answer_to_a_write_of_the_inventory_is_no_other_run() {
    // Taking it that is not there yet, leaving it, taking it that is there, leaving it.
    for nth in 1..=4 {
        let fake = losing(nth).await;
        let client = fake.client();
        for name in ["one", "two"] {
            let before = inventory(&client).await;
            let outcome = run(&client, plan(&[config_map(name)], &before)).await;
            assert!(outcome.is_ok(), "write {nth}: {}", told(&outcome));
        }
        assert_eq!(members(&fake.parent()), ["two"], "write {nth}");
        assert!(
            fake.parent()["metadata"]["annotations"]
                .get("afterbay.dev/holder")
                .is_none()
        );
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_run_that_changes_nothing_else() {
    let fake = losing(3).await;
    prepared(&fake).await;
    let client = fake.client();
    let before = inventory(&client).await;
    // A member is gone by itself, so only the list changes.
    let mut plan = planned(&[config_map("one")], &before, |_| Verdict::Unchanged {
        uid: "uid-2".to_owned(),
    });
    plan.prunes[0].fate = Fate::Forget;
    let outcome = run(&client, plan).await;
    assert!(outcome.is_ok(), "{}", told(&outcome));
    assert_eq!(members(&fake.parent()), ["one"]);
}

#[tokio::test]
async fn an_inventory_that_changed_since_it_was_read_stops_the_run_before_it_writes() {
    let fake = Fake::start(|_, _| None).await;
    prepared(&fake).await;
    let client = fake.client();
    let before = inventory(&client).await;
    let count = fake.writes().len();
    fake.memory.lock().unwrap().objects.get_mut(PARENT).unwrap()["metadata"]["resourceVersion"] = json!("99");
    let outcome = run(&client, plan(&[config_map("three")], &before)).await;
    insta::assert_snapshot!(told(&outcome), @r"
    not reached ConfigMap/three
    not reached ConfigMap/two
    not reached ConfigMap/one
    Nothing: inventory default/app changed while this run was planning
    ");
    assert_eq!(fake.writes()[count..], [format!("PUT {PARENT}")]);
    fake.memory.lock().unwrap().objects.remove(PARENT);
    let outcome = run(&client, plan(&[config_map("three")], &before)).await;
    assert!(
        told(&outcome).contains("changed while this run was planning"),
        "{}",
        told(&outcome)
    );
}

#[tokio::test]
async fn a_refused_inventory_is_no_write() {
    let fake = Fake::start(|request, _| {
        is_write_of_parent(request).then(|| Reply::Json(403, status(403, "Forbidden", "no \u{1b}[31mway")))
    })
    .await;
    let client = fake.client();
    let outcome = run(&client, plan(&[config_map("one")], &inventory(&client).await)).await;
    insta::assert_snapshot!(told(&outcome), @r"
    not reached ConfigMap/one
    Nothing: inventory default/app: no [31mway
    ");
}

#[tokio::test]
async fn a_write_whose_answer_never_comes_may_have_been_done() {
    let fake = Fake::start(|request, _| is_write_of_parent(request).then_some(Reply::Hang)).await;
    let before = inventory(&fake.client()).await;
    let client = fake.server.client(Duration::from_millis(200));
    let outcome = run(&client, plan(&[config_map("one")], &before)).await;
    assert_eq!(outcome.err().unwrap().wrote, Wrote::Perhaps);
}

#[tokio::test]
async fn the_namespace_of_the_inventory_was_written_before_it_turns_out_to_be_held() {
    let fake = Fake::start(|request, _| {
        is_write_of_parent(request).then(|| Reply::Json(409, status(409, "AlreadyExists", "exists")))
    })
    .await;
    let client = fake.client();
    let home = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } });
    let outcome = run(&client, plan(&[home], &inventory(&client).await)).await;
    insta::assert_snapshot!(told(&outcome), @r"
    created Namespace/default
    Something: inventory default/app changed while this run was planning
    ");
}

/// Lets the writes of ConfigMaps take a while, so that there is time for renewals.
fn late(request: &str, memory: &mut Memory, after: u64) -> Option<Reply> {
    (request.starts_with("PATCH /api/v1/namespaces/default/configmaps/") && request.contains('?')).then(
        || {
            let path = request.split_once(' ').unwrap().1.split_once('?').unwrap().0;
            let object = json!({ "metadata": { "uid": "uid-x" } });
            memory.objects.insert(path.to_owned(), object.clone());
            Reply::Late(Duration::from_millis(after), 201, object)
        },
    )
}

fn renewals(fake: &Fake) -> usize {
    let renewal = format!("PATCH {PARENT}");
    fake.writes()
        .iter()
        .filter(|request| **request == renewal)
        .count()
}

#[tokio::test]
async fn the_hold_is_renewed_while_the_run_writes() {
    let fake = Fake::start(|request, memory| late(request, memory, 300)).await;
    let client = fake.client();
    let outcome = run(&client, plan(&[config_map("one")], &inventory(&client).await)).await;
    assert!(outcome.is_ok(), "{}", told(&outcome));
    assert!(renewals(&fake) >= 3, "{:?}", fake.writes());
}

/// Another run takes the inventory.
fn take_over(memory: &mut Memory) {
    let parent = memory.objects.get_mut(PARENT).unwrap();
    parent["metadata"]["resourceVersion"] = json!("other");
    parent["metadata"]["annotations"]["afterbay.dev/holder"] = json!(
        json!({
            "identity": "\u{1b}]0;other", "run": "02", "acquireTime": "2999-01-01T00:00:00Z",
            "renewTime": "2999-01-01T00:00:00Z", "leaseDurationSeconds": 15,
        })
        .to_string()
    );
}

#[tokio::test]
async fn a_run_that_was_taken_over_stops_and_leaves_the_inventory_alone() {
    let fake = Fake::start(|request, memory| {
        let reply = late(request, memory, 5000);
        if reply.is_some() {
            take_over(memory);
        }
        reply
    })
    .await;
    let client = fake.client();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "later" } });
    let outcome = run(
        &client,
        plan(&[config_map("one"), secret], &inventory(&client).await),
    )
    .await;
    insta::assert_snapshot!(told(&outcome), @r"
    not reached ConfigMap/one
    not reached Secret/later
    Something: inventory default/app was taken over by ]0;other; this run stopped writing
    ");
    assert_eq!(fake.parent()["metadata"]["resourceVersion"], "other");
    assert!(
        !fake.writes().iter().any(|request| request.contains("secrets")),
        "{:?}",
        fake.writes()
    );
}

/// How long an outage lasts for writes, and for renewals.
const UNREACHED: Duration = Duration::from_millis(600);
const UNRENEWED: Duration = Duration::from_millis(2500);

/// No answer to anything from the first write of an object on, for longer than the hold is relied on, and to
/// renewals for longer still: whoever does not wait for one writes first.
async fn with_outage(at_the_end: impl Fn(&mut Memory) + Send + Sync + 'static) -> Fake {
    let began: Mutex<Option<std::time::Instant>> = Mutex::new(None);
    let is_over = Mutex::new(false);
    Fake::start(move |request, memory| {
        let mut began = began.lock().unwrap();
        if began.is_none() && !request.contains("/configmaps/one?") {
            return None;
        }
        let since = began.get_or_insert_with(std::time::Instant::now);
        let is_renewal = request == format!("PATCH {PARENT}");
        if since.elapsed() < if is_renewal { UNRENEWED } else { UNREACHED } {
            return Some(Reply::Reset);
        }
        if !std::mem::replace(&mut *is_over.lock().unwrap(), true) {
            at_the_end(memory);
        }
        None
    })
    .await
}

#[tokio::test]
async fn after_an_outage_a_run_writes_on_once_it_knows_that_it_still_holds_the_inventory() {
    let fake = with_outage(|_| ()).await;
    let client = fake.client();
    let began = std::time::Instant::now();
    let outcome = run(&client, plan(&[config_map("one")], &inventory(&client).await)).await;
    assert!(outcome.is_ok(), "{}", told(&outcome));
    assert!(
        began.elapsed() >= UNRENEWED,
        "the write did not wait for a renewal"
    );
}

#[tokio::test]
async fn after_an_outage_in_which_another_run_took_the_inventory_nothing_is_written() {
    let fake = with_outage(take_over).await;
    let client = fake.client();
    let outcome = run(&client, plan(&[config_map("one")], &inventory(&client).await)).await;
    insta::assert_snapshot!(told(&outcome), @r"
    not reached ConfigMap/one
    Something: inventory default/app was taken over by ]0;other; this run stopped writing
    ");
    let path = "/api/v1/namespaces/default/configmaps/one";
    assert!(
        !fake.memory.lock().unwrap().objects.contains_key(path),
        "{:?}",
        fake.writes()
    );
}

#[tokio::test]
async fn a_hold_that_may_not_be_renewed_ends_the_run() {
    let fake = Fake::start(|request, memory| {
        if request == format!("PATCH {PARENT}") {
            return Some(Reply::Json(403, status(403, "Forbidden", "no patch for you")));
        }
        late(request, memory, 5000)
    })
    .await;
    let client = fake.client();
    let outcome = run(&client, plan(&[config_map("one")], &inventory(&client).await)).await;
    assert!(told(&outcome).contains("no patch for you"), "{}", told(&outcome));
}

#[tokio::test]
async fn pruning_sends_the_uid_and_leaves_alone_what_somebody_created_again() {
    let deletes: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    let seen = Arc::clone(&deletes);
    let fake = Fake::with_bodies(move |request, body, memory| {
        let path = request.strip_prefix("DELETE ")?;
        seen.lock()
            .unwrap()
            .insert(path.to_owned(), serde_json::from_slice(body).unwrap());
        if path.ends_with("/two") {
            memory.objects.get_mut(path).unwrap()["metadata"]["uid"] = json!("uid-of-somebody");
        }
        None
    })
    .await;
    prepared(&fake).await;
    let client = fake.client();
    let outcome = run(&client, plan(&[config_map("three")], &inventory(&client).await)).await;
    insta::assert_snapshot!(told(&outcome), @r"
    created ConfigMap/three
    skipped ConfigMap/two not ours: it was deleted and created again by somebody else in this moment
    pruned ConfigMap/one
    ");
    let deletes = deletes.lock().unwrap();
    assert_eq!(deletes.len(), 2);
    for (path, body) in &*deletes {
        let uid = body["preconditions"]["uid"].as_str().unwrap();
        assert!(uid.starts_with("uid-"), "{path}: {body}");
    }
    let memory = fake.memory.lock().unwrap();
    assert!(
        memory
            .objects
            .contains_key("/api/v1/namespaces/default/configmaps/two")
    );
    assert_eq!(members(&memory.objects[PARENT]), ["three"]);
}

#[tokio::test]
async fn the_inventory_is_the_union_while_the_run_writes_and_keeps_what_could_not_be_deleted() {
    let during: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&during);
    let fake = Fake::start(move |request, memory| {
        if request.contains("/configmaps/three?") {
            *seen.lock().unwrap() = members(&memory.objects[PARENT]);
        }
        let fails = request.starts_with("DELETE") && request.ends_with("/two");
        fails.then(|| Reply::Json(403, status(403, "Forbidden", "no delete for you")))
    })
    .await;
    prepared(&fake).await;
    let client = fake.client();
    let outcome = run(&client, plan(&[config_map("three")], &inventory(&client).await)).await;
    assert_eq!(
        *during.lock().unwrap(),
        ["one", "three", "two"],
        "old and new together"
    );
    insta::assert_snapshot!(told(&outcome), @r"
    created ConfigMap/three
    failed ConfigMap/two
    pruned ConfigMap/one
    Something: ConfigMap/default/two: forbidden: no delete for you
    ");
    assert_eq!(
        members(&fake.parent()),
        ["three", "two"],
        "what is still there stays recorded"
    );
    assert!(
        fake.parent()["metadata"]["annotations"]
            .get("afterbay.dev/holder")
            .is_none()
    );
}

#[tokio::test]
async fn a_failed_write_stops_what_comes_later_and_all_pruning() {
    let fake = Fake::start(|request, _| {
        (request.contains("/configmaps/three?")).then(|| Reply::Json(403, status(403, "Forbidden", "no")))
    })
    .await;
    prepared(&fake).await;
    let client = fake.client();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "later" } });
    let outcome = run(
        &client,
        plan(&[config_map("three"), secret], &inventory(&client).await),
    )
    .await;
    insta::assert_snapshot!(told(&outcome), @r"
    failed ConfigMap/three
    not reached Secret/later
    not reached ConfigMap/two
    not reached ConfigMap/one
    Something: app.yaml:1:1: ConfigMap/default/three: forbidden: no
    ");
    assert_eq!(members(&fake.parent()), ["one", "three", "two", "later"]);
}

#[tokio::test]
async fn per_resource_a_failed_write_stops_pruning_and_nothing_else() {
    let fake = Fake::start(|request, _| {
        (request.contains("/configmaps/three?")).then(|| Reply::Json(403, status(403, "Forbidden", "no")))
    })
    .await;
    prepared(&fake).await;
    let client = fake.client();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "later" } });
    let mut plan = plan(&[config_map("three"), secret], &inventory(&client).await);
    plan.options.failures = FailurePolicy::PerResource;
    let outcome = run(&client, plan).await;
    insta::assert_snapshot!(told(&outcome), @r"
    failed ConfigMap/three
    created Secret/later
    not reached ConfigMap/two
    not reached ConfigMap/one
    Something: app.yaml:1:1: ConfigMap/default/three: forbidden: no
    ");
    assert_eq!(members(&fake.parent()), ["one", "three", "two", "later"]);
}

#[tokio::test]
async fn per_resource_what_was_refused_before_is_in_the_report() {
    let fake = Fake::start(|_, _| None).await;
    prepared(&fake).await;
    let client = fake.client();
    for mode in [Mode::DryRun, Mode::Write] {
        let mut plan = planned(
            &[config_map("one"), config_map("two"), config_map("three")],
            &inventory(&client).await,
            |object| match object.name.as_str() {
                "three" => Verdict::Create,
                _ => Verdict::Unchanged { uid: "1".to_owned() },
            },
        );
        let two = plan
            .steps
            .iter()
            .position(|step| step.address.object.name == "two");
        let refused = plan.steps.remove(two.unwrap());
        plan.options.failures = FailurePolicy::PerResource;
        plan.options.mode = mode;
        plan.refused.push(ApplyError::Forbidden {
            subject: Box::new(refused.subject),
            message: "no".to_owned(),
        });
        let outcome = run(&client, plan).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(told(&outcome).replace("Nothing:", "Something:"), @r"
            unchanged ConfigMap/one
            created ConfigMap/three
            failed ConfigMap/two
            Something: app.yaml:2:1: ConfigMap/default/two: forbidden: no
            ");
        }
    }
    assert_eq!(members(&fake.parent()), ["one", "three", "two"]);
}

#[tokio::test]
async fn no_more_requests_at_once_than_asked_for() {
    let fake = Fake::start(|request, memory| late(request, memory, 30)).await;
    let client = fake.client();
    let objects: Vec<Value> = (0..20).map(|index| config_map(&format!("c{index}"))).collect();
    let before = inventory(&client).await;
    let mut plan = plan(&objects, &before);
    // So that no renewal comes in between.
    plan.state.as_mut().unwrap().pace = Pace::default();
    let outcome = run(&client, plan).await;
    assert!(outcome.is_ok(), "{}", told(&outcome));
    assert_eq!(fake.server.peak(), 4);
}

#[tokio::test]
async fn the_fields_of_predecessors_become_ours_before_the_apply() {
    let path = "/api/v1/namespaces/default/configmaps/one";
    let patches: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&patches);
    let refused = Mutex::new(false);
    let fake = Fake::with_bodies(move |request, body, memory| {
        if request.starts_with(&format!("PATCH {path}?fieldManager")) && !request.contains("fieldValidation")
        {
            seen.lock().unwrap().push(serde_json::from_slice(body).unwrap());
            if !std::mem::replace(&mut *refused.lock().unwrap(), true) {
                // Somebody else writes in this moment.
                memory.objects.get_mut(path).unwrap()["metadata"]["resourceVersion"] = json!("77");
            }
        }
        None
    })
    .await;
    prepared(&fake).await;
    fake.memory.lock().unwrap().objects.get_mut(path).unwrap()["metadata"]["managedFields"] = json!([
        { "manager": "kubectl", "operation": "Apply", "fieldsV1": { "f:data": { "f:old": {} } } },
    ]);
    let uid = fake.memory.lock().unwrap().objects[path]["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    let client = fake.client();
    let plan = planned(&[config_map("one")], &inventory(&client).await, |_| {
        Verdict::Configure {
            uid: uid.clone(),
            fields: Vec::new(),
            leftovers: Vec::new(),
            takes_over: vec!["kubectl".to_owned()],
        }
    });
    let before = fake.writes().len();
    let outcome = run(&client, plan).await;
    assert_eq!(outcome.as_ref().ok().unwrap().objects[0].takes_over, ["kubectl"]);
    let patches = patches.lock().unwrap();
    assert_eq!(patches.len(), 2, "the refused one is made anew");
    assert_eq!(patches[1]["metadata"]["resourceVersion"], "77");
    assert_eq!(patches[1]["metadata"]["managedFields"][0]["manager"], "afterbay");
    let writes = fake.writes();
    let of_object: Vec<_> = writes[before..]
        .iter()
        .filter(|request| request.contains(path))
        .collect();
    assert!(of_object[2].contains("fieldValidation"), "{of_object:?}");
}

#[tokio::test]
async fn what_waits_for_consent_keeps_everything_from_being_written() {
    let fake = Fake::start(|_, _| None).await;
    prepared(&fake).await;
    let client = fake.client();
    let before = inventory(&client).await;
    let count = fake.writes().len();
    let held = |consent: Option<String>| {
        let mut plan = plan(&[config_map("three")], &before);
        plan.options.guards.max_prune = Some(crate::MaxPrune::Count(1));
        plan.options.guards.consent = consent;
        plan.guards = vec![crate::Guard::TooMany {
            deletes: 2,
            of: 2,
            limit: "1".to_owned(),
        }];
        plan
    };
    let id = held(None).id();
    let outcome = run(&client, held(None)).await;
    insta::assert_snapshot!(told(&outcome).replace(&id, "ID"), @r"
    not reached ConfigMap/three
    not reached ConfigMap/two
    not reached ConfigMap/one
    Nothing: pruning would delete, against --max-prune 1, 2 of 2 objects of inventory default/app; if that is wanted, run again with --consent ID
    ");
    assert_eq!(fake.writes().len(), count);
    let outcome = run(&client, held(Some(id))).await;
    assert!(outcome.is_ok(), "{}", told(&outcome));
}

const ONE: &str = "/api/v1/namespaces/default/configmaps/one";

/// A plan to recreate the ConfigMap `one`.
async fn recreating(fake: &Fake) -> ApplyPlan {
    prepared(fake).await;
    let uid = fake.memory.lock().unwrap().objects[ONE]["metadata"]["uid"].clone();
    let client = fake.client();
    planned(
        &[config_map("one"), config_map("two")],
        &inventory(&client).await,
        |object| match object.name.as_str() {
            "one" => Verdict::Recreate {
                uid: uid.as_str().unwrap().to_owned(),
                fields: vec!["data: field is immutable".to_owned()],
            },
            _ => Verdict::Unchanged { uid: "2".to_owned() },
        },
    )
}

fn writes_of_one(fake: &Fake, from: usize) -> Vec<String> {
    let writes = fake.writes()[from..].to_vec().into_iter();
    writes
        .filter(|request| request.contains(ONE) || request.contains("dryRun"))
        .map(|request| request.split('?').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_object_is_deleted_once_its_creation_is_proven_and_created_once_it_is_gone() {
    // The object stays for a while, as one with finalizers does.
    let looks = Mutex::new(0);
    let deleted = Mutex::new(None);
    let fake = Fake::with_bodies(move |request, body, memory| {
        if request == format!("DELETE {ONE}") {
            assert_eq!(
                serde_json::from_slice::<Value>(body).unwrap()["preconditions"]["uid"],
                memory.objects[ONE]["metadata"]["uid"]
            );
            *deleted.lock().unwrap() = memory.objects.remove(ONE);
            return Some(Reply::Json(200, json!({})));
        }
        let mut looks = looks.lock().unwrap();
        if request == format!("GET {ONE}") && *looks < 2 {
            *looks += 1;
            return deleted
                .lock()
                .unwrap()
                .clone()
                .map(|object| Reply::Json(200, object));
        }
        None
    })
    .await;
    let plan = recreating(&fake).await;
    let before = fake.writes().len();
    let client = fake.client();
    let outcome = run(&client, plan).await;
    insta::assert_snapshot!(told(&outcome), @r"
    recreated ConfigMap/one
    unchanged ConfigMap/two
    ");
    insta::assert_snapshot!(writes_of_one(&fake, before).join("\n"), @r"
    POST /api/v1/namespaces/default/configmaps
    DELETE /api/v1/namespaces/default/configmaps/one
    PATCH /api/v1/namespaces/default/configmaps/one
    ");
    assert_eq!(outcome.ok().unwrap().counts.recreated, 1);
    assert_eq!(members(&fake.parent()), ["one", "two"]);
}

#[tokio::test]
async fn what_would_not_be_created_in_this_moment_is_not_deleted() {
    let fake = Fake::start(|request, _| {
        (request.starts_with("POST") && request.contains("dryRun"))
            .then(|| Reply::Json(403, status(403, "Forbidden", "a new policy")))
    })
    .await;
    let plan = recreating(&fake).await;
    let client = fake.client();
    let outcome = run(&client, plan).await;
    insta::assert_snapshot!(told(&outcome), @r"
    failed ConfigMap/one
    unchanged ConfigMap/two
    Something: app.yaml:1:1: ConfigMap/default/one: forbidden: a new policy
    ");
    assert!(fake.memory.lock().unwrap().objects.contains_key(ONE));
}

#[tokio::test]
async fn a_creation_that_is_refused_after_all_is_told_as_what_it_is() {
    let armed = Mutex::new(false);
    let fake = Fake::start(move |request, _| {
        let mut armed = armed.lock().unwrap();
        *armed |= request == format!("DELETE {ONE}");
        (*armed && request.starts_with(&format!("PATCH {ONE}?")))
            .then(|| Reply::Json(403, status(403, "Forbidden", "too late")))
    })
    .await;
    let plan = recreating(&fake).await;
    let client = fake.client();
    let outcome = run(&client, plan).await;
    insta::assert_snapshot!(told(&outcome), @r"
    failed ConfigMap/one
    unchanged ConfigMap/two
    Something: app.yaml:1:1: ConfigMap/default/one: was deleted to be created anew, which was then refused: app.yaml:1:1: ConfigMap/default/one: forbidden: too late
    ");
    // The next run creates it, because the inventory still has it.
    assert_eq!(members(&fake.parent()), ["one", "two"]);
}

#[tokio::test]
async fn another_object_under_the_same_name_is_not_deleted() {
    let fake = Fake::start(|_, _| None).await;
    let plan = recreating(&fake).await;
    fake.memory.lock().unwrap().objects.get_mut(ONE).unwrap()["metadata"]["uid"] = json!("of-somebody");
    let client = fake.client();
    let outcome = run(&client, plan).await;
    insta::assert_snapshot!(told(&outcome), @r"
    failed ConfigMap/one
    unchanged ConfigMap/two
    Something: app.yaml:1:1: ConfigMap/default/one: refused with status 409: the precondition is not met
    ");
    assert!(fake.memory.lock().unwrap().objects.contains_key(ONE));
}
