//! A Secret that the real sops encrypted for an age recipient arrives in plain.

use anyhow::ensure;
use e2e::{Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let manifest = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  user: shop\n  password: correct horse\n";
    let repository = scenario.repository()?;
    repository.write("database.yaml", scenario.sops().encrypt(manifest, &key)?)?;
    repository.commit("first")?;

    // By flag.
    let ended = scenario.afterbay().apply(
        &repository.url(),
        &["--age-key-file", &key.path(), "--output", "json"],
    )?;
    let ended = ended.expect_success()?;
    ensure!(
        ended.json()?["decrypt"]["files"][0]["mac"] == "verified",
        "{}",
        ended.text()
    );
    ensure!(ended.json()?["decrypt"]["values"] == 2, "{}", ended.text());
    let value = |key: &str| {
        scenario
            .cluster
            .secret_value(&scenario.namespace, "database", key)
    };
    ensure!(value("user")? == "shop" && value("password")? == "correct horse");

    // By the environment variables of sops; nothing changes.
    let identity = std::fs::read_to_string(&key.file)?;
    for afterbay in [
        scenario.afterbay().env("SOPS_AGE_KEY_FILE", &key.file),
        scenario
            .afterbay()
            .env("SOPS_AGE_KEY", identity.lines().last().unwrap_or_default()),
    ] {
        let ended = afterbay
            .apply(&repository.url(), &["--output", "json"])?
            .expect_success()?;
        ensure!(ended.counts()? == [0, 0, 1, 0, 0], "{}", ended.text());
    }
    Ok(Outcome::Passed)
}
