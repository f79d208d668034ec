//! What an inventory looks like in the cluster, and that reading gives back what was written.

use std::collections::BTreeMap;

use afterbay_manifest::{Gvk, ObjectRef};
use proptest::prelude::*;
use serde_json::json;
use time::macros::datetime;

use super::entry::{PART_LIMIT, decode, encode};
use super::holder::Holder;
use super::*;

fn entry(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Entry {
    Entry {
        object: ObjectRef {
            gvk: Gvk::new(api_version, kind),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        },
        uid: Some("0b9ae0a6-9b09-4dbd-a4f5-000000000000".to_owned()),
        since: Some("main@sha1:aaaa".to_owned()),
    }
}

fn keyed(entries: impl IntoIterator<Item = Entry>) -> BTreeMap<Key, Entry> {
    entries
        .into_iter()
        .map(|entry| (Key::of(&entry.object), entry))
        .collect()
}

#[test]
fn the_parent_is_one_that_kubectl_reads() {
    let parent = ParentState::new(ParentKind::ConfigMap, "default".to_owned(), "app".to_owned());
    let entries = keyed([
        entry("apps/v1", "Deployment", Some("web"), "api"),
        entry("v1", "Secret", Some("default"), "db"),
        entry("v1", "Namespace", None, "web"),
    ]);
    let members: Vec<_> = entries.values().collect();
    let text = encode(&entries, PART_LIMIT);
    let holder = Holder::new("me", "01", datetime!(2026-11-24 03:00:00 UTC));
    let object = parent.render(&members, &text[0], &[], Some("main@sha1:aaaa"), Some(&holder));
    insta::assert_snapshot!(serde_json::to_string_pretty(&object).unwrap(), @r#"
    {
      "apiVersion": "v1",
      "kind": "ConfigMap",
      "metadata": {
        "name": "app",
        "namespace": "default",
        "labels": {
          "applyset.kubernetes.io/id": "applyset-YCzx7klw7VgCYqZFfSczaz8XilggEOA6GuX0PqvTQwE-v1",
          "app.kubernetes.io/managed-by": "afterbay"
        },
        "annotations": {
          "applyset.kubernetes.io/tooling": "afterbay/v0.1.0",
          "applyset.kubernetes.io/contains-group-kinds": "Deployment.apps,Namespace,Secret",
          "applyset.kubernetes.io/additional-namespaces": "web",
          "afterbay.dev/revision": "main@sha1:aaaa",
          "afterbay.dev/holder": "{\"identity\":\"me\",\"run\":\"01\",\"acquireTime\":\"2026-11-24T03:00:00Z\",\"renewTime\":\"2026-11-24T03:00:00Z\",\"leaseDurationSeconds\":15}"
        }
      },
      "data": {
        "objects": "{\"version\":1,\"kinds\":[[\"v1\",\"Namespace\"],[\"v1\",\"Secret\"],[\"apps/v1\",\"Deployment\"]],\"revisions\":[\"main@sha1:aaaa\"],\"objects\":[[0,\"\",\"web\",\"0b9ae0a6-9b09-4dbd-a4f5-000000000000\",0],[1,\"default\",\"db\",\"0b9ae0a6-9b09-4dbd-a4f5-000000000000\",0],[2,\"web\",\"api\",\"0b9ae0a6-9b09-4dbd-a4f5-000000000000\",0]]}"
      }
    }
    "#);
}

#[test]
fn a_secret_as_parent_holds_the_same_text_in_base64() {
    let parent = ParentState::new(ParentKind::Secret, "default".to_owned(), "app".to_owned());
    let object = parent.render(&[], "text", &[], None, None);
    assert_eq!(object["data"]["objects"], "dGV4dA==");
    assert_eq!(parent.text(&object).unwrap(), "text");
    let other = ParentState::new(ParentKind::ConfigMap, "default".to_owned(), "app".to_owned());
    assert_ne!(parent.id(), other.id(), "kind is part of the identity");
}

#[test]
fn foreign_labels_and_annotations_of_the_parent_stay() {
    let mut parent = ParentState::new(ParentKind::ConfigMap, "default".to_owned(), "app".to_owned());
    let mut live = parent.render(&[], "old", &["app-1".to_owned()], None, None);
    live["metadata"]["resourceVersion"] = json!("7");
    live["metadata"]["annotations"]["team"] = json!("blue");
    parent.observe(&live);
    assert_eq!(parent.verify(), Ok(()));
    assert_eq!(parent.parts(), ["app-1"]);
    let next = parent.render(&[], "new", &[], None, None);
    assert_eq!(next["metadata"]["annotations"]["team"], "blue");
    assert_eq!(
        next["metadata"]["resourceVersion"], "7",
        "a write that others overtook has to fail"
    );
    assert!(
        next["metadata"]["annotations"]
            .get("afterbay.dev/parts")
            .is_none()
    );
}

#[test]
fn what_only_has_the_name_is_refused() {
    let mut parent = ParentState::new(ParentKind::ConfigMap, "default".to_owned(), "app".to_owned());
    parent.observe(&json!({ "metadata": { "name": "app" } }));
    insta::assert_snapshot!(parent.verify().unwrap_err(), @"a ConfigMap of this name exists and is no ApplySet parent");
    parent.observe(
        &json!({ "metadata": { "annotations": { "applyset.kubernetes.io/tooling": "kubectl/v1.34" } } }),
    );
    insta::assert_snapshot!(parent.verify().unwrap_err(), @"a ConfigMap of this name is an ApplySet of kubectl");
    parent.observe(
        &json!({ "metadata": { "annotations": { "applyset.kubernetes.io/tooling": "afterbay/v9" } } }),
    );
    insta::assert_snapshot!(
        parent.verify().unwrap_err(),
        @"its label applyset.kubernetes.io/id is not the id of this name and namespace"
    );
}

#[test]
fn a_silent_holder_expires_by_the_servers_clock() {
    let start = datetime!(2026-11-24 03:00:00 UTC);
    let holder = Holder::new("me", "01", start);
    assert!(!holder.is_expired(start + LEASE));
    assert!(holder.is_expired(start + LEASE + Duration::from_secs(1)));
    let renewed = holder.renewed(start + LEASE);
    assert_eq!(renewed.acquire_time, holder.acquire_time);
    assert!(!renewed.is_expired(start + LEASE * 2));
    let unreadable = Holder {
        renew_time: "yesterday".to_owned(),
        ..holder
    };
    assert!(unreadable.is_expired(start));
    let pace = Pace::default();
    assert!(
        pace.trusted > pace.renewal * 2,
        "one lost renewal must not lose the hold"
    );
    assert!(LEASE > pace.trusted, "a write must end while the hold lasts");
}

#[test]
fn a_part_is_named_after_its_content() {
    let parent = ParentState::new(ParentKind::ConfigMap, "default".to_owned(), "app".to_owned());
    assert_eq!(parent.part_name("a"), parent.part_name("a"));
    assert_ne!(parent.part_name("a"), parent.part_name("b"));
    let long = ParentState::new(ParentKind::ConfigMap, "default".to_owned(), "a".repeat(253));
    assert!(long.part_name("a").len() <= 253);
}

#[test]
fn an_unknown_version_is_not_guessed_at() {
    let text = r#"{"version":2,"kinds":[],"revisions":[],"objects":[]}"#;
    let mut entries = BTreeMap::new();
    insta::assert_snapshot!(
        decode(text, &mut entries).unwrap_err(),
        @"its list of objects has version 2, and this program reads version 1"
    );
    assert!(decode("{", &mut entries).is_err());
    let text = r#"{"version":1,"kinds":[],"revisions":[],"objects":[[0,"","a","",-1]]}"#;
    assert!(
        decode(text, &mut entries).is_err(),
        "an index outside of its table"
    );
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let kind = prop::sample::select(vec![
        ("v1", "Secret"),
        ("v1", "Namespace"),
        ("apps/v1", "Deployment"),
    ]);
    let namespace = prop::option::of("[a-z]{1,3}");
    let uid = prop::option::of("[0-9a-f]{8}");
    let since = prop::option::of(prop::sample::select(vec!["main@sha1:a", "main@sha1:b", "sha1:c"]));
    (kind, namespace, "[a-z.:]{1,8}", uid, since).prop_map(
        |((api_version, kind), namespace, name, uid, since)| Entry {
            uid,
            since: since.map(str::to_owned),
            ..entry(api_version, kind, namespace.as_deref(), &name)
        },
    )
}

proptest! {
    #[test]
    fn reading_gives_back_what_was_written(
        entries in prop::collection::vec(any_entry(), 0..40),
        limit in 100_usize..2000,
    ) {
        let entries = keyed(entries);
        let parts = encode(&entries, limit);
        let mut read = BTreeMap::new();
        for part in &parts {
            prop_assert!(part.len() <= limit + 400, "{} characters for a limit of {limit}", part.len());
            decode(part, &mut read).unwrap();
        }
        prop_assert_eq!(&read, &entries);
        prop_assert_eq!(encode(&read, limit), parts, "equal entries have equal text");
    }
}

/// A server with an inventory in it that another run holds, and a plain ConfigMap.
async fn held() -> crate::scripted::Server {
    let mut parent = ParentState::new(ParentKind::Secret, "default".to_owned(), "app".to_owned());
    let entries = keyed([entry("v1", "Secret", Some("default"), "db")]);
    let holder = Holder::new("other\u{1b}[2J/7", "02", time::OffsetDateTime::now_utc());
    let members: Vec<_> = entries.values().collect();
    let object = parent.render(
        &members,
        &encode(&entries, PART_LIMIT)[0],
        &[],
        Some("main@sha1:aaaa"),
        Some(&holder),
    );
    parent.observe(&object);
    crate::scripted::Server::start(move |request, _, _| match request {
        "GET /api/v1/namespaces/default/secrets/app" => crate::scripted::Reply::Json(200, object.clone()),
        "GET /api/v1/namespaces/default/configmaps/app" => {
            crate::scripted::Reply::Json(200, json!({ "metadata": { "name": "app" }, "data": {} }))
        }
        _ => crate::scripted::Reply::Json(404, crate::scripted::status(404, "NotFound", "not found")),
    })
    .await
}

#[tokio::test]
async fn looking_needs_no_hold_and_takes_none() {
    let server = held().await;
    let client = server.client(Duration::from_secs(5));
    let view = look(&client, Some("default"), "app", ParentKind::Secret)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(view.holder.as_deref(), Some("other [2J/7"));
    assert_eq!(view.revision.as_deref(), Some("main@sha1:aaaa"));
    assert_eq!(view.entries.len(), 1);
    assert_eq!(server.requests().len(), 1, "{:?}", server.requests());
    let error = look(&client, None, "app", ParentKind::ConfigMap)
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"inventory default/app cannot be used: a ConfigMap of this name exists and is no ApplySet parent");
    assert!(
        look(&client, None, "none", ParentKind::Secret)
            .await
            .unwrap()
            .is_none()
    );
}

#[test]
fn what_a_terminal_would_obey_is_no_name_and_no_revision() {
    let text = r#"{"version":1,"kinds":[["v1","Secret"]],"revisions":["main\u001b[2J"],"objects":[[0,"","a","",0]]}"#;
    let mut entries = BTreeMap::new();
    decode(text, &mut entries).unwrap();
    assert_eq!(entries.values().next().unwrap().since, None);
    let text =
        r#"{"version":1,"kinds":[["v1","Secret"]],"revisions":[],"objects":[[0,"","a\u001b[2J","",-1]]}"#;
    insta::assert_snapshot!(decode(text, &mut entries).unwrap_err(), @"its list of objects has a name that no server can hold");
}
