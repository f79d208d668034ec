//! What is recognized as unchanged from the live object is what the server's dry-run leaves as it is: 300 generated objects, of
//! which each is applied, perhaps touched by somebody else, and planned again as it was or a little different. Never is anything
//! called unchanged that the server would change, and seldom is the server asked about what it would not.

mod pairs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use e2e::{Ended, Outcome, Scenario};
use pairs::{MANAGERS, Pair, Touch};
use serde_json::{Value, json};

const PAIRS: usize = 300;
/// Of a hundred unchanged objects of Kubernetes' own kinds, so many may be dry-run all the same.
const FALLBACKS: usize = 5;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let namespace = scenario.namespace.as_str();
    let pairs = pairs::generate(PAIRS, namespace);
    // A kind whose definition is not in the set.
    scenario
        .cluster
        .apply(&pairs::definition(namespace, "gizmo").to_string())?;
    let gizmos = format!("crd/gizmos.{namespace}.example.com");
    let established = ["wait", "--for=condition=Established", &gizmos];
    scenario.cluster.kubectl(&established)?.success()?;
    let result = judge(scenario, &pairs);
    release(scenario, &pairs)?;
    if result.is_ok() || scenario.environment.lane == "existing" {
        for plural in ["gadgets", "gizmos"] {
            let name = format!("{plural}.{namespace}.example.com");
            let arguments = ["delete", "crd", &name, "--ignore-not-found", "--wait=false"];
            scenario.cluster.kubectl(&arguments)?;
        }
    }
    result.map(Outcome::Counted)
}

fn judge(scenario: &Scenario, pairs: &[Pair]) -> anyhow::Result<String> {
    let (first, second) = (
        set(scenario, pairs.iter().map(|pair| &pair.first)),
        set(scenario, pairs.iter().map(|pair| &pair.second)),
    );
    let (first, second) = (
        scenario.write("first.json", first)?,
        scenario.write("second.json", second)?,
    );
    let run = |command: &str, file: &std::path::Path, more: &[&str]| {
        let file = file.display().to_string();
        let arguments = [command, "--filename", &file, "--inventory", "pairs"];
        let namespace = ["--namespace", &scenario.namespace, "--output", "json"];
        scenario
            .afterbay()
            .env("RUST_LOG", "afterbay_apply::observe=debug")
            .run(arguments.iter().chain(&namespace).chain(more))
    };
    let applied = run("apply", &first, &[])?.expect_success()?;
    ensure!(applied.counts()?[0] == PAIRS as u64 + 1, "{}", applied.text());
    for (manager, touch) in MANAGERS {
        touched(scenario, pairs, manager, touch)?;
    }
    scenario.cluster.wait_until_still()?;

    let per_resource = ["--failure-policy", "per-resource"];
    let plan = |check: &str| {
        let ended = run(
            "plan",
            &second,
            &[&per_resource[..], &["--check", check]].concat(),
        )?;
        ensure!(matches!(ended.output.code, Some(1 | 2)), "{}", ended.text());
        Ok(ended)
    };
    let server = plan("server")?;
    let short = plan("managed-fields")?;
    let (server, doubts) = (verdicts(&server)?, doubts(&short));
    let short = verdicts(&short)?;
    compare(pairs, &server, &short)?;
    summary(pairs, &server, &doubts)
}

/// Takes the finalizers off, which nobody else does; a namespace with one could not go.
fn release(scenario: &Scenario, pairs: &[Pair]) -> anyhow::Result<()> {
    let held = pairs
        .iter()
        .filter(|pair| pair.first["metadata"]["finalizers"].is_array());
    for pair in held {
        let title = pair.title();
        let patch = [
            "patch",
            &title,
            "--type",
            "merge",
            "--patch",
            r#"{"metadata":{"finalizers":null}}"#,
        ];
        scenario
            .cluster
            .kubectl(&[&patch[..], &["--namespace", &scenario.namespace]].concat())?;
    }
    Ok(())
}

