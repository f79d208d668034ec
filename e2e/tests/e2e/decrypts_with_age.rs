//! A Secret that the real sops encrypted for an age recipient arrives in plain, and `decrypt FILE` prints what
//! `sops decrypt` prints.

use anyhow::ensure;
use e2e::{AgeKey, Outcome, Scenario};

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
    prints_as_sops_does(scenario, &key)?;
    Ok(Outcome::Passed)
}

/// The same bytes as the real tool, for a file by its name and for standard input.
fn prints_as_sops_does(scenario: &Scenario, key: &AgeKey) -> anyhow::Result<()> {
    let texts = [
        (
            "yaml",
            "# who may\nusers:\n    # first\n    - name: ann\n      pin: 12\n    - {name: bob, pin: null, on: true}\nwhen: 2020-01-01\n\
             half: 0.50\ntext: |\n    two\n      lines\nempty: \"\"\n---\nsecond: yes\n",
        ),
        (
            "json",
            r#"{"users": [{"name": "ann", "pin": 12, "half": 0.5}, null, true], "text": "a\nb <&>", "empty": {}}"#,
        ),
    ];
    for (format, text) in texts {
        let sealed = scenario
            .sops()
            .encrypt_as(format, text, &["--age", &key.recipient])?;
        ensure!(sealed.contains("ENC[AES256_GCM"), "{sealed}");
        let expected = scenario.sops().decrypt(format, &sealed, key)?;
        let file = scenario.write(&format!("sealed.{format}"), &sealed)?;
        let (file, keys) = (file.display().to_string(), key.path());
        let by_name = ["decrypt", &file, "--age-key-file", &keys];
        let printed = scenario.afterbay().run(by_name)?.expect_success()?;
        ensure!(
            printed.output.stdout == expected,
            "{format}: sops prints\n{expected}\nand afterbay prints\n{}",
            printed.output.stdout
        );
        let by_pipe = ["decrypt", "--age-key-file", &keys];
        let printed = scenario
            .afterbay()
            .run_with_input(by_pipe, sealed.as_bytes())?
            .expect_success()?;
        ensure!(
            printed.output.stdout == expected,
            "{format}: {}",
            printed.output.stdout
        );
    }
    Ok(())
}
