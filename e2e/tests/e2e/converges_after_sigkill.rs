//! A run that is killed between two writes leaves what the next run converges from, and holds it up for no longer than
//! its hold lasts.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use e2e::{Outcome, Proxy, Running, Scenario, wait_until};

const OBJECTS: usize = 48;
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the hold of a silent run lasts, and the second by which clocks of whole seconds are off.
const HOLD: Duration = Duration::from_secs(17);

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    repository.write("objects.yaml", config_maps(OBJECTS))?;
    repository.commit("first")?;
    let proxy = Proxy::start(&scenario.cluster.address()?)?;
    let kubeconfig = scenario
        .cluster
        .with_server(proxy.address(), &scenario.folder.join("proxy.kubeconfig"))?;
    let slow = scenario.afterbay().kubeconfig(&kubeconfig);
    let arguments = ["--inventory", "set", "--prune", "--output", "json"];

    proxy.slow_down(Duration::from_millis(400));
    let mut killed = Running::new(slow.spawn(slow.apply_arguments(&repository.url(), &arguments))?);
    wait_until("something is written", PATIENCE, || Ok(written(scenario)? > 0))?;
    ensure!(killed.is_running());
    killed.signal("KILL")?;
    let holder = format!("/{}", killed.id());
    let (status, _) = killed.finish(PATIENCE)?;
    ensure!(status.code().is_none(), "{status}");
    let left = written(scenario)?;
    ensure!(
        left > 0 && left < OBJECTS,
        "killed after all {left} writes instead of between them"
    );

    // Who cannot wait is told who holds it, although that run is dead.
    let afterbay = scenario.afterbay();
    let impatient = afterbay
        .apply(&repository.url(), &["--inventory", "set", "--no-wait"])?
        .expect_code(16)?;
    impatient.expect_text(&[&holder, "set"])?;

    let started = Instant::now();
    let ended = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    let [created, configured, unchanged, ..] = ended.counts()?;
    ensure!(
        configured == 0 && created + unchanged == OBJECTS as u64 && unchanged >= left as u64,
        "{}",
        ended.text()
    );
    ensure!(
        started.elapsed() < HOLD + Duration::from_secs(10),
        "waited {:?} for a dead run",
        started.elapsed()
    );
    ensure!(written(scenario)? == OBJECTS);

    // The inventory knows every object, those of the dead run too.
    let inventory = afterbay
        .run([
            "inventory",
            "set",
            "--namespace",
            &scenario.namespace,
            "--output",
            "json",
        ])?
        .expect_success()?;
    let inventory = inventory.json()?;
    let entries = inventory["objects"].as_array().context("no objects")?;
    ensure!(
        entries.len() == OBJECTS && entries.iter().all(|entry| entry["uid"].is_string()),
        "{inventory}"
    );
    repository.write("objects.yaml", config_maps(1))?;
    repository.commit("second")?;
    let pruned = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    ensure!(
        pruned.counts()? == [0, 0, 1, OBJECTS as u64 - 1, 0],
        "{}",
        pruned.text()
    );
    ensure!(written(scenario)? == 1);
    Ok(Outcome::Passed)
}

fn config_maps(count: usize) -> String {
    (0..count)
        .map(|number| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: item-{number}\ndata:\n  key: value\n")
        })
        .collect()
}

/// How many of the objects are there, asked past the proxy.
fn written(scenario: &Scenario) -> anyhow::Result<usize> {
    let names = scenario.cluster.names(&scenario.namespace, "configmaps")?;
    Ok(names.iter().filter(|name| name.starts_with("item-")).count())
}
