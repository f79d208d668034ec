//! One changed character of a ciphertext: refused with the key path, and nothing is written or pruned.

use e2e::{Guarded, Outcome, Refusal, Scenario, tamper};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario.sops().encrypt(&guarded.secret("database"), &key)?;
    let place = format!("database.yaml:{}", tamper::line_of(&sealed, "password: ")?);
    for part in ["data:", "tag:", "iv:"] {
        let repository = guarded.repository(&format!("changed-{}", part.trim_end_matches(':')))?;
        repository.write("database.yaml", tamper::flip(&sealed, "password: ", part)?)?;
        guarded.refuses(
            &scenario.afterbay(),
            &repository,
            &["--age-key-file", &key.path()],
            Refusal::new(12, &[&place, "stringData.password"]),
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
