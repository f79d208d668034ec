//! `afterbay inventory`.

use std::io::{self, Write};

use afterbay_apply::{ApplyError, ApplyErrors, Entry, InventorySummary, InventoryView, ParentKind};
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
        let namespace = self.cluster.namespace.as_deref();
        // An object of the other kind may have the name and be none of ours.
        let mut foreign: Option<ApplyErrors> = None;
        for parent in [ParentKind::ConfigMap, ParentKind::Secret] {
            match afterbay_apply::look(client, namespace, name, parent).await {
                Ok(Some(inventory)) => return self.print_one(name, &inventory),
                Ok(None) => {}
                Err(errors) if is_foreign(&errors) => {
                    foreign.get_or_insert(errors);
                }
                Err(errors) => return Err(RunError::from(errors).into()),
            }
        }
        if let Some(errors) = foreign {
            return Err(RunError::from(errors).into());
        }
        let namespace = namespace.unwrap_or(client.default_namespace());
        let message = format!(
            "there is no inventory {name} in namespace {namespace}; `afterbay inventory -A` lists them all"
        );
        Err(Failure::other(Exit::Failure, &anyhow::Error::msg(message)))
    }

    fn print_one(&self, name: &str, inventory: &InventoryView) -> Result<(), Failure> {
        if let Some(holder) = &inventory.holder {
            eprintln!(
                "note: {holder} is writing; objects that it is about to delete or create are among these"
            );
        }
        match self.output {
            Format::Table => {
                let mut rows = vec![["OBJECT", "SINCE"].map(str::to_owned)];
                rows.extend(
                    inventory
                        .entries
                        .iter()
                        .map(|entry| [entry.object.to_string(), since(entry).to_owned()]),
                );
                print(&output::columns(&rows))?;
            }
            format => {
                let objects: Vec<Value> = inventory.entries.iter().map(entry_json).collect();
                let value = json!({
                    "name": name, "revision": inventory.revision, "holder": inventory.holder, "objects": objects,
                });
                output::value(&value, format, &mut io::stdout().lock())?;
            }
        }
        Ok(())
    }
}

fn is_foreign(errors: &ApplyErrors) -> bool {
    errors
        .iter()
        .all(|error| matches!(error, ApplyError::ForeignInventory { .. }))
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
