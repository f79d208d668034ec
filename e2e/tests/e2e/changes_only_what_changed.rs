//! A new commit that changes one of several encrypted Secrets costs one write; a run without news costs none, whatever
//! kinds are in the set.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use e2e::{Outcome, Repository, Scenario};

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

    let result = many_kinds_without_news(scenario);
    // What lives outside of a namespace; after a failure it is evidence, unless the cluster is somebody's.
    if result.is_ok() || scenario.environment.lane == "existing" {
        for (kind, name) in [
            ("crd", format!("gadgets.{}.example.com", scenario.namespace)),
            ("clusterrole", scenario.namespace.clone()),
        ] {
            let arguments = ["delete", kind, &name, "--ignore-not-found", "--wait=false"];
            scenario.cluster.kubectl(&arguments)?;
        }
    }
    result.map(|()| Outcome::Passed)
}

/// Kinds that the server fills with defaults, that bring their own kind along, and that live in no namespace.
fn many_kinds_without_news(scenario: &Scenario) -> anyhow::Result<()> {
    let cluster = &scenario.cluster;
    let repository = Repository::create(&scenario.folder.join("mixed"))?;
    repository
        .write("objects.yaml", mixed(&scenario.namespace))?
        .write("secret.yaml", secret("plain", "value"))?
        .write("other.yaml", secret("other", "value"))?;
    repository.commit("first")?;
    let arguments = ["--inventory", "mixed", "--prune", "--output", "json"];
    let apply = || {
        scenario
            .afterbay()
            .apply(&repository.url(), &arguments)?
            .expect_success()
    };
    let first = apply()?;
    ensure!(first.counts()? == [8, 0, 0, 0, 0], "{}", first.text());
    let before = cluster.wait_until_still()?.total;
    let second = apply()?;
    ensure!(second.counts()? == [0, 0, 8, 0, 0], "{}", second.text());
    let writes = cluster.all_writes()?.total - before;
    ensure!(writes == 0, "{writes} writes although nothing changed");

    // The count counts: a change of one object is one write, and two of the inventory.
    repository.write("other.yaml", secret("other", "news"))?;
    repository.commit("second")?;
    let third = apply()?;
    ensure!(third.counts()? == [0, 1, 7, 0, 0], "{}", third.text());
    let writes = cluster.all_writes()?.total - before;
    ensure!(writes == 3, "{writes} writes for one change");
    Ok(())
}

fn mixed(namespace: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: gadgets.{namespace}.example.com}}
spec:
  group: {namespace}.example.com
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
            properties:
              size: {{type: integer}}
              color: {{type: string, default: green}}
---
apiVersion: {namespace}.example.com/v1
kind: Gadget
metadata: {{name: one}}
spec: {{size: 1}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {namespace}}}
rules:
- apiGroups: ['']
  resources: [configmaps]
  verbs: [get]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{key: value}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports:
  - {{name: http, port: 80}}
  - {{name: dns, port: 53, protocol: UDP, targetPort: dns}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: web
        image: web
        ports: [{{containerPort: 80}}]
        resources: {{requests: {{cpu: 0.5, memory: 1024Mi}}}}
"
    )
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
