//! The hash behind the name of what a generator made.

use afterbay_manifest::{Mapping, Node, Place, Scalar, Value};
use sha2::{Digest as _, Sha256};

use crate::error::RenderError;
use crate::go;
use crate::resource::Resource;

/// Puts the hash of its content behind the name of every object that needs one.
pub(crate) fn transform(resources: &mut [Resource], errors: &mut Vec<RenderError>) {
    for resource in resources.iter_mut().filter(|resource| resource.needs_hash) {
        match suffix(resource) {
            Some(hash) => {
                resource.remember();
                let name = format!("{}-{hash}", resource.name());
                resource.set_name(&name);
            }
            None => errors.push(RenderError::Step {
                place: Place::new(resource.origin().file.clone(), resource.origin().position),
                step: "hash of a generated object",
                problem: format!(
                    "{} is neither ConfigMap nor Secret any more; set disableNameSuffixHash",
                    resource.reference()
                ),
            }),
        }
    }
}

/// The hash of an object's content: neither its name nor its metadata count.
fn suffix(resource: &Resource) -> Option<String> {
    let fields: &[&str] = match resource.gvk().kind.as_str() {
        "ConfigMap" => &["data", "binaryData"],
        "Secret" => &["data", "stringData", "type"],
        _ => return None,
    };
    let mut hashed = Mapping::new();
    hashed.insert("kind".to_owned(), Node::plain(resource.gvk().kind.as_str()));
    // kustomize looks for a field that is called `metadata/name`, which no object has.
    hashed.insert("name".to_owned(), Node::plain(""));
    for field in fields {
        let is_optional = matches!(*field, "binaryData" | "stringData");
        match resource.body.get(field) {
            None if is_optional => {}
            None => {
                hashed.insert((*field).to_owned(), Node::plain(""));
            }
            Some(node) => match &node.value {
                Value::Mapping(_) => {
                    hashed.insert((*field).to_owned(), node.clone());
                }
                // Go decodes a list into a map, which stays nil.
                Value::Sequence(_) => {
                    hashed.insert((*field).to_owned(), Node::plain(Scalar::Null));
                }
                Value::Scalar(_) if is_optional => {}
                Value::Scalar(_) => {
                    let text = go::node_text(node).unwrap_or_default();
                    hashed.insert((*field).to_owned(), Node::plain(text));
                }
            },
        }
    }
    let mut json = String::new();
    go::write_json(&Node::plain(hashed), &mut json);
    Some(encode(&Sha256::digest(json.as_bytes())))
}

/// The first ten hex digits, with letters in place of those that spell words.
fn encode(digest: &[u8]) -> String {
    let digits = digest.iter().take(5).flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| match digit {
            0 => 'g',
            1 => 'h',
            3 => 'k',
            10 => 'm',
            14 => 't',
            digit => char::from_digit(u32::from(digit), 16).unwrap_or('0'),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn some_digits_are_other_letters() {
        assert_eq!(encode(&[0x01, 0x23, 0xab, 0xcd, 0xef]), "gh2kmbcdtf");
    }
}
