//! A key that is removed from `stringData` disappears from the cluster, which `kubectl apply --server-side` does not
//! achieve; what others left behind in that way is named, and removed where it is ours.

use anyhow::ensure;
use e2e::{Outcome, Scenario};
use serde_json::Value;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    let afterbay = scenario.afterbay();
    let apply = || {
        afterbay
            .apply(&repository.url(), &["--output", "json"])?
            .expect_success()
    };

    repository.write("secret.yaml", secret("ours", &["keep", "drop"]))?;
    repository.commit("both keys")?;
    apply()?;
    ensure!(keys(scenario, "ours")? == ["drop", "keep"]);
    repository.write("secret.yaml", secret("ours", &["keep"]))?;
    repository.commit("one key")?;
    let ended = apply()?;
    ensure!(ended.counts()? == [0, 1, 0, 0, 0], "{}", ended.text());
    ensure!(keys(scenario, "ours")? == ["keep"]);

    // The trap: with kubectl the key stays.
    server_side_apply(scenario, "kubectl", &secret("trap", &["keep", "drop"]))?;
    server_side_apply(scenario, "kubectl", &secret("trap", &["keep"]))?;
    ensure!(
        keys(scenario, "trap")? == ["drop", "keep"],
        "kubectl removed the key; the trap is gone and this scenario should say so"
    );

    // Left by our own field manager, through another program: removed.
    server_side_apply(scenario, "afterbay", &secret("left", &["keep", "drop"]))?;
    repository.write("secret.yaml", secret("left", &["keep"]))?;
    repository.commit("applied before by our manager")?;
    let ended = apply()?;
    ended.clone().expect_text(&["left", "drop"])?;
    ensure!(keys(scenario, "left")? == ["keep"], "{}", ended.text());

    // Left by kubectl: named, and kept, because nobody said that it is not wanted.
    server_side_apply(scenario, "kubectl", &secret("theirs", &["keep", "drop"]))?;
    repository.write("secret.yaml", secret("theirs", &["keep"]))?;
    repository.commit("applied before by kubectl")?;
    let ended = apply()?;
    ended.expect_text(&["theirs", "keeps drop", "kubectl"])?;
    ensure!(keys(scenario, "theirs")? == ["drop", "keep"]);
    Ok(Outcome::Passed)
}

fn secret(name: &str, keys: &[&str]) -> String {
    let entries: String = keys
        .iter()
        .map(|key| format!("  {key}: value of {key}\n"))
        .collect();
    format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n{entries}")
}

fn server_side_apply(scenario: &Scenario, manager: &str, manifest: &str) -> anyhow::Result<()> {
    let arguments = [
        "apply",
        "--server-side",
        "--field-manager",
        manager,
        "--namespace",
        &scenario.namespace,
        "--filename",
        "-",
    ];
    scenario
        .cluster
        .kubectl_with_input(&arguments, manifest.as_bytes())?
        .success()
        .map(drop)
}

fn keys(scenario: &Scenario, name: &str) -> anyhow::Result<Vec<String>> {
    let secret = scenario.cluster.expect(&scenario.namespace, "secret", name)?;
    let mut keys: Vec<String> = secret["data"]
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::<String, Value>::keys)
        .cloned()
        .collect();
    keys.sort();
    Ok(keys)
}
