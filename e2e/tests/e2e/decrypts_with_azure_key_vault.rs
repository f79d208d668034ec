//! What the real sops encrypted with Azure Key Vault is opened, by a client secret and a federated token; and no other
//! vault is asked.

use afterbay_fakes::azure;
use anyhow::ensure;
use e2e::{AzureCloud, Outcome, Scenario};

const TEXT: &str = "database:\n    password: battery staple\n";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let azure = AzureCloud::start(scenario)?;
    let (fake, proxy) = (&azure.fake, &azure.proxy);
    let sops = scenario.sops().envs(azure.variables());
    let afterbay = scenario.afterbay().envs(azure.way());
    let sealed = sops.encrypt_with(TEXT, &["--azure-kv", &azure.key()])?;
    ensure!(
        sealed.contains("shop.vault.azure.net") && !sealed.contains("battery"),
        "{sealed}"
    );
    ensure!(fake.server().count("encrypt") == 1, "sops asked another vault");
    let file = scenario.write("secret.yaml", &sealed)?;
    let file = file.to_string_lossy();

    let ended = afterbay
        .clone()
        .env("AZURE_CLIENT_SECRET", azure::CLIENT_SECRET)
        .run(["decrypt", &file])?
        .expect_success()?;
    ensure!(
        ended.output.stdout.contains("password: battery staple"),
        "{}",
        ended.text()
    );

    let token = scenario.write("federated-token", azure::FEDERATED_TOKEN)?;
    let ended = afterbay
        .clone()
        .env("AZURE_FEDERATED_TOKEN_FILE", &token)
        .run(["decrypt", &file])?
        .expect_success()?;
    ensure!(
        ended.output.stdout.contains("password: battery staple"),
        "{}",
        ended.text()
    );
    ensure!(fake.server().count("decrypt") == 2);

    // Another vault of the file's choice gets nothing, and neither does the login service.
    let (asked, tokens) = (proxy.asked().len(), fake.server().count("token"));
    let hostile = sealed.replace("shop.vault.azure.net", "shop.vault.azure.net.evil.example");
    let hostile = scenario.write("hostile.yaml", hostile)?;
    let refused = afterbay
        .env("AZURE_CLIENT_SECRET", azure::CLIENT_SECRET)
        .run(["decrypt", &hostile.to_string_lossy()])?
        .expect_code(128)?;
    refused.expect_text(&["shop.vault.azure.net.evil.example is no vault of the public cloud of Azure"])?;
    ensure!(
        (proxy.asked().len(), fake.server().count("token")) == (asked, tokens),
        "somebody was asked: {:?}",
        proxy.asked()
    );
    Ok(Outcome::Passed)
}
