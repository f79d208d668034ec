//! The HTTP client under the SDK: rustls on ring, the proxy and the certificates of this machine.

use std::fs;
use std::path::Path;
use std::str;

use aws_sdk_kms::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::environment::KeyEnvironment;
use crate::note::KeyNote;

/// Makes the client, and says what of the environment it could not use.
pub(crate) fn client(environment: &KeyEnvironment) -> (SharedHttpClient, Vec<KeyNote>) {
    let mut notes = Vec::new();
    let mut unusable = |source: &str, reason: &str| {
        notes.push(KeyNote::SourceUnusable {
            source: source.to_owned(),
            reason: reason.to_owned(),
        });
    };
    let proxy = proxy(environment).unwrap_or_else(|reason| {
        unusable("HTTPS_PROXY", reason);
        ProxyConfig::disabled()
    });
    let store = match &environment.ca_bundle {
        Some(path) => bundle(path).unwrap_or_else(|reason| {
            unusable("AWS_CA_BUNDLE", reason);
            TrustStore::empty()
        }),
        None => system_store().unwrap_or_else(|| {
            unusable(
                "certificates",
                "this machine has none that HTTPS could be checked with",
            );
            TrustStore::empty()
        }),
    };
    // Building checks nothing.
    let tls = TlsContext::builder()
        .with_trust_store(store)
        .build()
        .unwrap_or_default();
    // The plain builder has no way to set a proxy. This one, too, makes one connector for each set of
    // timeouts and keeps it, with its open connections.
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .build()
    });
    (client, notes)
}

/// `HTTPS_PROXY` for HTTPS only: an endpoint without TLS is one of a test, on this machine or near it.
fn proxy(environment: &KeyEnvironment) -> Result<ProxyConfig, &'static str> {
    let Some(text) = &environment.https_proxy else {
        return Ok(ProxyConfig::disabled());
    };
    let text = str::from_utf8(text.expose_bytes()).map_err(|_| "is not UTF-8 text")?;
    let config = if text.contains("://") {
        ProxyConfig::https(text)
    } else {
        ProxyConfig::https(format!("http://{text}"))
    };
    let config = config.map_err(|_| "is not the URL of a proxy")?;
    let own = "localhost,127.0.0.0/8,::1";
    Ok(match &environment.no_proxy {
        Some(others) => config.no_proxy(format!("{own},{others}")),
        None => config.no_proxy(own),
    })
}

/// The certificates of the system; `None` without any, because the SDK asserts that there are some even for an
/// endpoint without TLS.
fn system_store() -> Option<TrustStore> {
    let certificates = rustls_native_certs::load_native_certs().certs;
    (!certificates.is_empty()).then(TrustStore::default)
}

/// The certificates of a bundle and no others, as in the Go SDK. Every one is looked at, because the SDK asserts
/// that it can be read.
fn bundle(path: &Path) -> Result<TrustStore, &'static str> {
    let text =
        fs::read(path).map_err(|_| "cannot be read, so no certificate of an AWS endpoint is trusted")?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let is_whole = certificates.is_ok_and(|certificates| {
        certificates
            .into_iter()
            .all(|certificate| roots.add(certificate).is_ok())
    });
    if !is_whole || roots.is_empty() {
        return Err("is not a list of certificates in PEM, so no certificate of an AWS endpoint is trusted");
    }
    Ok(TrustStore::empty().with_pem_certificate(text))
}
