//! What key services answer: any bytes in place of one answer of AWS, Google Cloud, Azure or Vault, over loopback. The
//! other answers that its step needs are in order.

mod server;

use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use afterbay_keys::{
    AwsCredentials, Endpoint, FixedCredentials, GcpCredentials, KeyOptions, KeyRing, KmsLimits, Rate,
    VaultCredentials,
};
use afterbay_manifest::{AwsKmsKey, AzureKeyVaultKey, GcpKmsKey, VaultKey, WrappedKey};

use crate::ring::{secret, unwrap_one};
use server::Server;

/// The answers that are fuzzed, one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    AwsRole,
    AwsDecrypt,
    GcpDecrypt,
    AzureChallenge,
    AzureToken,
    AzureDecrypt,
    VaultLogin,
    VaultDecrypt,
}

const STEPS: [Step; 8] = [
    Step::AwsRole,
    Step::AwsDecrypt,
    Step::GcpDecrypt,
    Step::AzureChallenge,
    Step::AzureToken,
    Step::AzureDecrypt,
    Step::VaultLogin,
    Step::VaultDecrypt,
];

const STATUS: [u16; 7] = [200, 400, 401, 403, 404, 429, 503];

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// A ring for each step, kept because making one reads the certificates of the machine.
static RINGS: Mutex<[Option<KeyRing>; 8]> = Mutex::new([const { None }; 8]);

/// The first byte selects the step, the second the status of the answer or that the rest is all of it, head included.
pub fn run(data: &[u8]) {
    let [step, frame, rest @ ..] = data else {
        return;
    };
    let index = usize::from(*step) % STEPS.len();
    let step = STEPS[index];
    let answer = match STATUS.get(usize::from(*frame) % 8) {
        Some(status) => framed(step, *status, rest),
        None => rest.to_vec(),
    };
    let mut rings = RINGS.lock().unwrap_or_else(PoisonError::into_inner);
    SERVER.prepare(step, answer);
    for _ in 0..2 {
        let ring = rings[index].get_or_insert_with(|| KeyRing::new(options(step)));
        unwrap_one(ring, key(step));
        if SERVER.has_served() {
            return;
        }
        // It remembers a token, or that the service is away, and did not ask for what is fuzzed.
        rings[index] = None;
    }
}

/// Answers in order, refusals, and what is neither.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, step) in (b'0'..).zip(STEPS) {
        let good = step.good();
        for frame in [b'0', b'7'] {
            let whole = if frame == b'0' {
                good.as_bytes().to_vec()
            } else {
                framed(step, 200, good.as_bytes())
            };
            seeds.push([&[index, frame], whole.as_slice()].concat());
        }
        for (frame, text) in (b'1'..b'7').zip(step.refusals()) {
            seeds.push([&[index, frame], text.as_bytes()].concat());
        }
    }
    seeds
}

impl Step {
    /// The body of an answer in order; of a challenge its header.
    fn good(self) -> &'static str {
        match self {
            Self::AwsRole => concat!(
                r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>"#,
                "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey>",
                "<SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>",
                "<AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId>",
                "<Arn>arn:aws:sts::000000000000:assumed-role/r/s</Arn></AssumedRoleUser>",
                "</AssumeRoleResult></AssumeRoleResponse>"
            ),
            Self::AwsDecrypt => {
                r#"{"KeyId":"arn:aws:kms:eu-west-1:000000000000:key/1","Plaintext":"AAECAw==","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#
            }
            Self::GcpDecrypt => {
                r#"{"plaintext":"AAECAw==","plaintextCrc32c":"3644005027","usedPrimary":true,"protectionLevel":"SOFTWARE"}"#
            }
            Self::AzureChallenge => {
                r#"Bearer authorization="https://login.windows.net/t", resource="https://127.0.0.1""#
            }
            Self::AzureToken => r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#,
            Self::AzureDecrypt => r#"{"kid":"https://v/keys/k/1","value":"AAECAw"}"#,
            Self::VaultLogin => r#"{"auth":{"client_token":"s.t","lease_duration":3600,"renewable":true}}"#,
            Self::VaultDecrypt => r#"{"data":{"plaintext":"AAECAw=="},"warnings":null}"#,
        }
    }

    fn refusals(self) -> [&'static str; 6] {
        match self {
            Self::AwsRole => [
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
                "<ErrorResponse><Error><Code>ExpiredToken</Code></Error><RequestId>r</RequestId></ErrorResponse>",
                "<a>&lt;&#x41;<![CDATA[x]]><!-- c --></a>",
                "<",
                "",
                "{}",
            ],
            Self::AwsDecrypt => [
                r#"{"__type":"com.amazonaws.kms#InvalidCiphertextException","message":"no"}"#,
                r#"{"__type":"AccessDeniedException","Message":"no"}"#,
                r#"{"__type":"DisabledException"}"#,
                r#"{"__type":"NotFoundException:http://x/","message":"no"}"#,
                r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
                r#"{"__type":7}"#,
            ],
            Self::GcpDecrypt => [
                r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}"#,
                r#"{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}"#,
                r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED","details":[{"reason":"SERVICE_DISABLED"}]}}"#,
                r#"{"error":{"code":404}}"#,
                r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#,
                r#"{"error":"no"}"#,
            ],
            Self::AzureChallenge => [
                "Bearer scope=https://127.0.0.1/.default",
                "bearer resource=\"https://vault.azure.net\"",
                "Basic realm=\"https://127.0.0.1\"",
                "Bearer resource=\"https://user@127.0.0.1:8443/?a=b\"",
                "Bearer",
                "",
            ],
            Self::AzureToken => [
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: no","error_codes":[7000215]}"#,
                r#"{"access_token":"t","expires_in":"300"}"#,
                r#"{"access_token":"t","expires_on":"4102444800"}"#,
                r#"{"access_token":"a\nb"}"#,
                r#"{"access_token":""}"#,
                "[]",
            ],
            Self::AzureDecrypt => [
                r#"{"error":{"code":"BadParameter","message":"no"}}"#,
                r#"{"error":{"code":"Unauthorized"}}"#,
                r#"{"error":{"code":"Forbidden","message":"no","innererror":{"code":"KeyDisabled"}}}"#,
                r#"{"error":{"code":"KeyNotFound"}}"#,
                r#"{"value":"AAE="}"#,
                r#"{"value":"AAE"}{"#,
            ],
            Self::VaultLogin | Self::VaultDecrypt => [
                r#"{"errors":["cipher: message authentication failed"]}"#,
                r#"{"errors":["permission denied"]}"#,
                r#"{"errors":["1 error occurred:\n\t* invalid token\n\n"]}"#,
                r#"{"errors":[]}"#,
                r#"{"auth":null,"data":null}"#,
                r#"{"errors":["Vault is sealed"]}"#,
            ],
        }
    }
}

