//! Impersonation, and kubeconfigs of other people: what is denied is named with who was denied what, and no program that a
//! kubeconfig names is run (CVE-2022-24817).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, ensure};
use e2e::{Outcome, Scenario};
use serde_json::{Value, json};

/// Everything with ConfigMaps, nothing with anything else.
const RULES: &str = "- apiGroups: [\"\"]
  resources: [configmaps]
  verbs: [get, list, watch, create, update, patch, delete]
";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    impersonation(scenario)?;
    programs(scenario)?;
    secrets(scenario)?;
    Ok(Outcome::Passed)
}

fn impersonation(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    // Makes the service account `limited` with its Role.
    cluster.limited_user(namespace, RULES, &scenario.folder)?;
    let repository = scenario.repository()?;
    repository
        .write(
            "map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\ndata:\n  key: value\n",
        )?
        .write(
            "secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: secret\nstringData:\n  key: value\n",
        )?
        .write(
            "service.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports: [{port: 80}]\n",
        )?;
    repository.commit("first")?;
    let afterbay = scenario.afterbay();
    let account = format!("system:serviceaccount:{namespace}:limited");
    let qualified = format!("{namespace}/limited");
    for arguments in [
        &["--service-account", "limited"][..],
        &["--service-account", &qualified],
        &["--as", &account],
    ] {
        let refused = afterbay.apply(&repository.url(), arguments)?.expect_code(14)?;
        // Per kind, with the name of who was refused.
        refused.expect_text(&[
            "secret.yaml",
            "service.yaml",
            &format!("User \"{account}\" cannot patch resource \"secrets\""),
            &format!("User \"{account}\" cannot patch resource \"services\""),
            "grant the permission",
            "2 errors",
        ])?;
    }
    afterbay
        .apply(&repository.url(), &["--as", "jane", "--as-group", "ops"])?
        .expect_code(14)?
        .expect_text(&["User \"jane\" cannot", "3 errors"])?;
    cluster.expect_absent(namespace, "configmap", "map")?;

    for file in ["secret.yaml", "service.yaml"] {
        repository.remove(file)?;
    }
    repository.commit("only what is allowed")?;
    let allowed = ["--service-account", "limited", "--output", "json"];
    let ended = afterbay.apply(&repository.url(), &allowed)?.expect_success()?;
    ensure!(ended.counts()? == [1, 0, 0, 0, 0], "{}", ended.text());
    // A group of administrators is as good as being one.
    let administrator = ["--as", "jane", "--as-group", "system:masters", "--output", "json"];
    let ended = afterbay
        .apply(&repository.url(), &administrator)?
        .expect_success()?;
    ensure!(ended.counts()? == [0, 0, 1, 0, 0], "{}", ended.text());
    Ok(())
}

/// A program that leaves a mark where it runs.
struct Trap {
    mark: std::path::PathBuf,
    /// The user of a kubeconfig that runs it.
    user: Value,
}

fn trap(scenario: &Scenario, name: &str) -> anyhow::Result<Trap> {
    let mark = scenario.folder.join(format!("{name}.mark"));
    let program = scenario.write(
        &format!("{name}.sh"),
        format!("#!/bin/sh\n/bin/echo ran > '{}'\nexit 1\n", mark.display()),
    )?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": program,
        "interactiveMode": "Never",
    });
    Ok(Trap {
        mark,
        user: json!({ "exec": exec }),
    })
}

/// The kubeconfig of the cluster with another user.
fn kubeconfig(scenario: &Scenario, user: Option<&Value>) -> anyhow::Result<Value> {
    let arguments = ["config", "view", "--raw", "--flatten", "--output", "json"];
    let mut config: Value = serde_json::from_str(&scenario.cluster.kubectl(&arguments)?.success()?)?;
    if let Some(user) = user {
        config["users"][0]["user"] = user.clone();
    }
    Ok(config)
}

fn programs(scenario: &Scenario) -> anyhow::Result<()> {
    let repository = scenario.repository()?;
    let trap = trap(scenario, "file")?;
    let text = kubeconfig(scenario, Some(&trap.user))?.to_string();
    let file = scenario.write_private("trapped.kubeconfig", text)?;
    let file = file.to_str().context("a path")?;
    let afterbay = scenario.afterbay();
    let refused = afterbay
        .apply(&repository.url(), &["--kubeconfig", file])?
        .expect_code(14)?;
    refused.expect_text(&[
        "wants the program",
        "file.sh",
        "--allow-exec-plugins",
        "nothing was written",
    ])?;
    ensure!(!trap.mark.exists(), "the program ran");
    let arguments = ["--kubeconfig", file, "--allow-exec-plugins"];
    afterbay
        .apply(&repository.url(), &arguments)?
        .expect_code(14)?
        .expect_text(&["credential plugin"])?;
    ensure!(trap.mark.exists(), "allowed, it runs");
    Ok(())
}

fn secrets(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = scenario.repository()?;
    let trap = trap(scenario, "secret")?;
    let token_file = json!({ "tokenFile": "/etc/hostname" });
    for (name, key, user) in [
        ("good", "value", None),
        ("good-yaml", "value.yaml", None),
        ("exec", "value", Some(&trap.user)),
        ("reads", "value", Some(&token_file)),
    ] {
        let text = kubeconfig(scenario, user)?.to_string();
        cluster.apply(
            &json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": namespace },
                "stringData": { key: text },
            })
            .to_string(),
        )?;
    }
    let afterbay = scenario.afterbay();
    let apply = |secret: &str, more: &[&str]| {
        let place = format!("{namespace}/{secret}");
        let arguments = [
            &["--kubeconfig-secret", place.as_str(), "--output", "json"][..],
            more,
        ]
        .concat();
        afterbay.apply(&repository.url(), &arguments)
    };
    for good in ["good", "good:value", "good-yaml"] {
        let ended = apply(good, &[])?.expect_success()?;
        ensure!(ended.counts()?[2] == 1, "{}", ended.text());
    }
    // On the other side the service account counts.
    apply("good", &["--as", "jane"])?
        .expect_code(14)?
        .expect_text(&["User \"jane\" cannot"])?;
    apply("exec", &[])?
        .expect_code(14)?
        .expect_text(&["wants the program", "--allow-exec-plugins"])?;
    ensure!(!trap.mark.exists(), "the program ran");
    apply("reads", &["--allow-exec-plugins"])?
        .expect_code(14)?
        .expect_text(&["names files of this machine"])?;
    apply("absent", &[])?
        .expect_code(14)?
        .expect_text(&["absent", "not found"])?;
    Ok(())
}
