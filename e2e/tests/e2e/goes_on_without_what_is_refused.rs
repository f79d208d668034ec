//! `--failure-policy`: by default one refused object stops all; per resource the others are written, what depends on a
//! refused one fails with it, and nothing is pruned until everything succeeds.

use anyhow::ensure;
use e2e::{Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = scenario.repository()?;
    let map = |name: &str, value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n")
    };
    for name in ["leaves", "changes", "breaks"] {
        repository.write(&format!("{name}.yaml"), map(name, "first"))?;
    }
    repository.commit("first")?;
    let afterbay = scenario.afterbay();
    let apply = |more: &[&str]| {
        let arguments = [&["--inventory", "set", "--prune", "--output", "json"], more].concat();
        afterbay.apply(&repository.url(), &arguments)
    };
    apply(&[])?.expect_success()?;
    let revision = || -> anyhow::Result<String> {
        let arguments = ["inventory", "set", "--namespace", namespace, "--output", "json"];
        Ok(afterbay.run(arguments)?.expect_success()?.json()?["revision"].to_string())
    };
    let applied = revision()?;

    repository.remove("leaves.yaml")?;
    repository
        .write("changes.yaml", map("changes", "second"))?
        .write("new.yaml", map("new", "second"))?
        // Refused by the server, each for a reason of its own, and one only when its turn comes.
        .write("breaks.yaml", map("breaks", "second") + "unknown: field\n")?
        .write(
            "kind.yaml",
            "apiVersion: example.com/v1\nkind: Gadget\nmetadata:\n  name: gadget\n",
        )?
        .write(
            "service.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec: {ports: [{port: 99999}]}\n",
        )?
        .write("crd.yaml", DEFINITION)?
        .write(
            "part.yaml",
            "apiVersion: parts.example.com/v1\nkind: Part\nmetadata:\n  name: part\nspec: {size: 1}\n",
        )?;
    repository.commit("second")?;
    let all = ["breaks.yaml", "kind.yaml", "service.yaml", "crd.yaml"];
    apply(&[])?
        .expect_code(14)?
        .expect_text(&[&all[..], &["nothing was written", "nothing was pruned"]].concat())?;
    cluster.expect_absent(namespace, "configmap", "new")?;

    let policy = ["--failure-policy", "per-resource"];
    let dry = apply(&[&policy[..], &["--dry-run"]].concat())?.expect_code(14)?;
    ensure!(dry.json()?["counts"]["failed"] == 5, "{}", dry.text());
    cluster.expect_absent(namespace, "configmap", "new")?;

    let ended = apply(&policy)?.expect_code(15)?;
    ensure!(ended.counts()? == [1, 1, 0, 0, 1], "{}", ended.text());
    ensure!(ended.json()?["counts"]["failed"] == 5, "{}", ended.text());
    ended.expect_text(
        &[
            &all[..],
            &["part.yaml", "waits for", "nothing is pruned while objects fail"],
        ]
        .concat(),
    )?;
    ensure!(cluster.expect(namespace, "configmap", "changes")?["data"]["key"] == "second");
    cluster.expect(namespace, "configmap", "new")?;
    cluster.expect(namespace, "configmap", "leaves")?;
    ensure!(cluster.expect(namespace, "configmap", "breaks")?["data"]["key"] == "first");
    ensure!(
        revision()? == applied,
        "a revision that is not whole counts as applied"
    );
    let owned = afterbay
        .run(["inventory", "set", "--namespace", namespace])?
        .expect_success()?;
    owned.expect_text(&["leaves", "changes", "breaks", "new"])?;

    for file in ["kind.yaml", "service.yaml", "crd.yaml", "part.yaml"] {
        repository.remove(file)?;
    }
    repository.write("breaks.yaml", map("breaks", "second"))?;
    repository.commit("third")?;
    let ended = apply(&policy)?.expect_success()?;
    ensure!(ended.counts()? == [0, 1, 2, 1, 0], "{}", ended.text());
    cluster.expect_absent(namespace, "configmap", "leaves")?;
    ensure!(revision()? != applied);
    Ok(Outcome::Passed)
}

/// Its name and its group do not agree, so it is refused, and with it what is of its kind.
const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: parts.parts.example.org
spec:
  group: parts.example.com
  scope: Namespaced
  names: {kind: Part, plural: parts}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}
";
