//! An ignored field is neither reported nor corrected, whoever set it: it keeps its value, does not go back to its default, and whose
//! it is does not change, while everything else of the object is applied as ever. Without the rule each of these is a correction or a
//! conflict.

use anyhow::{Context as _, ensure};
use e2e::{Canary, Cluster, Ended, Outcome, Repository, Scenario};
use serde_json::Value;

const RULES: [&str; 4] = [
    "Deployment.apps:/spec/replicas",
    "Deployment/web:/spec/template/spec/containers/1/image",
    "ConfigMap/settings:/data/theirs",
    "Secret:/data/rotated",
];

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let set = Set {
        scenario,
        repository: scenario.repository()?,
    };
    // An object that is not there is created whole.
    set.write("1", 2, "app:1")?;
    set.apply(&[])?.expect_success()?;
    ensure!(set.replicas()? == 2 && set.image(1)? == "proxy:1");
    ensure!(set.settings()?["theirs"] == "declared");
    set.expect_settled()?;

    what_we_set_ourselves_stays(&set)?;
    an_autoscaler_keeps_its_replicas(&set)?;
    what_kubectl_changed_stays(&set)?;
    another_applier_gets_the_field(&set)?;
    a_rotated_value_is_not_shown_and_not_corrected(&set)?;
    an_annotation_does_the_same(&set)?;
    Ok(Outcome::Passed)
}

/// A field that nobody else has touched is ours: left out of the apply, it would go back to its default.
fn what_we_set_ourselves_stays(set: &Set<'_>) -> anyhow::Result<()> {
    set.write("1", 3, "app:1")?;
    set.expect_settled()?;
    set.write("2", 3, "app:2")?;
    set.apply(&[])?.expect_success()?;
    ensure!(set.image(0)? == "app:2", "the rest was not applied");
    ensure!(set.replicas()? == 2, "{}", set.replicas()?);
    ensure!(
        set.owners("f:replicas")? == ["afterbay"],
        "{:?}",
        set.owners("f:replicas")?
    );
    set.expect_settled()
}

/// What an autoscaler sets through the scale subresource.
fn an_autoscaler_keeps_its_replicas(set: &Set<'_>) -> anyhow::Result<()> {
    set.kubectl(&["scale", "deployment", "web", "--replicas", "5"])?;
    let owners = set.owners("f:replicas")?;
    ensure!(owners == ["kubectl"], "{owners:?}");
    // The trap: without the rule it is a conflict, and forced a correction.
    set.bare("apply", &[])?
        .expect_code(14)?
        .expect_text(&[".spec.replicas is owned by"])?;
    set.expect_settled()?;
    set.write("3", 3, "app:3")?;
    set.apply(&[])?.expect_success()?;
    ensure!(set.image(0)? == "app:3" && set.replicas()? == 5);
    ensure!(
        set.owners("f:replicas")? == owners,
        "{:?}",
        set.owners("f:replicas")?
    );
    // Not even by force, which takes all other fields.
    set.write("4", 3, "app:4")?;
    set.apply(&["--force-conflicts"])?.expect_success()?;
    ensure!(set.image(0)? == "app:4" && set.replicas()? == 5);
    set.expect_settled()
}

/// Whose place is taken (`kubectl*`) keeps the value all the same; an item of a list is found by its name.
fn what_kubectl_changed_stays(set: &Set<'_>) -> anyhow::Result<()> {
    set.kubectl(&["set", "image", "deployment/web", "proxy=proxy:9"])?;
    set.kubectl(&["patch", "deployment", "web", "--patch", "spec: {replicas: 6}"])?;
    // The take-over of the fields is the one thing to do.
    set.apply(&[])?.expect_success()?;
    ensure!(
        set.image(1)? == "proxy:9" && set.replicas()? == 6,
        "{} {}",
        set.image(1)?,
        set.replicas()?
    );
    set.write("5", 3, "app:5")?;
    set.apply(&[])?.expect_success()?;
    ensure!(set.image(0)? == "app:5" && set.image(1)? == "proxy:9" && set.replicas()? == 6);
    set.expect_settled()
}

/// A field that somebody else applies is given up, so that it can be changed there without a conflict.
fn another_applier_gets_the_field(set: &Set<'_>) -> anyhow::Result<()> {
    set.server_side_apply("declared", &["--force-conflicts"])?;
    set.apply(&[])?.expect_success()?;
    set.expect_settled()?;
    set.server_side_apply("changed", &[])?;
    set.expect_settled()?;
    set.write("6", 3, "app:6")?;
    set.apply(&[])?.expect_success()?;
    ensure!(set.settings()?["theirs"] == "changed" && set.settings()?["ours"] == "6");
    set.expect_settled()
}

/// The same in a Secret; a report shows what is not ignored, and of what is ignored nothing.
fn a_rotated_value_is_not_shown_and_not_corrected(set: &Set<'_>) -> anyhow::Result<()> {
    let canary = Canary::new("r0tated p4ssw0rd");
    let patch = serde_json::json!({ "stringData": { "rotated": canary.value } }).to_string();
    set.kubectl(&[
        "patch",
        "secret",
        "database",
        "--field-manager",
        "rotator",
        "--patch",
        &patch,
    ])?;
    set.expect_settled()?;
    set.kubectl(&[
        "patch",
        "configmap",
        "settings",
        "--field-manager",
        "hand",
        "--patch",
        "data: {ours: x}",
    ])?;
    let ended = set
        .apply(&["--mode", "report", "--force-conflicts"])?
        .expect_code(17)?;
    ensure!(
        !ended.output.stdout.contains("rotated") && canary.found_in(&ended.text()).is_empty(),
        "{}",
        ended.text()
    );
    ended.expect_text(&["data.ours"])?;
    set.apply(&["--force-conflicts"])?.expect_success()?;
    let cluster = &set.scenario.cluster;
    ensure!(cluster.secret_value(&set.scenario.namespace, "database", "rotated")? == canary.value);
    ensure!(set.settings()?["ours"] == "6");
    // Without the rule it is corrected.
    set.bare("plan", &["--force-conflicts"])?
        .expect_code(1)?
        .expect_text(&["data.rotated"])?;
    Ok(())
}

