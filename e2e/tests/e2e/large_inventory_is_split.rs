//! An inventory that does not fit into one object is kept in several, and shrinks again.

use anyhow::{Context as _, ensure};
use e2e::{Outcome, Scenario};
use serde_json::Value;

/// With names of this length the list of the objects needs two parts.
const OBJECTS: usize = 1300;
const NAME: usize = 250;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = scenario.repository()?;
    repository.write("objects.yaml", config_maps(OBJECTS))?;
    repository.commit("first")?;
    let afterbay = scenario.afterbay();
    let arguments = ["--inventory", "set", "--prune", "--output", "json"];
    let first = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    ensure!(first.counts()?[0] == OBJECTS as u64, "{:?}", first.counts());

    let parent = cluster.expect(namespace, "configmap", "set")?;
    let parts = parts(&parent);
    ensure!(parts.len() == 1, "{parts:?}");
    for part in &parts {
        let part = cluster.expect(namespace, "configmap", part)?;
        ensure!(
            part["metadata"]["ownerReferences"][0]["uid"] == parent["metadata"]["uid"],
            "a part outlives its inventory"
        );
    }
    let inventory = afterbay
        .run(["inventory", "set", "--namespace", namespace, "-o", "json"])?
        .expect_success()?;
    let objects = inventory.json()?["objects"]
        .as_array()
        .context("no objects")?
        .len();
    ensure!(objects == OBJECTS, "{objects} objects");

    repository.write("objects.yaml", config_maps(3))?;
    repository.commit("second")?;
    let second = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    ensure!(
        second.counts()? == [0, 0, 3, OBJECTS as u64 - 3, 0],
        "{:?}",
        second.counts()
    );
    let left = cluster.names(namespace, "configmaps")?;
    ensure!(
        left.len() == 4,
        "parts or objects are left behind: {} objects",
        left.len()
    );
    Ok(Outcome::Passed)
}

fn config_maps(count: usize) -> String {
    (0..count)
        .map(|number| {
            format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: item-{number:0>NAME$}\n",
                NAME = NAME - 5
            )
        })
        .collect()
}

fn parts(parent: &Value) -> Vec<String> {
    let text = parent["metadata"]["annotations"]["afterbay.dev/parts"]
        .as_str()
        .unwrap_or_default();
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}
