//! Diffs in every form, as people see them.

use std::collections::BTreeMap;

use afterbay_apply::{
    Change, Diff, Masked, ObjectDiff, Outline, Planned, PlannedObject, PlannedStage, Shown,
};

use super::*;
use crate::output::plan_table;

fn object(action: Planned, kind: &str, name: &str) -> PlannedObject {
    PlannedObject {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: (kind != "Namespace").then(|| "shop".to_owned()),
        name: name.to_owned(),
        origin: Some(format!("apps/shop/{name}.yaml:1:1")),
        action,
        fields: Vec::new(),
        takes_over: Vec::new(),
        deferred_for: Vec::new(),
        reason: None,
        live: None,
        content: None,
    }
}

fn text(text: &str) -> Shown {
    Shown::Text(text.to_owned())
}

fn number(text: &str) -> Shown {
    Shown::Literal(text.to_owned())
}

fn map(entries: &[(&str, Shown)]) -> Shown {
    Shown::Map(
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
    )
}

fn masked(bytes: usize, first: u8) -> Shown {
    Shown::Masked(Masked::new(bytes, [first; 32]))
}

fn change(path: &str, before: Option<Shown>, after: Option<Shown>) -> Change {
    Change {
        path: path.to_owned(),
        before,
        after,
    }
}

fn of(object: PlannedObject, changes: Vec<Change>) -> ObjectDiff {
    ObjectDiff {
        object,
        changes,
        notes: Vec::new(),
    }
}

fn settings() -> ObjectDiff {
    let before = (1..=12).fold(String::new(), |text, line| text + &format!("line {line}\n"));
    let after = before
        .replace("line 3\n", "line three\n")
        .replace("line 12\n", "line 12");
    of(
        object(Planned::Change, "ConfigMap", "settings"),
        vec![
            change("data[\"app.conf\"]", Some(text(&before)), Some(text(&after))),
            change("data.mode", Some(text("fast")), Some(text("true"))),
            change(
                "data.script",
                None,
                Some(text("<script>alert('x')</script> ``` & \u{1b}[31m")),
            ),
            change("metadata.labels.old", Some(text("a: b")), None),
        ],
    )
}

fn web() -> ObjectDiff {
    let container = map(&[
        ("image", text("sidecar:2")),
        ("args", Shown::List(vec![text("--port"), number("8080")])),
        (
            "env",
            Shown::List(vec![
                map(&[("name", text("TOKEN")), ("value", masked(20, 0xc3))]),
                map(&[("name", text("EMPTY")), ("value", text(""))]),
            ]),
        ),
        ("resources", map(&[])),
    ]);
    let mut object = object(Planned::Adopt, "Deployment", "web");
    object.api_version = "apps/v1".to_owned();
    object.takes_over = vec!["kubectl-client-side-apply".to_owned()];
    ObjectDiff {
        notes: vec!["takes over the fields of kubectl-client-side-apply".to_owned()],
        ..of(
            object,
            vec![
                change("spec.replicas", Some(number("2")), Some(number("3"))),
                change(
                    "spec.template.spec.containers[name=web].image",
                    Some(text("web:1")),
                    Some(text("web:2")),
                ),
                change(
                    "spec.template.spec.containers[name=sidecar]",
                    None,
                    Some(container),
                ),
            ],
        )
    }
}

fn sample() -> Diff {
    let mut waiting = object(Planned::Create, "Secret", "later");
    waiting.deferred_for = vec!["Namespace/shop".to_owned()];
    let mut kept = object(Planned::Keep, "Namespace", "old");
    kept.reason = Some("objects that stay are in it".to_owned());
    kept.origin = None;
    let mut gone = object(Planned::Prune, "ConfigMap", "banner");
    gone.origin = None;
    Diff {
        revision: "main@sha1:13070f48279fadbc66279752e01a92a96cf8fe58".to_owned(),
        inventory: Some("shop/shop".to_owned()),
        unchanged: 5,
        objects: vec![
            of(
                object(Planned::Create, "Namespace", "shop"),
                vec![change(
                    "metadata.labels",
                    None,
                    Some(map(&[("applyset.kubernetes.io/part-of", text("applyset-x-v1"))])),
                )],
            ),
            of(
                waiting,
                vec![change("data", None, Some(map(&[("password", masked(14, 0xc3))])))],
            ),
            of(
                object(Planned::Change, "Secret", "database"),
                vec![
                    change("data.password", Some(masked(12, 0xa1)), Some(masked(14, 0xc3))),
                    change("data.gone", Some(masked(1, 0xb2)), None),
                ],
            ),
            settings(),
            web(),
            of(gone, Vec::new()),
            of(kept, Vec::new()),
        ],
        warnings: vec!["app.yaml:1:1: Secret/shop/db: <odd>".to_owned()],
    }
}

