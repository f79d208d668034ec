//! Fields that the cluster writes and a manifest may still carry.

use afterbay_manifest::{Mapping, Node, Object, Place, Warning};

/// Takes out `metadata.creationTimestamp` and `status`.
///
/// Generators write them (`creationTimestamp: null`, an empty `status` in a CRD); applied, they would make us the
/// owner of fields that controllers write.
pub(crate) fn remove(body: &mut Node) {
    let Some(fields) = body.as_mapping_mut() else {
        return;
    };
    fields.shift_remove("status");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.shift_remove("creationTimestamp");
    }
}

/// A word about a `status` that says something. That of a CRD does too, but always the same, so it is not worth one.
pub(crate) fn warning(object: &Object) -> Option<Warning> {
    let status = object.body().get("status")?;
    let says_nothing = status.is_null() || status.as_mapping().is_some_and(Mapping::is_empty);
    if says_nothing || object.reference().gvk.kind == "CustomResourceDefinition" {
        return None;
    }
    Some(Warning {
        place: Some(Place::new(object.origin().file.clone(), status.position)),
        message: format!(
            "status of {} is not applied: the cluster writes it; remove it",
            object.reference()
        ),
    })
}
