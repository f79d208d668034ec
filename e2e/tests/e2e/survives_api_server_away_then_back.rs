//! A server that goes away during a run is waited for; one that stays away ends the run with a clear text, and nothing
//! is pruned.

use std::thread;
use std::time::Duration;

use anyhow::ensure;
use e2e::{Afterbay, Outcome, Proxy, Repository, Running, Scenario, wait_until};

const OBJECTS: usize = 48;
/// Longer than a few attempts at a request take.
const AWAY: Duration = Duration::from_secs(9);
const PATIENCE: Duration = Duration::from_mins(1);

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    repository.write("objects.yaml", config_maps(OBJECTS, "first"))?;
    repository.commit("first")?;
    let proxy = Proxy::start(&scenario.cluster.address()?)?;
    let kubeconfig = scenario
        .cluster
        .with_server(proxy.address(), &scenario.folder.join("proxy.kubeconfig"))?;
    let afterbay = scenario.afterbay().kubeconfig(&kubeconfig);

    away_then_back(scenario, &repository, &proxy, &afterbay)?;
    away_before_the_first_write(scenario, &repository, &proxy, &afterbay)?;
    away_between_writes(scenario, &repository, &proxy, &afterbay)?;

    // What is left converges, once the hold of the run before is over.
    proxy.slow_down(Duration::ZERO);
    proxy.restore();
    let ended = start(&afterbay, &repository, &[])?.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    ensure!(written(scenario, "second")? == OBJECTS - 1);
    scenario
        .cluster
        .expect_absent(&scenario.namespace, "configmap", "item-47")?;
    Ok(Outcome::Passed)
}

fn away_then_back(
    scenario: &Scenario,
    repository: &Repository,
    proxy: &Proxy,
    afterbay: &Afterbay,
) -> anyhow::Result<()> {
    proxy.slow_down(Duration::from_millis(400));
    let mut run = start(afterbay, repository, &[])?;
    wait_until("something is written", PATIENCE, || {
        Ok(written(scenario, "first")? > 0)
    })?;
    proxy.cut();
    let written_before = written(scenario, "first")?;
    ensure!(
        run.is_running() && written_before < OBJECTS,
        "the run was too fast to be cut: {written_before} objects"
    );
    thread::sleep(AWAY);
    ensure!(run.is_running(), "the run did not wait for the server");
    proxy.slow_down(Duration::ZERO);
    proxy.restore();
    let ended = run.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    ensure!(written(scenario, "first")? == OBJECTS);
    Ok(())
}

fn away_before_the_first_write(
    scenario: &Scenario,
    repository: &Repository,
    proxy: &Proxy,
    afterbay: &Afterbay,
) -> anyhow::Result<()> {
    repository.write("objects.yaml", config_maps(OBJECTS - 1, "second"))?;
    repository.commit("second")?;
    proxy.cut();
    let ended = start(afterbay, repository, &["--timeout", "3s"])?
        .finish(PATIENCE)?
        .1;
    ensure!(ended.code == Some(14), "{:?}\n{}", ended.code, ended.stderr);
    for text in [proxy.address(), "nothing was written", "hint:"] {
        ensure!(ended.stderr.contains(text), "no {text:?} in\n{}", ended.stderr);
    }
    ensure!(written(scenario, "first")? == OBJECTS);
    Ok(())
}

fn away_between_writes(
    scenario: &Scenario,
    repository: &Repository,
    proxy: &Proxy,
    afterbay: &Afterbay,
) -> anyhow::Result<()> {
    proxy.restore();
    proxy.slow_down(Duration::from_millis(400));
    let mut run = start(afterbay, repository, &["--timeout", "20s"])?;
    wait_until("something is written", PATIENCE, || {
        Ok(written(scenario, "second")? > 0)
    })?;
    proxy.cut();
    ensure!(run.is_running(), "the run was too fast to be cut");
    let ended = run.finish(PATIENCE)?.1;
    ensure!(ended.code == Some(15), "{:?}\n{}", ended.code, ended.stderr);
    for text in [proxy.address(), "stopped after the first write", "hint:"] {
        ensure!(ended.stderr.contains(text), "no {text:?} in\n{}", ended.stderr);
    }
    ensure!(written(scenario, "second")? < OBJECTS - 1);
    scenario
        .cluster
        .expect(&scenario.namespace, "configmap", "item-47")?;
    Ok(())
}

fn start(afterbay: &Afterbay, repository: &Repository, more: &[&str]) -> anyhow::Result<Running> {
    let arguments = [&["--inventory", "set", "--prune"], more].concat();
    let child = afterbay.spawn(afterbay.apply_arguments(&repository.url(), &arguments))?;
    Ok(Running::new(child))
}

fn config_maps(count: usize, value: &str) -> String {
    (0..count)
        .map(|number| {
            format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: item-{number}\n  labels: {{value: {value}}}\ndata:\n  key: value\n"
            )
        })
        .collect()
}

/// How many objects of a value the cluster has, asked past the proxy.
fn written(scenario: &Scenario, value: &str) -> anyhow::Result<usize> {
    let selector = format!("value={value}");
    let arguments = [
        "get",
        "configmaps",
        "--namespace",
        &scenario.namespace,
        "--selector",
        &selector,
        "--output",
        "name",
    ];
    Ok(scenario.cluster.kubectl(&arguments)?.success()?.lines().count())
}
