//! Names are looked up here and nowhere else; the connection goes to what was looked at.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use tokio::net::lookup_host;

use super::address::is_public;

/// The resolver of a client.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Rule>);

enum Rule {
    Any,
    /// Public addresses only, but for the proxy, which the operator chose.
    Public {
        proxy: Option<String>,
    },
}

/// A name that stands for an address of somebody's inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the name stands for {address}, which is not public")]
pub(super) struct Inside {
    pub(super) address: IpAddr,
}

/// A name that nothing was found for.
#[derive(Debug, Error)]
#[error("the name was not found")]
pub(super) struct Unknown(#[source] pub(super) io::Error);

impl Resolver {
    pub(super) fn any() -> Self {
        Self(Arc::new(Rule::Any))
    }

    pub(super) fn public_only(proxy: Option<String>) -> Self {
        Self(Arc::new(Rule::Public { proxy }))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.0);
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await.map_err(Unknown)?;
            let found: Vec<SocketAddr> = found.collect();
            let checked = match &*rule {
                Rule::Public { proxy } if proxy.as_deref() != Some(name.as_str()) => check(&found),
                _ => Ok(()),
            };
            checked?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// One address inside spoils the name: the client would try it when the others do not answer.
fn check(found: &[SocketAddr]) -> Result<(), Inside> {
    let inside = found
        .iter()
        .map(SocketAddr::ip)
        .find(|address| !is_public(*address));
    inside.map_or(Ok(()), |address| Err(Inside { address }))
}

#[cfg(test)]
mod tests {
    use super::{Inside, check};

    #[test]
    fn one_address_inside_spoils_the_name() {
        let public = "1.1.1.1:0".parse().unwrap();
        let inside = "[fd00:ec2::254]:0".parse().unwrap();
        assert_eq!(check(&[public]), Ok(()));
        let address = "fd00:ec2::254".parse().unwrap();
        assert_eq!(check(&[public, inside]), Err(Inside { address }));
    }
}
