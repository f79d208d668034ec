//! The inventories of a namespace or of the whole cluster.

use afterbay_manifest::Scrubber;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parent::selector;
use super::{Inventory, Pace, ParentKind, ParentState, State, read};
use crate::client::{Client, Request, query_value, segment};
use crate::error::{self, ApplyError, ApplyErrors};

/// One inventory, for a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InventorySummary {
    /// Namespace of the parent.
    pub namespace: String,
    /// Name of the parent.
    pub name: String,
    /// `ConfigMap` or `Secret`.
    pub parent: &'static str,
    /// Number of objects it owns.
    pub objects: usize,
    /// The revision that was applied last; `None` when unknown.
    pub revision: Option<String>,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Value>,
}

/// Lists the inventories with parents of one kind, ordered by namespace and name. `namespace: None`
/// looks in all of them.
///
/// What has the labels of an inventory but cannot be read as one is left out.
pub async fn inventories(
    client: &Client,
    namespace: Option<&str>,
    kind: ParentKind,
) -> Result<Vec<InventorySummary>, ApplyErrors> {
    let scope = namespace.map_or_else(String::new, |namespace| {
        format!("/namespaces/{}", segment(namespace))
    });
    let uri = format!(
        "/api/v1{scope}/{}?labelSelector={}",
        kind.plural(),
        query_value(&selector())
    );
    let list: List = client
        .send(&Request::get(uri))
        .await
        .and_then(|response| response.json())
        .map_err(|failure| match failure {
            crate::client::Failure::Status(status) if status.code != 401 => ApplyError::Inventory {
                inventory: namespace.unwrap_or("of all namespaces").to_owned(),
                problem: status.message.said(&Scrubber::default()),
            },
            other => error::global(client, other, &Scrubber::default()),
        })?;
    let mut summaries = Vec::new();
    for object in list.items {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let mut parent = ParentState::new(kind, text("namespace"), text("name"));
        parent.observe(&object);
        if parent.verify().is_err() {
            continue;
        }
        let Ok(entries) = read::entries(client, &parent, &object).await else {
            continue;
        };
        let inventory = Inventory::of(State {
            parent: parent.clone(),
            entries,
            holder: String::new(),
            pace: Pace::default(),
        });
        summaries.push(InventorySummary {
            namespace: text("namespace"),
            name: text("name"),
            parent: kind.kind(),
            objects: inventory.entries().count(),
            revision: inventory.revision().map(str::to_owned),
        });
    }
    summaries.sort_by(|left, right| (&left.namespace, &left.name).cmp(&(&right.namespace, &right.name)));
    Ok(summaries)
}
