//! A changed MAC, a changed plain value and a MAC taken away: refused, and nothing is written or pruned.

use e2e::{Guarded, Outcome, Refusal, Scenario, tamper};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario.sops().encrypt(&guarded.secret("database"), &key)?;
    let mac = format!("database.yaml:{}:", tamper::line_of(&sealed, "mac: ")?);
    let cases = [
        (
            "changed",
            tamper::flip(&sealed, "mac: ", "data:")?,
            [&mac, "was altered"],
        ),
        (
            "missing",
            tamper::remove(&sealed, "mac: ")?,
            ["database.yaml:", "has no mac"],
        ),
        // Names are not encrypted, and the MAC covers them.
        (
            "plain-value",
            sealed.replace("name: database", "name: other"),
            [&mac, "a plain value was changed"],
        ),
        // The time of the last change is part of what seals the MAC.
        (
            "another-time",
            sealed.replace("lastmodified: \"20", "lastmodified: \"19"),
            [&mac, "lastmodified"],
        ),
    ];
    for (name, text, says) in cases {
        anyhow::ensure!(text != sealed, "{name}: nothing was changed:\n{sealed}");
        let repository = guarded.repository(name)?;
        repository.write("database.yaml", text)?;
        guarded.refuses(
            &scenario.afterbay(),
            &repository,
            &["--age-key-file", &key.path()],
            Refusal::new(12, &says),
        )?;
    }

    let repository = guarded.repository("as-sealed")?;
    repository.write("database.yaml", sealed)?;
    guarded.accepts(
        &scenario.afterbay(),
        &repository,
        &["--age-key-file", &key.path()],
    )?;
    Ok(Outcome::Passed)
}
