//! `--wait` and `--health-check`: a run ends once everything is healthy, at once when something has failed for good, and at the
//! deadline with the name of every object that is not; a server that goes away meanwhile is waited for.
//!
//! There is no kubelet: the scenario says how the Pods are.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use e2e::{Afterbay, Ended, Outcome, Proxy, Repository, Running, Scenario, wait_until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(2);
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: password}\nstringData: {password: correct-horse-battery}\n";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let result = all(scenario);
    if result.is_ok() || scenario.environment.lane == "existing" {
        let crd = format!("widgets.{}.example.com", scenario.namespace);
        let delete = ["delete", "crd", &crd, "--ignore-not-found", "--wait=false"];
        scenario.cluster.kubectl(&delete)?;
    }
    result
}

fn all(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    a_deployment_becomes_available(scenario, &repository)?;
    a_rollout_that_gets_nowhere_is_named_at_the_deadline(scenario, &repository)?;
    a_rollout_that_has_failed_ends_the_wait(scenario, &repository)?;
    expressions_say_what_health_is(scenario)?;
    a_job_is_waited_for_until_it_is_complete(scenario)?;
    an_object_of_somebody_else_is_waited_for(scenario)?;
    a_server_that_goes_away_is_waited_for(scenario)?;
    Ok(Outcome::Passed)
}

fn a_deployment_becomes_available(scenario: &Scenario, repository: &Repository) -> anyhow::Result<()> {
    repository.write("web.yaml", deployment("one", 600))?.write(
        "settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {key: value}\n",
    )?;
    repository.commit("first")?;
    let mut run = start(&scenario.afterbay(), repository, &["--wait", "--output", "json"])?;
    let pods = pods_of(scenario, "one", 2)?;
    mark(scenario, &pods[0], &ready())?;
    thread::sleep(Duration::from_secs(2));
    run = still(run, "one of two Pods was enough")?;
    mark(scenario, &pods[1], &ready())?;
    let ended = run.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(0), "{}\n{}", ended.stdout, ended.stderr);
    for text in [
        "apply  2 created",
        "apply  Deployment/",
        "/web: InProgress: Available: 1/2",
        "/web: Current: Deployment is available. Replicas: 2",
        "2 of 2 objects are current",
    ] {
        ensure!(ended.stderr.contains(text), "no {text:?} in\n{}", ended.stderr);
    }
    ensure!(!ended.stderr.contains("settings"), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout)?;
    let statuses = statuses(&report);
    ensure!(
        statuses == [("ConfigMap/settings", "Current"), ("Deployment/web", "Current")].map(pair),
        "{statuses:?}"
    );

    // Again: nothing to write, and nothing to wait for.
    let began = Instant::now();
    let again = apply(scenario, repository, &["--wait"])?.expect_success()?;
    again.expect_text(&["2 unchanged", "2 of 2 objects are current"])?;
    ensure!(began.elapsed() < Duration::from_secs(10));
    Ok(())
}

fn a_rollout_that_gets_nowhere_is_named_at_the_deadline(
    scenario: &Scenario,
    repository: &Repository,
) -> anyhow::Result<()> {
    repository.write("web.yaml", deployment("two", 600))?;
    repository.commit("second")?;
    let began = Instant::now();
    let ended = apply(
        scenario,
        repository,
        &["--wait", "--wait-timeout", "4s", "--output", "json"],
    )?;
    let ended = ended.expect_code(18)?.expect_text(&[
        "web.yaml:1:1: Deployment.apps/",
        "/web: not current after 4",
        ": InProgress: ",
        "--wait-timeout",
        "everything was applied; not everything that was waited for is healthy",
    ])?;
    ensure!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    ensure!(!ended.output.stderr.contains("settings"), "{}", ended.text());
    let statuses = statuses(&ended.json()?);
    ensure!(
        statuses[1] == pair(("Deployment/web", "InProgress")),
        "{statuses:?}"
    );

    // Without --wait-timeout, it is the time for everything that ends the wait; nothing is written in this run.
    apply(scenario, repository, &["--wait", "--timeout", "5s"])?
        .expect_code(18)?
        .expect_text(&["/web: not current after ", "2 unchanged"])?;
    Ok(())
}

fn a_rollout_that_has_failed_ends_the_wait(
    scenario: &Scenario,
    repository: &Repository,
) -> anyhow::Result<()> {
    repository.write("web.yaml", deployment("three", 3))?;
    repository.commit("third")?;
    let began = Instant::now();
    apply(scenario, repository, &["--wait"])?
        .expect_code(18)?
        .expect_text(&[
            "web.yaml:1:1: Deployment.apps/",
            "/web: Failed: Progress deadline exceeded",
        ])?;
    ensure!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    Ok(())
}

