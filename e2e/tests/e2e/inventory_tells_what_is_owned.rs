//! What is owned, since which revision, as our own command tells it and as `kubectl` reads it.

use std::process::Command;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use e2e::{Outcome, Repository, Scenario};

const APPLYSET: &str = "applyset.kubernetes.io";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let namespace = scenario.namespace.as_str();
    let repository = scenario.repository()?;
    repository
        .write("one.yaml", config_map("one", "first"))?
        .write("two.yaml", config_map("two", "first"))?
        .write(
            "secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: value\n",
        )?;
    let first = format!("main@sha1:{}", repository.commit("first")?);
    let afterbay = scenario.afterbay();
    let arguments = ["--inventory", "set", "--prune"];
    afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    repository.write("two.yaml", config_map("two", "second"))?;
    let second = format!("main@sha1:{}", repository.commit("second")?);
    afterbay.apply(&repository.url(), &arguments)?.expect_success()?;

    let ended = afterbay
        .run(["inventory", "set", "--namespace", namespace, "-o", "json"])?
        .expect_success()?;
    let json = ended.json()?;
    ensure!(json["revision"] == second && json["name"] == "set", "{json}");
    let since = |kind: &str, name: &str| {
        let objects = json["objects"].as_array().into_iter().flatten();
        objects
            .filter(|object| object["kind"] == kind && object["name"] == name)
            .map(|object| object["since"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    ensure!(
        since("ConfigMap", "one") == [first.clone()] && since("Secret", "database") == [first.clone()],
        "{json}"
    );
    ensure!(since("ConfigMap", "two") == [second.clone()], "{json}");
    for object in json["objects"].as_array().into_iter().flatten() {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["name"].as_str().unwrap_or_default();
        let live = scenario.cluster.expect(namespace, kind, name)?;
        ensure!(
            object["uid"] == live["metadata"]["uid"] && object["namespace"] == namespace,
            "{object}"
        );
    }
    afterbay
        .run(["inventory", "set", "--namespace", namespace])?
        .expect_success()?
        .expect_text(&["OBJECT", "SINCE", "two", &first, &second])?;
    afterbay
        .run(["inventory", "--namespace", namespace])?
        .expect_success()?
        .expect_text(&["NAMESPACE", "set", "3", &second])?;

    as_kubectl_reads_it(scenario)?;
    another_inventory(scenario, &repository)?;
    Ok(Outcome::Passed)
}

/// A Secret can be the parent too, and what one inventory owns is not another's.
fn another_inventory(scenario: &Scenario, first: &Repository) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let arguments = ["--inventory", "other", "--inventory-kind", "secret"];
    let afterbay = scenario.afterbay();
    let refused = afterbay.apply(&first.url(), &arguments)?.expect_code(14)?;
    refused.expect_text(&["one.yaml", "belongs to another ApplySet", "--force-conflicts"])?;
    cluster.expect_absent(namespace, "secret", "other")?;

    let second = Repository::create(&scenario.folder.join("second"))?;
    second.write("three.yaml", config_map("three", "first"))?;
    second.commit("first")?;
    afterbay.apply(&second.url(), &arguments)?.expect_success()?;
    let parent = cluster.expect(namespace, "secret", "other")?;
    let id = &parent["metadata"]["labels"][format!("{APPLYSET}/id")];
    ensure!(*id == expected_id(&format!("other.{namespace}.Secret."))?, "{id}");
    afterbay
        .run(["inventory", "--namespace", namespace])?
        .expect_success()?
        .expect_text(&["set", "other"])?;
    let shows = || {
        afterbay
            .run(["inventory", "other", "--namespace", namespace])?
            .expect_success()?
            .expect_text(&["three"])
    };
    shows()?;
    // A plain object of the other kind may have the name; where it is the only one, it is named.
    cluster
        .kubectl(&["create", "configmap", "other", "--namespace", namespace])?
        .success()?;
    shows()?;
    cluster
        .kubectl(&["create", "configmap", "plain", "--namespace", namespace])?
        .success()?;
    let refused = afterbay
        .run(["inventory", "plain", "--namespace", namespace])?
        .expect_code(14)?;
    refused.expect_text(&["plain", "is no ApplySet parent"]).map(drop)
}

/// KEP-3659: the parent's label is the id computed from its name, the members carry it, and tooling says whose it is.
fn as_kubectl_reads_it(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let list = |kind: &str, selector: &str| {
        let arguments = [
            "get",
            kind,
            "--namespace",
            namespace,
            "--selector",
            selector,
            "--output",
            "name",
        ];
        let text = cluster.kubectl(&arguments)?.success()?;
        Ok::<_, anyhow::Error>(text.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    ensure!(list("configmaps", &format!("{APPLYSET}/id"))? == ["configmap/set"]);
    let parent = cluster.expect(namespace, "configmap", "set")?;
    let id = parent["metadata"]["labels"][format!("{APPLYSET}/id")]
        .as_str()
        .context("no id")?;
    ensure!(id == expected_id(&format!("set.{namespace}.ConfigMap."))?, "{id}");
    ensure!(
        list("configmaps,secrets", &format!("{APPLYSET}/part-of={id}"))?
            == ["configmap/one", "configmap/two", "secret/database"]
    );
    let annotation = |name: &str| {
        let text = &parent["metadata"]["annotations"][format!("{APPLYSET}/{name}")];
        text.as_str().unwrap_or_default().to_owned()
    };
    ensure!(annotation("tooling").starts_with("afterbay/v"), "{parent}");
    ensure!(
        annotation("contains-group-kinds") == "ConfigMap,Secret",
        "{parent}"
    );
    ensure!(
        parent["metadata"]["annotations"][format!("{APPLYSET}/additional-namespaces")] == "",
        "{parent}"
    );

    // The real kubectl understands whose it is, and keeps its hands off.
    let mut command = Command::new(scenario.environment.tool("kubectl"));
    command
        .env("KUBECTL_APPLYSET", "true")
        .env("HOME", &scenario.folder)
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig())
        .args([
            "apply",
            "--namespace",
            namespace,
            "--prune",
            "--applyset",
            "configmaps/set",
            "-f",
            "-",
        ]);
    let output = e2e::run_with_input(&mut command, config_map("one", "first").as_bytes())?;
    ensure!(
        output.code != Some(0) && output.stderr.contains("tooling") && output.stderr.contains("afterbay"),
        "{}",
        output.stderr
    );
    Ok(())
}

fn expected_id(text: &str) -> anyhow::Result<String> {
    let mut command = Command::new("openssl");
    let printed = e2e::run_with_input(command.args(["dgst", "-sha256", "-r"]), text.as_bytes())?.success()?;
    let hex = printed.split_whitespace().next().context("no digest")?;
    let bytes = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    let bytes: Vec<u8> = bytes.collect::<Result<_, _>>()?;
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    Ok(format!("applyset-{encoded}-v1"))
}

fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n")
}
