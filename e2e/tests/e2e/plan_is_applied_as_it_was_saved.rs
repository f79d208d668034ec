//! A saved plan is applied with the flags that it had, and not at all once the revision, a live object or the content is another.

use std::path::PathBuf;

use anyhow::ensure;
use e2e::{Afterbay, Ended, Outcome, Repository, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let set = Set {
        scenario,
        repository: scenario.repository()?,
        key_file: key.path(),
    };
    set.repository
        .write("secret.yaml", scenario.sops().encrypt(&secret("first"), &key)?)?
        .write("web.yaml", deployment(1))?
        .write("left.yaml", config_map("left"))?;
    set.repository.commit("first")?;

    // From nothing.
    let plan = set.save("first", &[])?;
    set.apply(&plan)?.expect_success()?.expect_text(&["3 created"])?;
    let text = std::fs::read_to_string(&plan)?;
    ensure!(!text.contains("Zmlyc3Q") && !text.contains("first\""), "{text}");
    // The same plan a second time says what is another.
    set.refuses(
        &plan,
        &["Secret/", "was to create", "there is nothing to do about it now"],
    )?;

    set.repository
        .write("secret.yaml", scenario.sops().encrypt(&secret("second"), &key)?)?
        .write("web.yaml", deployment(2))?
        .remove("left.yaml")?;
    set.repository.commit("second")?;
    live_state(&set)?;
    revision(&set)?;
    other_flags(&set)?;
    streams(&set)?;
    not_a_plan(&set)?;
    Ok(Outcome::Passed)
}

struct Set<'a> {
    scenario: &'a Scenario,
    repository: Repository,
    key_file: String,
}

impl Set<'_> {
    fn afterbay(&self) -> Afterbay {
        self.scenario.afterbay().env("SOPS_AGE_KEY_FILE", &self.key_file)
    }

    fn save(&self, name: &str, more: &[&str]) -> anyhow::Result<PathBuf> {
        let url = self.repository.url();
        let common = [
            "plan",
            "--url",
            &url,
            "--ref",
            "main",
            "--namespace",
            &self.scenario.namespace,
        ];
        let set = ["--inventory", "set", "--prune", "--output", "json"];
        let ended = self
            .afterbay()
            .run([&common[..], &set, more].concat())?
            .expect_code(1)?;
        self.scenario.write(&format!("{name}.json"), &ended.output.stdout)
    }

    /// With nothing but the plan.
    fn apply(&self, plan: &std::path::Path) -> anyhow::Result<Ended> {
        self.afterbay()
            .run(["apply", "--plan", &plan.display().to_string()])
    }

    fn refuses(&self, plan: &std::path::Path, says: &[&str]) -> anyhow::Result<()> {
        let before = self.versions()?;
        self.apply(plan)?
            .expect_code(14)?
            .expect_text(says)?
            .expect_text(&[
                "the saved plan does not hold any more; nothing was written",
                "make a new plan",
            ])?;
        let after = self.versions()?;
        ensure!(before == after, "a refused plan wrote:\n{before}\n{after}");
        Ok(())
    }

    /// Every object of the scenario, the inventory included.
    fn versions(&self) -> anyhow::Result<String> {
        let path = "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.managedFields[*].time}{\"\\n\"}{end}";
        let arguments = [
            "get",
            "secrets,configmaps,deployments",
            "--namespace",
            &self.scenario.namespace,
        ];
        let form = ["--show-managed-fields", "--output", path];
        self.scenario
            .cluster
            .kubectl(&[&arguments[..], &form].concat())?
            .success()
    }

    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let namespace = ["--namespace", &self.scenario.namespace];
        let ended = self.scenario.cluster.kubectl(&[arguments, &namespace].concat())?;
        ended.success().map(drop)
    }
}

/// Somebody writes to an object that the plan changes, or to one that it deletes.
fn live_state(set: &Set<'_>) -> anyhow::Result<()> {
    for (object, says) in [
        ("secret/database", "Secret/"),
        ("deployment/web", "Deployment/"),
        ("configmap/left", "ConfigMap/"),
    ] {
        let plan = set.save("live", &[])?;
        set.kubectl(&["annotate", object, "touched=yes", "--overwrite"])?;
        set.refuses(&plan, &[says, "the live object was changed since"])?;
        set.kubectl(&["annotate", object, "touched-"])?;
    }
    // A status that moves on is no change: that is what a Deployment has all the time.
    let plan = set.save("status", &[])?;
    let status = r#"[{"op": "add", "path": "/status/unavailableReplicas", "value": 1}]"#;
    set.kubectl(&[
        "patch",
        "deployment/web",
        "--subresource",
        "status",
        "--type",
        "json",
        "--patch",
        status,
    ])?;
    set.apply(&plan)?
        .expect_success()?
        .expect_text(&["2 configured", "1 pruned"])?;
    // What is gone is not created by a plan that was to change it.
    set.repository.write("web.yaml", deployment(3))?;
    set.repository.commit("third")?;
    let plan = set.save("gone", &[])?;
    set.kubectl(&["delete", "deployment/web"])?;
    set.refuses(&plan, &["Deployment/", "was to change, and is to create now"])
}

