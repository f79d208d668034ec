//! What a label or an annotation of Flux says about one object, as kustomize-controller reads it: in either place, in any
//! case, on the object in the revision or on the live one.

use anyhow::{Context as _, ensure};
use e2e::{Ended, Outcome, Repository, Scenario};
use serde_json::Value;

const CONTROL: &str = "kustomize.toolkit.fluxcd.io";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    left_alone(scenario)?;
    pruned_or_kept(scenario)?;
    managers_that_stay(scenario)?;
    owners(scenario)?;
    Ok(Outcome::Passed)
}

/// Objects that are there already and are not written.
fn left_alone(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    for (name, metadata) in [
        ("once", ""),
        ("ignored", ""),
        ("disabled", ""),
        ("live-ignored", "ssa: IGNORE"),
        ("live-disabled", "reconcile: Disabled"),
    ] {
        cluster.apply(&foreign(namespace, name, metadata, "theirs"))?;
    }
    let repository = Repository::create(&scenario.folder.join("left-alone"))?;
    for (name, metadata) in [
        ("once", annotation("ssa: ifnotpresent")),
        ("new", annotation("ssa: IfNotPresent")),
        ("ignored", label("ssa: Ignore")),
        // The label says nothing; the annotation does.
        (
            "disabled",
            label("reconcile: enabled") + &annotation("reconcile: DISABLED"),
        ),
        ("live-ignored", String::new()),
        ("live-disabled", String::new()),
        ("plain", annotation("ssa: Override")),
    ] {
        repository.write(&format!("{name}.yaml"), config_map(name, &metadata, "ours"))?;
    }
    repository.commit("first")?;
    let ended = apply(scenario, &repository, &["--inventory", "alone", "--prune"])?;
    ensure!(ended.counts()? == [2, 0, 0, 0, 5], "{}", ended.text());
    let report = ended.json()?;
    for name in ["once", "ignored", "disabled", "live-ignored", "live-disabled"] {
        ensure!(value(scenario, name)? == "theirs", "{name}");
        let reason = object(&report, name)?["reason"].as_str().unwrap_or_default();
        ensure!(reason.starts_with(CONTROL), "{name}: {reason}");
    }
    // What was created once is not touched again, and goes when it leaves the revision, because it is ours.
    repository.write(
        "new.yaml",
        config_map("new", &annotation("ssa: IfNotPresent"), "changed"),
    )?;
    repository.commit("second")?;
    apply(scenario, &repository, &["--inventory", "alone", "--prune"])?;
    ensure!(value(scenario, "new")? == "ours");
    for name in ["new", "once"] {
        repository.remove(&format!("{name}.yaml"))?;
    }
    repository.commit("third")?;
    let ended = apply(scenario, &repository, &["--inventory", "alone", "--prune"])?;
    ensure!(ended.counts()?[3] == 1, "{}", ended.text());
    cluster.expect_absent(namespace, "configmap", "new")?;
    cluster.expect(namespace, "configmap", "once").map(drop)
}

/// Only the live object says whether it may be deleted.
fn pruned_or_kept(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = Repository::create(&scenario.folder.join("pruned-or-kept"))?;
    let names = ["goes", "by-label", "by-annotation", "ssa", "reconcile", "enabled"];
    for name in names {
        repository.write(&format!("{name}.yaml"), config_map(name, "", "ours"))?;
    }
    repository.write("stays.yaml", config_map("stays", "", "ours"))?;
    repository.commit("first")?;
    let arguments = ["--inventory", "kept", "--prune"];
    apply(scenario, &repository, &arguments)?;
    for (name, verb, control) in [
        ("by-label", "label", "prune=Disabled"),
        ("by-annotation", "annotate", "prune=disabled"),
        ("ssa", "annotate", "ssa=Ignore"),
        ("reconcile", "label", "reconcile=disabled"),
        ("enabled", "annotate", "prune=enabled"),
    ] {
        let control = format!("{CONTROL}/{control}");
        cluster
            .kubectl(&[verb, "configmap", name, &control, "--namespace", namespace])?
            .success()?;
    }
    for name in names {
        repository.remove(&format!("{name}.yaml"))?;
    }
    repository.commit("second")?;
    let ended = apply(scenario, &repository, &arguments)?;
    ensure!(ended.counts()? == [0, 0, 1, 2, 4], "{}", ended.text());
    for name in ["goes", "enabled"] {
        cluster.expect_absent(namespace, "configmap", name)?;
    }
    for name in ["by-label", "by-annotation", "ssa", "reconcile"] {
        cluster.expect(namespace, "configmap", name)?;
    }
    Ok(())
}

