//! Keys that do not open a file: every key tried is listed with its reason, and nothing is written or pruned.

use anyhow::ensure;
use e2e::{Afterbay, Guarded, Outcome, Refusal, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (alice, bob, mallory) = (
        scenario.age_key("alice")?,
        scenario.age_key("bob")?,
        scenario.age_key("mallory")?,
    );
    let guarded = Guarded::new(scenario)?;
    let recipients = format!("{},{}", alice.recipient, bob.recipient);
    let mut arguments = vec!["--encrypted-regex", "^(data|stringData)$", "--age", &recipients];
    let kms_key = scenario.kms().ok().map(|kms| kms.create_key()).transpose()?;
    if let Some(key) = &kms_key {
        arguments.extend(["--kms", &key.arn]);
    }
    let sealed = scenario
        .sops()
        .encrypt_with(&guarded.secret("database"), &arguments)?;
    let repository = guarded.repository("sealed")?;
    repository.write("database.yaml", sealed)?;

    // A key for nobody, and no key at all.
    for more in [vec![], vec!["--age-key-file".to_owned(), mallory.path()]] {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let refused = guarded.refuses(
            &afterbay(scenario),
            &repository,
            &more,
            Refusal::new(12, &["database.yaml:", &alice.recipient, &bob.recipient]),
        )?;
        if let Some(key) = &kms_key {
            refused.clone().expect_text(&[&key.arn, "127.0.0.1"])?;
        }
        for file in more.iter().skip(1) {
            refused.clone().expect_text(&[file])?;
        }
        let identity = std::fs::read_to_string(&mallory.file)?;
        for line in identity.lines().filter(|line| line.starts_with("AGE-SECRET-KEY")) {
            ensure!(!refused.text().contains(line), "an identity was printed");
        }
    }

    // A key file that is none, and one that does not exist, are named.
    let broken = scenario.write("broken.age", "AGE-SECRET-KEY-1NOTAKEY\n")?;
    for file in [
        broken.display().to_string(),
        scenario.folder.join("none.age").display().to_string(),
    ] {
        let refused = guarded.refuses(
            &afterbay(scenario),
            &repository,
            &["--age-key-file", &file],
            Refusal::new(12, &["database.yaml:", &file, &alice.recipient]),
        )?;
        ensure!(!refused.text().contains("1NOTAKEY"), "{}", refused.text());
    }

    // The second recipient's key is enough, whatever the others say.
    guarded.accepts(&afterbay(scenario), &repository, &["--age-key-file", &bob.path()])?;
    Ok(Outcome::Passed)
}

/// With credentials of AWS, and an endpoint at which nobody listens.
fn afterbay(scenario: &Scenario) -> Afterbay {
    scenario
        .afterbay()
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
}
