//! hiera-eyaml tokens in a Secret are opened, those elsewhere are refused, and the report says what they prove.

use anyhow::ensure;
use e2e::{EyamlKey, Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = EyamlKey::generate(&scenario.folder.join("eyaml"))?;
    let (user, password) = (key.token("shop")?, key.token("correct horse")?);
    let repository = scenario.repository()?;
    repository.write(
        "database.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: >\n    {password}\n  \
             url: postgres://{user}:{}@db/shop\n  plain: as it is\n",
            key.token("p/w")?
        ),
    )?;
    repository.commit("first")?;
    let file = key.private_key.display().to_string();
    let arguments = ["--eyaml-private-key-file", &file, "--output", "json"];

    let ended = scenario
        .afterbay()
        .apply(&repository.url(), &arguments)?
        .expect_success()?;
    ensure!(ended.counts()? == [1, 0, 0, 0, 0], "{}", ended.text());
    ensure!(
        ended.json()?["decrypt"]["unauthenticated"] == 2,
        "{}",
        ended.text()
    );
    let value = |key: &str| {
        scenario
            .cluster
            .secret_value(&scenario.namespace, "database", key)
    };
    // hiera-eyaml takes the line end of the folded scalar away, and so do we.
    ensure!(value("password")? == "correct horse", "{:?}", value("password"));
    ensure!(value("url")? == "postgres://shop:p/w@db/shop" && value("plain")? == "as it is");

    // Without a key, and with a wrong one, nothing is written.
    let other = EyamlKey::generate(&scenario.folder.join("other"))?
        .private_key
        .display()
        .to_string();
    repository.write(
        "second.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: second\nstringData:\n  password: {password}\n"
        ),
    )?;
    repository.commit("second")?;
    for arguments in [&[][..], &["--eyaml-private-key-file", &other]] {
        let refused = scenario
            .afterbay()
            .apply(&repository.url(), arguments)?
            .expect_code(12)?;
        refused.expect_text(&["second", "stringData.password"])?;
    }

    // A token in a ConfigMap would put the secret where anyone can read it.
    repository.write(
        "second.yaml",
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: second\ndata:\n  password: {password}\n"
        ),
    )?;
    repository.commit("third")?;
    let refused = scenario
        .afterbay()
        .apply(&repository.url(), &arguments)?
        .expect_code(12)?;
    refused.expect_text(&["ConfigMap", "second", "data.password"])?;
    for kind in ["secret", "configmap"] {
        scenario
            .cluster
            .expect_absent(&scenario.namespace, kind, "second")?;
    }
    Ok(Outcome::Passed)
}
