//! What a key service answers: any bytes in place of the answer of AWS KMS or of Vault, over loopback.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use afterbay_keys::{
    AwsCredentials, Endpoint, FixedCredentials, KeyOptions, KeyRing, KmsLimits, VaultCredentials,
};
use afterbay_manifest::{AwsKmsKey, KeyRequest, SecretBytes, VaultKey, WrappedKey};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // The request fits into one read; what it says does not matter.
            let _ = stream.read(&mut [0; 16 * 1024]);
            let answer = ANSWER.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _ = stream.write_all(&answer);
        }
    });
    address
});

fuzz_target!(|data: &[u8]| {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    // Half of the time the body only, so that it gets to the parser behind HTTP.
    let answer = if selector % 4 < 2 {
        bytes.to_vec()
    } else {
        let status = ["200 OK", "400 Bad Request", "403 Forbidden"][usize::from(selector / 4) % 3];
        let length = bytes.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        [head.as_bytes(), bytes].concat()
    };
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    let url = format!("http://{}", *SERVER);
    let limits = || KmsLimits {
        connect: Duration::from_millis(500),
        attempt: Duration::from_millis(500),
        total: Duration::from_secs(1),
        attempts: 1,
        first_wait: Duration::from_millis(1),
    };
    let mut options = KeyOptions::explicit();
    let key = if selector % 2 == 0 {
        options.kms.endpoint = Endpoint::parse(&url).ok();
        options.kms.limits = limits();
        options.kms.credentials = AwsCredentials::Fixed(FixedCredentials {
            access_key_id: "test".to_owned(),
            secret_access_key: SecretBytes::new(b"test".to_vec()),
            session_token: None,
        });
        WrappedKey::AwsKms(AwsKmsKey {
            arn: "arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48".to_owned(),
            role: None,
            context: [].into(),
            aws_profile: None,
            ciphertext: vec![1, 2, 3],
        })
    } else {
        options.vault.addresses = Endpoint::parse(&url).into_iter().collect();
        options.vault.limits = limits();
        options.vault.credentials = VaultCredentials::Token(SecretBytes::new(b"token".to_vec()));
        WrappedKey::Vault(VaultKey {
            vault_address: url,
            engine_path: "transit".to_owned(),
            key_name: "k".to_owned(),
            ciphertext: "vault:v1:abcd".to_owned(),
        })
    };
    let requests = vec![KeyRequest::any_of("fuzz".to_owned(), vec![key])];
    RUNTIME.block_on(KeyRing::new(options).unwrap_all(requests));
});
