//! A new commit that changes one of several encrypted Secrets costs one write; a run without news costs none.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use e2e::{Outcome, Scenario};

const NAMES: [&str; 5] = ["cache", "database", "mail", "queue", "search"];

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let repository = scenario.repository()?;
    let write = |name: &str, password: &str| {
        let sealed = scenario.sops().encrypt(&secret(name, password), &key)?;
        repository.write(&format!("{name}.yaml"), sealed).map(drop)
    };
    for name in NAMES {
        write(name, "first")?;
    }
    repository.commit("first")?;
    let file = key.path();
    let arguments = [
        "--age-key-file",
        &file,
        "--inventory",
        "set",
        "--prune",
        "--output",
        "json",
    ];
    let apply = || {
        scenario
            .afterbay()
            .apply(&repository.url(), &arguments)?
            .expect_success()
    };
    let first = apply()?;
    ensure!(first.counts()? == [5, 0, 0, 0, 0], "{}", first.text());
    let before = versions(scenario)?;

    // Encrypted anew, all of them: every file differs, one value does.
    for name in NAMES {
        write(name, if name == "mail" { "second" } else { "first" })?;
    }
    repository.commit("second")?;
    scenario.cluster.wait_until_quiet()?;
    let count = scenario.cluster.writes(&["secrets"])?.total;
    let second = apply()?;
    ensure!(second.counts()? == [0, 1, 4, 0, 0], "{}", second.text());
    let writes = scenario.cluster.writes(&["secrets"])?.total - count;
    ensure!(
        writes == 1,
        "{writes} writes of Secrets instead of one\n{}",
        second.text()
    );
    let after = versions(scenario)?;
    for name in NAMES {
        ensure!(
            (before[name] != after[name]) == (name == "mail"),
            "{name}: resourceVersion {} became {}",
            before[name],
            after[name]
        );
    }
    let password = scenario
        .cluster
        .secret_value(&scenario.namespace, "mail", "password")?;
    ensure!(password == "second");

    // Not the inventory either.
    let resources = ["secrets", "configmaps"];
    let count = scenario.cluster.writes(&resources)?.total;
    let third = apply()?;
    ensure!(third.counts()? == [0, 0, 5, 0, 0], "{}", third.text());
    let writes = scenario.cluster.writes(&resources)?.total - count;
    ensure!(writes == 0, "{writes} writes although nothing changed");
    Ok(Outcome::Passed)
}

fn secret(name: &str, password: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  user: {name}\n  password: {password}\n"
    )
}

fn versions(scenario: &Scenario) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let version = |name| {
        let secret = scenario.cluster.expect(&scenario.namespace, "secret", name)?;
        let version = secret["metadata"]["resourceVersion"]
            .as_str()
            .context("no resourceVersion")?;
        Ok((name, version.to_owned()))
    };
    NAMES.into_iter().map(version).collect()
}
