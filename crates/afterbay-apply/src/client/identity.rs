//! Who speaks to the API server, and what a kubeconfig may make us do.

use std::path::PathBuf;

use afterbay_manifest::Scrubber;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::Config;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use super::{Client, ConnectError, ConnectOptions, Failure, Request, dial, kubeconfig_problem, segment};

/// As whom requests are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Identity {
    /// As whoever the kubeconfig or the Pod says.
    #[default]
    Own,
    /// As a user, which the own identity has to be allowed to impersonate.
    User {
        /// The name.
        name: String,
        /// The groups; the server adds `system:authenticated` to none.
        groups: Vec<String>,
        /// The uid.
        uid: Option<String>,
    },
    /// As a service account, as Flux does.
    ServiceAccount {
        /// Its namespace; `None` is that of the context.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
}

/// A Secret that holds a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeconfigSecret {
    /// Its namespace; `None` is that of the context.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its entry; `None` is `value`, then `value.yaml`, as with Flux.
    pub key: Option<String>,
}

/// Whether a program that a kubeconfig names is run for credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecPlugins {
    /// It is not: whoever writes the kubeconfig would run programs here (CVE-2022-24817).
    #[default]
    Refused,
    /// It is.
    Allowed,
}

impl Identity {
    /// Makes every request of this connection one of the identity.
    pub(super) fn assume(&self, config: &mut Config) {
        let auth = &mut config.auth_info;
        match self {
            Self::Own => {}
            Self::User { name, groups, uid } => {
                auth.impersonate = Some(name.clone());
                auth.impersonate_groups = Some(groups.clone()).filter(|groups| !groups.is_empty());
                auth.impersonate_uid.clone_from(uid);
            }
            // The server knows the groups of a service account by its name.
            Self::ServiceAccount { namespace, name } => {
                let namespace = namespace.as_ref().unwrap_or(&config.default_namespace);
                auth.impersonate = Some(format!("system:serviceaccount:{namespace}:{name}"));
                auth.impersonate_groups = None;
                auth.impersonate_uid = None;
            }
        }
    }
}

/// Reads a kubeconfig file that somebody named.
pub(super) async fn from_file(file: &PathBuf, options: &ConnectOptions) -> Result<Config, ConnectError> {
    let unusable = |problem: String| ConnectError::Kubeconfig {
        file: Some(file.clone()),
        problem,
    };
    let kubeconfig = Kubeconfig::read_from(file).map_err(|error| unusable(kubeconfig_problem(&error)))?;
    if options.exec_plugins == ExecPlugins::Refused
        && let Some(auth) = user(&kubeconfig, options.context.as_deref())
        && let Some(command) = program(auth)
    {
        return Err(ConnectError::ExecPlugin {
            origin: file.display().to_string(),
            command,
        });
    }
    let choice = KubeConfigOptions {
        context: options.context.clone(),
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &choice)
        .await
        .map_err(|error| unusable(kubeconfig_problem(&error)))
}

/// Reads the kubeconfig in a Secret of the cluster that `host` leads to.
///
/// It is somebody else's text: no program it names is run unless that is allowed, and no file it names is read, because the
/// content would go to a server of its choice.
pub(super) async fn from_secret(
    host: Config,
    secret: &KubeconfigSecret,
    options: &ConnectOptions,
) -> Result<Config, ConnectError> {
    let namespace = secret
        .namespace
        .clone()
        .unwrap_or_else(|| host.default_namespace.clone());
    let display = format!("Secret {namespace}/{}", secret.name);
    let unusable = |problem: String| ConnectError::KubeconfigSecret {
        secret: display.clone(),
        problem,
    };
    let client = dial(host, options)?;
    let path = format!(
        "/api/v1/namespaces/{}/secrets/{}",
        segment(&namespace),
        segment(&secret.name)
    );
    let object = read(&client, &path).await.map_err(unusable)?;
    let keys = match &secret.key {
        Some(key) => vec![key.as_str()],
        None => vec!["value", "value.yaml"],
    };
    let entry = keys
        .iter()
        .find_map(|key| object["data"][key].as_str())
        .ok_or_else(|| unusable(format!("it has no entry {}", keys.join(" or "))))?;
    let text = BASE64_STANDARD
        .decode(entry)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| unusable("the entry is no text".to_owned()))?;
    let kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| unusable(kubeconfig_problem(&error)))?;
    if let Some(auth) = user(&kubeconfig, None) {
        if let Some(command) = program(auth).filter(|_| options.exec_plugins == ExecPlugins::Refused) {
            return Err(ConnectError::ExecPlugin {
                origin: display,
                command,
            });
        }
        let files = [&auth.token_file, &auth.client_certificate, &auth.client_key];
        if files.iter().any(|file| file.is_some()) {
            return Err(unusable(
                "it names files of this machine, which are not read for it; put their content in".to_owned(),
            ));
        }
    }
    for cluster in kubeconfig
        .clusters
        .iter()
        .filter_map(|named| named.cluster.as_ref())
    {
        if cluster.certificate_authority.is_some() {
            return Err(unusable(
                "it names a certificate file of this machine; put certificate-authority-data in".to_owned(),
            ));
        }
        if cluster.insecure_skip_tls_verify == Some(true) {
            return Err(unusable(
                "it turns the check of the server's certificate off; put certificate-authority-data in"
                    .to_owned(),
            ));
        }
    }
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| unusable(kubeconfig_problem(&error)))
}

async fn read(client: &Client, path: &str) -> Result<Value, String> {
    let problem = |failure: Failure| match failure {
        Failure::Status(status) => status.message.said(&Scrubber::default()),
        Failure::Unreachable { problem } | Failure::Malformed { problem } => problem,
        Failure::Slow { .. } | Failure::Deadline => format!("{} did not answer in time", client.server()),
    };
    let response = client.send(&Request::get(path)).await.map_err(problem)?;
    response.json().map_err(problem)
}

