//! Which cluster, which namespace, which inventory.

use std::path::PathBuf;
use std::time::Duration;

use afterbay_apply::{
    Busy, ConnectOptions, ExecPlugins, Identity, InventoryOptions, KubeconfigSecret, ParentKind,
};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Flags that choose a cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArguments {
    /// Kubeconfig file [default: `KUBECONFIG`, then ~/.kube/config, then the Pod's service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// Secret in that cluster with the kubeconfig of another one to apply to, as `[NAMESPACE/]NAME[:KEY]`
    #[arg(long, value_name = "SECRET", value_parser = kubeconfig_secret)]
    kubeconfig_secret: Option<KubeconfigSecret>,

    /// Run the program that the file of `--kubeconfig`, or the Secret, names for credentials
    #[arg(long)]
    allow_exec_plugins: bool,

    /// User to impersonate
    #[arg(long = "as", value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    user: Option<String>,

    /// Group to impersonate with `--as` (can be repeated)
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,

    /// Uid to impersonate with `--as`
    #[arg(long = "as-uid", value_name = "UID", requires = "user")]
    uid: Option<String>,

    /// Service account to impersonate [default of NAMESPACE: `--namespace`, then the context's]
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = namespaced, conflicts_with = "user")]
    service_account: Option<(Option<String>, String)>,

    /// Namespace of objects that name none, and of the inventory [default: the context's]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// How long everything done with the cluster may take, such as `90s` or `5m`
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    timeout: Duration,
}

impl ClusterArguments {
    /// How to connect.
    pub(crate) fn options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            kubeconfig_secret: self.kubeconfig_secret.clone(),
            identity: self.identity(),
            exec_plugins: if self.allow_exec_plugins {
                ExecPlugins::Allowed
            } else {
                ExecPlugins::Refused
            },
            timeout: self.timeout,
            ..ConnectOptions::default()
        }
    }
}

impl ClusterArguments {
    fn identity(&self) -> Identity {
        if let Some((namespace, name)) = &self.service_account {
            return Identity::ServiceAccount {
                namespace: namespace.clone().or_else(|| self.namespace.clone()),
                name: name.clone(),
            };
        }
        self.user.as_ref().map_or(Identity::Own, |name| Identity::User {
            name: name.clone(),
            groups: self.groups.clone(),
            uid: self.uid.clone(),
        })
    }
}

/// Reads `[NAMESPACE/]NAME`.
fn namespaced(text: &str) -> Result<(Option<String>, String), String> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, text),
    };
    let is_empty = name.is_empty() || namespace.as_deref() == Some("");
    if is_empty || name.contains('/') {
        return Err(format!("{text:?} is not [NAMESPACE/]NAME"));
    }
    Ok((namespace, name.to_owned()))
}

/// Reads `[NAMESPACE/]NAME[:KEY]`.
fn kubeconfig_secret(text: &str) -> Result<KubeconfigSecret, String> {
    let (place, key) = match text.split_once(':') {
        Some((place, key)) => (place, Some(key.to_owned())),
        None => (text, None),
    };
    let (namespace, name) = namespaced(place)?;
    Ok(KubeconfigSecret { namespace, name, key })
}

/// Flags that describe an inventory.
#[derive(Debug, Args)]
#[command(next_help_heading = "Inventory")]
pub(crate) struct InventoryArguments {
    /// Kind of object that carries the inventory
    #[arg(long, value_enum, default_value_t = InventoryKind::Configmap)]
    pub(crate) inventory_kind: InventoryKind,

    /// Fail at once when another run holds the inventory, instead of waiting
    #[arg(long)]
    no_wait: bool,
}

/// The kinds of object that can carry an inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum InventoryKind {
    /// A ConfigMap
    Configmap,
    /// A Secret
    Secret,
}

impl InventoryArguments {
    /// The inventory of this name.
    pub(crate) fn options(&self, name: &str, namespace: Option<&str>) -> InventoryOptions {
        InventoryOptions {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            parent: match self.inventory_kind {
                InventoryKind::Configmap => ParentKind::ConfigMap,
                InventoryKind::Secret => ParentKind::Secret,
            },
            busy: if self.no_wait { Busy::Fail } else { Busy::Wait },
            holder: holder(),
        }
    }
}

/// Who this run is: host and process, so that whoever is kept waiting knows where to look.
fn holder() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}/{}", std::process::id())
}

/// Reads `90s`, `5m`, `1h30m`: numbers with a unit, as Go's `time.ParseDuration` takes them, `ms` to `h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refused =
        || format!("{text:?} is not a duration; write a number and a unit, such as 90s, 5m or 1h30m");
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit())
            .ok_or_else(refused)?;
        let number: u64 = rest[..digits].parse().map_err(|_| refused())?;
        rest = &rest[digits..];
        let length = rest
            .find(|character: char| character.is_ascii_digit())
            .unwrap_or(rest.len());
        let milliseconds = match &rest[..length] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(refused()),
        };
        rest = &rest[length..];
        let part = number.checked_mul(milliseconds).map(Duration::from_millis);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(refused)?;
    }
    if total.is_zero() {
        Err(refused())
    } else {
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_a_namespace_and_a_key() {
        let read = |text| kubeconfig_secret(text).map(|secret| (secret.namespace, secret.name, secret.key));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(read("a"), Ok((None, "a".to_owned(), None)));
        assert_eq!(read("n/a:k"), Ok((text("n"), "a".to_owned(), text("k"))));
        for wrong in ["", "/a", "n/", "n/a/b"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("1500ms", 1)] {
            assert_eq!(duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "5", "m", "5x", "0s", "-5m", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