/// An answer with a head in order, and the input as its body; of a challenge it is the header.
fn framed(step: Step, status: u16, content: &[u8]) -> Vec<u8> {
    let challenge = step == Step::AzureChallenge;
    let (status, header, body) = if challenge {
        let line: Vec<u8> = content.iter().copied().filter(|byte| *byte >= b' ').collect();
        (
            401,
            [b"www-authenticate: ", line.as_slice(), b"\r\n"].concat(),
            b"".as_slice(),
        )
    } else {
        (status, Vec::new(), content)
    };
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    [head.as_bytes(), &header, b"\r\n", body].concat()
}

fn options(step: Step) -> KeyOptions {
    let url = SERVER.url();
    let endpoint = Endpoint::parse(url).ok();
    let limits = || KmsLimits {
        connect: Duration::from_secs(5),
        attempt: Duration::from_secs(5),
        total: Duration::from_secs(10),
        attempts: 1,
        first_wait: Duration::from_millis(1),
    };
    let mut options = KeyOptions::explicit();
    options.rate = Rate {
        per_second: 0,
        burst: 0,
    };
    match step {
        Step::AwsRole | Step::AwsDecrypt => {
            options.kms.endpoint = endpoint;
            options.kms.limits = limits();
            options.kms.credentials = AwsCredentials::Fixed(FixedCredentials {
                access_key_id: "test".to_owned(),
                secret_access_key: secret(b"test"),
                session_token: None,
            });
        }
        Step::GcpDecrypt => {
            options.gcp.endpoint = endpoint;
            options.gcp.limits = limits();
            options.gcp.credentials = GcpCredentials::AccessToken(secret(b"token"));
        }
        Step::AzureChallenge | Step::AzureToken | Step::AzureDecrypt => {
            let cloud = &mut options.environment.cloud;
            cloud.azure_authority = Some(url.to_owned());
            cloud.azure_tenant = Some("tenant".to_owned());
            cloud.azure_client = Some("client".to_owned());
            cloud.azure_client_secret = Some(secret(b"secret"));
            options.azure.credentials = afterbay_keys::AzureCredentials::Environment;
            options.azure.vaults = endpoint.into_iter().collect();
            options.azure.limits = limits();
        }
        Step::VaultLogin | Step::VaultDecrypt => {
            options.vault.addresses = endpoint.into_iter().collect();
            options.vault.limits = limits();
            options.vault.credentials = VaultCredentials::Kubernetes {
                role: "role".to_owned(),
                mount: "kubernetes".to_owned(),
                // Any text is a token.
                token_file: Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"),
            };
        }
    }
    options
}

fn key(step: Step) -> WrappedKey {
    let url = SERVER.url().to_owned();
    let ciphertext = vec![1, 2, 3];
    match step {
        Step::AwsRole | Step::AwsDecrypt => WrappedKey::AwsKms(AwsKmsKey {
            arn: "arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48".to_owned(),
            role: (step == Step::AwsRole).then(|| "arn:aws:iam::000000000000:role/r".to_owned()),
            context: [].into(),
            aws_profile: None,
            ciphertext,
        }),
        Step::GcpDecrypt => WrappedKey::GcpKms(GcpKmsKey {
            resource_id: "projects/p-project/locations/europe-west1/keyRings/r/cryptoKeys/k".to_owned(),
            ciphertext,
        }),
        Step::AzureChallenge | Step::AzureToken | Step::AzureDecrypt => {
            WrappedKey::AzureKeyVault(AzureKeyVaultKey {
                vault_url: url,
                name: "k".to_owned(),
                version: "1".to_owned(),
                ciphertext,
            })
        }
        Step::VaultLogin | Step::VaultDecrypt => WrappedKey::Vault(VaultKey {
            vault_address: url,
            engine_path: "transit".to_owned(),
            key_name: "k".to_owned(),
            ciphertext: "vault:v1:abcd".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise the fuzzer would fuzz nothing, and nobody would notice.
    #[test]
    fn every_step_is_reached_and_its_answer_in_order_opens() {
        for (index, step) in (0_u8..).zip(STEPS) {
            let answer = framed(step, 200, step.good().as_bytes());
            run(&[&[index, 7], answer.as_slice()].concat());
            assert!(SERVER.has_served(), "{step:?}");
            let mut rings = RINGS.lock().unwrap();
            SERVER.prepare(step, answer);
            let ring = rings[usize::from(index)].insert(KeyRing::new(options(step)));
            let opened = unwrap_one(ring, key(step));
            let outcome = opened.outcome(&key(step));
            assert!(matches!(outcome, Some(Ok(_))), "{step:?}: {outcome:?}");
        }
    }
}