/// The user of the context that counts.
fn user<'a>(kubeconfig: &'a Kubeconfig, context: Option<&str>) -> Option<&'a AuthInfo> {
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|named| named.name == name)?;
    let user = context.context.as_ref()?.user.as_ref()?;
    let named = kubeconfig.auth_infos.iter().find(|named| &named.name == user)?;
    named.auth_info.as_ref()
}

/// What a user's credentials make us run; an `auth-provider` is of the same kind.
fn program(auth: &AuthInfo) -> Option<String> {
    let of_provider = || {
        let provider = auth.auth_provider.as_ref()?;
        Some(
            provider
                .config
                .get("cmd-path")
                .unwrap_or(&provider.name)
                .to_owned(),
        )
    };
    match &auth.exec {
        Some(exec) => Some(exec.command.clone().unwrap_or_default()),
        None => of_provider(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::scripted::{Reply, Server, status};

    /// A kubeconfig with this user; another user, which no context has, wants a program run.
    fn kubeconfig(user: &str, cluster: &str) -> String {
        format!(
            "apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: k, user: u, namespace: apps}}}}]
clusters: [{{name: k, cluster: {{server: 'http://127.0.0.1:1'{cluster}}}}}]
users:
- {{name: u, user: {user}}}
- {{name: other, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/other}}}}}}
"
        )
    }

    const TOKEN: &str = "{token: hunter2hunter2}";
    const EXEC: &str = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/evil}}";
    const PROVIDER: &str = "{auth-provider: {name: gcp, config: {cmd-path: /bin/evil}}}";

    #[test]
    fn the_program_of_the_user_that_counts_is_found() {
        let found = |text: &str, context: Option<&str>| {
            let kubeconfig = Kubeconfig::from_yaml(&kubeconfig(text, "")).unwrap();
            user(&kubeconfig, context).and_then(program)
        };
        assert_eq!(found(TOKEN, None), None);
        assert_eq!(found(EXEC, None).as_deref(), Some("/bin/evil"));
        assert_eq!(found(PROVIDER, Some("c")).as_deref(), Some("/bin/evil"));
        assert_eq!(found(EXEC, Some("no-such-context")), None);
    }

    async fn in_secret(text: &str, exec_plugins: ExecPlugins) -> Result<Config, ConnectError> {
        let data = json!({ "value": BASE64_STANDARD.encode(text) });
        let server = Server::start(move |request, _, _| {
            assert_eq!(request, "GET /api/v1/namespaces/apps/secrets/target");
            Reply::Json(200, json!({ "data": data }))
        })
        .await;
        let secret = KubeconfigSecret {
            namespace: Some("apps".to_owned()),
            name: "target".to_owned(),
            key: None,
        };
        let options = ConnectOptions {
            exec_plugins,
            timeout: Duration::from_secs(20),
            ..ConnectOptions::default()
        };
        from_secret(server.config(), &secret, &options).await
    }

    /// CVE-2022-24817: whoever could write the Secret ran programs where the controller runs.
    #[tokio::test]
    async fn a_kubeconfig_in_a_secret_runs_nothing_and_reads_nothing_here() {
        for (user, cluster) in [
            (EXEC, ""),
            (PROVIDER, ""),
            (
                "{tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token}",
                "",
            ),
            ("{client-certificate: /etc/hosts, client-key: /etc/hosts}", ""),
            (TOKEN, ", certificate-authority: /etc/hosts"),
            (TOKEN, ", insecure-skip-tls-verify: true"),
        ] {
            let error = in_secret(&kubeconfig(user, cluster), ExecPlugins::Refused)
                .await
                .err();
            let text = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(text.contains("Secret apps/target"), "{user} {cluster}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let config = in_secret(&kubeconfig(TOKEN, ""), ExecPlugins::Refused)
            .await
            .ok()
            .unwrap();
        assert_eq!(config.default_namespace, "apps");
        assert!(
            in_secret(&kubeconfig(EXEC, ""), ExecPlugins::Allowed)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_used_is_told_as_such() {
        for (code, body) in [
            (403, status(403, "Forbidden", "secrets is forbidden")),
            (200, json!({ "data": { "other": "" } })),
            (200, json!({ "data": { "value": "%%%" } })),
        ] {
            let server = Server::start(move |_, _, _| Reply::Json(code, body.clone())).await;
            let secret = KubeconfigSecret {
                namespace: None,
                name: "target".to_owned(),
                key: None,
            };
            let outcome = from_secret(server.config(), &secret, &ConnectOptions::default()).await;
            let text = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(
                text.starts_with("the kubeconfig in Secret default/target"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn every_request_is_one_of_the_identity() {
        let account = |namespace: Option<&str>| Identity::ServiceAccount {
            namespace: namespace.map(str::to_owned),
            name: "deployer".to_owned(),
        };
        let server = Server::start(|_, _, _| Reply::Reset).await;
        for (identity, user) in [
            (Identity::Own, None),
            (account(None), Some("system:serviceaccount:default:deployer")),
            (account(Some("apps")), Some("system:serviceaccount:apps:deployer")),
            (
                Identity::User {
                    name: "jane".to_owned(),
                    groups: vec!["ops".to_owned()],
                    uid: None,
                },
                Some("jane"),
            ),
        ] {
            let mut config = server.config();
            identity.assume(&mut config);
            assert_eq!(config.auth_info.impersonate.as_deref(), user);
            let groups = config.auth_info.impersonate_groups.unwrap_or_default();
            assert_eq!(groups.len(), usize::from(user == Some("jane")));
        }
    }
}
