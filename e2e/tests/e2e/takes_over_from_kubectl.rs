//! Objects that `kubectl` wrote become ours: what leaves the revision leaves them, and what others own stays theirs unless
//! they are named.

use anyhow::ensure;
use e2e::{Ended, Outcome, Repository, Scenario};
use serde_json::Value;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    for (name, write) in WRITERS {
        write(scenario, name)?;
        repository.write(
            &format!("{name}.yaml"),
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  color: blue\n"),
        )?;
    }
    repository.commit("first")?;
    // Asked not to, it is the conflict that it is.
    scenario
        .afterbay()
        .apply(&repository.url(), &["--no-take-over"])?
        .expect_code(14)?
        .expect_text(&["is owned by", "kubectl", ".data.color"])?;
    for (name, _) in WRITERS {
        let live = live(scenario, name)?;
        ensure!(live["data"]["color"] == "red", "{live}");
    }

    let planned = apply(scenario, &repository, &["--dry-run"])?.json()?;
    let ended = apply(scenario, &repository, &[])?;
    ensure!(ended.counts()? == [0, 4, 0, 0, 0], "{}", ended.text());
    let report = ended.json()?;
    for report in [&planned, &report] {
        for object in report["objects"].as_array().into_iter().flatten() {
            let takes_over = object["takesOver"].as_array().into_iter().flatten();
            ensure!(takes_over.count() > 0, "{object}");
            let fields = object["fields"].to_string();
            ensure!(fields.contains("data.size"), "what goes is named: {object}");
        }
    }
    for (name, _) in WRITERS {
        let live = live(scenario, name)?;
        ensure!(live["data"] == serde_json::json!({ "color": "blue" }), "{live}");
        ensure!(live["metadata"]["annotations"][LAST_APPLIED].is_null(), "{live}");
        ensure!(managers(&live) == ["afterbay"], "{live}");
    }
    let ended = apply(scenario, &repository, &[])?;
    ensure!(ended.counts()? == [0, 0, 4, 0, 0], "{}", ended.text());
    somebody_else(scenario)?;
    a_subresource(scenario)?;
    Ok(Outcome::Passed)
}

type Writer = fn(&Scenario, &str) -> anyhow::Result<()>;

const WRITERS: [(&str, Writer); 4] = [
    ("client-side", client_side),
    ("server-side", server_side),
    ("edited", edited),
    ("unmanaged", unmanaged),
];

fn theirs(scenario: &Scenario, name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {}\ndata:\n  color: red\n  size: large\n",
        scenario.namespace
    )
}

fn client_side(scenario: &Scenario, name: &str) -> anyhow::Result<()> {
    scenario.cluster.apply(&theirs(scenario, name))
}

fn server_side(scenario: &Scenario, name: &str) -> anyhow::Result<()> {
    apply_as(scenario, "kubectl", &theirs(scenario, name))
}

/// Created by us, then changed by hand.
fn edited(scenario: &Scenario, name: &str) -> anyhow::Result<()> {
    let repository = Repository::create(&scenario.folder.join("edited"))?;
    repository.write(
        "edited.yaml",
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  color: green\n"),
    )?;
    repository.commit("first")?;
    apply(scenario, &repository, &[])?;
    let patch = r#"{"data": {"color": "red", "size": "large"}}"#;
    let arguments = [
        "patch",
        "configmap",
        name,
        "--namespace",
        &scenario.namespace,
        "--field-manager",
        "kubectl-edit",
        "--patch",
        patch,
    ];
    scenario.cluster.kubectl(&arguments)?.success().map(drop)
}

/// An object without any record of owners, as very old ones are; the first apply gives what is there to
/// `before-first-apply`.
fn unmanaged(scenario: &Scenario, name: &str) -> anyhow::Result<()> {
    scenario
        .cluster
        .kubectl_with_input(&["create", "--filename", "-"], theirs(scenario, name).as_bytes())?
        .success()?;
    let namespace = ["--namespace", &scenario.namespace];
    let forget = r#"[{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]"#;
    let patch = ["patch", "configmap", name, "--type=json", "--patch", forget];
    scenario
        .cluster
        .kubectl(&[&patch[..], &namespace].concat())?
        .success()?;
    let more = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {}\n  labels:\n    tool: kubectl\n",
        scenario.namespace
    );
    apply_as(scenario, "kubectl-other", &more)?;
    let live = live(scenario, name)?;
    ensure!(managers(&live).contains(&"before-first-apply"), "{live}");
    Ok(())
}

/// A manager that nobody named keeps what is its own; named, it gives way.
fn somebody_else(scenario: &Scenario) -> anyhow::Result<()> {
    apply_as(scenario, "helm-of-old", &theirs(scenario, "named"))?;
    let repository = Repository::create(&scenario.folder.join("named"))?;
    repository.write(
        "named.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: named\ndata:\n  color: blue\n",
    )?;
    repository.commit("first")?;
    scenario
        .afterbay()
        .apply(&repository.url(), &[])?
        .expect_code(14)?
        .expect_text(&["is owned by \"helm-of-old\"", "--override-manager"])?;
    apply(scenario, &repository, &["--override-manager", "helm-*"])?;
    let live = live(scenario, "named")?;
    ensure!(live["data"] == serde_json::json!({ "color": "blue" }), "{live}");
    ensure!(managers(&live) == ["afterbay"], "{live}");
    Ok(())
}

/// What `kubectl scale` set is the scale's, and stays so.
fn a_subresource(scenario: &Scenario) -> anyhow::Result<()> {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: scaled\nspec:\n  selector: {matchLabels: {app: s}}\n  \
                      template:\n    metadata: {labels: {app: s}}\n    spec: {containers: [{name: c, image: example.com/none}]}\n";
    let repository = Repository::create(&scenario.folder.join("scaled"))?;
    repository.write("scaled.yaml", deployment)?;
    repository.commit("first")?;
    apply(scenario, &repository, &[])?;
    let scale = [
        "scale",
        "deployment",
        "scaled",
        "--replicas=3",
        "--namespace",
        &scenario.namespace,
    ];
    scenario.cluster.kubectl(&scale)?.success()?;
    let ended = apply(scenario, &repository, &[])?;
    ensure!(ended.counts()? == [0, 0, 1, 0, 0], "{}", ended.text());
    let live = scenario
        .cluster
        .expect(&scenario.namespace, "deployment", "scaled")?;
    ensure!(live["spec"]["replicas"] == 3, "{live}");
    Ok(())
}

fn apply(scenario: &Scenario, repository: &Repository, more: &[&str]) -> anyhow::Result<Ended> {
    let arguments = [&["--output", "json"], more].concat();
    scenario
        .afterbay()
        .apply(&repository.url(), &arguments)?
        .expect_success()
}

fn apply_as(scenario: &Scenario, manager: &str, manifest: &str) -> anyhow::Result<()> {
    let arguments = [
        "apply",
        "--server-side",
        "--field-manager",
        manager,
        "--filename",
        "-",
    ];
    scenario
        .cluster
        .kubectl_with_input(&arguments, manifest.as_bytes())?
        .success()
        .map(drop)
}

fn live(scenario: &Scenario, name: &str) -> anyhow::Result<Value> {
    let arguments = [
        "get",
        "configmap",
        name,
        "--namespace",
        &scenario.namespace,
        "--show-managed-fields",
        "--output",
        "json",
    ];
    Ok(serde_json::from_str(
        &scenario.cluster.kubectl(&arguments)?.success()?,
    )?)
}

fn managers(live: &Value) -> Vec<&str> {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["manager"].as_str()).collect()
}
