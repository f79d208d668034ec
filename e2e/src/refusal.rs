//! Runs that have to be refused: with the documented exit code, a message that helps, no secret in it, and a
//! cluster that stays as it was.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;

use crate::{Afterbay, Canary, Ended, Repository, Scenario};

/// The inventory of the guarded set.
const INVENTORY: &str = "guarded";

/// A set in the cluster of which one object, the ConfigMap `left`, is not in Git any more. A run that gets as
/// far as it should not would prune it.
#[derive(Debug)]
pub struct Guarded<'a> {
    scenario: &'a Scenario,
    /// What must not be in any output.
    pub canary: Canary,
    before: Vec<String>,
}

/// How a run has to be refused.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The exit code.
    pub code: i32,
    /// What its output has to say: places, keys, reasons, remedies.
    pub says: &'a [&'a str],
    /// How long it may take.
    pub within: Duration,
}

impl<'a> Refusal<'a> {
    /// A refusal within ten seconds.
    pub fn new(code: i32, says: &'a [&'a str]) -> Self {
        Self {
            code,
            says,
            within: Duration::from_secs(10),
        }
    }
}

impl<'a> Guarded<'a> {
    /// Applies the ConfigMaps `kept` and `left`.
    pub fn new(scenario: &'a Scenario) -> anyhow::Result<Self> {
        let repository = Repository::create(&scenario.folder.join("guarded"))?;
        repository
            .write("kept.yaml", config_map("kept"))?
            .write("left.yaml", config_map("left"))?;
        repository.commit("both")?;
        let arguments = ["--inventory", INVENTORY, "--prune"];
        scenario
            .afterbay()
            .apply(&repository.url(), &arguments)?
            .expect_success()?;
        let mut this = Self {
            scenario,
            canary: Canary::new("c4n4ry <9f&\"q\"> v4lu3"),
            before: Vec::new(),
        };
        this.before = this.state()?;
        ensure!(
            this.before.iter().any(|line| line.contains("ConfigMap/left")),
            "{:?}",
            this.before
        );
        Ok(this)
    }

    /// A repository of this name, in which only `left` is missing.
    pub fn repository(&self, name: &str) -> anyhow::Result<Repository> {
        let repository = Repository::create(&self.scenario.folder.join(name))?;
        repository.write("kept.yaml", config_map("kept"))?;
        Ok(repository)
    }

    /// Applies the repository with pruning and fails unless that is refused.
    pub fn refuses(
        &self,
        afterbay: &Afterbay,
        repository: &Repository,
        more: &[&str],
        refusal: Refusal<'_>,
    ) -> anyhow::Result<Ended> {
        repository.commit("what is refused")?;
        let mut arguments = vec!["--inventory", INVENTORY, "--prune"];
        arguments.extend(more);
        self.refuses_run(
            afterbay,
            &afterbay.apply_arguments(&repository.url(), &arguments),
            refusal,
        )
    }

    /// The same for other arguments, which should name the inventory.
    pub fn refuses_run(
        &self,
        afterbay: &Afterbay,
        arguments: &[String],
        refusal: Refusal<'_>,
    ) -> anyhow::Result<Ended> {
        let started = Instant::now();
        let ended = afterbay.run(arguments)?;
        let took = started.elapsed();
        let ended = ended.expect_code(refusal.code)?.expect_text(refusal.says)?;
        let text = ended.text();
        ensure!(
            took <= refusal.within,
            "it took {took:?} to refuse {}:\n{text}",
            ended.arguments
        );
        ensure!(ended.output.stdout.is_empty(), "a result was printed:\n{text}");
        for word in ["internal error", "panicked"] {
            ensure!(!text.contains(word), "{text}");
        }
        self.expect_hidden(&text)?;
        let now = self.state()?;
        ensure!(
            now == self.before,
            "a refused run changed the cluster:\n{:#?}\nbefore:\n{:#?}\n{text}",
            now,
            self.before
        );
        Ok(ended)
    }

    /// Applies the repository with pruning and fails unless that succeeds and prunes `left`.
    pub fn accepts(
        &self,
        afterbay: &Afterbay,
        repository: &Repository,
        more: &[&str],
    ) -> anyhow::Result<Ended> {
        repository.commit("what is accepted")?;
        let mut arguments = vec!["--inventory", INVENTORY, "--prune"];
        arguments.extend(more);
        let ended = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
        self.expect_hidden(&ended.text())?;
        let (cluster, namespace) = (&self.scenario.cluster, &self.scenario.namespace);
        cluster.expect(namespace, "configmap", "kept")?;
        cluster.expect_absent(namespace, "configmap", "left")?;
        Ok(ended)
    }

    /// A Secret with the canary and another value, in plain.
    pub fn secret(&self, name: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n    password: {}\n    user: sh0p-us3r-n4me\n",
            Value::from(self.canary.value.as_str())
        )
    }

    fn expect_hidden(&self, text: &str) -> anyhow::Result<()> {
        let found = self.canary.found_in(text);
        ensure!(
            found.is_empty() && !text.contains("sh0p-us3r-n4me"),
            "a secret is in the output ({found:?}):\n{text}"
        );
        Ok(())
    }

    /// Every object of the namespace that a run could touch, with its version. Leases are left out, because
    /// who is refused by the server held the inventory until then.
    fn state(&self) -> anyhow::Result<Vec<String>> {
        let kinds = "configmaps,secrets,services,serviceaccounts,deployments";
        let arguments = [
            "get",
            kinds,
            "--namespace",
            &self.scenario.namespace,
            "--output",
            "json",
        ];
        let text = self.scenario.cluster.kubectl(&arguments)?.success()?;
        let list: Value = serde_json::from_str(&text)?;
        let mut lines: Vec<String> = list["items"]
            .as_array()
            .into_iter()
            .flatten()
            // Written by the controllers, at their own time.
            .filter(|item| {
                item["metadata"]["name"] != "kube-root-ca.crt" && item["metadata"]["name"] != "default"
            })
            .map(|item| {
                let of = |name: &str| item["metadata"][name].as_str().unwrap_or_default();
                let kind = item["kind"].as_str().unwrap_or_default();
                format!("{kind}/{} {} {}", of("name"), of("uid"), of("resourceVersion"))
            })
            .collect();
        lines.sort();
        Ok(lines)
    }
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: value\n")
}
