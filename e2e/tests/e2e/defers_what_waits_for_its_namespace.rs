//! A Namespace and a CRD arrive with what needs them in one run; what the server could not judge before is judged before
//! its stage is written, and a refusal there stops every later write and all pruning.

use anyhow::{Context as _, ensure};
use e2e::{Ended, Outcome, Repository, Scenario};
use serde_json::Value;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let result = all(scenario);
    // Namespaces are deleted by the runner; what lives outside of them is not. After a failure it is evidence, unless the
    // cluster is somebody's.
    if result.is_ok() || scenario.environment.lane == "existing" {
        let crd = format!("gadgets.{}.example.com", scenario.namespace);
        let delete = ["delete", "crd", &crd, "--ignore-not-found", "--wait=false"];
        scenario.cluster.kubectl(&delete)?;
    }
    result
}

fn all(scenario: &Scenario) -> anyhow::Result<Outcome> {
    everything_at_once_with_one_bad_secret(scenario)?;
    let repository = scenario.repository()?;
    arrives_in_one_run(scenario, &repository)?;
    one_bad_secret_stops_the_rest(scenario, &repository)?;
    a_resource_against_its_schema_is_refused_first(scenario, &repository)?;
    Ok(Outcome::Passed)
}

/// Namespace, CRD, custom resource and a bad Secret in one revision, where none of them is known yet.
fn everything_at_once_with_one_bad_secret(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, format!("{}-all", scenario.namespace));
    let repository = Repository::create(&scenario.folder.join("all"))?;
    let afterbay = scenario.afterbay();
    let apply = |format: &str| {
        let arguments = ["--inventory", "all", "--prune", "--output", format];
        afterbay.apply(&repository.url(), &arguments)
    };
    repository.write("0-leaves.yaml", config_map(&scenario.namespace, "leaves", "one"))?;
    repository.commit("first")?;
    apply("json")?.expect_success()?;
    repository
        .remove("0-leaves.yaml")?
        .write("1-gadget.yaml", gadget(scenario, &namespace, "3"))?
        .write("2-crd.yaml", crd(scenario))?
        .write("3-secret.yaml", bad_secret(&namespace))?
        .write("4-namespace.yaml", namespace_object(&namespace))?;
    repository.commit("second")?;
    let ended = apply("json")?.expect_code(15)?;
    ended.clone().expect_text(&[
        "3-secret.yaml",
        "tls.key",
        "hint:",
        "stopped after the first write",
    ])?;
    let report = ended.json()?;
    for (object, action, waits) in [
        ("Namespace", "created", 0),
        ("CustomResourceDefinition", "created", 0),
        ("Gadget", "notReached", 2),
        ("Secret", "failed", 1),
        ("ConfigMap", "notReached", 0),
    ] {
        let objects = report["objects"].as_array().into_iter().flatten();
        let found: Vec<_> = objects.filter(|entry| entry["kind"] == object).collect();
        ensure!(
            found.len() == 1
                && found[0]["action"] == action
                && found[0]["deferredFor"].as_array().map_or(0, Vec::len) == waits,
            "{object} is not {action}: {report}"
        );
    }
    ensure!(
        report["counts"]["notReached"] == 2 && report["counts"]["failed"] == 1,
        "{report}"
    );
    let kind = format!("gadgets.{}.example.com", scenario.namespace);
    cluster.expect_absent(&namespace, &kind, "one")?;
    cluster.expect_absent(&namespace, "secret", "certificate")?;
    cluster.expect(&scenario.namespace, "configmap", "leaves")?;

    // Again, for people: now the server knows all of them, so nothing is written.
    let ended = apply("table")?.expect_code(14)?;
    ensure!(ended.output.stdout.is_empty(), "{}", ended.text());
    ended.expect_text(&["3-secret.yaml", "nothing was written"])?;
    cluster
        .kubectl(&["delete", "crd", &kind, "--wait=true"])?
        .success()?;
    Ok(())
}

/// Only the server knows what a Secret of this type must have.
fn bad_secret(namespace: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: certificate\n  namespace: {namespace}\ntype: kubernetes.io/tls\nstringData:\n  \
         tls.crt: certificate\n"
    )
}

