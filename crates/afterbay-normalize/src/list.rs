//! Lists, which the API server has no name for: their items take their place.

use afterbay_manifest::{Node, Object, Origin, Scalar, Value};

use crate::error::NormalizeError;
use crate::secret;

/// Every object that is not a List, and the items of those that are, however deep.
///
/// A kind that ends in `List` and has `items` is a List, whatever its group, as it is to the renderer. It
/// flattens what comes from files; a caller of this crate may bring sets of another origin.
pub(crate) fn flatten(objects: Vec<Object>, errors: &mut Vec<NormalizeError>) -> Vec<Object> {
    let mut flat = Vec::with_capacity(objects.len());
    for object in objects {
        add(object, &mut flat, errors);
    }
    flat
}

fn add(object: Object, flat: &mut Vec<Object>, errors: &mut Vec<NormalizeError>) {
    if !is_list(&object) {
        flat.push(object);
        return;
    }
    let (reference, origin) = (object.reference().clone(), object.origin().clone());
    let mut body = object.into_body();
    let items = body
        .as_mapping_mut()
        .and_then(|fields| fields.shift_remove("items"))
        .unwrap_or(Node::plain(Scalar::Null));
    let found = secret::found(&items);
    let items = match items.value {
        Value::Sequence(items) => items,
        Value::Scalar(Scalar::Null) => Vec::new(),
        _ => {
            errors.push(NormalizeError::Items {
                origin,
                object: reference.into(),
                found,
            });
            return;
        }
    };
    for item in items {
        let origin = Origin {
            position: item.position,
            ..origin.clone()
        };
        match Object::new(item, origin) {
            Ok(object) => add(object, flat, errors),
            Err(error) => errors.push(NormalizeError::Object(error)),
        }
    }
}

fn is_list(object: &Object) -> bool {
    object.reference().gvk.kind.ends_with("List") && object.body().get("items").is_some()
}
