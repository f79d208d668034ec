//! `afterbay doctor secrets` names the keys that nobody would ever remove, never a value, and removes them with consent that names
//! them; what somebody still owns, and the Secrets of others, stay.

use anyhow::{Context as _, ensure};
use e2e::{Canary, Ended, Outcome, Scenario};
use serde_json::{Value, json};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let set = Set {
        scenario,
        canary: Canary::new("0rphaned p4ssw0rd"),
    };
    set.doctor(&[])?
        .expect_code(0)?
        .expect_text(&["nothing is left behind"])?;
    set.prepare()?;

    let found = set.doctor(&[])?.expect_code(1)?;
    let lines: Vec<Vec<String>> = found
        .output
        .stdout
        .lines()
        .filter(|line| line.starts_with("Secret/"))
        .map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect())
        .collect();
    let expected = [
        "client left by kubectl-client-side-apply",
        "drop owned by nobody",
        "edited left by kubectl-patch",
        "flux left by kustomize-controller",
    ];
    ensure!(
        lines
            .iter()
            .map(|line| line.join(" "))
            .eq(expected.map(str::to_owned)),
        "{}",
        found.text()
    );
    let report = set.doctor(&["--output", "json"])?.expect_code(1)?.json()?;
    ensure!(report["examined"] == 2, "{report:#}");
    let id = report["id"].as_str().context("no id")?.to_owned();
    found.expect_text(&[&id])?;

    // Without consent, and with consent to something else, nothing is removed.
    set.doctor(&["--repair"])?
        .expect_code(1)?
        .expect_text(&["nothing was removed", &id])?;
    set.doctor(&["--repair", "--consent", "0123456789abcdef"])?
        .expect_code(2)?
        .expect_text(&["nothing was removed"])?;
    set.doctor(&["--consent", &id])?.expect_code(2)?;
    ensure!(set.keys("database")? == ["client", "drop", "edited", "flux", "keep", "theirs"]);

    // Consent is to the state that was shown.
    set.kubectl(&["label", "secret", "database", "seen=no"])?;
    set.doctor(&["--repair", "--consent", &id])?
        .expect_code(2)?
        .expect_text(&["is to something else"])?;
    ensure!(set.keys("database")?.len() == 6);

    // Where one removal would be refused, none is done.
    set.server_side_apply("frozen", "afterbay", &json!({}))?;
    set.kubectl(&[
        "patch",
        "secret",
        "frozen",
        "--patch",
        "data: {x: eA==}\nimmutable: true",
    ])?;
    let id = set.id()?;
    set.doctor(&["--repair", "--consent", &id])?
        .expect_code(2)?
        .expect_text(&["Secret/", "frozen", "immutable", "nothing was removed"])?;
    ensure!(set.keys("database")?.len() == 6);
    set.kubectl(&["delete", "secret", "frozen"])?;

    let id = set.id()?;
    set.doctor(&["--repair", "--consent", &id])?
        .expect_code(0)?
        .expect_text(&["removed 4 keys from 1 Secret"])?;
    ensure!(
        set.keys("database")? == ["keep", "theirs"],
        "{:?}",
        set.keys("database")?
    );
    ensure!(
        set.keys("others")? == ["drop", "keep"],
        "a Secret of others was touched"
    );
    set.doctor(&[])?.expect_code(0)?;
    // The revision is as it was applied.
    ensure!(
        scenario
            .cluster
            .secret_value(&scenario.namespace, "database", "keep")?
            == set.canary.value
    );

    // Who may not list is told so.
    let rules = "- apiGroups: ['']\n  resources: [configmaps]\n  verbs: [list]";
    let limited = scenario
        .cluster
        .limited_user(&scenario.namespace, rules, &scenario.folder)?;
    let ended = scenario.afterbay().kubeconfig(&limited).run(set.arguments(&[]))?;
    ended
        .expect_code(2)?
        .expect_text(&["forbidden", "cannot list resource"])?;
    Ok(Outcome::Passed)
}

