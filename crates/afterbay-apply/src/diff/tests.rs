//! Diffs of objects, and what is hidden in them and in saved plans.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterbay_decrypt::{DecryptOptions, OpenedFiles, PlacePattern, finish, scan_objects};
use afterbay_manifest::{
    DataKeys, Integrity, Node, Object, Provenance, RenderedSet, Revision, Sealed, SecretBytes, TreePath,
};
use afterbay_normalize::{NormalizedSet, normalize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::desired::Definitions;
use crate::discovery::{Kinds, Resource, Scope};
use crate::inventory::Inventory;
use crate::live::{Evidence, Finding, Live};
use crate::{ApplyOptions, Detail, SaveOptions, plan, scripted};

fn kinds() -> Kinds {
    let resource = |api_version: &str, kind: &str, plural: &str| Resource {
        gvk: Gvk::new(api_version, kind),
        plural: plural.to_owned(),
        scope: Scope::Namespaced,
    };
    Kinds::of([
        resource("v1", "Secret", "secrets"),
        resource("v1", "ConfigMap", "configmaps"),
        resource("apps/v1", "Deployment", "deployments"),
        resource("example.com/v1", "Widget", "widgets"),
    ])
}

/// A place in the first object that was opened from ciphertext.
const TOKEN: [&str; 2] = ["spec", "token"];

/// The set, with the leaves at these places sealed wherever an object has them.
fn sealed_set(objects: &[Value], places: &[&[&str]]) -> NormalizedSet {
    let options = DecryptOptions {
        allowed_places: ["Widget.example.com:spec", "ConfigMap:data"]
            .map(|place| place.parse::<PlacePattern>().unwrap())
            .to_vec(),
        ..DecryptOptions::default()
    };
    let rendered = RenderedSet {
        revision: Revision {
            reference: Some("main".to_owned()),
            commit: Some("a".repeat(40)),
        },
        objects: (0..)
            .zip(objects)
            .map(|(index, json)| seal(scripted::object(index, json), places))
            .collect(),
        warnings: Vec::new(),
    };
    let tokens = scan_objects(&rendered, OpenedFiles::default(), &options);
    normalize(finish(rendered, tokens, &DataKeys::default(), &options).unwrap()).unwrap()
}

fn seal(object: Object, places: &[&[&str]]) -> Object {
    let seal_at = |body: &mut Node, place: &[&str]| {
        let leaf = place
            .iter()
            .try_fold(body, |node, step| match step.parse::<usize>() {
                Ok(index) => match &mut node.value {
                    afterbay_manifest::Value::Sequence(items) => items.get_mut(index),
                    _ => None,
                },
                Err(_) => node.as_mapping_mut()?.get_mut(*step),
            });
        if let Some(leaf) = leaf {
            leaf.provenance = Provenance::sealed(Sealed::Ciphertext {
                file: TreePath::parse("app.yaml").unwrap(),
                document: 0,
                path: KeyPath::of_keys(place.iter().copied()),
                integrity: Integrity::Verified,
            });
        }
    };
    object
        .map_body(|body| places.iter().for_each(|place| seal_at(body, place)))
        .unwrap()
}

/// A plan over one object, as it is, as the revision has it, and as the server would make it.
fn planned(set: NormalizedSet, live: Option<Value>, outcome: Option<Value>, verdict: Verdict) -> ApplyPlan {
    let object = &set.objects()[0];
    let address = desired::address(object, &kinds(), &Definitions::default(), "shop").unwrap();
    let finding = Finding {
        subject: desired::subject(object, &address.object),
        address: Some(address),
        verdict: Ok(verdict),
        evidence: Some(Evidence { live, outcome }),
    };
    let live = Live {
        findings: vec![finding],
        members: BTreeMap::new(),
        warnings: Vec::new(),
        rollout: None,
    };
    plan(set, &Inventory::none(), live, &ApplyOptions::default())
        .ok()
        .unwrap()
}

fn configure(fields: &[&str]) -> Verdict {
    Verdict::Configure {
        uid: "u".to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        leftovers: Vec::new(),
        takes_over: Vec::new(),
    }
}

fn key() -> FingerprintKey {
    FingerprintKey::new(SecretBytes::new(b"the key of this test".to_vec())).unwrap()
}

fn diff_of(plan: &ApplyPlan) -> Diff {
    plan.diff(&DiffOptions {
        key: &key(),
        marks: &|_, _| false,
    })
}

/// One change a line.
fn told(diff: &Diff) -> String {
    let mut text = String::new();
    for object in &diff.objects {
        writeln!(text, "{} {}", object.object.action, object.object.title()).unwrap();
        for change in &object.changes {
            let told = Shown::masked_change(change.before.as_ref(), change.after.as_ref())
                .unwrap_or_else(|| serde_json::to_string(&[&change.before, &change.after]).unwrap());
            writeln!(text, "  {}: {told}", change.path).unwrap();
        }
        for note in &object.notes {
            writeln!(text, "  ({note})").unwrap();
        }
    }
    text
}

/// What changes from one state to the other, when the revision declares the latter.
fn between(before: &Value, after: &Value, places: &[&[&str]]) -> String {
    let set = sealed_set(std::slice::from_ref(after), places);
    told(&diff_of(&planned(
        set,
        Some(before.clone()),
        Some(after.clone()),
        configure(&[]),
    )))
}

fn secret(data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db", "uid": "u" }, "data": data })
}

fn widget(spec: &Value) -> Value {
    json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w", "uid": "u" }, "spec": spec })
}

#[test]
fn values_of_a_secret_are_lengths_and_fingerprints() {
    let base64 = |text: &str| STANDARD.encode(text);
    let before = secret(&json!({
        "changed": base64("hunter2hunter2"), "gone": base64("x"), "same": base64("same"),
    }));
    let after = secret(&json!({
        "changed": base64("correct horse"), "new": base64("correct horse"), "same": base64("same"),
    }));
    insta::assert_snapshot!(between(&before, &after, &[]), @r"
    adopt Secret/shop/db
      data.changed: changed (14 → 13 bytes, fingerprint d309 → 18e4)
      data.gone: removed (1 byte, fingerprint a6df)
      data.new: added (13 bytes, fingerprint 18e4)
    ");
}

#[test]
fn an_opened_value_is_hidden_in_every_kind_and_the_rest_is_not() {
    let before = widget(&json!({ "token": "hunter2hunter2", "size": 1, "on": true, "none": null }));
    let after = widget(&json!({ "token": "correct horse battery", "size": 2, "on": false, "list": [] }));
    insta::assert_snapshot!(between(&before, &after, &[&TOKEN]), @r"
    adopt Widget/shop/w
      spec.list: [null,[]]
      spec.none: [null,null]
      spec.on: [true,false]
      spec.size: [1,2]
      spec.token: changed (14 → 21 bytes, fingerprint d309 → 41a3)
    ");
    // A number and a boolean that were sealed.
    let before = widget(&json!({ "token": 1234 }));
    let after = widget(&json!({ "token": true }));
    insta::assert_snapshot!(between(&before, &after, &[&TOKEN]), @r"
    adopt Widget/shop/w
      spec.token: changed (4 → 4 bytes, fingerprint f21a → b6ac)
    ");
}

#[test]
fn an_opened_item_is_hidden_wherever_it_has_moved() {
    let item = |name: &str, value: &str| json!({ "name": name, "value": value });
    let before = widget(&json!({ "env": [item("A", "hunter2hunter2"), item("B", "plain before")] }));
    let after = widget(&json!({ "env": [
        item("INJECTED", "by the server"), item("B", "plain after"), item("A", "correct horse battery"),
    ] }));
    let place: [&str; 4] = ["spec", "env", "2", "value"];
    insta::assert_snapshot!(between(&before, &after, &[&place]), @r#"
    adopt Widget/shop/w
      spec.env[name=INJECTED]: [null,{"name":"INJECTED","value":{"$masked":{"bytes":13,"fingerprint":"9f69"}}}]
      spec.env[name=B].value: changed (12 → 11 bytes, fingerprint cbaf → be94)
      spec.env[name=A].value: changed (14 → 21 bytes, fingerprint d309 → 41a3)
    "#);
    // The name of an item that is sealed itself is not written into its path.
    let place: [&str; 4] = ["spec", "env", "0", "name"];
    let before = widget(&json!({ "env": [{ "name": "hunter2hunter2", "n": 1 }] }));
    let after = widget(&json!({ "env": [{ "name": "hunter2hunter2", "n": 2 }] }));
    insta::assert_snapshot!(between(&before, &after, &[&place]), @r"
    adopt Widget/shop/w
      spec.env[0].n: [1,2]
    ");
}

#[test]
fn a_map_that_becomes_something_else_stays_hidden() {
    let before = widget(&json!({ "token": { "a": "hunter2hunter2", "b": ["hunter3hunter3"] } }));
    let after = widget(&json!({ "token": "correct horse battery" }));
    insta::assert_snapshot!(between(&before, &after, &[&TOKEN]), @r#"
    adopt Widget/shop/w
      spec.token: [{"a":{"$masked":{"bytes":14,"fingerprint":"d309"}},"b":[{"$masked":{"bytes":14,"fingerprint":"50d6"}}]},{"$masked":{"bytes":21,"fingerprint":"41a3"}}]
    "#);
}

#[test]
fn what_the_server_copies_elsewhere_is_found() {
    let before = widget(&json!({ "token": "hunter2hunter2" }));
    let mut after = widget(&json!({ "token": "correct horse battery" }));
    let set = sealed_set(std::slice::from_ref(&after), &[&TOKEN]);
    after["metadata"]["annotations"] = json!({
        "copied": "token=correct horse battery", "encoded": STANDARD.encode("<correct horse battery>"),
        "old": "was hunter2hunter2", "plain": "nothing",
        "kubectl.kubernetes.io/last-applied-configuration": "{\"spec\":{\"token\":\"x\"}}",
    });
    let plan = planned(set, Some(before), Some(after), configure(&[]));
    insta::assert_snapshot!(told(&diff_of(&plan)), @r#"
    adopt Widget/shop/w
      metadata.annotations: [null,{"copied":"token=[REDACTED]","encoded":"PG[REDACTED]T4=","kubectl.kubernetes.io/last-applied-configuration":{"$masked":{"bytes":22,"fingerprint":"fe86"}},"old":"was [REDACTED]","plain":"nothing"}]
      spec.token: changed (14 → 21 bytes, fingerprint d309 → 41a3)
    "#);
}

#[test]
fn operators_and_objects_mark_places() {
    let before = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "c", "annotations": { "afterbay.dev/mask": "data.old, data[\"a.b\"]" } },
        "data": { "old": "hunter2", "a.b": "hunter3", "flag": "hunter4", "open": "1" },
    });
    let mut after = before.clone();
    after["metadata"]["annotations"] = json!({});
    after["data"] = json!({ "a.b": "new3", "flag": "new4", "open": "2" });
    let set = sealed_set(std::slice::from_ref(&after), &[]);
    let plan = planned(set, Some(before), Some(after), configure(&[]));
    let diff = plan.diff(&DiffOptions {
        key: &key(),
        marks: &|gvk, path| gvk.kind == "ConfigMap" && path.to_string() == "data.flag",
    });
    // The mark of the live object counts, too: what it hid does not appear because the mark goes.
    insta::assert_snapshot!(told(&diff), @r#"
    adopt ConfigMap/shop/c
      data["a.b"]: changed (7 → 4 bytes, fingerprint 580d → bce3)
      data.flag: changed (7 → 4 bytes, fingerprint bf0b → 821b)
      data.old: removed (7 bytes, fingerprint da9f)
      data.open: ["1","2"]
      metadata.annotations["afterbay.dev/mask"]: ["data.old, data[\"a.b\"]",null]
    "#);
}

#[test]
fn a_mark_that_cannot_be_read_hides_everything() {
    let annotated = |data: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "c", "annotations": { "afterbay.dev/mask": "data[" } }, "data": { "k": data },
        })
    };
    insta::assert_snapshot!(between(&annotated("one"), &annotated("three"), &[]), @r"
    adopt ConfigMap/shop/c
      data.k: changed (3 → 5 bytes, fingerprint a44c → 901a)
    ");
}

#[test]
fn what_goes_away_before_the_apply_is_shown_as_gone() {
    let live = secret(&json!({ "kept": "b25l", "left": "dHdv" }));
    let set = sealed_set(&[secret(&json!({ "kept": "b25l" }))], &[]);
    // The dry-run of an apply does not know that the key will be taken away first.
    let plan = planned(set, Some(live.clone()), Some(live), configure(&["data.left"]));
    insta::assert_snapshot!(told(&diff_of(&plan)), @r"
    adopt Secret/shop/db
      data.left: removed (3 bytes, fingerprint 2569)
    ");
}

#[test]
fn what_the_server_was_not_asked_is_compared_with_what_is_declared() {
    let live = widget(&json!({ "size": 1, "defaulted": true }));
    let set = || sealed_set(&[widget(&json!({ "size": 2 }))], &[]);
    let recreate = Verdict::Recreate {
        uid: "u".to_owned(),
        fields: vec!["spec.size: field is immutable".to_owned()],
    };
    insta::assert_snapshot!(told(&diff_of(&planned(set(), Some(live), None, recreate))), @r"
    recreate Widget/shop/w
      spec.size: [1,2]
      (deleted and created anew; compared with what the revision declares, because the server judges it only then)
    ");
    let deferred = Verdict::Deferred {
        waits_for: Vec::new(),
    };
    insta::assert_snapshot!(told(&diff_of(&planned(set(), None, None, deferred))), @r#"
    create Widget/shop/w
      spec: [null,{"size":2}]
      (shown as the revision declares it, because the server cannot judge it yet)
    "#);
}

#[test]
fn order_and_ownership_are_changes_too() {
    let spec = |items: &[&str]| {
        let items: Vec<Value> = items.iter().map(|name| json!({ "name": name })).collect();
        widget(&json!({ "list": items }))
    };
    insta::assert_snapshot!(between(&spec(&["a", "b"]), &spec(&["b", "a"]), &[]), @r#"
    adopt Widget/shop/w
      spec.list (order): [["[name=a]","[name=b]"],["[name=b]","[name=a]"]]
    "#);
    insta::assert_snapshot!(between(&spec(&["a"]), &spec(&["a"]), &[]), @r"
    adopt Widget/shop/w
      (no value changes; fields of it become ours)
    ");
}

/// Every way in which a value may stand in a text.
fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let hex = hex(bytes);
    let url: String = bytes
        .iter()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let json = Value::from(value).to_string();
    let html = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    let mut forms = vec![
        value.to_owned(),
        hex.to_uppercase(),
        hex,
        url,
        json[1..json.len() - 1].to_owned(),
        html,
    ];
    // Base64 of a text around it, at each of its three offsets.
    for before in 0..3 {
        let encoded = STANDARD.encode([&b"xx"[..before], bytes].concat());
        forms.push(encoded[4..encoded.len() - 4].to_owned());
    }
    forms
}

fn leaks(text: &str, values: &[&str]) -> Vec<String> {
    let found = values.iter().flat_map(|value| forms(value));
    found.filter(|form| text.contains(form.as_str())).collect()
}

#[test]
fn no_hidden_value_is_in_a_diff_in_any_form() {
    let values = [
        "Canary<one>&\"two\"",
        "canary-of-the-live-side",
        "canary-in-a-widget!",
    ];
    let encoded = |value: &str| STANDARD.encode(value);
    let before = secret(&json!({ "a": encoded(values[1]), "b": encoded(values[1]) }));
    let mut after = secret(&json!({ "a": encoded(values[0]), "c": encoded(values[2]) }));
    let set = sealed_set(std::slice::from_ref(&after), &[]);
    after["metadata"]["annotations"] = json!({
        "raw": values[0], "base64": encoded(values[0]), "json": Value::from(values[0]).to_string(),
        "all": forms(values[2]).join(" "), "live": forms(values[1]).join(" "),
    });
    let raw = json!([before, after]).to_string();
    let plan = planned(set, Some(before), Some(after), configure(&[]));
    let diff = diff_of(&plan);
    let text = format!(
        "{}{:#?}{}",
        serde_json::to_string(&diff).unwrap(),
        diff,
        told(&diff)
    );
    assert_eq!(leaks(&text, &values), Vec::<String>::new(), "{text}");
    // The test would see them: they are in what the diff was made from.
    assert!(leaks(&raw, &values).len() > 10, "{raw}");
}

/// Ten thousand words that somebody would try: common ones, with what people put behind them.
fn words() -> Vec<String> {
    let stems = [
        "password", "hunter", "letmein", "dragon", "qwerty", "secret", "admin", "changeme", "welcome",
        "monkey",
    ];
    let words = stems
        .iter()
        .flat_map(|stem| (0..1000).map(move |number| format!("{stem}{number}")));
    words.collect()
}

fn options(key: Option<&FingerprintKey>, has_values_beside: bool) -> SaveOptions<'_> {
    SaveOptions {
        server: "https://server.test/",
        marks: &|_, _| false,
        key,
        has_values_beside,
    }
}

fn saved(value: &str, key: Option<&FingerprintKey>) -> String {
    let object = secret(&json!({ "password": STANDARD.encode(value) }));
    let other = widget(&json!({ "token": value, "size": 1 }));
    let mut text = String::new();
    for object in [object, other] {
        let set = sealed_set(std::slice::from_ref(&object), &[&TOKEN, &["data", "password"]]);
        let plan = planned(set, None, Some(object), Verdict::Create);
        let saved = plan.save(&options(key, false));
        assert!(key.is_some() || plan.save(&options(key, true)).unidentified().len() == 1);
        assert_eq!(saved.unidentified(), Vec::<String>::new());
        text += &serde_json::to_string_pretty(&saved).unwrap();
    }
    text
}

/// Whoever has the plan and everything in the revision but the value makes the plan again with each word. If no word
/// gives another plan than the right one does, the plan does not tell which is right.
#[test]
fn a_saved_plan_is_the_same_whatever_the_secret_is() {
    let right = saved("hunter2", None);
    let words = words();
    assert_eq!(words.len(), 10_000);
    assert!(words.iter().any(|word| word == "hunter2"));
    let told_apart = words.iter().filter(|word| saved(word, None) != right).count();
    assert_eq!(told_apart, 0);
    assert!(leaks(&right, &["hunter2"]).is_empty(), "{right}");
    insta::assert_snapshot!(right);
}

/// The same under a key: who has it finds the value, so the test above would find a digest without one.
#[test]
fn under_a_key_only_its_owner_can_try_words() {
    let right = saved("hunter2", Some(&key()));
    let matches = |key: &FingerprintKey| {
        let words = words().into_iter().filter(|word| saved(word, Some(key)) == right);
        words.collect::<Vec<String>>()
    };
    assert_eq!(matches(&key()), ["hunter2"]);
    let other = FingerprintKey::new(SecretBytes::new(b"another key than that".to_vec())).unwrap();
    assert_ne!(saved("hunter2", Some(&other)), right);
}

/// Objects are kept where they are asked for, and for nothing else: a run that only applies holds no live value.
#[tokio::test]
async fn what_a_verdict_was_made_from_is_kept_on_request() {
    let mut memory = scripted::Memory::default();
    let mut live = secret(&json!({ "k": "b25l" }));
    live["metadata"]["resourceVersion"] = json!("1");
    memory
        .objects
        .insert("/api/v1/namespaces/shop/secrets/db".to_owned(), live.clone());
    let memory = std::sync::Mutex::new(memory);
    let server =
        scripted::Server::start(move |request, body, _| memory.lock().unwrap().answer(request, body)).await;
    let client = server.client(std::time::Duration::from_secs(20));
    let judged = async |json: Value, detail| {
        let options = ApplyOptions {
            detail,
            ..ApplyOptions::default()
        };
        let judge = crate::observe::Judge {
            client: &client,
            options: &options,
            scrubber: &Scrubber::default(),
            part_of: None,
            recreates: true,
            shapes: crate::observe::Shapes::default(),
        };
        let object = scripted::object(0, &json);
        let address = desired::address(&object, &kinds(), &Definitions::default(), "shop").unwrap();
        let subject = desired::subject(&object, &address.object);
        judge.judge(&object, &subject, &address, None).await.ok().unwrap()
    };
    let mut changed = secret(&json!({ "k": "dHdv" }));
    changed["metadata"] = json!({ "name": "db" });
    let found = judged(changed.clone(), Detail::Objects).await;
    assert!(matches!(found.verdict, Verdict::Configure { .. }));
    let evidence = found.evidence.unwrap();
    assert_eq!(evidence.live, Some(live));
    assert_eq!(evidence.outcome.unwrap()["data"]["k"], "dHdv");
    assert!(judged(changed, Detail::Verdicts).await.evidence.is_none());
    let mut same = secret(&json!({ "k": "b25l" }));
    same["metadata"] = json!({ "name": "db" });
    assert!(judged(same, Detail::Objects).await.evidence.is_none());
    let mut new = secret(&json!({ "k": "dHdv" }));
    new["metadata"] = json!({ "name": "new" });
    let evidence = judged(new, Detail::Objects).await.evidence.unwrap();
    assert!(evidence.live.is_none() && evidence.outcome.is_some());
    let writes: Vec<String> = server
        .requests()
        .into_iter()
        .filter(|request| !request.starts_with("GET"))
        .collect();
    assert!(
        writes.iter().all(|request| request.contains("dryRun=All")),
        "{writes:?}"
    );
}