/// A kind that has no condition that anybody knows; and what its controller says about a secret is not repeated.
fn expressions_say_what_health_is(scenario: &Scenario) -> anyhow::Result<()> {
    let repository = Repository::create(&scenario.folder.join("widgets"))?;
    let key = scenario.age_key("alice")?;
    let afterbay = scenario.afterbay().env("SOPS_AGE_KEY_FILE", &key.file);
    let apply = |more: &[&str]| afterbay.apply(&repository.url(), more);
    let api_version = format!("{}.example.com/v1", scenario.namespace);
    let expressions = scenario.write(
        "expressions.yaml",
        format!(
            "- apiVersion: {api_version}\n  kind: Widget\n  current: has(status.phase) && status.phase == 'Done'\n  failed: has(status.phase) \
             && status.phase == 'Broken'\n"
        ),
    )?;
    let expressions = expressions.display().to_string();
    repository
        .write("crd.yaml", crd(scenario))?
        .write(
            "widget.yaml",
            format!("apiVersion: {api_version}\nkind: Widget\nmetadata: {{name: a}}\nspec: {{size: 1}}\n"),
        )?
        .write("secret.yaml", scenario.sops().encrypt(SECRET, &key)?)?;
    repository.commit("first")?;
    let arguments = ["--wait", "--health-check-exprs", &expressions];
    let kind = format!("widgets.{}.example.com", scenario.namespace);
    let is_there = || {
        Ok(scenario
            .cluster
            .get(&scenario.namespace, &kind, "a")
            .ok()
            .flatten()
            .is_some())
    };
    let say = |phase: &str| {
        let status = json!({ "status": { "phase": phase, "conditions": [
            { "type": "Stalled", "status": "False", "reason": "A", "message": "correct-horse-battery" },
        ] } });
        patch_status(scenario, &kind, "a", &status)
    };

    let mut run = start(&afterbay, &repository, &arguments)?;
    wait_until("the widget is there", PATIENCE, is_there)?;
    say("Working")?;
    thread::sleep(Duration::from_secs(1));
    run = still(run, "the run did not ask the expression")?;
    say("Done")?;
    let ended = run.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    ensure!(ended.stderr.contains("Widget/"), "{}", ended.stderr);

    say("Broken")?;
    apply(&arguments)?
        .expect_code(18)?
        .expect_text(&["widget.yaml:1:1", "Failed: expression `failed` is true"])?;

    // By kstatus, it is its condition that counts.
    let status = json!({ "status": { "conditions": [
        { "type": "Stalled", "status": "True", "reason": "A", "message": "tried correct-horse-battery" },
    ] } });
    patch_status(scenario, &kind, "a", &status)?;
    let ended = apply(&["--wait"])?.expect_code(18)?;
    ensure!(!ended.text().contains("correct-horse"), "{}", ended.text());
    ended.expect_text(&["Failed: tried [REDACTED]"])?;

    // What cannot be evaluated is refused before anything is asked.
    let wrong = scenario.write(
        "wrong.yaml",
        format!("- apiVersion: {api_version}\n  current: status.phase ==\n"),
    )?;
    apply(&["--wait", "--health-check-exprs", &wrong.display().to_string()])?
        .expect_code(2)?
        .expect_text(&["wrong.yaml", "current"])?;
    Ok(())
}

fn a_job_is_waited_for_until_it_is_complete(scenario: &Scenario) -> anyhow::Result<()> {
    let repository = Repository::create(&scenario.folder.join("jobs"))?;
    for name in ["good", "bad"] {
        repository.write(&format!("{name}.yaml"), job(name))?;
    }
    repository.commit("first")?;
    let mut run = start(&scenario.afterbay(), &repository, &["--wait"])?;
    let good = pods_of(scenario, "good", 1)?;
    let bad = pods_of(scenario, "bad", 1)?;
    mark(scenario, &good[0], &json!({ "status": { "phase": "Succeeded" } }))?;
    thread::sleep(Duration::from_secs(1));
    run = still(run, "a Job that runs is not done")?;
    mark(scenario, &bad[0], &json!({ "status": { "phase": "Failed" } }))?;
    let ended = run.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(18), "{}", ended.stderr);
    for text in [
        "bad.yaml:1:1: Job.batch/",
        "/bad: Failed: Job Failed. failed: 1/1",
    ] {
        ensure!(ended.stderr.contains(text), "no {text:?} in\n{}", ended.stderr);
    }
    ensure!(!ended.stderr.contains("good.yaml"), "{}", ended.stderr);
    Ok(())
}

fn an_object_of_somebody_else_is_waited_for(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, &scenario.namespace);
    let repository = Repository::create(&scenario.folder.join("others"))?;
    let map = |name: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\n")
    };
    repository.write("ours.yaml", map("ours"))?;
    repository.commit("first")?;
    apply(scenario, &repository, &["--health-check", "Gadget.example.com/a"])?
        .expect_code(14)?
        .expect_text(&["Gadget", "nothing was written"])?;
    cluster.expect_absent(namespace, "configmap", "ours")?;

    let check = format!("ConfigMap/{namespace}/theirs");
    let mut run = start(&scenario.afterbay(), &repository, &["--health-check", &check])?;
    wait_until("ours is written", PATIENCE, || {
        Ok(cluster.get(namespace, "configmap", "ours")?.is_some())
    })?;
    thread::sleep(Duration::from_secs(1));
    run = still(run, "the run did not wait")?;
    cluster.apply(&map("theirs"))?;
    let ended = run.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    for text in [
        "/theirs: NotFound",
        "/theirs: Current",
        "1 of 1 objects are current",
    ] {
        ensure!(ended.stderr.contains(text), "no {text:?} in\n{}", ended.stderr);
    }
    Ok(())
}

