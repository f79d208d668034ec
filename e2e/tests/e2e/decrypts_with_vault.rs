//! What the real sops encrypted with the transit engine of a real OpenBao is opened, by a token in a variable and
//! in a file; and the token does not go to an address that only the file names.

use afterbay_fakes::vault::Vault;
use anyhow::ensure;
use e2e::{Outcome, Scenario, Transit};

const TEXT: &str = "database:\n    password: battery staple\n";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let Some((address, token)) = &scenario.environment.vault else {
        return Ok(Outcome::Skipped("no OpenBao was started".to_owned()));
    };
    let engine = format!("transit-{}", scenario.namespace);
    let transit = Transit::create(address, token, &engine)?;
    let key = transit.create_key("sops-key")?;
    let sops = scenario.sops().env("VAULT_TOKEN", token);
    let sealed = sops.encrypt_with(TEXT, &["--hc-vault-transit", &key])?;
    ensure!(
        sealed.contains(&engine) && !sealed.contains("battery"),
        "{sealed}"
    );
    let file = scenario.write("secret.yaml", &sealed)?;
    let file = file.to_string_lossy();

    let afterbay = scenario.afterbay();
    let token_file = scenario.write("token", token)?;
    let token_file = token_file.to_string_lossy();
    let by_flags = [
        "decrypt",
        "--vault-address",
        address,
        "--vault-token-file",
        &token_file,
        &file,
    ];
    let by_variables = afterbay
        .clone()
        .env("VAULT_ADDR", address)
        .env("VAULT_TOKEN", token);
    for ended in [by_variables.run(["decrypt", &file])?, afterbay.run(by_flags)?] {
        let ended = ended.expect_success()?;
        ensure!(
            ended.output.stdout.contains("password: battery staple"),
            "{}",
            ended.text()
        );
    }

    // After a rotation the old ciphertext still opens, until the operator forbids its version.
    transit.rotate("sops-key")?;
    by_variables.run(["decrypt", &file])?.expect_success()?;
    transit.allow_from_version("sops-key", 2)?;
    by_variables
        .run(["decrypt", &file])?
        .expect_code(128)?
        .expect_text(&[
            "the version of the key that made the ciphertext is no longer allowed",
            "sops updatekeys",
        ])?;
    let wrong = afterbay
        .clone()
        .env("VAULT_ADDR", address)
        .env("VAULT_TOKEN", "canary-wrong");
    let refused = wrong.run(["decrypt", &file])?.expect_code(128)?;
    refused.expect_text(&["Vault at", "access denied", "`vault token lookup`"])?;

    // The address of a stranger, with the right token in the environment.
    let stranger = Vault::start()?;
    let hostile = scenario.write("hostile.yaml", sealed.replace(address.as_str(), stranger.url()))?;
    by_variables
        .run(["decrypt", &hostile.to_string_lossy()])?
        .expect_code(128)?
        .expect_text(&[
            "is not an address that was named, so it does not get the token",
            "--vault-address",
        ])?;
    ensure!(stranger.server().connections() == 0, "the stranger was asked");
    Ok(Outcome::Passed)
}
