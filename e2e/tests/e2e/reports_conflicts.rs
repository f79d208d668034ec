//! A field that another manager owns is reported with that manager's name, and taken only when asked.

use anyhow::ensure;
use e2e::{Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let theirs =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: red\n  size: large\n";
    let server_side = [
        "apply",
        "--server-side",
        "--field-manager",
        "somebody-else",
        "--namespace",
        namespace,
        "--filename",
        "-",
    ];
    cluster
        .kubectl_with_input(&server_side, theirs.as_bytes())?
        .success()?;
    let repository = scenario.repository()?;
    repository
        .write(
            "settings.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: blue\n",
        )?
        .write(
            "other.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\ndata:\n  key: value\n",
        )?;
    repository.commit("first")?;
    let afterbay = scenario.afterbay();

    let refused = afterbay.apply(&repository.url(), &[])?.expect_code(14)?;
    refused.expect_text(&[
        "settings.yaml",
        ".data.color",
        "somebody-else",
        "--force-conflicts",
        "nothing was written",
    ])?;
    let settings = cluster.expect(namespace, "configmap", "settings")?;
    ensure!(settings["data"]["color"] == "red");
    cluster.expect_absent(namespace, "configmap", "other")?;

    let forced = afterbay
        .apply(&repository.url(), &["--force-conflicts", "--output", "json"])?
        .expect_success()?;
    ensure!(forced.counts()? == [1, 1, 0, 0, 0], "{}", forced.text());
    let settings = cluster.expect(namespace, "configmap", "settings")?;
    ensure!(
        settings["data"]["color"] == "blue" && settings["data"]["size"] == "large",
        "{settings}"
    );

    // From now on the conflict is theirs.
    let theirs_again = cluster.kubectl_with_input(&server_side, theirs.as_bytes())?;
    ensure!(
        theirs_again.code != Some(0) && theirs_again.stderr.contains("conflict with \"afterbay\""),
        "{}",
        theirs_again.stderr
    );
    // The same value is shared and no conflict.
    let shared = afterbay
        .apply(&repository.url(), &["--output", "json"])?
        .expect_success()?;
    ensure!(shared.counts()? == [0, 0, 2, 0, 0], "{}", shared.text());
    // Under another name it owns the fields beside the first.
    afterbay
        .apply(&repository.url(), &["--field-manager", "deployer"])?
        .expect_success()?;
    let settings = cluster
        .kubectl(&[
            "get",
            "configmap",
            "settings",
            "--namespace",
            namespace,
            "--show-managed-fields",
            "--output",
            "yaml",
        ])?
        .success()?;
    ensure!(settings.contains("manager: deployer"), "{settings}");
    Ok(Outcome::Passed)
}