struct Set<'a> {
    scenario: &'a Scenario,
    canary: Canary,
}

impl Set<'_> {
    /// A Secret of ours with everything that can be left in it, one of ours without, and one of others.
    fn prepare(&self) -> anyhow::Result<()> {
        let (repository, key) = (self.scenario.repository()?, self.scenario.age_key("alice")?);
        let manifest = |name: &str| {
            let value = &self.canary.value;
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{keep: {value:?}}}\n"
            )
        };
        for name in ["database", "clean"] {
            let sealed = self.scenario.sops().encrypt(&manifest(name), &key)?;
            repository.write(&format!("{name}.yaml"), sealed)?;
        }
        repository.commit("secrets")?;
        let apply = ["--age-key-file", &key.path()];
        self.scenario
            .afterbay()
            .apply(&repository.url(), &apply)?
            .expect_success()?;

        let value = self.canary.value.as_str();
        // What leaves stringData is owned by nobody.
        self.server_side_apply(
            "database",
            "kustomize-controller",
            &json!({ "drop": value, "flux": value }),
        )?;
        self.server_side_apply("database", "kustomize-controller", &json!({ "flux": value }))?;
        let client = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "database", "namespace": self.scenario.namespace },
            "stringData": { "client": value },
        });
        self.scenario.cluster.apply(&client.to_string())?;
        for (manager, key) in [("kubectl-patch", "edited"), ("operator", "theirs")] {
            let patch = json!({ "stringData": { key: value } }).to_string();
            self.kubectl(&[
                "patch",
                "secret",
                "database",
                "--field-manager",
                manager,
                "--patch",
                &patch,
            ])?;
        }
        for keys in [json!({ "drop": value, "keep": value }), json!({ "keep": value })] {
            self.server_side_apply("others", "somebody", &keys)?;
        }
        Ok(())
    }

    fn arguments<'s>(&'s self, more: &[&'s str]) -> Vec<&'s str> {
        [
            &["doctor", "secrets", "--namespace", &self.scenario.namespace],
            more,
        ]
        .concat()
    }

    /// Runs it with everything that can be logged. No value is in what it prints.
    fn doctor(&self, more: &[&str]) -> anyhow::Result<Ended> {
        let ended = self
            .scenario
            .afterbay()
            .env("RUST_LOG", "trace")
            .run(self.arguments(more))?;
        let (text, found) = (ended.text(), self.canary.found_in(&ended.text()));
        ensure!(
            found.is_empty(),
            "a secret is in the output ({}):\n{text}",
            found.join(", ")
        );
        Ok(ended)
    }

    /// What consent has to name now.
    fn id(&self) -> anyhow::Result<String> {
        let report = self.doctor(&["--output", "json"])?.expect_code(1)?.json()?;
        Ok(report["id"].as_str().context("no id")?.to_owned())
    }

    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let namespace = ["--namespace", &self.scenario.namespace];
        self.scenario
            .cluster
            .kubectl(&[arguments, &namespace].concat())?
            .success()
            .map(drop)
    }

    fn server_side_apply(&self, name: &str, manager: &str, string_data: &Value) -> anyhow::Result<()> {
        let manifest = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": string_data,
        });
        let apply = [
            "apply",
            "--server-side",
            "--field-manager",
            manager,
            "--filename",
            "-",
            "--namespace",
        ];
        let arguments = [&apply[..], &[&self.scenario.namespace]].concat();
        let cluster = &self.scenario.cluster;
        cluster
            .kubectl_with_input(&arguments, manifest.to_string().as_bytes())?
            .success()
            .map(drop)
    }

    fn keys(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let secret = self
            .scenario
            .cluster
            .expect(&self.scenario.namespace, "secret", name)?;
        let keys = secret["data"]
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys);
        let mut keys: Vec<String> = keys.cloned().collect();
        keys.sort();
        Ok(keys)
    }
}