fn revision(set: &Set<'_>) -> anyhow::Result<()> {
    let plan = set.save("revision", &[])?;
    set.repository.write("README", "nothing that is built")?;
    set.repository.commit("another commit")?;
    set.refuses(&plan, &["revision: planned main@sha1:", "now main@sha1:"])
}

/// What the plan has is not said again; what it cannot have is.
fn other_flags(set: &Set<'_>) -> anyhow::Result<()> {
    let plan = set.save("flags", &["--force"])?.display().to_string();
    let text = std::fs::read_to_string(&plan)?;
    ensure!(!text.contains(&set.key_file), "{text}");
    let run = |more: &[&str]| set.afterbay().run([&["apply", "--plan", &plan], more].concat());
    run(&["--prune", "--inventory", "other"])?
        .expect_code(2)?
        .expect_text(&["cannot be used with"])?;
    run(&["--force"])?.expect_code(2)?;
    run(&["--dry-run", "--url", &set.repository.url()])?.expect_success()?;
    // The same content for another server is another plan.
    let elsewhere = text.replace("\"server\": \"https://", "\"server\": \"https://elsewhere.");
    let elsewhere = set.scenario.write("elsewhere.json", elsewhere)?;
    set.refuses(&elsewhere, &["server: planned https://elsewhere."])?;
    run(&[])?.expect_success()?.expect_text(&["1 created"]).map(drop)
}

/// A stream has no revision, so only a key identifies what it holds.
fn streams(set: &Set<'_>) -> anyhow::Result<()> {
    let (afterbay, namespace) = (set.afterbay(), set.scenario.namespace.as_str());
    let write = |value: &str| {
        set.scenario
            .write("stream.yaml", secret(value).replace("database", "piped"))
    };
    let file = write("hunter2")?.display().to_string();
    let key = set
        .scenario
        .write_private("key", "sixteen bytes or more")?
        .display()
        .to_string();
    let plan = |more: &[&str]| {
        let common = [
            "plan",
            "--filename",
            &file,
            "--namespace",
            namespace,
            "--output",
            "json",
        ];
        let ended = afterbay.run([&common[..], more].concat())?.expect_code(1)?;
        set.scenario.write("stream.json", &ended.output.stdout)
    };
    let apply = |plan: &std::path::Path, more: &[&str]| {
        let plan = plan.display().to_string();
        afterbay.run([&["apply", "--plan", &plan], more].concat())
    };
    let bare = plan(&[])?;
    apply(&bare, &["--filename", &file])?
        .expect_code(14)?
        .expect_text(&["does not identify its content", "--fingerprint-key-file"])?;
    let keyed = plan(&["--fingerprint-key-file", &key])?;
    apply(&keyed, &[])?
        .expect_code(2)?
        .expect_text(&["give them again with --filename"])?;
    write("hunter3")?;
    apply(&keyed, &["--filename", &file, "--fingerprint-key-file", &key])?
        .expect_code(14)?
        .expect_text(&["Secret/", "its content is another"])?;
    set.scenario.cluster.expect_absent(namespace, "secret", "piped")?;
    write("hunter2")?;
    apply(&keyed, &["--filename", &file, "--fingerprint-key-file", &key])?.expect_success()?;
    ensure!(
        set.scenario
            .cluster
            .secret_value(namespace, "piped", "password")?
            == "hunter2"
    );
    Ok(())
}

fn not_a_plan(set: &Set<'_>) -> anyhow::Result<()> {
    for (name, text, says) in [
        (
            "none",
            "password: hunter2\n",
            "it is no saved plan (line 1, column 1)",
        ),
        ("empty", "{}", "it is no saved plan"),
        ("newer", "{\"version\": 2}", "version 2 of the format"),
    ] {
        let file = set.scenario.write(name, text)?;
        let ended = set.apply(&file)?.expect_code(2)?.expect_text(&[says])?;
        ensure!(!ended.text().contains("hunter2"), "{}", ended.text());
    }
    Ok(())
}

fn secret(password: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: {password}\n"
    )
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: value}}\n")
}

fn deployment(replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  paused: true\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
         containers: [{{name: web, image: web}}]\n"
    )
}