fn an_annotation_does_the_same(set: &Set<'_>) -> anyhow::Result<()> {
    set.repository.write(
        "own.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own\n  annotations: {afterbay.dev/ignore-difference: '/data/a, /kind'}\ndata: {a: '1', b: '1'}\n",
    )?;
    set.repository.commit("own")?;
    set.apply(&[])?
        .expect_success()?
        .expect_text(&["which cannot be ignored"])?;
    set.kubectl(&[
        "patch",
        "configmap",
        "own",
        "--field-manager",
        "hand",
        "--patch",
        "data: {a: '2', b: '2'}",
    ])?;
    set.apply(&["--force-conflicts"])?.expect_success()?;
    let own = set
        .scenario
        .cluster
        .expect(&set.scenario.namespace, "configmap", "own")?;
    ensure!(
        own["data"] == serde_json::json!({ "a": "2", "b": "1" }),
        "{own:#}"
    );
    // What cannot be ignored is refused before anything is asked.
    set.apply(&["--ignore-difference", "ConfigMap:/metadata/labels"])?
        .expect_code(2)?;
    Ok(())
}

struct Set<'a> {
    scenario: &'a Scenario,
    repository: Repository,
}

impl Set<'_> {
    fn cluster(&self) -> &Cluster {
        &self.scenario.cluster
    }

    fn write(&self, ours: &str, replicas: u32, image: &str) -> anyhow::Result<()> {
        self.repository.write(
            "set.yaml",
            format!(
                "apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{ours: '{ours}', theirs: declared}}
---
apiVersion: v1
kind: Secret
metadata: {{name: database}}
stringData: {{rotated: first, kept: k}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - {{name: app, image: '{image}'}}
      - {{name: proxy, image: 'proxy:1'}}
"
            ),
        )?;
        self.repository.commit("set")?;
        Ok(())
    }

    /// Without any rule.
    fn bare(&self, command: &str, more: &[&str]) -> anyhow::Result<Ended> {
        let url = self.repository.url();
        let common = [command, "--url", &url, "--ref", "main", "--inventory", "set"];
        let set = ["--namespace", &self.scenario.namespace];
        self.scenario.afterbay().run([&common[..], &set, more].concat())
    }

    fn apply(&self, more: &[&str]) -> anyhow::Result<Ended> {
        self.ruled("apply", more)
    }

    fn ruled(&self, command: &str, more: &[&str]) -> anyhow::Result<Ended> {
        let rules = RULES.iter().flat_map(|rule| ["--ignore-difference", *rule]);
        self.bare(command, &rules.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// Nothing to report, nothing to do.
    fn expect_settled(&self) -> anyhow::Result<()> {
        self.ruled("diff", &[])?.expect_code(0)?;
        let ended = self.apply(&["--output", "json"])?.expect_success()?;
        ensure!(ended.counts()?[..2] == [0, 0], "{}", ended.text());
        Ok(())
    }

    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let namespace = ["--namespace", &self.scenario.namespace];
        self.cluster()
            .kubectl(&[arguments, &namespace].concat())?
            .success()
            .map(drop)
    }

    fn server_side_apply(&self, value: &str, more: &[&str]) -> anyhow::Result<()> {
        let manifest = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{theirs: {value}}}\n"
        );
        let common = [
            "apply",
            "--server-side",
            "--field-manager",
            "other",
            "--filename",
            "-",
        ];
        let namespace = ["--namespace", &self.scenario.namespace];
        let arguments = [&common[..], &namespace, more].concat();
        self.cluster()
            .kubectl_with_input(&arguments, manifest.as_bytes())?
            .success()
            .map(drop)
    }

    fn deployment(&self) -> anyhow::Result<Value> {
        self.cluster()
            .expect(&self.scenario.namespace, "deployment", "web")
    }

    fn replicas(&self) -> anyhow::Result<u64> {
        self.deployment()?["spec"]["replicas"]
            .as_u64()
            .context("no replicas")
    }

    fn image(&self, container: usize) -> anyhow::Result<String> {
        let deployment = self.deployment()?;
        let image = &deployment["spec"]["template"]["spec"]["containers"][container]["image"];
        Ok(image.as_str().context("no image")?.to_owned())
    }

    fn settings(&self) -> anyhow::Result<Value> {
        let map = self
            .cluster()
            .expect(&self.scenario.namespace, "configmap", "settings")?;
        Ok(map["data"].clone())
    }

    /// Who owns a field of the Deployment's `spec`.
    fn owners(&self, field: &str) -> anyhow::Result<Vec<String>> {
        let deployment = self.deployment()?;
        let entries = deployment["metadata"]["managedFields"]
            .as_array()
            .context("no managed fields")?;
        let owners = entries
            .iter()
            .filter(|entry| entry["fieldsV1"]["f:spec"].get(field).is_some());
        Ok(owners
            .filter_map(|entry| entry["manager"].as_str().map(str::to_owned))
            .collect())
    }
}
