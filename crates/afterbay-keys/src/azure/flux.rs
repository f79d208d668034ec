//! The entry `sops.azure-kv` of a Secret of Flux. <https://fluxcd.io/flux/components/kustomize/kustomizations/#azure-key-vault-secret-entry>

use afterbay_manifest::yaml::{Table, parse};
use afterbay_manifest::{Node, SecretBytes};
use thiserror::Error;

use crate::options::{AzureIdentity, AzureProof};

/// Why an entry is not credentials of Azure. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AzureIdentityError {
    /// Not YAML, or no map.
    #[error("it is not a map in YAML or JSON")]
    Form,
    /// Something that no identity goes without.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A certificate in PKCS#12, which Azure's libraries read.
    #[error("its certificate is not in PEM; `openssl pkcs12 -in FILE.pfx -nodes` makes one of a .pfx")]
    Certificate,
    /// A certificate whose private key has a passphrase.
    #[error("the private key of its certificate has a passphrase; `openssl pkcs8 -nocrypt` takes it away")]
    Passphrase,
}

impl AzureIdentity {
    /// Reads YAML or JSON with `tenantId`, `clientId`, and `clientSecret` or `clientCertificate`, perhaps
    /// `authorityHost`; or with `tenant`, `appId` and `password`, as `az ad sp create-for-rbac` prints it. A
    /// client id alone is the managed identity of the machine, which the caller may not want to lend.
    pub fn from_flux(text: &[u8]) -> Result<Self, AzureIdentityError> {
        let documents = parse(text).map_err(|_| AzureIdentityError::Form)?;
        let node = documents
            .first()
            .and_then(|document| document.resolve(Table::Kubectl).ok().flatten());
        let node = node
            .filter(|node| node.as_mapping().is_some())
            .ok_or(AzureIdentityError::Form)?;
        let text = |names: &[&str]| {
            let found = names
                .iter()
                .find_map(|name| node.get(name).and_then(Node::as_plain_str));
            found.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let secret = |names: &[&str]| text(names).map(|text| SecretBytes::new(text.into_bytes()));
        let client = text(&["clientId", "appId"]).ok_or(AzureIdentityError::Missing("clientId"))?;
        let tenant = || text(&["tenantId", "tenant"]).ok_or(AzureIdentityError::Missing("tenantId"));
        let proof = if let Some(secret) = secret(&["clientSecret", "password"]) {
            AzureProof::ClientSecret {
                tenant: tenant()?,
                client,
                secret,
            }
        } else if let Some(pem) = text(&["clientCertificate"]) {
            if !pem.contains("-----BEGIN ") {
                return Err(AzureIdentityError::Certificate);
            }
            if pem.contains("ENCRYPTED") {
                return Err(AzureIdentityError::Passphrase);
            }
            AzureProof::ClientCertificate {
                tenant: tenant()?,
                client,
                pem: SecretBytes::new(pem.into_bytes()),
            }
        } else {
            AzureProof::ManagedIdentity { client: Some(client) }
        };
        Ok(Self {
            authority: text(&["authorityHost"]),
            proof,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_flux_is_read() {
        let read = |text: &str| format!("{:?}", AzureIdentity::from_flux(text.as_bytes()));
        insta::assert_snapshot!(read("tenantId: t\nclientId: c\nclientSecret: canary\nauthorityHost: https://login.microsoftonline.us/\n"), @r#"Ok(AzureIdentity { authority: Some("https://login.microsoftonline.us/"), proof: ClientSecret { client: Some("c"), .. } })"#);
        insta::assert_snapshot!(read(r#"{"appId": "c", "password": "canary", "tenant": "t", "displayName": "x"}"#), @r#"Ok(AzureIdentity { authority: None, proof: ClientSecret { client: Some("c"), .. } })"#);
        insta::assert_snapshot!(read("tenantId: t\nclientId: c\nclientCertificate: |\n  -----BEGIN CERTIFICATE-----\n"), @r#"Ok(AzureIdentity { authority: None, proof: ClientCertificate { client: Some("c"), .. } })"#);
        insta::assert_snapshot!(read("clientId: c\n"), @r#"Ok(AzureIdentity { authority: None, proof: ManagedIdentity { client: Some("c"), .. } })"#);
        insta::assert_snapshot!(read("tenantId: t\n"), @r#"Err(Missing("clientId"))"#);
        insta::assert_snapshot!(read("clientId: c\nclientSecret: canary\n"), @r#"Err(Missing("tenantId"))"#);
        insta::assert_snapshot!(read("clientId: c\ntenantId: t\nclientCertificate: MIIK\n"), @"Err(Certificate)");
        insta::assert_snapshot!(read("- canary\n"), @"Err(Form)");
    }
}
