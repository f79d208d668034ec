//! A value taken out of an encrypted file, or a plain one added: refused, and nothing is written or pruned.

use e2e::{Guarded, Outcome, Refusal, Scenario, tamper};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario.sops().encrypt(&guarded.secret("database"), &key)?;
    let cases = [
        ("removed", tamper::remove(&sealed, "user: ")?),
        (
            "added",
            sealed.replace("stringData:\n", "immutable: true\nstringData:\n"),
        ),
    ];
    for (name, text) in cases {
        anyhow::ensure!(text != sealed, "{name}: nothing was changed:\n{sealed}");
        let repository = guarded.repository(name)?;
        repository.write("database.yaml", text)?;
        guarded.refuses(
            &scenario.afterbay(),
            &repository,
            &["--age-key-file", &key.path()],
            Refusal::new(12, &["database.yaml:", "mac does not match", "git log -p"]),
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
