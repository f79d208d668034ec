//! KMS that is down, does not answer, or throttles: refused with the endpoint and what to do, or waited for. The fake
//! takes real signatures only, and the real sops encrypts with it.

use std::net::TcpListener;
use std::time::Duration;

use afterbay_fakes::aws::Scripted;
use anyhow::ensure;
use e2e::{AwsCloud, Guarded, Outcome, Refusal, Scenario};

const KEY: &str = AwsCloud::KEY;
const ROLE: &str = AwsCloud::ROLE;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let guarded = Guarded::new(scenario)?;
    let kms = AwsCloud::start()?.fake;
    let sops = scenario.sops().with_kms(kms.url());
    let sealed = sops.encrypt_with(
        &guarded.secret("database"),
        &[
            "--encrypted-regex",
            "^(data|stringData)$",
            "--kms",
            KEY,
            "--encryption-context",
            "env:prod,app:db",
        ],
    )?;
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
        Refusal::new(12, &["database.yaml:", KEY, &down, "no connection to"]),
    )?;

    let silent = AwsCloud::start()?.fake;
    silent.always("Decrypt", Scripted::silence());
    refuses(
        silent.url(),
        Refusal {
            code: 12,
            says: &["database.yaml:", KEY, silent.url(), "did not answer in time"],
            within: Duration::from_secs(40),
        },
    )?;
    ensure!(silent.count("Decrypt") > 0, "KMS was not asked");

    let busy = AwsCloud::start()?.fake;
    busy.always("Decrypt", Scripted::throttling());
    refuses(
        busy.url(),
        Refusal {
            code: 12,
            says: &[
                "database.yaml:",
                KEY,
                "throttled",
                "Rate exceeded",
                "try again later",
            ],
            within: Duration::from_secs(40),
        },
    )?;
    ensure!(busy.count("Decrypt") > 1, "a throttled request was not repeated");

    // Another context than the one it was encrypted with.
    let moved = guarded.repository("moved")?;
    moved.write("database.yaml", sealed.replace("env: prod", "env: dev"))?;
    guarded.refuses(
        &afterbay,
        &moved,
        &["--kms-endpoint", kms.url()],
        Refusal::new(12, &["database.yaml:", KEY, "encryption context"]),
    )?;

    let slow = AwsCloud::start()?.fake;
    slow.next("Decrypt", [Scripted::throttling()]);
    guarded.accepts(&afterbay, &repository, &["--kms-endpoint", slow.url()])?;
    ensure!(slow.count("Decrypt") == 2, "{} requests", slow.count("Decrypt"));

    // A role that the file names is assumed by sops and by afterbay.
    let repository = guarded.repository("with-a-role")?;
    let sealed = sops.encrypt_for_kms(&guarded.secret("database"), &format!("{KEY}+{ROLE}"))?;
    repository.write("database.yaml", sealed)?;
    guarded.accepts(&afterbay, &repository, &["--kms-endpoint", kms.url()])?;
    ensure!(kms.count("AssumeRole") == 2, "{} roles", kms.count("AssumeRole"));
    let violations = kms.server().take_violations();
    ensure!(violations.is_empty(), "{violations:?}");
    Ok(Outcome::Passed)
}