fn nothing() -> Diff {
    Diff {
        objects: Vec::new(),
        warnings: Vec::new(),
        ..sample()
    }
}

fn printed(diff: &Diff, format: DiffFormat, colored: bool) -> String {
    super::diff(diff, format, colored).unwrap()
}

#[test]
fn lines_for_a_terminal() {
    insta::assert_snapshot!("text", printed(&sample(), DiffFormat::Text, false));
    // Escapes are written out, so that the snapshot can be read.
    let colored = printed(&sample(), DiffFormat::Text, true).replace('\u{1b}', "␛");
    insta::assert_snapshot!("text_colored", colored);
    insta::assert_snapshot!(printed(&nothing(), DiffFormat::Text, false), @"nothing to do: 5 unchanged at main@sha1:13070f48279fadbc66279752e01a92a96cf8fe58");
}

#[test]
fn one_json_object() {
    insta::assert_snapshot!("json", printed(&sample(), DiffFormat::Json, false));
}

#[test]
fn a_comment_on_a_pull_request() {
    insta::assert_snapshot!("markdown", printed(&sample(), DiffFormat::Markdown, false));
    insta::assert_snapshot!(printed(&nothing(), DiffFormat::Markdown, false), @r"
    ### afterbay diff: nothing to do: 5 unchanged

    Revision `main@sha1:13070f48279fadbc66279752e01a92a96cf8fe58`
    Inventory `shop/shop`

    The cluster is as the revision says.
    ");
}

#[test]
fn a_comment_is_never_too_long() {
    let mut long = sample();
    let many = std::iter::repeat_with(settings).take(400);
    long.objects.extend(many.map(|mut object| {
        object
            .changes
            .push(change("data.more", None, Some(text(&"x".repeat(400)))));
        object
    }));
    let comment = printed(&long, DiffFormat::Markdown, false);
    assert!(comment.len() < 65_536, "{}", comment.len());
    assert!(comment.contains("more objects would make this comment too long"));
}

#[test]
fn one_page() {
    insta::assert_snapshot!("html", printed(&sample(), DiffFormat::Html, false));
    assert!(printed(&nothing(), DiffFormat::Html, false).contains("The cluster is as the revision says."));
}

/// Nothing of a value is read as markup, and nothing is fetched from elsewhere.
#[test]
fn a_page_stands_alone_and_obeys_no_value() {
    let mut diff = sample();
    diff.revision = "{{objects}}<img src=x onerror=alert(1)>".to_owned();
    diff.objects[0].object.kind = "\"><script>alert(2)</script>".to_owned();
    let page = printed(&diff, DiffFormat::Html, false);
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(!page.contains("<img"));
    for reference in ["http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(
            !page.replace("&lt;img src=x", "").contains(reference),
            "{reference}"
        );
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn a_text_cannot_end_the_block_it_stands_in() {
    let comment = printed(&sample(), DiffFormat::Markdown, false);
    assert!(comment.contains("````diff"), "{comment}");
    assert!(!comment.contains('\u{1b}'));
}

#[test]
fn a_plan_stage_by_stage() {
    let sample = sample();
    let mut objects: Vec<PlannedObject> = sample.objects.into_iter().map(|object| object.object).collect();
    objects[2].fields = vec!["data.gone".to_owned(), "data.password".to_owned()];
    let left = objects.split_off(5);
    let rest = objects.split_off(1);
    let stage = |name: &str, objects| PlannedStage {
        name: name.to_owned(),
        objects,
    };
    let outline = Outline {
        revision: sample.revision,
        inventory: sample.inventory,
        id: "0123456789abcdef".to_owned(),
        counts: BTreeMap::from([
            (Planned::Create, 2),
            (Planned::Change, 2),
            (Planned::Adopt, 1),
            (Planned::Prune, 1),
            (Planned::Keep, 1),
            (Planned::Unchanged, 5),
        ]),
        stages: vec![
            stage("definitions", objects),
            stage("rest", rest),
            stage("prune", left),
        ],
        guards: Vec::new(),
        warnings: Vec::new(),
    };
    insta::assert_snapshot!("plan", plan_table(&outline));
    let held = Outline {
        guards: vec!["pruning would delete, against --max-prune 0, 1 of 7 objects".to_owned()],
        ..outline.clone()
    };
    assert!(plan_table(&held).contains("--consent 0123456789abcdef"));
    let settled = Outline {
        stages: Vec::new(),
        counts: BTreeMap::from([(Planned::Unchanged, 5)]),
        ..outline
    };
    insta::assert_snapshot!(plan_table(&settled), @"nothing to do: 5 unchanged at main@sha1:13070f48279fadbc66279752e01a92a96cf8fe58");
}