/// All objects, and the definition of one of the two custom kinds.
fn set<'a>(scenario: &Scenario, objects: impl Iterator<Item = &'a Value>) -> String {
    let mut items = vec![pairs::definition(&scenario.namespace, "gadget")];
    items.extend(objects.cloned());
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

/// Has somebody else apply what they have to say about the objects.
fn touched(scenario: &Scenario, pairs: &[Pair], manager: &str, touch: Touch) -> anyhow::Result<()> {
    let items: Vec<Value> = pairs
        .iter()
        .filter_map(|pair| pair.touches.get(&touch).cloned())
        .collect();
    ensure!(!items.is_empty(), "{manager} touches nothing");
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
    // The objects are parts of what they are.
    let mut arguments = vec![
        "apply",
        "--server-side",
        "--validate=false",
        "--namespace",
        &scenario.namespace,
    ];
    arguments.extend(["--field-manager", manager, "--force-conflicts", "--filename", "-"]);
    scenario
        .cluster
        .kubectl_with_input(&arguments, list.as_bytes())?
        .success()
        .map(drop)
}

/// What a plan says of every object that it does not leave as it is: the action, and which fields change.
fn verdicts(plan: &Ended) -> anyhow::Result<BTreeMap<String, String>> {
    let plan = plan.json()?;
    let stages = plan["stages"].as_array().context("no stages")?;
    let objects = stages
        .iter()
        .flat_map(|stage| stage["objects"].as_array().into_iter().flatten());
    let verdicts = objects.map(|object| {
        let name = format!(
            "{}/{}",
            object["kind"].as_str().unwrap_or_default(),
            object["name"].as_str().unwrap_or_default()
        );
        let verdict = ["action", "fields", "takesOver", "reason"].map(|key| object[key].to_string());
        (name, verdict.join(" "))
    });
    Ok(verdicts.collect())
}

/// Which objects were dry-run because the live one left a doubt, and which.
fn doubts(short: &Ended) -> BTreeMap<String, String> {
    let lines = short.output.stderr.lines();
    let doubts = lines.filter_map(|line| {
        let (object, doubt) = line.split_once(" object=")?.1.split_once(" doubt=")?;
        let (kind, name) = (object.split(['.', '/']).next()?, object.rsplit('/').next()?);
        Some((format!("{kind}/{name}"), doubt.to_owned()))
    });
    doubts.collect()
}

fn compare(
    pairs: &[Pair],
    server: &BTreeMap<String, String>,
    short: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let mut wrong = String::new();
    let names: BTreeSet<&String> = server.keys().chain(short.keys()).collect();
    for name in names {
        let (theirs, ours) = (server.get(name), short.get(name));
        if theirs != ours {
            let pair = pairs.iter().find(|pair| pair.title() == *name);
            writeln!(
                wrong,
                "{name}: the server says {theirs:?}, the live object {ours:?}\n{pair:#?}"
            )?;
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    Ok(())
}

/// How many were recognized, and that it was not too few.
fn summary(
    pairs: &[Pair],
    server: &BTreeMap<String, String>,
    doubts: &BTreeMap<String, String>,
) -> anyhow::Result<String> {
    let (mut unchanged, mut asked, mut custom, mut custom_asked) = (0, Vec::new(), 0, 0);
    for pair in pairs.iter().filter(|pair| !server.contains_key(&pair.title())) {
        let doubt = doubts.get(&pair.title());
        if pair.is_built_in() {
            unchanged += 1;
            asked.extend(doubt.map(|doubt| format!("{}: {doubt}", pair.title())));
        } else {
            custom += 1;
            custom_asked += usize::from(doubt.is_some());
        }
    }
    let changed = PAIRS - unchanged - custom;
    ensure!(
        unchanged > PAIRS / 3 && changed > PAIRS / 5,
        "{unchanged} unchanged, {changed} changed"
    );
    // The kind whose definition is not in the set is always asked about.
    let known = pairs
        .iter()
        .filter(|pair| pair.first["kind"] == "Gadget" && !server.contains_key(&pair.title()));
    ensure!(
        known.count() > 2 && custom_asked < custom,
        "custom resources: {custom_asked} of {custom}"
    );
    ensure!(
        asked.len() * 100 <= unchanged * FALLBACKS,
        "{} of {unchanged} unchanged objects were dry-run:\n{}",
        asked.len(),
        asked.join("\n")
    );
    Ok(format!(
        "{PAIRS} pairs, {changed} changed, 0 wrong; of {unchanged} unchanged objects of Kubernetes' own kinds {} were dry-run, of {custom} \
         unchanged custom resources {custom_asked}",
        asked.len()
    ))
}
