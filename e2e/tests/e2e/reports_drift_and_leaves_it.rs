//! `--mode report` shows what somebody changed, masked, and writes nothing; `--mode once` creates what is missing and corrects nothing;
//! the default corrects. Built without redaction, the same run has to find the canary.

use anyhow::{Context as _, ensure};
use e2e::{AgeKey, Canary, Ended, Outcome, Repository, Scenario};
use serde_json::Value;

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

/// The exit code of a report that has something to show.
const DRIFT: i32 = 17;

fn look(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let set = Set {
        scenario,
        repository: scenario.repository()?,
        key: scenario.age_key("alice")?,
        canaries: ["decl4red", "dr1fted"].map(|name| Canary::new(&format!("{name} <9f&\"q\"> v4lu3"))),
    };
    let [declared, drifted] = &set.canaries;
    set.write(&["settings"])?;

    // Nothing is there: all of it is to be reported, and stays away.
    set.apply(&["--mode", "report"])?
        .expect_code(DRIFT)?
        .expect_text(&["+ create Secret/"])?;
    cluster.expect_absent(namespace, "secret", "database")?;
    cluster.expect_absent(namespace, "configmap", "set")?;
    set.apply(&[])?.expect_success()?;
    set.apply(&["--mode", "report"])?.expect_code(0)?;

    // A value of the Secret, a field that nobody declared, and an object that is gone.
    let patch = serde_json::json!({ "stringData": { "password": drifted.value } }).to_string();
    for arguments in [
        ["patch", "secret", "database", "--patch", &patch],
        ["patch", "configmap", "settings", "--patch", "data: {size: '2'}"],
        ["delete", "configmap", "lost", "--wait", "--ignore-not-found"],
    ] {
        cluster
            .kubectl(&[&arguments[..], &["--namespace", namespace]].concat())?
            .success()?;
    }
    let before = set.versions()?;
    for form in ["table", "json", "yaml"] {
        let ended = set
            .apply(&["--mode", "report", "--output", form])?
            .expect_code(DRIFT)?;
        set.expect_hidden(&ended)?;
        ended.expect_text(&["data.password", "data.size", "lost"])?;
    }
    let shown = set.apply(&["--mode", "report"])?.expect_code(DRIFT)?;
    shown.expect_text(&[
        "data.password: changed (",
        "data.size: \"2\" → \"1\"",
        "+ create ConfigMap/",
    ])?;
    let json = set.apply(&["--mode", "report", "--output", "json"])?.json()?;
    ensure!(json["objects"].as_array().map(Vec::len) == Some(3), "{json:#}");
    ensure!(set.versions()? == before, "a report wrote something");

    // A plan that was saved so is carried out so.
    let saved = set
        .run("plan", &["--mode", "report", "--output", "json"])?
        .expect_code(1)?;
    let file = scenario
        .write("plan.json", &saved.output.stdout)?
        .display()
        .to_string();
    let key = set.key.path();
    let ended = scenario
        .afterbay()
        .run(["apply", "--plan", &file, "--age-key-file", &key])?
        .expect_code(DRIFT)?;
    set.expect_hidden(&ended)?;
    ensure!(set.versions()? == before, "a report wrote something");

    // What is wrong has the code that it always has.
    set.apply(&["--mode", "report", "--path", "none"])?
        .expect_code(11)?;

    // What is missing is created, what exists stays as somebody made it, also once the revision has moved on.
    set.write(&["settings", "new"])?;
    let once = set
        .apply(&["--mode", "once", "--output", "json"])?
        .expect_success()?;
    ensure!(once.counts()? == [2, 0, 0, 0, 2], "{}", once.text());
    once.expect_text(&["it exists, and nothing that exists is corrected"])?;
    ensure!(cluster.secret_value(namespace, "database", "password")? == drifted.value);
    ensure!(cluster.expect(namespace, "configmap", "settings")?["data"]["size"] == "2");
    cluster.expect(namespace, "configmap", "lost")?;
    cluster.expect(namespace, "configmap", "new")?;
    set.run("plan", &["--mode", "once"])?
        .expect_code(0)?
        .expect_text(&["nothing that exists is corrected"])?;
    // What it created is ours, and leaves with the revision where that is asked for.
    set.write(&["settings"])?;
    let pruned = set
        .apply(&["--mode", "once", "--prune", "--output", "json"])?
        .expect_success()?;
    ensure!(pruned.counts()? == [0, 0, 0, 1, 3], "{}", pruned.text());

    // The default corrects all of it.
    set.apply(&["--mode", "enforce"])?.expect_success()?;
    ensure!(cluster.secret_value(namespace, "database", "password")? == declared.value);
    ensure!(cluster.expect(namespace, "configmap", "settings")?["data"]["size"] == "1");
    set.apply(&["--mode", "report"])?.expect_code(0)?;
    Ok(())
}

struct Set<'a> {
    scenario: &'a Scenario,
    repository: Repository,
    key: AgeKey,
    /// What the revision declares, and what somebody makes of it.
    canaries: [Canary; 2],
}

impl Set<'_> {
    fn write(&self, maps: &[&str]) -> anyhow::Result<()> {
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: database}}\nstringData:\n  password: {:?}\n",
            self.canaries[0].value
        );
        let maps: String = ["lost"]
            .iter()
            .chain(maps)
            .map(|name| {
                format!(
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{size: '1'}}\n---\n"
                )
            })
            .collect();
        self.repository
            .write("secret.yaml", self.scenario.sops().encrypt(&secret, &self.key)?)?
            .write("maps.yaml", maps)?;
        self.repository.commit("set")?;
        Ok(())
    }

    fn run(&self, command: &str, more: &[&str]) -> anyhow::Result<Ended> {
        let (url, file) = (self.repository.url(), self.key.path());
        let common = [command, "--url", &url, "--ref", "main", "--inventory", "set"];
        let set = ["--namespace", &self.scenario.namespace, "--age-key-file", &file];
        self.scenario.afterbay().run([&common[..], &set, more].concat())
    }

    fn apply(&self, more: &[&str]) -> anyhow::Result<Ended> {
        self.run("apply", more)
    }

    fn expect_hidden(&self, ended: &Ended) -> anyhow::Result<()> {
        for canary in &self.canaries {
            let found = canary.found_in(&ended.text());
            let text = ended.text();
            ensure!(
                found.is_empty(),
                "a secret is in the output ({}):\n{text}",
                found.join(", ")
            );
        }
        Ok(())
    }

    /// What the server counts of each object of the namespace.
    fn versions(&self) -> anyhow::Result<Vec<Value>> {
        let get = [
            "get",
            "secrets,configmaps",
            "--namespace",
            &self.scenario.namespace,
            "--output",
            "json",
        ];
        let list: Value = serde_json::from_str(&self.scenario.cluster.kubectl(&get)?.success()?)?;
        let items = list["items"].as_array().context("no items")?;
        Ok(items
            .iter()
            .map(|item| item["metadata"]["resourceVersion"].clone())
            .collect())
    }
}
