//! Private keys in PEM (RFC 7468), PKCS#1 and PKCS#8.

use std::str;

use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Every RSA private key of a text, in order. Messages name what stands there and never quote it.
pub(crate) fn private_keys(text: &[u8]) -> Result<Vec<PrivateKey>, String> {
    let text = str::from_utf8(text).map_err(|_| "is not PEM text".to_owned())?;
    let mut keys = Vec::new();
    let mut passed_over = None;
    for block in blocks(text) {
        let (label, block) = block?;
        match label {
            "RSA PRIVATE KEY" if block.contains("\nProc-Type: 4,ENCRYPTED") => {
                return Err("an RSA private key with a passphrase is not supported yet".to_owned());
            }
            "ENCRYPTED PRIVATE KEY" => {
                return Err("a private key with a passphrase is not supported yet".to_owned());
            }
            "RSA PRIVATE KEY" => keys.push(PrivateKey::from_pkcs1_pem(block).map_err(|_| {
                "the RSA PRIVATE KEY block is damaged, or its modulus has less than 1024 or more than 8192 bits"
            })?),
            "PRIVATE KEY" => keys.push(PrivateKey::from_pkcs8_pem(block).map_err(|_| {
                "the PRIVATE KEY block is damaged, or is no RSA key of 1024 to 8192 bits"
            })?),
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

/// The blocks with their labels; text around them is let through, as OpenSSL does.
fn blocks(text: &str) -> impl Iterator<Item = Result<(&str, &str), String>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(BEGIN)?;
        let block = &rest[start..];
        rest = "";
        let cut_off = || Err("the PEM block is cut off".to_owned());
        let Some((label, _)) = block[BEGIN.len()..].split_once(DASHES) else {
            return Some(cut_off());
        };
        let end_line = format!("-----END {label}-----");
        let Some(at) = block.find(&end_line) else {
            return Some(cut_off());
        };
        let (block, after) = block.split_at(at + end_line.len());
        rest = after;
        Some(Ok((label, block)))
    })
}
