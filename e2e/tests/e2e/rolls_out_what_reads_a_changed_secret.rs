//! A workload is restarted when a Secret that it reads changes, once, and by nothing else; what its Pods carry for it tells nobody
//! anything about the Secret.

use anyhow::{Context as _, ensure};
use e2e::{AgeKey, Canary, Cluster, Ended, Outcome, Repository, Scenario};
use serde_json::Value;

const ANNOTATION: &str = "afterbay.dev/references-fingerprint";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let set = Set {
        scenario,
        repository: scenario.repository()?,
        key: scenario.age_key("alice")?,
        canaries: ["f1rst", "s3cond"].map(|name| Canary::new(&format!("{name} p4ssw0rd"))),
    };
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let [first, second] = &set.canaries;

    // Nobody asks: no annotation, and no key.
    set.write(
        first,
        "1",
        &[("web", None), ("job-like", None), ("asks", Some("true"))],
    )?;
    set.apply(&["--rollout-on-change=never"])?.expect_success()?;
    ensure!(fingerprint(cluster, namespace, "asks")?.is_none());
    cluster.expect_absent(namespace, "secret", "afterbay-rollout-key")?;

    // A plan writes no key and says that one will be made; the object that asks takes part, the other does not.
    let planned = set.run("plan", &[])?.expect_code(1)?;
    planned
        .clone()
        .expect_text(&["afterbay-rollout-key", "an apply creates it"])?;
    cluster.expect_absent(namespace, "secret", "afterbay-rollout-key")?;
    set.apply(&[])?.expect_success()?;
    let stored = cluster.expect(namespace, "secret", "afterbay-rollout-key")?;
    ensure!(stored["type"] == "afterbay.dev/rollout-key" && stored["immutable"] == true);
    let asked = fingerprint(cluster, namespace, "asks")?.context("no annotation")?;
    ensure!(fingerprint(cluster, namespace, "web")?.is_none());

    // All of them, by flag, but for the one that declines. Then nothing is left to do.
    set.write(
        first,
        "1",
        &[("web", None), ("declines", Some("false")), ("asks", Some("true"))],
    )?;
    set.apply(&["--rollout-on-change"])?.expect_success()?;
    let web = fingerprint(cluster, namespace, "web")?.context("no annotation")?;
    ensure!(fingerprint(cluster, namespace, "declines")?.is_none());
    ensure!(fingerprint(cluster, namespace, "asks")? == Some(asked.clone()));
    let again = set
        .apply(&["--rollout-on-change", "--output", "json"])?
        .expect_success()?;
    ensure!(again.counts()?[..2] == [0, 0], "{}", again.text());
    ensure!(!again.text().contains("afterbay-rollout-key"), "{}", again.text());
    // One without the annotation, one with it.
    wait_for_sets(cluster, namespace, "web", 2)?;

    // Sealed anew with the same content, and something that nobody reads: nothing is restarted.
    set.write(
        first,
        "2",
        &[("web", None), ("declines", Some("false")), ("asks", Some("true"))],
    )?;
    set.apply(&["--rollout-on-change"])?.expect_success()?;
    ensure!(fingerprint(cluster, namespace, "web")? == Some(web.clone()));

    // The Secret is rotated: what reads it is restarted, what declines is not.
    let workloads = [("web", None), ("declines", Some("false")), ("asks", Some("true"))];
    set.write(second, "2", &workloads)?;
    let shown = set.run("diff", &["--rollout-on-change"])?.expect_code(1)?;
    shown
        .clone()
        .expect_text(&[ANNOTATION, "data.password: changed ("])?;
    let saved = set
        .run("plan", &["--rollout-on-change", "--output", "json"])?
        .expect_code(1)?;
    let file = scenario.write("plan.json", &saved.output.stdout)?;
    let applied = set.scenario.afterbay().env("RUST_LOG", "trace").run([
        "apply",
        "--plan",
        &file.display().to_string(),
        "--age-key-file",
        &set.key.path(),
        "--output",
        "json",
    ])?;
    let applied = applied.expect_success()?;
    let rotated = fingerprint(cluster, namespace, "web")?.context("no annotation")?;
    ensure!(rotated != web, "the annotation did not change");
    ensure!(fingerprint(cluster, namespace, "declines")?.is_none());
    wait_for_sets(cluster, namespace, "web", 3)?;
    wait_for_sets(cluster, namespace, "declines", 1)?;

    // Back to the first value: the same fingerprint as then, so the old ReplicaSet is used again.
    set.write(first, "2", &workloads)?;
    set.apply(&["--rollout-on-change"])?.expect_success()?;
    ensure!(fingerprint(cluster, namespace, "web")? == Some(web));

    // Nothing that was printed has a value, nor the key.
    let key = stored["data"]["key"].as_str().context("no key")?.to_owned();
    for ended in [&planned, &shown, &saved, &applied] {
        let text = ended.text();
        ensure!(!text.contains(&key), "the key is in the output:\n{text}");
        for canary in &set.canaries {
            let found = canary.found_in(&text);
            ensure!(
                found.is_empty(),
                "a secret is in the output ({}):\n{text}",
                found.join(", ")
            );
        }
    }

    a_workload_waits_for_its_secret(&set)?;
    what_is_no_key_is_refused(&set)?;
    Ok(Outcome::Passed)
}

