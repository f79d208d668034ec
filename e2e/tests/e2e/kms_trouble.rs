//! KMS that is down, does not answer, or throttles: refused with the endpoint and what to do, or waited for.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::ensure;
use e2e::{FakeKms, Guarded, Outcome, Refusal, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let kms = match scenario.kms() {
        Ok(kms) => kms,
        Err(skipped) => return Ok(skipped),
    };
    let key = kms.create_key()?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario
        .sops()
        .encrypt_for_kms(&guarded.secret("database"), &key)?;
    let repository = guarded.repository("sealed")?;
    repository.write("database.yaml", &sealed)?;
    let afterbay = scenario
        .afterbay()
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let refuses = |endpoint: &str, refusal: Refusal<'_>| {
        guarded
            .refuses(&afterbay, &repository, &["--kms-endpoint", endpoint], refusal)
            .map(drop)
    };

    // A port that was free a moment ago.
    let down = {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        format!("http://{}", listener.local_addr()?)
    };
    refuses(
        &down,
        Refusal::new(12, &["database.yaml:", &key.arn, &down, "no connection to"]),
    )?;

    let silent = FakeKms::silent()?;
    refuses(
        silent.endpoint(),
        Refusal {
            code: 12,
            says: &[
                "database.yaml:",
                &key.arn,
                silent.endpoint(),
                "did not answer in time",
            ],
            within: Duration::from_secs(40),
        },
    )?;
    ensure!(silent.requests() > 0, "KMS was not asked");

    let busy = FakeKms::throttling(u32::MAX, kms.endpoint())?;
    refuses(
        busy.endpoint(),
        Refusal {
            code: 12,
            says: &[
                "database.yaml:",
                &key.arn,
                "throttled",
                "Rate exceeded",
                "try again later",
            ],
            within: Duration::from_secs(40),
        },
    )?;
    ensure!(busy.requests() > 1, "a throttled request was not repeated");

    let slow = FakeKms::throttling(1, kms.endpoint())?;
    guarded.accepts(&afterbay, &repository, &["--kms-endpoint", slow.endpoint()])?;
    ensure!(slow.requests() == 2, "{} requests", slow.requests());
    Ok(Outcome::Passed)
}
