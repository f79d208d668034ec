//! Signature Version 4, checked.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use super::Identity;
use crate::http::Request;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The form of `X-Amz-Date`.
const DATE: &[FormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// How far the clock of a client may be off.
const SKEW: Duration = Duration::minutes(15);

/// Who signed, for where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) arn: String,
    pub(super) region: String,
}

/// Why a signature is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is none.
    Missing,
    /// It is not of the form.
    Incomplete(String),
    /// Nobody has this access key, or not with this session token.
    Unknown,
    /// It does not belong to the request.
    Mismatch,
    /// It is too old, or of the future.
    Expired,
}

/// The parts of the field `Authorization`.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(ALGORITHM)?.trim_start();
        let fields: BTreeMap<&str, &str> = rest
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .collect();
        let scope = fields.get("Credential")?.split('/').collect::<Vec<_>>();
        let [access_key_id, date, region, service, "aws4_request"] = scope.as_slice() else {
            return None;
        };
        Some(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers: fields.get("SignedHeaders")?,
            signature: fields.get("Signature")?,
        })
    }
}

/// `ID REGION SERVICE` of the signature, whether it is right or not.
pub(super) fn scope(request: &Request) -> Option<String> {
    let authorization = Authorization::parse(request.header("authorization")?)?;
    let Authorization {
        access_key_id,
        region,
        service,
        ..
    } = authorization;
    Some(format!("{access_key_id} {region} {service}"))
}

/// Who signed a request for a service.
pub(super) fn verify(
    request: &Request,
    service: &str,
    identities: &BTreeMap<String, Identity>,
) -> Result<Signed, Refusal> {
    let text = request.header("authorization").ok_or(Refusal::Missing)?;
    let incomplete = |what: &str| Refusal::Incomplete(what.to_owned());
    let authorization = Authorization::parse(text).ok_or_else(|| incomplete("Authorization"))?;
    if authorization.service != service {
        return Err(incomplete("the service of the scope"));
    }
    let identity = identities
        .get(authorization.access_key_id)
        .ok_or(Refusal::Unknown)?;
    if request.header("x-amz-security-token") != identity.token.as_deref() {
        return Err(Refusal::Unknown);
    }
    let date = request
        .header("x-amz-date")
        .ok_or_else(|| incomplete("X-Amz-Date"))?;
    check_date(date, authorization.date)?;
    check_signed_headers(request, authorization.signed_headers)?;
    let expected = signature(request, &authorization, date, &identity.secret);
    if expected != authorization.signature {
        return Err(Refusal::Mismatch);
    }
    Ok(Signed {
        arn: identity.arn.clone(),
        region: authorization.region.to_owned(),
    })
}

fn check_date(date: &str, day: &str) -> Result<(), Refusal> {
    let signed = PrimitiveDateTime::parse(date, DATE)
        .map_err(|_| Refusal::Incomplete("the form of X-Amz-Date".to_owned()))?;
    if date.get(..8) != Some(day) {
        return Err(Refusal::Incomplete("the date of the scope".to_owned()));
    }
    let off = (OffsetDateTime::now_utc() - signed.assume_utc()).abs();
    if off > SKEW { Err(Refusal::Expired) } else { Ok(()) }
}

/// `Host` and every `X-Amz-…` have to be signed, and what is signed has to be there.
fn check_signed_headers(request: &Request, signed: &str) -> Result<(), Refusal> {
    let signed: Vec<&str> = signed.split(';').collect();
    let needed = request
        .headers
        .keys()
        .map(String::as_str)
        .filter(|name| name.starts_with("x-amz-"))
        .chain(["host"]);
    for name in needed {
        if !signed.contains(&name) {
            return Err(Refusal::Incomplete(format!("{name} is not signed")));
        }
    }
    match signed.iter().find(|name| request.header(name).is_none()) {
        Some(name) => Err(Refusal::Incomplete(format!("{name} is signed and was not sent"))),
        None => Ok(()),
    }
}

fn signature(request: &Request, authorization: &Authorization<'_>, date: &str, secret: &str) -> String {
    let Authorization {
        date: day,
        region,
        service,
        ..
    } = authorization;
    let request = canonical(request, authorization.signed_headers);
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{day}/{region}/{service}/aws4_request\n{}",
        hex(&Sha256::digest(request))
    );
    let key = [*day, region, service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            mac(&key, part.as_bytes())
        });
    hex(&mac(&key, to_sign.as_bytes()))
}

/// Every request that is signed here goes to `/` without a query, so neither has to be encoded.
fn canonical(request: &Request, signed_headers: &str) -> String {
    let mut text = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
    for name in signed_headers.split(';') {
        let value = request.header(name).unwrap_or_default();
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        // Writing to a String does not fail.
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(
        text,
        "\n{signed_headers}\n{}",
        hex(&Sha256::digest(&request.body))
    );
    text
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
