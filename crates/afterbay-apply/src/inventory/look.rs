//! Looks at one inventory, whoever holds it.

use super::read::{self, failed, get};
use super::{Entry, ParentKind, ParentState};
use crate::client::Client;
use crate::error::{ApplyError, ApplyErrors};

/// How often an inventory is read again that changes while its parts are read.
const LOOKS: usize = 3;

/// What a set owns, for people to read. Nothing can be planned with it: another run may be writing.
#[derive(Debug, Clone)]
pub struct InventoryView {
    /// The revision that was applied last, in Flux's form; `None` before the first.
    pub revision: Option<String>,
    /// The run that holds it now; `None` when none does.
    pub holder: Option<String>,
    /// The objects, in order. While a run holds it these are the old and the new ones together.
    pub entries: Vec<Entry>,
}

/// Reads what a set owns and waits for nobody; `None` when there is no object of this name and kind.
///
/// `namespace: None` is the namespace of the context. An object of the name that is no inventory of ours
/// is [`ApplyError::ForeignInventory`].
pub async fn look(
    client: &Client,
    namespace: Option<&str>,
    name: &str,
    kind: ParentKind,
) -> Result<Option<InventoryView>, ApplyErrors> {
    let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
    let mut parent = ParentState::new(kind, namespace, name.to_owned());
    let mut looks = 0;
    loop {
        looks += 1;
        let Some((object, now)) = get(client, &parent.path())
            .await
            .map_err(|failure| failed(client, &parent, failure))?
        else {
            return Ok(None);
        };
        parent.observe(&object);
        parent.verify().map_err(|problem| ApplyError::ForeignInventory {
            inventory: parent.display(),
            problem,
        })?;
        match read::entries(client, &parent, &object).await {
            // A run that ends takes parts away that the parent named a moment ago.
            Err(_) if looks < LOOKS && !parent.parts().is_empty() => {}
            outcome => {
                let holder = parent.holder().filter(|holder| !holder.is_expired(now));
                return Ok(Some(InventoryView {
                    revision: parent.revision().map(str::to_owned),
                    holder: holder.map(|holder| holder.identity),
                    entries: outcome?.into_values().collect(),
                }));
            }
        }
    }
}
