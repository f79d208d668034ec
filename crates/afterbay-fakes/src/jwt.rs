//! Signed tokens, checked as a login service does.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{AlgorithmIdentifier, PrivateKeyDer, alg_id};
use serde_json::Value;

/// Bytes of a `SubjectPublicKeyInfo` of RSA with 2048 bits before the key itself.
const SPKI_HEAD: usize = 24;

/// The public half of an RSA key of 2048 bits.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey(Vec<u8>);

impl PublicKey {
    /// The public half of a private key in PEM.
    pub(crate) fn of_private(pem: &str) -> Self {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a private key in PEM");
        let key = ring::sign::any_supported_type(&key).expect("an RSA key");
        let spki = key.public_key().expect("a public half");
        Self(spki[SPKI_HEAD..].to_vec())
    }

    /// Header and claims of a token whose signature is right; says what is wrong otherwise.
    pub(crate) fn verify(&self, token: &str) -> Result<(Value, Value), String> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err("the token is not of three parts".to_owned());
        };
        let decode = |part: &str| {
            BASE64_URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|error| error.to_string())
        };
        let json =
            |part: &str| serde_json::from_slice::<Value>(&decode(part)?).map_err(|error| error.to_string());
        let (header_json, claims_json) = (json(header)?, json(claims)?);
        let algorithm: AlgorithmIdentifier = match header_json["alg"].as_str() {
            Some("RS256") => alg_id::RSA_PKCS1_SHA256,
            Some("PS256") => alg_id::RSA_PSS_SHA256,
            other => return Err(format!("algorithm {other:?}")),
        };
        let provider = ring::default_provider();
        let all = provider.signature_verification_algorithms.all;
        let found = all.iter().find(|known| known.signature_alg_id() == algorithm);
        let message = format!("{header}.{claims}");
        found
            .ok_or("the algorithm is not known")?
            .verify_signature(&self.0, message.as_bytes(), &decode(signature)?)
            .map_err(|_| "the signature is wrong".to_owned())?;
        Ok((header_json, claims_json))
    }
}
