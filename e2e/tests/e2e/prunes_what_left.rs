//! What left Git leaves the cluster, and only that.

use anyhow::ensure;
use e2e::{Outcome, Scenario};

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: value\n")
}

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    repository
        .write("one.yaml", config_map("one"))?
        .write("two.yaml", config_map("two"))?;
    repository.commit("first")?;
    scenario.cluster.apply(&config_map("bystander").replace(
        "metadata:\n",
        &format!("metadata:\n  namespace: {}\n", scenario.namespace),
    ))?;
    let afterbay = scenario.afterbay();
    let arguments = ["--inventory", "set", "--prune", "--output", "json"];
    afterbay.apply(&repository.url(), &arguments)?.expect_success()?;

    repository.remove("two.yaml")?;
    repository.commit("second")?;
    let dry = afterbay
        .apply(
            &repository.url(),
            &[
                "--inventory",
                "set",
                "--prune",
                "--output",
                "json",
                "--dry-run=server",
            ],
        )?
        .expect_success()?;
    ensure!(dry.counts()? == [0, 0, 1, 1, 0], "{}", dry.text());
    scenario.cluster.expect(&scenario.namespace, "configmap", "two")?;

    let ended = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, 1, 1, 0], "{}", ended.text());
    scenario
        .cluster
        .expect_absent(&scenario.namespace, "configmap", "two")?;
    scenario.cluster.expect(&scenario.namespace, "configmap", "one")?;
    scenario
        .cluster
        .expect(&scenario.namespace, "configmap", "bystander")?;

    let again = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    ensure!(again.counts()? == [0, 0, 1, 0, 0], "{}", again.text());
    Ok(Outcome::Passed)
}
