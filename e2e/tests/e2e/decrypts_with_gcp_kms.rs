//! What the real sops encrypted with Google Cloud KMS is opened, by a token, a service account and the metadata
//! server; and not without the right to.

use afterbay_fakes::gcp;
use anyhow::ensure;
use e2e::{GcpCloud, Outcome, Scenario};

const KEY: &str = GcpCloud::KEY;
const TEXT: &str = "database:\n    password: battery staple\n";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let gcp = GcpCloud::start()?;
    let fake = &gcp.fake;

    // sops asks the token endpoint as the service account, and KMS.
    let sops = scenario.sops().envs(gcp.variables());
    let sealed = sops.encrypt_with(TEXT, &["--gcp-kms", KEY])?;
    ensure!(sealed.contains(KEY) && !sealed.contains("battery"), "{sealed}");
    ensure!(fake.server().count("encrypt") == 1, "sops asked another KMS");
    let file = scenario.write("secret.yaml", &sealed)?;
    let file = file.to_string_lossy();

    let afterbay = scenario.afterbay().env("SOPS_GCP_KMS_ENDPOINT", fake.url());
    let by_flag = ["decrypt", "--gcp-kms-endpoint", fake.url(), &file];
    for (opens, ended) in [
        (
            true,
            afterbay
                .clone()
                .env("GOOGLE_CREDENTIALS", &gcp.account)
                .run(["decrypt", &file])?,
        ),
        (
            true,
            afterbay
                .clone()
                .env("GOOGLE_OAUTH_ACCESS_TOKEN", gcp::TOKEN)
                .run(["decrypt", &file])?,
        ),
        (
            true,
            scenario
                .afterbay()
                .env("GCE_METADATA_HOST", fake.metadata_host())
                .run(by_flag)?,
        ),
        (
            false,
            afterbay
                .clone()
                .env("GOOGLE_OAUTH_ACCESS_TOKEN", "canary-wrong")
                .run(["decrypt", &file])?,
        ),
    ] {
        if opens {
            let ended = ended.expect_success()?;
            ensure!(
                ended.output.stdout.contains("password: battery staple"),
                "{}",
                ended.text()
            );
        } else {
            let ended = ended.expect_code(128)?;
            let ended = ended.expect_text(&[
                KEY,
                "the credentials are not valid",
                "gcloud auth application-default login",
            ])?;
            ensure!(!ended.text().contains("canary"), "{}", ended.text());
        }
    }
    ensure!(
        fake.server().count("decrypt") == 4,
        "KMS was asked another number of times"
    );
    Ok(Outcome::Passed)
}
