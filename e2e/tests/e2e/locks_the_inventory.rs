//! Two runs of one inventory at once: who does not want to wait is told who holds it, who waits goes on after.

use std::time::Duration;

use anyhow::ensure;
use e2e::{Afterbay, Outcome, Proxy, Repository, Running, Scenario, wait_until};

const OBJECTS: usize = 64;
const PATIENCE: Duration = Duration::from_mins(1);

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    let objects: String = (0..OBJECTS)
        .map(|number| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: item-{number}\ndata:\n  key: value\n")
        })
        .collect();
    repository.write("objects.yaml", objects)?;
    repository.commit("first")?;
    let proxy = Proxy::start(&scenario.cluster.address()?)?;
    let kubeconfig = scenario
        .cluster
        .with_server(proxy.address(), &scenario.folder.join("proxy.kubeconfig"))?;
    proxy.slow_down(Duration::from_secs(1));

    let mut first = start(&scenario.afterbay().kubeconfig(&kubeconfig), &repository)?;
    wait_until("the first run holds the inventory", PATIENCE, || {
        let parent = scenario.cluster.get(&scenario.namespace, "configmap", "set")?;
        Ok(parent.is_some_and(|parent| parent["metadata"]["annotations"]["afterbay.dev/holder"].is_string()))
    })?;
    let mut waiting = start(&scenario.afterbay(), &repository)?;
    let impatient = scenario
        .afterbay()
        .apply(&repository.url(), &["--inventory", "set", "--no-wait"])?
        .expect_code(16)?;
    impatient.expect_text(&[
        &format!("/{}", first.id()),
        &format!("{}/set", scenario.namespace),
        "nothing was written",
    ])?;
    let looks = ["inventory", "set", "--namespace", &scenario.namespace];
    scenario
        .afterbay()
        .run(looks)?
        .expect_success()?
        .expect_text(&["item-0", &format!("/{} is writing", first.id())])?;
    ensure!(first.is_running(), "the first run was too fast");
    ensure!(waiting.is_running(), "the second run did not wait");

    let (status, ended) = first.finish(PATIENCE)?;
    ensure!(
        status.success() && ended.stdout.contains("64 created"),
        "{}\n{}",
        ended.stdout,
        ended.stderr
    );
    let (status, ended) = waiting.finish(PATIENCE)?;
    // Whoever waited saw what the first run did.
    ensure!(
        status.success() && ended.stdout.contains("64 unchanged"),
        "{}\n{}",
        ended.stdout,
        ended.stderr
    );
    let parent = scenario.cluster.expect(&scenario.namespace, "configmap", "set")?;
    ensure!(
        parent["metadata"]["annotations"]["afterbay.dev/holder"].is_null(),
        "nobody runs and somebody holds it"
    );
    Ok(Outcome::Passed)
}

fn start(afterbay: &Afterbay, repository: &Repository) -> anyhow::Result<Running> {
    let arguments = afterbay.apply_arguments(&repository.url(), &["--inventory", "set", "--prune"]);
    Ok(Running::new(afterbay.spawn(arguments)?))
}
