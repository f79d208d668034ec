//! A revision with plain objects arrives in the cluster; a second run changes nothing and sends no write.

use anyhow::ensure;
use e2e::{Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    repository.write(
        "apps/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: blue\n",
    )?;
    repository.write(
        "apps/service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n",
    )?;
    let commit = repository.commit("first")?;
    let afterbay = scenario.afterbay();

    let first = afterbay
        .apply(&repository.url(), &["--path", "apps", "--output", "json"])?
        .expect_success()?;
    ensure!(first.counts()? == [2, 0, 0, 0, 0], "{}", first.text());
    ensure!(
        first.json()?["revision"] == format!("main@sha1:{commit}"),
        "{}",
        first.text()
    );
    let settings = scenario
        .cluster
        .expect(&scenario.namespace, "configmap", "settings")?;
    ensure!(settings["data"]["color"] == "blue");
    let manager = &settings["metadata"]["managedFields"][0];
    ensure!(
        manager["manager"] == "afterbay" && manager["operation"] == "Apply",
        "{manager}"
    );

    let second = afterbay
        .apply(&repository.url(), &["--path", "apps", "--output", "json"])?
        .expect_success()?;
    ensure!(second.counts()? == [0, 0, 2, 0, 0], "{}", second.text());

    repository.write(
        "apps/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: green\n",
    )?;
    repository.commit("second")?;
    let third = afterbay
        .apply(&repository.url(), &["--path", "apps", "--output", "json"])?
        .expect_success()?;
    ensure!(third.counts()? == [0, 1, 1, 0, 0], "{}", third.text());

    // An older revision by its commit id.
    let pinned = [
        "apply",
        "--url",
        &repository.url(),
        "--ref",
        &commit,
        "--path",
        "apps",
        "--namespace",
        &scenario.namespace,
    ];
    afterbay.run(pinned)?.expect_success()?;
    let settings = scenario
        .cluster
        .expect(&scenario.namespace, "configmap", "settings")?;
    ensure!(settings["data"]["color"] == "blue");
    Ok(Outcome::Passed)
}
