//! SIGTERM and Ctrl-C end a run with 130 and a word about what to do; the next run converges.

use std::time::Duration;

use anyhow::ensure;
use e2e::{Outcome, Proxy, Running, Scenario, wait_until};

const OBJECTS: usize = 48;
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
    let slow = scenario.afterbay().kubeconfig(&kubeconfig);
    proxy.slow_down(Duration::from_millis(400));

    for signal in ["TERM", "INT"] {
        let run = Running::new(slow.spawn(slow.apply_arguments(&repository.url(), &[]))?);
        if signal == "TERM" {
            wait_until("something is written", PATIENCE, || Ok(written(scenario)? > 0))?;
        } else {
            // The second run meets objects that are there; it is ended while it looks at them.
            std::thread::sleep(Duration::from_secs(1));
        }
        run.signal(signal)?;
        let (status, ended) = run.finish(Duration::from_secs(5))?;
        ensure!(
            status.code() == Some(130),
            "SIG{signal}: {status}\n{}",
            ended.stderr
        );
        ensure!(
            ended.stderr.contains("interrupted") && ended.stderr.contains("run the command again"),
            "{}",
            ended.stderr
        );
    }
    ensure!(
        written(scenario)? < OBJECTS,
        "the runs were over before the signal"
    );
    scenario
        .afterbay()
        .apply(&repository.url(), &[])?
        .expect_success()?;
    ensure!(written(scenario)? == OBJECTS);
    Ok(Outcome::Passed)
}

/// How many of the objects are there, asked past the proxy.
fn written(scenario: &Scenario) -> anyhow::Result<usize> {
    let names = scenario.cluster.names(&scenario.namespace, "configmaps")?;
    Ok(names.iter().filter(|name| name.starts_with("item-")).count())
}
