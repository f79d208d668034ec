//! Two ciphertexts exchanged, in one file or between two with the same key: refused, and nothing is written or
//! pruned.

use e2e::{Guarded, Outcome, Refusal, Scenario, tamper};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario.sops().encrypt(&guarded.secret("database"), &key)?;
    let lines = ["password: ", "user: "].map(|key| tamper::line_of(&sealed, key));
    let [password, user] = lines;
    let places = [
        format!("database.yaml:{}", password?),
        format!("database.yaml:{}", user?),
    ];
    let repository = guarded.repository("swapped")?;
    repository.write("database.yaml", tamper::swap(&sealed, "password", "user")?)?;
    // Both are named: a run reports everything that is wrong.
    guarded.refuses(
        &scenario.afterbay(),
        &repository,
        &["--age-key-file", &key.path()],
        Refusal::new(
            12,
            &[&places[0], "stringData.password", &places[1], "stringData.user"],
        ),
    )?;

    // The same value under the same path of another file, which has another data key.
    let other = scenario.sops().encrypt(&guarded.secret("database"), &key)?;
    let repository = guarded.repository("from-another-file")?;
    let line = |text: &str| -> anyhow::Result<String> {
        let number = tamper::line_of(text, "password: ")?;
        Ok(text.lines().nth(number - 1).unwrap_or_default().to_owned())
    };
    repository.write("database.yaml", sealed.replace(&line(&sealed)?, &line(&other)?))?;
    guarded.refuses(
        &scenario.afterbay(),
        &repository,
        &["--age-key-file", &key.path()],
        Refusal::new(12, &[&places[0], "stringData.password"]),
    )?;

    let repository = guarded.repository("as-sealed")?;
    repository.write("database.yaml", sealed)?;
    guarded.accepts(
        &scenario.afterbay(),
        &repository,
        &["--age-key-file", &key.path()],
    )?;
    Ok(Outcome::Passed)
}
