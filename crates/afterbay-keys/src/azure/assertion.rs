//! The proof of a certificate: a JWT signed with its key.
//! <https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials>

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use getrandom::SysRng;
use getrandom::rand_core::TryRng;
use rustls::SignatureScheme;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How long an assertion holds; it is used at once.
const LIFETIME: Duration = Duration::from_mins(10);

/// A certificate and its private key.
pub(super) struct Certificate {
    thumbprint: [u8; 32],
    key: Arc<dyn SigningKey>,
}

impl Certificate {
    /// Reads the first certificate and the first private key of a PEM text. The message never quotes it.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let certificate = CertificateDer::from_pem_slice(pem).map_err(|_| "holds no certificate in PEM")?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "holds no private key in PEM without a passphrase")?;
        let key = ring::sign::any_supported_type(&key)
            .map_err(|_| "holds a private key of another kind than RSA")?;
        if key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).is_none() {
            return Err("holds a private key of another kind than RSA");
        }
        Ok(Self {
            thumbprint: Sha256::digest(&certificate).into(),
            key,
        })
    }

    /// A signed assertion that `client` is who it says, for the token service at `audience`.
    pub(super) fn assertion(&self, client: &str, audience: &str) -> Option<Zeroizing<String>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let mut id = [0; 16];
        SysRng.try_fill_bytes(&mut id).ok()?;
        let header = json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(self.thumbprint),
        });
        let claims = json!({
            "aud": audience,
            "iss": client,
            "sub": client,
            "jti": BASE64_URL_SAFE_NO_PAD.encode(id),
            "nbf": now.as_secs(),
            "exp": (now + LIFETIME).as_secs(),
        });
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let mut text = Zeroizing::new(format!("{}.{}", part(header), part(claims)));
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])?;
        let signature = signer.sign(text.as_bytes()).ok()?;
        text.push('.');
        text.push_str(&BASE64_URL_SAFE_NO_PAD.encode(signature));
        Some(text)
    }
}
