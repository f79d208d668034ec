//! Private keys in PEM (RFC 7468), PKCS#1 and PKCS#8. White space does not matter: keys come out of
//! variables and YAML with other line lengths and indented, and OpenSSL reads them.

use std::iter;
use std::str;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Every RSA private key of a text, in order. Messages name what stands there and never quote it.
pub(crate) fn private_keys(text: &[u8]) -> Result<Vec<PrivateKey>, String> {
    let text = str::from_utf8(text).map_err(|_| "is not PEM text".to_owned())?;
    let mut keys = Vec::new();
    let mut passed_over = None;
    for block in blocks(text) {
        let (label, body) = block?;
        match label {
            "RSA PRIVATE KEY" if body.contains("Proc-Type: 4,ENCRYPTED") => {
                return Err("an RSA private key with a passphrase is not supported yet".to_owned());
            }
            "ENCRYPTED PRIVATE KEY" => {
                return Err("a private key with a passphrase is not supported yet".to_owned());
            }
            "RSA PRIVATE KEY" => keys.push(
                der(body)
                    .and_then(|der| PrivateKey::from_pkcs1_der(&der).ok())
                    .ok_or(
                        "the RSA PRIVATE KEY block is damaged, or has less than 1024 or more than 8192 bits",
                    )?,
            ),
            "PRIVATE KEY" => keys.push(
                der(body)
                    .and_then(|der| PrivateKey::from_pkcs8_der(&der).ok())
                    .ok_or("the PRIVATE KEY block is damaged, or is no RSA key of 1024 to 8192 bits")?,
            ),
            "CERTIFICATE" => passed_over = Some("a certificate"),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => passed_over = Some("a public key"),
            "EC PRIVATE KEY" | "EC PARAMETERS" | "DSA PRIVATE KEY" | "OPENSSH PRIVATE KEY" => {
                passed_over = Some("a private key of another kind");
            }
            _ => passed_over = Some("PEM of another kind"),
        }
    }
    match (keys.is_empty(), passed_over) {
        (false, _) => Ok(keys),
        (true, Some(kind)) => Err(format!("holds {kind}, and an RSA private key is needed")),
        (true, None) => Err("holds no PEM block".to_owned()),
    }
}

/// The bytes of a block.
fn der(body: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(body.len()));
    text.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    // Room for everything, so that nothing is moved and left behind.
    let mut der = Zeroizing::new(Vec::with_capacity(text.len()));
    BASE64_STANDARD.decode_vec(&*text, &mut der).ok()?;
    Some(der)
}

/// The labels and bodies of the blocks; text around them is let through, as OpenSSL does.
fn blocks(text: &str) -> impl Iterator<Item = Result<(&str, &str), String>> {
    let mut rest = text;
    iter::from_fn(move || {
        let (_, block) = rest.split_once(BEGIN)?;
        rest = "";
        let parts = block.split_once(DASHES).and_then(|(label, block)| {
            let (body, after) = block.split_once(&format!("-----END {label}-----"))?;
            rest = after;
            Some((label, body))
        });
        Some(parts.ok_or_else(|| "the PEM block is cut off".to_owned()))
    })
}
