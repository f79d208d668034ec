//! What has to be healthy before a run counts as successful.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterbay_apply::{HealthCheck, HealthCheckExpr, HealthExpressions, Wait};
use afterbay_manifest::Node;
use afterbay_manifest::yaml::{self, Table};
use anyhow::{Context as _, bail};
use clap::Args;

use super::cluster::duration;

/// Flags about waiting.
#[derive(Debug, Args)]
#[command(next_help_heading = "Health")]
pub(crate) struct WaitArguments {
    /// Wait until every object that was applied is healthy, by the rules of kstatus; a Job until it is complete
    #[arg(long)]
    wait: bool,

    /// How long to wait once all is written [default: what is left of `--timeout`]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait_timeout: Option<Duration>,

    /// Wait until this object is healthy, whoever applies it, as `KIND[.GROUP]/[NAMESPACE/]NAME` (can be repeated)
    #[arg(long = "health-check", value_name = "OBJECT")]
    checks: Vec<HealthCheck>,

    /// File with CEL expressions that say what health means for a kind: a list of `apiVersion`, `kind`, `current`, `inProgress` and
    /// `failed`, as Flux's `spec.healthCheckExprs`
    #[arg(long, value_name = "FILE")]
    health_check_exprs: Option<PathBuf>,
}

impl WaitArguments {
    /// What the apply stage makes of the flags; `writes` says whether the run writes anything that could be waited for.
    pub(crate) fn decide(&self, writes: bool) -> anyhow::Result<Wait> {
        let is_asked_for = self.wait || !self.checks.is_empty();
        if is_asked_for && !writes {
            bail!(
                "--dry-run and --mode report write nothing, so there is nothing to wait for; leave --wait and --health-check out"
            );
        }
        if !is_asked_for && (self.wait_timeout.is_some() || self.health_check_exprs.is_some()) {
            bail!("--wait-timeout and --health-check-exprs are for --wait and --health-check");
        }
        let expressions = match &self.health_check_exprs {
            Some(file) => expressions(file).with_context(|| file.display().to_string())?,
            None => HealthExpressions::default(),
        };
        Ok(Wait {
            all: self.wait,
            checks: self.checks.clone(),
            expressions,
            timeout: self.wait_timeout,
        })
    }
}

fn expressions(file: &Path) -> anyhow::Result<HealthExpressions> {
    let text = fs::read(file).context("cannot read it")?;
    Ok(HealthExpressions::compile(&entries(&text)?)?)
}

fn entries(text: &[u8]) -> anyhow::Result<Vec<HealthCheckExpr>> {
    let documents = yaml::parse(text)?;
    let [document] = documents.as_slice() else {
        bail!("it has to be one list");
    };
    let node = document.resolve(Table::Kubectl)?;
    let list = node.as_ref().and_then(Node::as_sequence);
    let list =
        list.context("it has to be a list of `apiVersion`, `kind`, `current`, `inProgress` and `failed`")?;
    let entries = list.iter().enumerate();
    entries
        .map(|(index, entry)| entry_of(entry).with_context(|| format!("entry {}", index + 1)))
        .collect()
}

const KEYS: [&str; 5] = ["apiVersion", "kind", "current", "inProgress", "failed"];

fn entry_of(entry: &Node) -> anyhow::Result<HealthCheckExpr> {
    let keys = entry.as_mapping().context("it has to be a map")?.keys();
    if let Some(key) = keys
        .map(ToString::to_string)
        .find(|key| !KEYS.contains(&key.as_str()))
    {
        bail!("there is no key {key:?}; those known are {}", KEYS.join(", "));
    }
    let text = |key: &str| match entry.get(key) {
        None => Ok(None),
        Some(node) => match node.as_plain_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => bail!("{key} has to be a text"),
        },
    };
    Ok(HealthCheckExpr {
        api_version: text("apiVersion")?.context("apiVersion is missing")?,
        kind: text("kind")?,
        current: text("current")?.context("current is missing")?,
        in_progress: text("inProgress")?,
        failed: text("failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn expressions_are_read_as_flux_writes_them() {
        let text = b"- apiVersion: example.com/v1\n  kind: Widget\n  current: status.ready\n  inProgress: |-\n    has(status.x) &&\n    status.x\n- {apiVersion: example.org/v1, current: 'true'}\n";
        let entries = entries(text).unwrap();
        assert_eq!(
            entries[0].in_progress.as_deref(),
            Some("has(status.x) &&\nstatus.x")
        );
        assert_eq!(
            (entries[1].kind.as_deref(), entries[1].current.as_str()),
            (None, "true")
        );
    }

    #[test]
    fn what_is_no_list_of_expressions_is_refused_with_its_place() {
        for (text, says) in [
            ("", "one list"),
            ("a: b", "list of"),
            ("- a", "entry 1: it has to be a map"),
            ("- {apiVersion: v1}", "entry 1: current is missing"),
            ("- {current: 'true'}", "entry 1: apiVersion is missing"),
            (
                "- {apiVersion: v1, current: true}",
                "entry 1: current has to be a text",
            ),
            (
                "- {apiVersion: v1, current: 'true', ready: x}",
                "entry 1: there is no key \"ready\"",
            ),
        ] {
            let error = format!("{:#}", entries(text.as_bytes()).unwrap_err());
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
