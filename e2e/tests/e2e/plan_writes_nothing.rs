//! A plan says what an apply then does, stage by stage and why, and the server counts no write for it.

use anyhow::{Context as _, ensure};
use e2e::{Ended, Outcome, Scenario};
use serde_json::Value;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let key = scenario.age_key("alice")?;
    let file = key.path();
    let repository = scenario.repository()?;
    let sealed = |password: &str| scenario.sops().encrypt(&secret(password), &key);
    repository
        .write("secret.yaml", sealed("first")?)?
        .write("left.yaml", config_map("left", "1"))?
        .write("same.yaml", config_map("same", "1"))?;
    repository.commit("first")?;
    let arguments = |command: &str, more: &[&str]| -> Vec<String> {
        let url = repository.url();
        let common = [command, "--url", &url, "--ref", "main", "--namespace", namespace];
        let set = ["--age-key-file", &file, "--inventory", "set", "--prune"];
        common
            .iter()
            .chain(&set)
            .chain(more)
            .map(|text| (*text).to_owned())
            .collect()
    };
    let run = |command: &str, more: &[&str]| scenario.afterbay().run(arguments(command, more));
    run("apply", &[])?.expect_success()?;
    expect_settled(&run("plan", &["--output", "json"])?.expect_success()?)?;

    // Everything that a plan can have: another's object, one that is left alone, one that changes, one that goes, a namespace
    // with something in it that nobody can judge yet.
    cluster.apply(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: theirs, namespace: {namespace}}}\ndata: {{key: '1'}}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: alone\n  namespace: {namespace}\n  annotations: {{kustomize.toolkit.fluxcd.io/reconcile: disabled}}\n"
    ))?;
    repository
        .write("secret.yaml", sealed("second")?)?
        .write("theirs.yaml", config_map("theirs", "2"))?
        .write("alone.yaml", config_map("alone", "2"))?
        .write("new.yaml", config_map("new", "1"))?
        .write(
            "far.yaml",
            format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}-far}}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: far, namespace: {namespace}-far}}\n"
            ),
        )?
        .remove("left.yaml")?;
    repository.commit("second")?;

    let before = cluster.wait_until_still()?.total;
    let planned = run("plan", &["--output", "json"])?.expect_code(1)?;
    for form in ["table", "yaml"] {
        run("plan", &["--output", form])?.expect_code(1)?;
    }
    for form in ["text", "json", "markdown", "html"] {
        run("diff", &["--output", form])?.expect_code(1)?;
    }
    let writes = cluster.all_writes()?.total - before;
    ensure!(writes == 0, "{writes} writes for a plan\n{}", planned.text());

    let plan = planned.json()?;
    for (stage, name, action, why) in [
        ("definitions", format!("{namespace}-far"), "create", ""),
        ("rest", "new".to_owned(), "create", ""),
        ("rest", "far".to_owned(), "create", "Namespace"),
        ("rest", "database".to_owned(), "change", "data.password"),
        ("rest", "theirs".to_owned(), "adopt", "kubectl-client-side-apply"),
        ("rest", "alone".to_owned(), "skip", "reconcile: disabled"),
        ("prune", "left".to_owned(), "prune", ""),
    ] {
        let object = find(&plan, stage, &name)?;
        ensure!(object["action"] == action, "{object:#}");
        ensure!(object.to_string().contains(why), "{object:#}");
    }
    run("plan", &[])?.expect_code(1)?.expect_text(&[
        "stage 1: definitions",
        "- prune",
        "it left the revision",
        "it exists and is not ours yet",
        "judged once Namespace/",
    ])?;

    // What it said is done, and then there is nothing to do.
    let applied = run("apply", &["--output", "json"])?.expect_success()?;
    ensure!(applied.counts()? == [3, 2, 1, 1, 1], "{}", applied.text());
    expect_settled(&run("plan", &["--output", "json"])?.expect_success()?)?;

    // What is wrong has one code, whatever it is.
    run("plan", &["--path", "none"])?.expect_code(2)?;
    run("diff", &["--kubeconfig", "/none"])?.expect_code(2)?;
    repository.write(
        "bad.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {key: 1}\n",
    )?;
    repository.commit("what the server refuses")?;
    run("plan", &[])?.expect_code(2)?.expect_text(&["ConfigMap/"])?;
    let partly = run("plan", &["--failure-policy", "per-resource", "--output", "json"])?.expect_code(2)?;
    ensure!(
        find(&partly.json()?, "rest", "bad")?["action"] == "refuse",
        "{}",
        partly.text()
    );
    cluster.kubectl(&["delete", "namespace", &format!("{namespace}-far"), "--wait=false"])?;
    Ok(Outcome::Passed)
}

fn expect_settled(ended: &Ended) -> anyhow::Result<()> {
    let plan = ended.json()?;
    let only_skips = plan["stages"].as_array().into_iter().flatten().all(|stage| {
        let objects = stage["objects"].as_array().into_iter().flatten();
        objects.into_iter().all(|object| object["action"] == "skip")
    });
    ensure!(only_skips, "{}", ended.text());
    Ok(())
}

fn find(plan: &Value, stage: &str, name: &str) -> anyhow::Result<Value> {
    let stages = plan["stages"].as_array().context("no stages")?;
    let mut objects = stages
        .iter()
        .filter(|found| found["name"] == stage)
        .flat_map(|found| found["objects"].as_array().into_iter().flatten());
    let object = objects.find(|object| object["name"] == name);
    object
        .cloned()
        .with_context(|| format!("no {name} in stage {stage}:\n{plan:#}"))
}

fn secret(password: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: {password}\n"
    )
}

fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: '{value}'}}\n")
}
