//! `afterbay inventory`.

use std::io::{self, Write};

use afterbay_apply::{Busy, Entry, Inventory as Owned, InventoryOptions, InventorySummary, ParentKind};
use afterbay_pipeline::RunError;
use clap::Args;
use serde_json::{Value, json};

use crate::arguments::ClusterArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Show what is owned, and since which revision
///
/// Without a name, lists the inventories.
#[derive(Debug, Args)]
pub(crate) struct Inventory {
    /// Name of the inventory
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// List the inventories of every namespace
    #[arg(long, short = 'A', conflicts_with = "name")]
    all_namespaces: bool,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// Form of the result on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Inventory {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let client = afterbay_apply::connect(&self.cluster.options())
            .await
            .map_err(RunError::from)?;
        match &self.name {
            Some(name) => self.one(&client, name).await,
            None => self.list(&client).await,
        }
    }

    async fn list(&self, client: &afterbay_apply::Client) -> Result<(), Failure> {
        let namespace = self
            .cluster
            .namespace
            .as_deref()
            .unwrap_or(client.default_namespace());
        let scope = (!self.all_namespaces).then_some(namespace);
        let mut found = Vec::new();
        for kind in [ParentKind::ConfigMap, ParentKind::Secret] {
            found.extend(
                afterbay_apply::inventories(client, scope, kind)
                    .await
                    .map_err(RunError::from)?,
            );
        }
        found.sort_by(|left, right| (&left.namespace, &left.name).cmp(&(&right.namespace, &right.name)));
        match self.output {
            Format::Table => print(&output::columns(&list_rows(&found)))?,
            format => output::value(&json!({ "inventories": found }), format, &mut io::stdout().lock())?,
        }
        Ok(())
    }

    async fn one(&self, client: &afterbay_apply::Client, name: &str) -> Result<(), Failure> {
        for parent in [ParentKind::ConfigMap, ParentKind::Secret] {
            let options = InventoryOptions {
                name: name.to_owned(),
                namespace: self.cluster.namespace.clone(),
                parent,
                busy: Busy::Fail,
                holder: String::new(),
            };
            let inventory = afterbay_apply::inventory(client, &options)
                .await
                .map_err(RunError::from)?;
            if inventory.exists() {
                return self.print_one(name, &inventory);
            }
        }
        let namespace = self
            .cluster
            .namespace
            .as_deref()
            .unwrap_or(client.default_namespace());
        let message = format!(
            "there is no inventory {name} in namespace {namespace}; `afterbay inventory -A` lists them all"
        );
        Err(Failure::other(Exit::Failure, &anyhow::Error::msg(message)))
    }

    fn print_one(&self, name: &str, inventory: &Owned) -> Result<(), Failure> {
        match self.output {
            Format::Table => {
                let mut rows = vec![["OBJECT", "SINCE"].map(str::to_owned)];
                rows.extend(
                    inventory
                        .entries()
                        .map(|entry| [entry.object.to_string(), since(entry).to_owned()]),
                );
                print(&output::columns(&rows))?;
            }
            format => {
                let objects: Vec<Value> = inventory.entries().map(entry_json).collect();
                let value = json!({ "name": name, "revision": inventory.revision(), "objects": objects });
                output::value(&value, format, &mut io::stdout().lock())?;
            }
        }
        Ok(())
    }
}

fn list_rows(found: &[InventorySummary]) -> Vec<[String; 4]> {
    let mut rows = vec![["NAMESPACE", "NAME", "OBJECTS", "REVISION"].map(str::to_owned)];
    rows.extend(found.iter().map(|summary| {
        let revision = summary.revision.clone().unwrap_or_else(|| "unknown".to_owned());
        [
            summary.namespace.clone(),
            summary.name.clone(),
            summary.objects.to_string(),
            revision,
        ]
    }));
    rows
}

fn since(entry: &Entry) -> &str {
    entry.since.as_deref().unwrap_or("unknown")
}

fn entry_json(entry: &Entry) -> Value {
    let object = &entry.object;
    json!({
        "apiVersion": object.gvk.api_version(),
        "kind": object.gvk.kind,
        "namespace": object.namespace,
        "name": object.name,
        "uid": entry.uid,
        "since": entry.since,
    })
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}