fn a_server_that_goes_away_is_waited_for(scenario: &Scenario) -> anyhow::Result<()> {
    let repository = Repository::create(&scenario.folder.join("away"))?;
    repository.write("late.yaml", job("late"))?;
    repository.commit("first")?;
    let proxy = Proxy::start(&scenario.cluster.address()?)?;
    let kubeconfig = scenario
        .cluster
        .with_server(proxy.address(), &scenario.folder.join("proxy.kubeconfig"))?;
    let afterbay = scenario.afterbay().kubeconfig(&kubeconfig);
    let arguments = afterbay.apply_arguments(&repository.url(), &["--wait"]);
    let mut run = Running::new(afterbay.spawn(arguments)?);
    let pods = pods_of(scenario, "late", 1)?;
    thread::sleep(Duration::from_secs(1));
    proxy.cut();
    // What happens meanwhile is seen afterwards.
    mark(scenario, &pods[0], &json!({ "status": { "phase": "Succeeded" } }))?;
    thread::sleep(Duration::from_secs(9));
    run = still(run, "the run did not wait for the server")?;
    proxy.restore();
    let ended = run.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    ensure!(
        ended.stderr.contains("/late: Current: Job Completed"),
        "{}",
        ended.stderr
    );
    Ok(())
}

fn start(afterbay: &Afterbay, repository: &Repository, more: &[&str]) -> anyhow::Result<Running> {
    Ok(Running::new(
        afterbay.spawn(afterbay.apply_arguments(&repository.url(), more))?,
    ))
}

/// The run, provided that it has not ended.
fn still(mut run: Running, otherwise: &str) -> anyhow::Result<Running> {
    if run.is_running() {
        return Ok(run);
    }
    let ended = run.finish(PATIENCE)?.1;
    bail!("{otherwise}: {:?}\n{}{}", ended.code, ended.stdout, ended.stderr)
}

fn apply(scenario: &Scenario, repository: &Repository, more: &[&str]) -> anyhow::Result<Ended> {
    scenario.afterbay().apply(&repository.url(), more)
}

/// The Pods of an app, once there are so many.
fn pods_of(scenario: &Scenario, app: &str, count: usize) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let selector = format!("app={app}");
    wait_until("there are Pods", PATIENCE, || {
        let arguments = [
            "get",
            "pods",
            "--namespace",
            &scenario.namespace,
            "--selector",
            &selector,
            "--output",
            "name",
        ];
        let text = scenario.cluster.kubectl(&arguments)?.success()?;
        names = text.lines().map(str::to_owned).collect();
        Ok(names.len() == count)
    })?;
    Ok(names)
}

fn ready() -> Value {
    json!({ "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } })
}

fn mark(scenario: &Scenario, pod: &str, status: &Value) -> anyhow::Result<()> {
    let name = pod.rsplit('/').next().context("a Pod without a name")?;
    patch_status(scenario, "pod", name, status)
}

fn patch_status(scenario: &Scenario, kind: &str, name: &str, status: &Value) -> anyhow::Result<()> {
    let patch = status.to_string();
    let arguments = [
        "patch",
        kind,
        name,
        "--namespace",
        &scenario.namespace,
        "--subresource",
        "status",
        "--type",
        "merge",
        "--patch",
        &patch,
    ];
    scenario.cluster.kubectl(&arguments)?.success().map(drop)
}

/// What the report says of the health of objects, as `Kind/name`.
fn statuses(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let objects = report["health"].as_array().into_iter().flatten();
    objects
        .map(|object| {
            let name = format!("{}/{}", text(&object["kind"]), text(&object["name"]));
            (name, text(&object["status"]))
        })
        .collect()
}

fn pair((name, status): (&str, &str)) -> (String, String) {
    (name.to_owned(), status.to_owned())
}

fn deployment(app: &str, deadline: u32) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  progressDeadlineSeconds: {deadline}
  selector: {{matchLabels: {{of: web}}}}
  template:
    metadata: {{labels: {{of: web, app: {app}}}}}
    spec: {{containers: [{{name: web, image: example.com/web}}]}}
"
    )
}

fn job(name: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  backoffLimit: 0
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{restartPolicy: Never, containers: [{{name: job, image: example.com/job}}]}}
"
    )
}

fn crd(scenario: &Scenario) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.{group}.example.com}}
spec:
  group: {group}.example.com
  scope: Namespaced
  names: {{kind: Widget, plural: widgets}}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {{status: {{}}}}
    schema:
      openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}
",
        group = scenario.namespace
    )
}