/// A Secret that the server refuses keeps the workload from being rolled out for what is not there.
fn a_workload_waits_for_its_secret(set: &Set<'_>) -> anyhow::Result<()> {
    let (cluster, namespace) = (&set.scenario.cluster, set.scenario.namespace.as_str());
    let before = fingerprint(cluster, namespace, "web")?;
    cluster
        .kubectl(&[
            "patch",
            "secret",
            "database",
            "--namespace",
            namespace,
            "--patch",
            "immutable: true",
        ])?
        .success()?;
    set.write(&set.canaries[1], "3", &[("web", None)])?;
    let ended = set.apply(&["--rollout-on-change", "--failure-policy", "per-resource"])?;
    ended
        .expect_code(15)?
        .expect_text(&["Deployment.apps/", "waits for Secret/", "which failed"])?;
    ensure!(
        fingerprint(cluster, namespace, "web")? == before,
        "rolled out all the same"
    );
    // The others are written.
    ensure!(cluster.expect(namespace, "configmap", "settings")?["data"]["unread"] == "3");
    cluster
        .kubectl(&["delete", "secret", "database", "--namespace", namespace])?
        .success()?;
    set.apply(&["--rollout-on-change"])?.expect_success()?;
    ensure!(
        fingerprint(cluster, namespace, "web")? != before,
        "not rolled out"
    );
    Ok(())
}

fn what_is_no_key_is_refused(set: &Set<'_>) -> anyhow::Result<()> {
    let (cluster, namespace) = (&set.scenario.cluster, set.scenario.namespace.as_str());
    let name = "afterbay-rollout-key";
    cluster
        .kubectl(&["delete", "secret", name, "--namespace", namespace])?
        .success()?;
    let create = [
        "create",
        "secret",
        "generic",
        name,
        "--from-literal=key=short",
        "--namespace",
        namespace,
    ];
    cluster.kubectl(&create)?.success()?;
    set.apply(&["--rollout-on-change"])?
        .expect_code(14)?
        .expect_text(&[
            name,
            "it is no Secret of type afterbay.dev/rollout-key",
            "--rollout-on-change=never",
        ])?;
    Ok(())
}

struct Set<'a> {
    scenario: &'a Scenario,
    repository: Repository,
    key: AgeKey,
    canaries: [Canary; 2],
}

impl Set<'_> {
    /// Workloads with what their annotation says, the Secret that they read, and a ConfigMap of which they read one entry.
    fn write(
        &self,
        password: &Canary,
        unread: &str,
        workloads: &[(&str, Option<&str>)],
    ) -> anyhow::Result<()> {
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: database}}\nstringData:\n  password: {:?}\n",
            password.value
        );
        self.repository
            .write("secret.yaml", self.scenario.sops().encrypt(&secret, &self.key)?)?
            .write(
                "settings.yaml",
                format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{read: a, unread: {unread:?}}}\n"),
            )?
            .write("workloads.yaml", workloads.iter().map(|(name, says)| workload(name, *says)).collect::<String>())?;
        self.repository.commit("set")?;
        Ok(())
    }

    fn run(&self, command: &str, more: &[&str]) -> anyhow::Result<Ended> {
        let (url, file) = (self.repository.url(), self.key.path());
        let common = [
            command,
            "--url",
            &url,
            "--ref",
            "main",
            "--inventory",
            "set",
            "--prune",
        ];
        let set = ["--namespace", &self.scenario.namespace, "--age-key-file", &file];
        self.scenario.afterbay().run([&common[..], &set, more].concat())
    }

    fn apply(&self, more: &[&str]) -> anyhow::Result<Ended> {
        self.run("apply", more)
    }
}

fn workload(name: &str, says: Option<&str>) -> String {
    let annotations = says.map_or_else(String::new, |says| {
        format!("\n  annotations: {{afterbay.dev/rollout-on-change: {says:?}}}")
    });
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}{annotations}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: app
        image: registry.example/app:1
        envFrom:
        - secretRef: {{name: database}}
        env:
        - name: SETTING
          valueFrom: {{configMapKeyRef: {{name: settings, key: read}}}}
---
"
    )
}

fn fingerprint(cluster: &Cluster, namespace: &str, name: &str) -> anyhow::Result<Option<String>> {
    let deployment = cluster.expect(namespace, "deployment", name)?;
    let annotation = &deployment["spec"]["template"]["metadata"]["annotations"][ANNOTATION];
    Ok(annotation.as_str().map(str::to_owned))
}

/// Waits until the controller has made so many `ReplicaSets`, each of which is one rollout.
fn wait_for_sets(cluster: &Cluster, namespace: &str, name: &str, count: usize) -> anyhow::Result<()> {
    let mut found = 0;
    for _ in 0..60 {
        let selector = format!("app={name}");
        let listed = [
            "get",
            "replicasets",
            "--namespace",
            namespace,
            "--selector",
            &selector,
            "--output",
            "json",
        ];
        let list: Value = serde_json::from_str(&cluster.kubectl(&listed)?.success()?)?;
        found = list["items"].as_array().map_or(0, Vec::len);
        if found == count {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    anyhow::bail!("{name} has {found} ReplicaSets, expected {count}")
}
