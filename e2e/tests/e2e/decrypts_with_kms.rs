//! A Secret that the real sops encrypted for an AWS KMS key arrives in plain, and not while the key is disabled.

use anyhow::ensure;
use e2e::{Afterbay, Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let kms = match scenario.kms() {
        Ok(kms) => kms,
        Err(skipped) => return Ok(skipped),
    };
    let key = kms.create_key()?;
    let manifest = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: battery staple\n";
    let repository = scenario.repository()?;
    let sealed = scenario.sops().encrypt_for_kms(manifest, &key.arn)?;
    ensure!(
        sealed.contains(&key.arn) && !sealed.contains("battery"),
        "{sealed}"
    );
    repository.write("database.yaml", sealed)?;
    repository.commit("first")?;

    // A disabled key opens nothing, and the error names it.
    key.disable()?;
    let arguments = ["--kms-endpoint", kms.endpoint(), "--output", "json"];
    let afterbay = with_credentials(scenario.afterbay());
    let refused = afterbay.apply(&repository.url(), &arguments)?.expect_code(12)?;
    refused.expect_text(&[
        "database.yaml",
        &key.arn,
        "the key is disabled",
        "nothing was written",
    ])?;
    scenario
        .cluster
        .expect_absent(&scenario.namespace, "secret", "database")?;

    key.enable()?;
    let ended = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
    ensure!(ended.counts()? == [1, 0, 0, 0, 0], "{}", ended.text());
    ensure!(
        ended.json()?["decrypt"]["files"][0]["mac"] == "verified",
        "{}",
        ended.text()
    );
    let password = scenario
        .cluster
        .secret_value(&scenario.namespace, "database", "password")?;
    ensure!(password == "battery staple");

    // The endpoint by the variable of the AWS tools.
    let by_variable = afterbay.env("AWS_ENDPOINT_URL", kms.endpoint());
    let again = by_variable
        .apply(&repository.url(), &["--output", "json"])?
        .expect_success()?;
    ensure!(again.counts()? == [0, 0, 1, 0, 0], "{}", again.text());
    Ok(Outcome::Passed)
}

fn with_credentials(afterbay: Afterbay) -> Afterbay {
    afterbay
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
}
