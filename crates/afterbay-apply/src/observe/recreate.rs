//! Objects that cannot be changed in place: whether one may be deleted and created anew, and whether that would succeed.

use serde_json::Value;

use super::{Effect, Judge};
use crate::Force;
use crate::client::{Failure, Method, Request};
use crate::desired::{Address, OWN_LABEL, has_control};
use crate::discovery::write_query;

/// What the server says to the creation of an object that is there.
pub(crate) enum Creation {
    /// It has nothing against it but that the object exists.
    WouldSucceed,
    /// The object is not there any more.
    IsFree,
}

impl Judge<'_> {
    /// Whether the operator or the object itself asks for it. A part of our own installation is never deleted for it.
    pub(super) fn may_recreate(&self, desired: &Value, live: &Value) -> bool {
        let both = [&desired["metadata"], &live["metadata"]];
        let is_own = both
            .iter()
            .any(|metadata| metadata["labels"][OWN_LABEL.0] == OWN_LABEL.1);
        let is_asked = self.options.force == Force::Recreate
            || both
                .iter()
                .any(|metadata| has_control(metadata, "force", "enabled"));
        self.recreates && is_asked && !is_own
    }

    /// Tries to create the object while it exists. The server validates and admits it first and finds the name taken last
    /// (Kubernetes, `registry.Store.Create`), so "it already exists" says that nothing else stands against it.
    pub(crate) async fn try_to_create(&self, address: &Address, body: &Value) -> Result<Creation, Failure> {
        let mut query = vec![
            ("fieldManager", self.options.field_manager.as_str()),
            ("fieldValidation", self.options.unknown_fields.parameter()),
        ];
        query.extend(Effect::DryRun.parameter());
        let collection = address.resource.collection(address.object.namespace.as_deref());
        let uri = format!("{collection}?{}", write_query(&query));
        match self
            .client
            .send(&Request::with_body(Method::Create, uri, body))
            .await
        {
            Ok(_) => Ok(Creation::IsFree),
            Err(failure) if failure.is_already_there() => Ok(Creation::WouldSucceed),
            Err(failure) => Err(failure),
        }
    }
}
