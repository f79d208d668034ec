//! The cluster, asked and changed with the real `kubectl`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::Environment;
use crate::program::{self, Output};
use crate::running::wait_until;
use crate::scenario::write;

/// Makes the namespaces of one run differ.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A cluster as one user sees it.
#[derive(Debug, Clone)]
pub struct Cluster {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    /// The run that the namespaces belong to, by which `cargo xtask e2e` finds them.
    run: String,
}

/// Requests that change something, as the server counts them, dry-runs left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Writes {
    /// `APPLY`, `PATCH`, `PUT`, `POST`, `DELETE` together, for the resources asked about.
    pub total: u64,
}

impl Cluster {
    /// The cluster of a kubeconfig.
    pub fn new(environment: &Environment, kubeconfig: &Path) -> Self {
        Self {
            kubectl: environment.tool("kubectl"),
            kubeconfig: kubeconfig.to_path_buf(),
            run: environment.run_name(),
        }
    }

    /// The kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs `kubectl` with these arguments.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.kubectl_with_input(arguments, b"")
    }

    /// The same with bytes on its standard input.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &[u8]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        // Its discovery cache is keyed by address, and ports are reused between runs.
        command
            .arg("--cache-dir")
            .arg(self.kubeconfig.with_extension("cache"));
        program::run_with_input(&mut command, input)
    }

    /// Applies manifests, client-side, as a user would.
    pub fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        self.kubectl_with_input(&["apply", "--filename", "-"], manifests.as_bytes())?
            .success()
            .map(drop)
    }

    /// An object as JSON; `None` when it does not exist.
    pub fn get(&self, namespace: &str, kind: &str, name: &str) -> anyhow::Result<Option<Value>> {
        let output = self.kubectl(&[
            "get",
            kind,
            name,
            "--namespace",
            namespace,
            "--ignore-not-found",
            "--output",
            "json",
            "--show-managed-fields",
        ])?;
        let text = output.success()?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&text).context("kubectl get")?))
    }

    /// An object that has to be there.
    pub fn expect(&self, namespace: &str, kind: &str, name: &str) -> anyhow::Result<Value> {
        self.get(namespace, kind, name)?
            .with_context(|| format!("{kind}/{name} does not exist in {namespace}"))
    }

    /// Fails when an object is there.
    pub fn expect_absent(&self, namespace: &str, kind: &str, name: &str) -> anyhow::Result<()> {
        ensure!(
            self.get(namespace, kind, name)?.is_none(),
            "{kind}/{name} exists in {namespace} and should not"
        );
        Ok(())
    }

    /// A value of a Secret, decoded.
    pub fn secret_value(&self, namespace: &str, name: &str, key: &str) -> anyhow::Result<String> {
        use base64::Engine as _;
        let secret = self.expect(namespace, "secret", name)?;
        let encoded = secret["data"][key]
            .as_str()
            .with_context(|| format!("secret/{name} has no key {key}"))?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded)?;
        Ok(String::from_utf8(bytes)?)
    }

    /// Names of the objects of a kind in a namespace, but for those that every namespace has.
    pub fn names(&self, namespace: &str, kind: &str) -> anyhow::Result<Vec<String>> {
        let text = self
            .kubectl(&["get", kind, "--namespace", namespace, "--output", "name"])?
            .success()?;
        let names = text
            .lines()
            .filter_map(|line| line.rsplit('/').next())
            .map(str::to_owned);
        Ok(names
            .filter(|name| name != "kube-root-ca.crt" && name != "default")
            .collect())
    }

    /// Waits until nobody deletes a namespace, which the server counts as writes of every kind.
    pub fn wait_until_quiet(&self) -> anyhow::Result<()> {
        wait_until("no namespace is being deleted", Duration::from_mins(2), || {
            let text = self
                .kubectl(&["get", "namespaces", "--output", "json"])?
                .success()?;
            Ok(!text.contains("\"Terminating\""))
        })
    }

    /// Creates a namespace for a scenario.
    pub fn create_namespace(&self, scenario: &str) -> anyhow::Result<String> {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let mut name: String = scenario.replace(['_', ':'], "-");
        name.truncate(40);
        let name = format!(
            "e2e-{}-{}-{number}",
            name.trim_end_matches('-'),
            std::process::id()
        );
        let manifest = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    afterbay.dev/scenario: {scenario}\n    afterbay.dev/e2e-run: {run:?}\n",
            scenario = label(scenario),
            run = self.run,
        );
        self.kubectl_with_input(&["create", "--filename", "-"], manifest.as_bytes())?
            .success()?;
        Ok(name)
    }

    /// Deletes the namespaces of a scenario and does not wait.
    pub fn delete_namespaces(&self, scenario: &str, namespace: &str) {
        for name in self.namespaces(scenario, namespace) {
            let _ = self.kubectl(&["delete", "namespace", &name, "--wait=false", "--ignore-not-found"]);
        }
    }

    /// Saves what helps to find a fault, for every namespace of a scenario: events, and objects of every kind the server
    /// has, without the values of Secrets.
    pub fn keep_evidence(&self, scenario: &str, namespace: &str, folder: &Path) {
        let kinds = self.kinds();
        for namespace in self.namespaces(scenario, namespace) {
            self.keep_namespace(&kinds, &namespace, &folder.join("evidence").join(&namespace));
        }
    }

    /// The namespaces that were made for a scenario, and those that it made by applying, whose names begin with its own.
    fn namespaces(&self, scenario: &str, namespace: &str) -> Vec<String> {
        let arguments = ["get", "namespaces", "--output", "json"];
        let list = self.kubectl(&arguments).and_then(Output::success);
        let list: Value = list
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let items = list["items"].as_array().into_iter().flatten();
        let names = items.filter_map(|item| {
            let name = item["metadata"]["name"].as_str()?;
            let labels = &item["metadata"]["labels"];
            let is_made = labels["afterbay.dev/scenario"] == label(scenario)
                && labels["afterbay.dev/e2e-run"] == *self.run;
            (is_made || name == namespace || name.starts_with(&format!("{namespace}-")))
                .then(|| name.to_owned())
        });
        names.collect()
    }

    /// Every kind that can be listed in a namespace, custom resources included; Secrets are described, not printed.
    fn kinds(&self) -> String {
        let arguments = [
            "api-resources",
            "--namespaced",
            "--verbs",
            "list",
            "--output",
            "name",
        ];
        let listed = self
            .kubectl(&arguments)
            .map(|output| output.stdout)
            .unwrap_or_default();
        let kinds = listed
            .lines()
            .filter(|kind| !["secrets", "events", "events.events.k8s.io"].contains(kind));
        kinds.collect::<Vec<_>>().join(",")
    }

    fn keep_namespace(&self, kinds: &str, namespace: &str, folder: &Path) {
        for (file, arguments) in [
            ("events.txt", vec!["get", "events", "--namespace", namespace]),
            (
                // kubectl cannot print every character as YAML.
                "objects.json",
                vec![
                    "get",
                    kinds,
                    "--namespace",
                    namespace,
                    "--output",
                    "json",
                    "--show-managed-fields",
                ],
            ),
            (
                "secrets.txt",
                vec!["describe", "secrets", "--namespace", namespace],
            ),
        ] {
            if let Ok(output) = self.kubectl(&arguments) {
                let _ = write(
                    &folder.join(file),
                    format!("{}{}", output.stdout, output.stderr).as_bytes(),
                );
            }
        }
    }

    /// Writes that the server has counted so far for these resources (`secrets`, `deployments`, …), dry-runs left
    /// out (`apiserver_request_total`).
    pub fn writes(&self, resources: &[&str]) -> anyhow::Result<Writes> {
        self.count_writes(|resource, _| resources.contains(&resource))
    }

    /// Writes of every resource, but for what a cluster writes by itself all the time (leases, events, the state of
    /// objects) and what is only asked (reviews).
    pub fn all_writes(&self) -> anyhow::Result<Writes> {
        self.count_writes(|resource, subresource| {
            let is_chatter =
                matches!(resource, "leases" | "events" | "nodes") || resource.ends_with("reviews");
            subresource.is_empty() && !is_chatter
        })
    }

    /// Waits until the controllers have done what a change asks of them; returns the count of [`Self::all_writes`].
    pub fn wait_until_still(&self) -> anyhow::Result<Writes> {
        self.wait_until_quiet()?;
        let mut last = self.all_writes()?;
        wait_until("nobody writes", Duration::from_mins(1), || {
            std::thread::sleep(Duration::from_secs(3));
            let now = self.all_writes()?;
            let is_still = now.total == last.total;
            last = now;
            Ok(is_still)
        })?;
        Ok(last)
    }

    fn count_writes(&self, is_asked: impl Fn(&str, &str) -> bool) -> anyhow::Result<Writes> {
        let metrics = self.kubectl(&["get", "--raw", "/metrics"])?.success()?;
        let mut total = 0;
        for line in metrics
            .lines()
            .filter(|line| line.starts_with("apiserver_request_total{"))
        {
            let label = |name: &str| {
                let rest = line.split_once(&format!("{name}=\""))?.1;
                rest.split_once('"').map(|(value, _)| value)
            };
            let is_write = matches!(
                label("verb"),
                Some("APPLY" | "PATCH" | "PUT" | "POST" | "DELETE" | "DELETECOLLECTION")
            );
            // The name of one label ends in the name of the other.
            let subresource = label(",subresource").unwrap_or_default();
            let is_asked = label(",resource").is_some_and(|resource| is_asked(resource, subresource));
            if is_write && is_asked && label("dry_run") == Some("") {
                let count = line
                    .rsplit(' ')
                    .next()
                    .and_then(|number| number.parse::<f64>().ok())
                    .unwrap_or_default();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a counter"
                )]
                {
                    total += count as u64;
                }
            }
        }
        Ok(Writes { total })
    }

    /// A kubeconfig for a service account that may do only what `rules` says in `namespace`.
    ///
    /// `rules` is the text of the Role's `rules` list, in YAML, indented by two.
    pub fn limited_user(&self, namespace: &str, rules: &str, folder: &Path) -> anyhow::Result<PathBuf> {
        self.apply(&format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: limited\n  namespace: {namespace}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: limited\n  namespace: {namespace}\nrules:\n{rules}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: limited\n  namespace: {namespace}\n\
             roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: limited\nsubjects:\n- kind: ServiceAccount\n  name: limited\n  namespace: {namespace}\n"
        ))?;
        let token = self
            .kubectl(&["create", "token", "limited", "--namespace", namespace])?
            .success()?;
        self.with_user(
            &serde_json::json!({ "token": token.trim() }),
            &folder.join("limited.kubeconfig"),
        )
    }

    /// A copy of the kubeconfig with another user.
    fn with_user(&self, user: &Value, file: &Path) -> anyhow::Result<PathBuf> {
        let mut config = self.config()?;
        config["users"][0]["user"] = user.clone();
        write(file, config.to_string().as_bytes())?;
        Ok(file.to_path_buf())
    }

    /// A copy of the kubeconfig in which the server is at another address.
    pub fn with_server(&self, address: &str, file: &Path) -> anyhow::Result<PathBuf> {
        let mut config = self.config()?;
        config["clusters"][0]["cluster"]["server"] = format!("https://{address}").into();
        write(file, config.to_string().as_bytes())?;
        Ok(file.to_path_buf())
    }

    /// Host and port of the API server.
    pub fn address(&self) -> anyhow::Result<String> {
        let config = self.config()?;
        let url = config["clusters"][0]["cluster"]["server"]
            .as_str()
            .context("no server in the kubeconfig")?;
        Ok(url
            .trim_start_matches("https://")
            .trim_end_matches('/')
            .to_owned())
    }

    /// The kubeconfig as JSON with everything inline, only the current context.
    fn config(&self) -> anyhow::Result<Value> {
        let text = self
            .kubectl(&[
                "config",
                "view",
                "--raw",
                "--flatten",
                "--minify",
                "--output",
                "json",
            ])?
            .success()?;
        serde_json::from_str(&text).context("kubectl config view")
    }
}

/// The name of a scenario as the value of a label.
fn label(scenario: &str) -> String {
    scenario.replace(':', "-")
}
