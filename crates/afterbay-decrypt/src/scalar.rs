//! The bytes of a leaf, for scrubbing and for looking into it.

use afterbay_manifest::{Node, Scalar, Value};

/// The text of a scalar as a server would repeat it; `None` for `null`.
pub(crate) fn text_bytes(scalar: &Scalar) -> Option<Vec<u8>> {
    match scalar {
        Scalar::Null => None,
        Scalar::Bool(value) => Some(value.to_string().into_bytes()),
        Scalar::Int(value) => Some(value.to_string().into_bytes()),
        Scalar::Uint(value) => Some(value.to_string().into_bytes()),
        Scalar::Float(value) => Some(value.to_string().into_bytes()),
        Scalar::Timestamp(text) | Scalar::String(text) => Some(text.as_bytes().to_vec()),
        Scalar::Bytes(bytes) => Some(bytes.clone()),
    }
}

/// The same for a node, if it is a leaf.
pub(crate) fn node_bytes(node: &Node) -> Option<Vec<u8>> {
    match &node.value {
        Value::Scalar(scalar) => text_bytes(scalar),
        Value::Sequence(_) | Value::Mapping(_) => None,
    }
}
