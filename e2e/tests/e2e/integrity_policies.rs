//! A file whose MAC is broken: refused by default, applied under `--mac warn` and `--mac off`, and then the report
//! says that its integrity was not verified.

use anyhow::ensure;
use e2e::{Guarded, Outcome, Refusal, Scenario, tamper};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario.sops().encrypt(&guarded.secret("database"), &key)?;
    // The value that is taken away was covered by the MAC.
    let broken = tamper::remove(&sealed, "user: ")?;
    let repository = guarded.repository("broken")?;
    repository.write("database.yaml", &broken)?;
    let afterbay = scenario.afterbay();
    let path = key.path();
    for more in [
        vec!["--age-key-file", &path],
        vec!["--age-key-file", &path, "--mac", "require"],
    ] {
        guarded.refuses(
            &afterbay,
            &repository,
            &more,
            Refusal::new(12, &["database.yaml:", "mac does not match"]),
        )?;
    }

    let json = |policy: &str| -> anyhow::Result<_> {
        let more = ["--age-key-file", &path, "--mac", policy, "--output", "json"];
        let ended = guarded.accepts(&afterbay, &repository, &more)?;
        let report = ended.json()?;
        ensure!(report["decrypt"]["macNotVerified"] == 1, "{}", ended.text());
        Ok((report["decrypt"]["files"][0]["mac"].clone(), ended.output.stderr))
    };
    let (mac, stderr) = json("warn")?;
    ensure!(
        mac == "mismatch" && stderr.contains("warning: database.yaml:") && stderr.contains("mac"),
        "{mac}\n{stderr}"
    );
    let (mac, _) = json("off")?;
    ensure!(mac == "off", "{mac}");
    for policy in ["warn", "off"] {
        let ended = guarded.accepts(
            &afterbay,
            &repository,
            &["--age-key-file", &path, "--mac", policy],
        )?;
        ensure!(
            ended.output.stdout.contains("whose MAC was not verified"),
            "{}",
            ended.text()
        );
    }
    let value = scenario
        .cluster
        .secret_value(&scenario.namespace, "database", "password")?;
    ensure!(value == guarded.canary.value);

    // Ciphertext that was changed opens under no policy.
    let changed = guarded.repository("changed")?;
    changed.write("database.yaml", tamper::flip(&sealed, "password: ", "data:")?)?;
    changed.commit("changed")?;
    for policy in ["warn", "off"] {
        afterbay
            .apply(&changed.url(), &["--age-key-file", &path, "--mac", policy])?
            .expect_code(12)?
            .expect_text(&["database.yaml:", "stringData.password"])?;
    }
    // What is whole is said to be.
    let whole = guarded.repository("whole")?;
    whole.write("database.yaml", sealed)?;
    let ended = guarded.accepts(
        &afterbay,
        &whole,
        &["--age-key-file", &path, "--mac", "warn", "--output", "json"],
    )?;
    let report = ended.json()?;
    ensure!(
        report["decrypt"]["files"][0]["mac"] == "verified" && report["decrypt"]["macNotVerified"] == 0,
        "{}",
        ended.text()
    );
    Ok(Outcome::Passed)
}
