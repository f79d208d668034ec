//! Key services, each a strict fake on loopback that the real sops talks to as well.

use std::time::Duration;

use afterbay_fakes::aws::{AwsFake, KeyState, Scripted};
use afterbay_fakes::azure::{self, Azure};
use afterbay_fakes::connect::Proxy;
use afterbay_fakes::gcp::{self, GcpKms};
use afterbay_fakes::http::{Reply, Response};
use afterbay_fakes::tls::TestCa;
use afterbay_fakes::vault::{self, Vault};
use serde_json::json;

use super::Case;
use super::keys::home;
use super::scene::Scene;
use crate::machine::fixture;

const ARN: &str = "arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48";

/// A port where nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "aws-no-credentials",
        what: "AWS: no credentials",
        met: "kc#673, ksops#135",
        set: |scene| {
            scene.sealed("aws");
            scene.set("AWS_EC2_METADATA_DISABLED", "true");
        },
    },
    Case {
        name: "aws-access-denied",
        what: "AWS: `kms:Decrypt` is not allowed",
        met: "kc#673, flux2#457, isi#15",
        set: |scene| {
            let fake = aws(scene, "aws");
            fake.always(
                "Decrypt",
                Scripted::error(
                    400,
                    "AccessDeniedException",
                    "User: arn:aws:iam::000000000000:user/test is not authorized to perform: kms:Decrypt on this resource \
                     because the resource does not exist in this Region, no resource-based policies allow access, or a \
                     resource-based policy explicitly denies access",
                ),
            );
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-role-denied",
        what: "AWS: the role that the file names cannot be assumed",
        met: "isi#23",
        set: |scene| {
            let fake = aws(scene, "aws-role");
            fake.always(
                "AssumeRole",
                Scripted::error(
                    403,
                    "AccessDenied",
                    "User: arn:aws:iam::000000000000:user/test is not authorized to perform: sts:AssumeRole on resource: \
                     arn:aws:iam::000000000000:role/deployer",
                ),
            );
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-web-identity-denied",
        what: "AWS: the service account may not assume its role (IRSA)",
        met: "isi#23, flux2#1042",
        set: |scene| {
            scene.sealed("aws");
            let fake = AwsFake::start().unwrap();
            fake.add_key(ARN);
            scene.machine.write("token", "canary-web-identity");
            scene.set("AWS_ENDPOINT_URL", fake.url());
            scene.set("AWS_REGION", "eu-west-1");
            scene.set("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
            scene.set("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/deployer");
            let said = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
            fake.always(
                "AssumeRoleWithWebIdentity",
                Scripted::error(403, "AccessDenied", said),
            );
            scene.keep(fake);
            // It asks the real STS for this, whatever endpoint is named.
            scene.not_with_sops();
        },
    },
    Case {
        name: "aws-profile-missing",
        what: "AWS: the file names a profile that this machine has not",
        met: "tf-sops#74, helmfile#1615",
        set: |scene| {
            let fake = aws(scene, "aws-profile");
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-session-expired",
        what: "AWS: the session has expired",
        met: "sops#176",
        set: |scene| {
            let fake = aws(scene, "aws");
            let said = "The security token included in the request is expired";
            fake.always("Decrypt", Scripted::error(400, "ExpiredTokenException", said));
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-key-disabled",
        what: "AWS: the key is disabled",
        met: "design",
        set: |scene| {
            let fake = aws(scene, "aws");
            fake.set_key(ARN, KeyState::Disabled);
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-key-pending-deletion",
        what: "AWS: the key waits for its deletion",
        met: "design",
        set: |scene| {
            let fake = aws(scene, "aws");
            fake.set_key(ARN, KeyState::PendingDeletion);
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-key-elsewhere",
        what: "AWS: the key is not in that region or account",
        met: "kc#673, kc#1477",
        set: |scene| {
            let sealed = fixture("failures/aws.yaml").replace("eu-west-1", "us-east-1");
            let fake = aws(scene, "aws");
            scene.file("secret.yaml", sealed);
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-context-changed",
        what: "AWS: the encryption context is not the one it was sealed with",
        met: "sops#159, sops#320",
        set: |scene| {
            let sealed = fixture("failures/aws-context.yaml");
            let fake = aws(scene, "aws-context");
            let changed = sealed.replace("environment: production", "environment: staging");
            assert_ne!(sealed, changed);
            scene.file("secret.yaml", changed);
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-throttled",
        what: "AWS: too many requests",
        met: "eso#4065, kc#840",
        set: |scene| {
            let fake = aws(scene, "aws");
            fake.always("Decrypt", Scripted::throttling());
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-unreachable",
        what: "AWS: nobody answers at the endpoint",
        met: "sops#605, kc#1477",
        set: |scene| {
            let fake = aws(scene, "aws");
            scene.set("AWS_ENDPOINT_URL", NOBODY);
            scene.keep(fake);
        },
    },
    Case {
        name: "aws-role-not-allowed",
        what: "AWS: the operator does not let files name roles",
        met: "format",
        set: |scene| {
            let fake = aws(scene, "aws-role");
            scene.flags(&["--allow-role", "none"]);
            scene.keep(fake);
            scene.not_with_sops();
        },
    },
    Case {
        name: "gcp-no-credentials",
        what: "Google Cloud: no application default credentials",
        met: "sops#934, ksops#178",
        set: |scene| {
            scene.sealed("gcp");
            scene.set("SOPS_GCP_KMS_CLIENT_TYPE", "rest");
            scene.set("GCE_METADATA_HOST", "127.0.0.1:9");
        },
    },
    Case {
        name: "gcp-credentials-missing",
        what: "Google Cloud: `GOOGLE_APPLICATION_CREDENTIALS` names a file that is not there",
        met: "sops#934",
        set: |scene| {
            scene.sealed("gcp");
            scene.set("SOPS_GCP_KMS_CLIENT_TYPE", "rest");
            scene.set("GOOGLE_APPLICATION_CREDENTIALS", "nowhere.json");
        },
    },
    Case {
        name: "gcp-denied",
        what: "Google Cloud: the account may not decrypt",
        met: "isi#110",
        set: |scene| {
            let said = "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource \
                        'projects/shop-prod/locations/europe-west1/keyRings/sops/cryptoKeys/sops-key' (or it may not exist).";
            gcp_says(scene, || GcpKms::error(403, "PERMISSION_DENIED", said));
        },
    },
    Case {
        name: "gcp-api-disabled",
        what: "Google Cloud: KMS is not enabled in the project",
        met: "tf-sops#74",
        set: |scene| {
            let said = "Cloud Key Management Service (KMS) API has not been used in project 123456789012 before or it is \
                        disabled.";
            let body = json!({ "error": {
                "code": 403,
                "message": said,
                "status": "PERMISSION_DENIED",
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "SERVICE_DISABLED",
                    "domain": "googleapis.com",
                }],
            } });
            gcp_says(scene, || Reply::from(Response::json(403, &body)));
        },
    },
    Case {
        name: "azure-no-identity",
        what: "Azure: no identity",
        met: "sops#885, kc#840",
        set: |scene| {
            azure(scene, [], &[]);
            scene.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", NOBODY);
            // Its library goes on to tools of the machine, and asks no other address for the managed identity.
            scene.not_with_sops();
        },
    },
    Case {
        name: "azure-secret-wrong",
        what: "Azure: the client secret is not valid any more",
        met: "design",
        set: |scene| azure(scene, [], &[("AZURE_CLIENT_SECRET", "canary")]),
    },
    Case {
        name: "azure-forbidden",
        what: "Azure: the identity may not decrypt",
        met: "design",
        set: |scene| {
            let said = "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or \
                        role definitions were changed recently, please observe propagation time.";
            let reply = || Azure::error(403, "Forbidden", said, "ForbiddenByRbac");
            azure(
                scene,
                (0..8).map(|_| reply()),
                &[("AZURE_CLIENT_SECRET", azure::CLIENT_SECRET)],
            );
        },
    },
    Case {
        name: "azure-throttled",
        what: "Azure: too many requests",
        met: "kc#840",
        set: |scene| {
            let said = "Request was not processed because too many requests were received";
            let replies = (0..8).map(|_| Azure::error(429, "Throttled", said, ""));
            azure(scene, replies, &[("AZURE_CLIENT_SECRET", azure::CLIENT_SECRET)]);
            // Its library waits for minutes.
            scene.not_with_sops();
        },
    },
    Case {
        name: "vault-no-token",
        what: "Vault: no token",
        met: "design",
        set: |scene| {
            let fake = Vault::start().unwrap();
            sealed_by(scene, &fake);
            scene.set("VAULT_ADDR", fake.url());
            scene.keep(fake);
        },
    },
    Case {
        name: "vault-token-expired",
        what: "Vault: the token has expired or may not decrypt",
        met: "design",
        set: |scene| {
            let fake = Vault::start().unwrap();
            sealed_by(scene, &fake);
            scene.set("VAULT_ADDR", fake.url());
            scene.set("VAULT_TOKEN", "canary-expired");
            scene.keep(fake);
        },
    },
    Case {
        name: "vault-not-named",
        what: "Vault: the file names a server that the operator did not",
        met: "format",
        set: |scene| {
            let fake = Vault::start().unwrap();
            sealed_by(scene, &fake);
            scene.set("VAULT_ADDR", "https://vault.shop.example");
            scene.set("VAULT_TOKEN", vault::TOKEN);
            scene.keep(fake);
            // It sends the token to the server that the file names.
            scene.not_with_sops();
        },
    },
    Case {
        name: "every-kind-of-key",
        what: "one key of each kind, and none can be used",
        met: "sops#257, tf-sops#82",
        set: |scene| {
            azure(scene, [], &[("AZURE_CLIENT_SECRET", "canary")]);
            let fake = aws(scene, "every-kind");
            fake.set_key(ARN, KeyState::Disabled);
            scene.keep(fake);
            scene.key_file(fixtures::sops::OTHER_IDENTITIES);
            home(scene);
            scene.set("SOPS_GCP_KMS_CLIENT_TYPE", "rest");
            scene.set("GOOGLE_APPLICATION_CREDENTIALS", "nowhere.json");
            scene.set("NO_PROXY", "127.0.0.1");
        },
    },
];

/// A file for the fake, which has its key and its user.
fn aws(scene: &mut Scene, name: &str) -> AwsFake {
    scene.sealed(name);
    let fake = AwsFake::start().unwrap();
    fake.add_user("test", "test", "000000000000");
    fake.add_key(ARN);
    fake.set_latency(Duration::ZERO);
    scene.set("AWS_ACCESS_KEY_ID", "test");
    scene.set("AWS_SECRET_ACCESS_KEY", "test");
    scene.set("AWS_EC2_METADATA_DISABLED", "true");
    scene.set("AWS_ENDPOINT_URL", fake.url());
    fake
}

fn gcp_says(scene: &mut Scene, reply: impl Fn() -> Reply) {
    scene.sealed("gcp");
    let fake = GcpKms::start().unwrap();
    fake.script((0..8).map(|_| reply()));
    scene.set("SOPS_GCP_KMS_ENDPOINT", fake.url());
    scene.set("SOPS_GCP_KMS_CLIENT_TYPE", "rest");
    scene.set("GOOGLE_OAUTH_ACCESS_TOKEN", gcp::TOKEN);
    scene.keep(fake);
}

/// A file for the vault under its real name, which a proxy leads to the fake.
fn azure(scene: &mut Scene, replies: impl IntoIterator<Item = Reply>, variables: &[(&str, &str)]) {
    scene.sealed("azure");
    let ca = TestCa::new();
    let fake = Azure::start_tls(&ca).unwrap();
    let proxy = Proxy::start(&azure::NAMES.map(|name| (name, fake.server()))).unwrap();
    fake.script(replies);
    scene.machine.write("ca.pem", ca.pem());
    scene.set("SSL_CERT_FILE", "ca.pem");
    scene.set("HTTPS_PROXY", proxy.url());
    if !variables.is_empty() {
        scene.set("AZURE_TENANT_ID", azure::TENANT);
        scene.set("AZURE_CLIENT_ID", azure::CLIENT);
    }
    for (name, value) in variables {
        scene.set(name, value);
    }
    scene.keep((fake, proxy));
}

/// The file of the real server, with the address of the fake.
fn sealed_by(scene: &mut Scene, fake: &Vault) {
    let sealed = fixture("failures/vault.yaml").replace("http://127.0.0.1:8200", fake.url());
    scene.file("secret.yaml", sealed);
}