fn arrives_in_one_run(scenario: &Scenario, repository: &Repository) -> anyhow::Result<()> {
    let namespace = format!("{}-new", scenario.namespace);
    // In an order in which nothing can be written as it stands.
    repository
        .write("1-gadget.yaml", gadget(scenario, &namespace, "3"))?
        .write("2-settings.yaml", config_map(&namespace, "settings", "one"))?
        .write("3-crd.yaml", crd(scenario))?
        .write("4-namespace.yaml", namespace_object(&namespace))?
        .write(
            "5-existing.yaml",
            config_map(&scenario.namespace, "existing", "one"),
        )?;
    repository.commit("first")?;
    let ended = apply(scenario, repository)?.expect_success()?;
    ensure!(ended.counts()? == [5, 0, 0, 0, 0], "{}", ended.text());
    let report = ended.json()?;
    ensure!(report["counts"]["deferred"] == 2, "{report}");
    let waits = |kind: &str| deferred_for(&report, kind);
    ensure!(
        waits("ConfigMap/settings")? == [format!("Namespace/{namespace}")],
        "{report}"
    );
    let gadget = waits("Gadget/one")?;
    ensure!(
        gadget.len() == 2
            && gadget
                .iter()
                .any(|object| object.contains("CustomResourceDefinition")),
        "{gadget:?}"
    );
    ensure!(waits("ConfigMap/existing")?.is_empty());
    let kind = format!("gadgets.{}.example.com", scenario.namespace);
    let gadget = scenario.cluster.expect(&namespace, &kind, "one")?;
    ensure!(gadget["spec"]["size"] == 3);

    let again = apply(scenario, repository)?.expect_success()?;
    ensure!(again.counts()? == [0, 0, 5, 0, 0], "{}", again.text());
    ensure!(again.json()?["counts"]["deferred"] == 0, "{}", again.text());
    Ok(())
}

fn one_bad_secret_stops_the_rest(scenario: &Scenario, repository: &Repository) -> anyhow::Result<()> {
    let namespace = format!("{}-bad", scenario.namespace);
    repository
        .remove("2-settings.yaml")?
        .write(
            "5-existing.yaml",
            config_map(&scenario.namespace, "existing", "two"),
        )?
        .write("6-namespace.yaml", namespace_object(&namespace))?
        .write("7-secret.yaml", bad_secret(&namespace))?
        .write("8-settings.yaml", config_map(&namespace, "settings", "one"))?;
    repository.commit("second")?;
    let ended = apply(scenario, repository)?.expect_code(15)?;
    ended.expect_text(&["7-secret.yaml", "certificate", "tls.key", "hint:"])?;
    let cluster = &scenario.cluster;
    cluster.expect(&namespace, "namespace", &namespace)?;
    for (kind, name) in [("secret", "certificate"), ("configmap", "settings")] {
        cluster.expect_absent(&namespace, kind, name)?;
    }
    let existing = cluster.expect(&scenario.namespace, "configmap", "existing")?;
    ensure!(
        existing["data"]["key"] == "one",
        "a later write was not stopped: {existing}"
    );
    cluster.expect(&format!("{}-new", scenario.namespace), "configmap", "settings")?;

    // Corrected, it goes through, and what left is pruned.
    repository.remove("7-secret.yaml")?;
    repository.commit("third")?;
    let ended = apply(scenario, repository)?.expect_success()?;
    ensure!(ended.counts()? == [1, 1, 4, 1, 0], "{}", ended.text());
    Ok(())
}

fn a_resource_against_its_schema_is_refused_first(
    scenario: &Scenario,
    repository: &Repository,
) -> anyhow::Result<()> {
    // Away with the CRD, so that only the schema in the tree can tell.
    let (namespace, kind) = (
        format!("{}-odd", scenario.namespace),
        format!("gadgets.{}.example.com", scenario.namespace),
    );
    scenario
        .cluster
        .kubectl(&["delete", "crd", &kind, "--wait=true"])?
        .success()?;
    repository
        .write("1-gadget.yaml", gadget(scenario, &namespace, "three"))?
        .write("9-namespace.yaml", namespace_object(&namespace))?;
    repository.commit("fourth")?;
    let ended = apply(scenario, repository)?.expect_code(14)?;
    ended.expect_text(&["1-gadget.yaml", "spec.size", &kind, "nothing was written"])?;
    scenario
        .cluster
        .expect_absent(&namespace, "namespace", &namespace)?;
    scenario.cluster.expect_absent(&scenario.namespace, "crd", &kind)
}

fn apply(scenario: &Scenario, repository: &Repository) -> anyhow::Result<Ended> {
    scenario.afterbay().apply(
        &repository.url(),
        &["--inventory", "set", "--prune", "--output", "json"],
    )
}

/// What the report says an object, as `Kind/name`, had to wait for.
fn deferred_for(report: &Value, wanted: &str) -> anyhow::Result<Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = report["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|object| format!("{}/{}", text(&object["kind"]), text(&object["name"])) == wanted)
        .with_context(|| format!("no {wanted} in {report}"))?;
    Ok(object["deferredFor"]
        .as_array()
        .into_iter()
        .flatten()
        .map(text)
        .collect())
}

fn namespace_object(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n")
}

fn config_map(namespace: &str, name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\ndata:\n  key: {value}\n"
    )
}

fn gadget(scenario: &Scenario, namespace: &str, size: &str) -> String {
    format!(
        "apiVersion: {}.example.com/v1\nkind: Gadget\nmetadata:\n  name: one\n  namespace: {namespace}\nspec:\n  size: {size}\n",
        scenario.namespace
    )
}

fn crd(scenario: &Scenario) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gadgets.{group}.example.com
spec:
  group: {group}.example.com
  scope: Namespaced
  names: {{kind: Gadget, plural: gadgets, singular: gadget}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {{type: integer, minimum: 1}}
",
        group = scenario.namespace
    )
}
