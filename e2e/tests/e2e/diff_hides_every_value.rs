//! No value that was opened, and none of a Secret, is in a diff or in a saved plan, in any form: not the old value, not the new
//! one, not where the server repeats it. Built without redaction, the same run has to find them.

use anyhow::{Context as _, ensure};
use e2e::{AgeKey, Canary, Ended, Outcome, Repository, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let result = look(scenario);
    if !scenario.environment.without_redaction {
        return result.map(|()| Outcome::Passed);
    }
    match result {
        Err(error) if format!("{error:#}").contains("a secret is in the output") => Ok(Outcome::Passed),
        Err(error) => Err(error.context("the scenario failed, but not because it found the canary")),
        Ok(()) => anyhow::bail!("a product without redaction showed no canary"),
    }
}

fn look(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let set = Set {
        scenario,
        repository: scenario.repository()?,
        key: scenario.age_key("alice")?,
        canaries: ["0ld", "n3w", "w1dget", "gon3"]
            .map(|name| Canary::new(&format!("{name} <9f&\"q\"> v4lu3"))),
    };
    let [old, new, widget, gone] = &set.canaries;
    set.repository.write("crd.yaml", definition(namespace))?;
    set.write(old, old, &format!("  gone: {:?}\n", gone.value))?;
    set.repository.commit("first")?;
    // All of it new.
    set.every_form("database")?;
    set.run("apply", &[], None)?.expect_success()?;

    // All of it changed; and what only the cluster has, where an apply of `kubectl` and somebody's annotation repeat it.
    set.write(new, widget, "")?;
    set.repository.commit("second")?;
    let crd = format!("widgets.{namespace}.example.com");
    let repeated = format!("repeated={} {} {}", old.value, new.value, widget.value);
    let last = format!(
        "kubectl.kubernetes.io/last-applied-configuration={{\"data\":{:?}}}",
        gone.value
    );
    for (object, annotation) in [
        ("secret/database", &repeated),
        (&format!("{crd}/one"), &repeated),
        ("secret/database", &last),
    ] {
        cluster
            .kubectl(&["annotate", object, annotation, "--namespace", namespace])?
            .success()?;
    }
    set.every_form("fingerprint")?;
    let shown = set.run("diff", &[], None)?.expect_code(1)?;
    shown.expect_text(&[
        "data.password: changed (",
        "data.gone: removed (",
        "spec.tokens[name=a].value: changed (",
    ])?;

    // Two runs have no fingerprint in common, so none says anything about a value.
    let fingerprints = || -> anyhow::Result<Vec<String>> {
        let text = set.run("diff", &[], None)?.output.stdout;
        let parts = text.split("fingerprint ").skip(1);
        let digits = parts.map(|part| part.chars().take_while(char::is_ascii_hexdigit).collect());
        Ok(digits.collect())
    };
    let runs = [fingerprints()?, fingerprints()?];
    ensure!(!runs[0].is_empty() && runs[0] != runs[1], "{runs:?}");

    // The values are really there to be found.
    let stored = cluster
        .secret_value(namespace, "database", "password")
        .context("the canary")?;
    ensure!(stored == old.value);
    cluster.kubectl(&["delete", "crd", &crd, "--wait=false"])?;
    Ok(())
}

struct Set<'a> {
    scenario: &'a Scenario,
    repository: Repository,
    key: AgeKey,
    /// Old, new, that of a custom resource, and one that goes.
    canaries: [Canary; 4],
}

impl Set<'_> {
    fn write(&self, password: &Canary, token: &Canary, more: &str) -> anyhow::Result<()> {
        let (sops, namespace) = (self.scenario.sops(), &self.scenario.namespace);
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: {:?}\n{more}",
            password.value
        );
        let object = format!(
            "apiVersion: {namespace}.example.com/v1\nkind: Widget\nmetadata:\n  name: one\nspec:\n  size: 1\n  tokens:\n  - name: a\n    value: {:?}\n",
            token.value
        );
        let rule = ["--age", &self.key.recipient, "--encrypted-regex", "^value$"];
        self.repository
            .write("secret.yaml", sops.encrypt(&secret, &self.key)?)?
            .write("widget.yaml", sops.encrypt_with(&object, &rule)?)
            .map(drop)
    }

    fn run(&self, command: &str, more: &[&str], log: Option<&str>) -> anyhow::Result<Ended> {
        let (url, file) = (self.repository.url(), self.key.path());
        let common = [command, "--url", &url, "--ref", "main", "--inventory", "set"];
        let set = ["--namespace", &self.scenario.namespace, "--age-key-file", &file];
        let afterbay = match log {
            Some(filter) => self.scenario.afterbay().env("RUST_LOG", filter),
            None => self.scenario.afterbay(),
        };
        afterbay.run([&common[..], &set, more].concat())
    }

    /// Every form of a diff and of a plan, with and without everything that can be logged.
    fn every_form(&self, fresh: &str) -> anyhow::Result<()> {
        for log in [None, Some("trace")] {
            for form in ["text", "json", "markdown", "html"] {
                let ended = self.run("diff", &["--output", form, "--color", "always"], log)?;
                let ended = ended.expect_code(1)?;
                ensure!(ended.output.stdout.contains(fresh), "{}", ended.text());
                self.expect_hidden(&ended.text())?;
            }
            for form in ["table", "json", "yaml"] {
                let ended = self.run("plan", &["--output", form], log)?.expect_code(1)?;
                self.expect_hidden(&ended.text())?;
            }
        }
        Ok(())
    }

    fn expect_hidden(&self, text: &str) -> anyhow::Result<()> {
        for canary in &self.canaries {
            let found = canary.found_in(text);
            ensure!(
                found.is_empty(),
                "a secret is in the output ({}):\n{text}",
                found.join(", ")
            );
        }
        Ok(())
    }
}

fn definition(namespace: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.{namespace}.example.com}}
spec:
  group: {namespace}.example.com
  scope: Namespaced
  names: {{kind: Widget, plural: widgets, singular: widget}}
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
              tokens:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties:
                    name: {{type: string}}
                    value: {{type: string}}
"
    )
}
