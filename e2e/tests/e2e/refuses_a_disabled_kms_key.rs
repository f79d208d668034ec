//! A KMS key that is disabled, or gone: refused with its ARN and what to do; enabled again, it opens.

use e2e::{Guarded, Outcome, Refusal, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let kms = match scenario.kms() {
        Ok(kms) => kms,
        Err(skipped) => return Ok(skipped),
    };
    let key = kms.create_key()?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario
        .sops()
        .encrypt_for_kms(&guarded.secret("database"), &key.arn)?;
    let repository = guarded.repository("sealed")?;
    repository.write("database.yaml", &sealed)?;
    let afterbay = scenario
        .afterbay()
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let arguments = ["--kms-endpoint", kms.endpoint()];

    key.disable()?;
    guarded.refuses(
        &afterbay,
        &repository,
        &arguments,
        Refusal::new(
            12,
            &[
                "database.yaml:",
                &key.arn,
                "the key is disabled",
                "enable the key",
            ],
        ),
    )?;

    // The file names a key that KMS does not have.
    let id = key.arn.rsplit('/').next().unwrap_or_default();
    let gone = key.arn.replace(id, "00000000-0000-0000-0000-000000000000");
    let repository = guarded.repository("gone")?;
    repository.write("database.yaml", sealed.replace(&key.arn, &gone))?;
    guarded.refuses(
        &afterbay,
        &repository,
        &arguments,
        Refusal::new(12, &["database.yaml:", &gone]),
    )?;

    key.enable()?;
    let repository = guarded.repository("as-sealed")?;
    repository.write("database.yaml", sealed)?;
    guarded.accepts(&afterbay, &repository, &arguments)?;
    Ok(Outcome::Passed)
}
