//! What the real sops encrypted with Azure Key Vault is opened. Both programs believe that they talk to the real
//! names, over TLS: a proxy leads them to the fake, and a test authority vouches for it.

use afterbay_fakes::azure::{self, Azure};
use afterbay_fakes::connect::Proxy;
use afterbay_fakes::tls::TestCa;
use anyhow::ensure;
use e2e::{Outcome, Scenario};

const TEXT: &str = "database:\n    password: battery staple\n";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let ca = TestCa::new();
    let fake = Azure::start_tls(&ca)?;
    let names = azure::NAMES.map(|name| (name, fake.server()));
    let proxy = Proxy::start(&names)?;
    let authority = scenario.write("ca.pem", ca.pem())?;
    let variables = [
        ("HTTPS_PROXY", proxy.url()),
        ("SSL_CERT_FILE", &authority.to_string_lossy()),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
        ("AZURE_TENANT_ID", azure::TENANT),
        ("AZURE_CLIENT_ID", azure::CLIENT),
    ];

    let mut sops = scenario.sops().env("AZURE_CLIENT_SECRET", azure::CLIENT_SECRET);
    let mut afterbay = scenario.afterbay();
    for (name, value) in variables {
        sops = sops.env(name, value);
        afterbay = afterbay.env(name, value);
    }
    let key = format!("https://shop.vault.azure.net/keys/sops-key/{}", azure::VERSION);
    let sealed = sops.encrypt_with(TEXT, &["--azure-kv", &key])?;
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