/// `ssa: Merge` sets the fields of the revision and leaves those of `kubectl` where they are.
fn managers_that_stay(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    cluster.apply(&format!(
        "{}  extra: theirs\n",
        foreign(namespace, "merged", "", "ours")
    ))?;
    let repository = Repository::create(&scenario.folder.join("merged"))?;
    repository.write(
        "merged.yaml",
        config_map("merged", &annotation("ssa: Merge"), "ours"),
    )?;
    repository.commit("first")?;
    for counts in [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]] {
        let ended = apply(scenario, &repository, &[])?;
        ensure!(ended.counts()? == counts, "{}", ended.text());
        let live = cluster.expect(namespace, "configmap", "merged")?;
        ensure!(live["data"]["extra"] == "theirs", "{live}");
    }
    Ok(())
}

/// The ownership labels of Flux are set, and what does not carry them is not pruned.
fn owners(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = Repository::create(&scenario.folder.join("owned"))?;
    for name in ["owned-goes", "owned-moved", "owned-stays"] {
        repository.write(&format!("{name}.yaml"), config_map(name, "", "ours"))?;
    }
    repository.commit("first")?;
    let arguments = ["--inventory", "owned", "--prune", "--owner", "apps/shop"];
    apply(scenario, &repository, &arguments)?;
    let labels = cluster.expect(namespace, "configmap", "owned-goes")?["metadata"]["labels"].clone();
    ensure!(
        labels[format!("{CONTROL}/name")] == "shop" && labels[format!("{CONTROL}/namespace")] == "apps",
        "{labels}"
    );
    let other = format!("{CONTROL}/name=other");
    cluster
        .kubectl(&[
            "label",
            "--overwrite",
            "configmap",
            "owned-moved",
            &other,
            "--namespace",
            namespace,
        ])?
        .success()?;
    for name in ["owned-goes", "owned-moved"] {
        repository.remove(&format!("{name}.yaml"))?;
    }
    repository.commit("second")?;
    let ended = apply(scenario, &repository, &arguments)?;
    ensure!(ended.counts()? == [0, 0, 1, 1, 1], "{}", ended.text());
    ended.expect_text(&["belongs to apps/other"])?;
    cluster.expect_absent(namespace, "configmap", "owned-goes")?;
    cluster.expect(namespace, "configmap", "owned-moved").map(drop)
}

fn apply(scenario: &Scenario, repository: &Repository, more: &[&str]) -> anyhow::Result<Ended> {
    let arguments = [&["--output", "json"], more].concat();
    scenario
        .afterbay()
        .apply(&repository.url(), &arguments)?
        .expect_success()
}

fn object<'a>(report: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    let objects = report["objects"].as_array().into_iter().flatten();
    let mut found = objects.filter(|object| object["name"] == name);
    found.next().with_context(|| format!("{name} is not in {report}"))
}

fn value(scenario: &Scenario, name: &str) -> anyhow::Result<Value> {
    let live = scenario.cluster.expect(&scenario.namespace, "configmap", name)?;
    Ok(live["data"]["key"].clone())
}

fn annotation(control: &str) -> String {
    format!("  annotations:\n    {CONTROL}/{control}\n")
}

fn label(control: &str) -> String {
    format!("  labels:\n    {CONTROL}/{control}\n")
}

fn config_map(name: &str, metadata: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{metadata}data:\n  key: {value}\n")
}

fn foreign(namespace: &str, name: &str, control: &str, value: &str) -> String {
    let metadata = if control.is_empty() {
        String::new()
    } else {
        label(control)
    };
    config_map(name, &format!("  namespace: {namespace}\n{metadata}"), value)
}
