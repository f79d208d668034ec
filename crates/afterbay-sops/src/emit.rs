//! Opened documents as the text of any store (`sops decrypt --output-type`).

use std::borrow::Cow;

use afterbay_manifest::yaml::{self, Document, Element, ElementKind, Pair};
use afterbay_manifest::{KeyPath, Position, Scalar, SecretBytes, Segment};

use crate::number::value_float;
use crate::timestamp::Timestamp;
use crate::{Format, dotenv, ini, json};

const NO_JSON: &str = "holds a value that JSON cannot write, such as infinity";

/// Why a store cannot hold a value.
pub(crate) struct Refused {
    pub(crate) position: Position,
    pub(crate) path: KeyPath,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn at(value: &Element, keys: &[&str], message: &str) -> Self {
        let mut path = KeyPath::root();
        for key in keys {
            path.push(Segment::Key((*key).into()));
        }
        Self {
            position: value.position,
            path,
            message: message.to_owned(),
        }
    }

    fn of_file(message: &str) -> Self {
        Self {
            position: Position::new(1, 1),
            path: KeyPath::root(),
            message: message.to_owned(),
        }
    }
}

/// The text of documents. JSON, dotenv and binary take the first document of a stream only, as SOPS does.
pub(crate) fn emit(documents: &[Document], format: Format) -> Result<SecretBytes, Vec<Refused>> {
    let one = |refused| vec![refused];
    let first = || {
        documents
            .first()
            .ok_or_else(|| one(Refused::of_file("there is no document")))
    };
    let text = match format {
        Format::Yaml => {
            return yaml::emit_documents(documents).map_err(|errors| of_yaml(&errors));
        }
        Format::Json => json::emit(first()?).ok_or_else(|| {
            one(Refused::of_file(
                "holds a value that JSON cannot write, such as infinity",
            ))
        })?,
        Format::Dotenv => dotenv::emit(first()?).map_err(one)?,
        Format::Ini => ini::emit(documents).map_err(one)?,
        Format::Binary => binary(documents).map_err(one)?,
    };
    Ok(SecretBytes::new(text))
}

/// One value that is neither text nor a map, on its own.
pub(crate) fn emit_value(value: &Element, format: Format) -> Result<SecretBytes, Vec<Refused>> {
    let refused = |message| vec![Refused::at(value, &[], message)];
    let text = match format {
        Format::Yaml => return yaml::emit_value(value).map_err(|errors| of_yaml(&errors)),
        Format::Json => json::emit_value(value).ok_or_else(|| refused(NO_JSON))?,
        Format::Ini => json::emit_line(value).ok_or_else(|| {
            refused("a list with comments or maps in it, or a value that JSON cannot write")
        })?,
        Format::Dotenv => return Err(refused("only text can be extracted; choose another output type")),
        Format::Binary => return Err(refused("nothing can be extracted; choose another output type")),
    };
    Ok(SecretBytes::new(text))
}

fn of_yaml(errors: &yaml::YamlErrors) -> Vec<Refused> {
    let refused = |error: &yaml::YamlError| Refused {
        position: error.position,
        path: KeyPath::root(),
        message: error.message.clone(),
    };
    errors.0.iter().map(refused).collect()
}

/// The value `data`, which is all that the binary store has.
fn binary(documents: &[Document]) -> Result<Vec<u8>, Refused> {
    let [document] = documents else {
        return Err(Refused::of_file(
            "a stream of documents cannot be written as binary",
        ));
    };
    let pairs = match document.root.as_ref().map(|root| &root.kind) {
        Some(ElementKind::Mapping(pairs)) => pairs.as_slice(),
        _ => &[],
    };
    let data = pairs.iter().find_map(|pair| match pair {
        Pair::Entry { key, value } if matches!(&key.kind, ElementKind::Text(text) if &*text.text == "data") => {
            Some(value)
        }
        _ => None,
    });
    match data.map(|value| (value, &value.kind)) {
        Some((_, ElementKind::Opened(Scalar::String(text), _))) => Ok(text.clone().into_bytes()),
        Some((_, ElementKind::Opened(Scalar::Bytes(bytes), _))) => Ok(bytes.clone()),
        Some((value, _)) => Err(Refused::at(
            value,
            &["data"],
            "is not text, so the file was not sealed as binary; choose another output type",
        )),
        None => Err(Refused::of_file(
            "has no value `data`, so it was not sealed as binary; choose another output type",
        )),
    }
}

/// A value as the stores without types write it (`stores.go` `ValToString`).
pub(crate) fn scalar_text(scalar: &Scalar) -> Cow<'_, [u8]> {
    let owned = |text: String| Cow::Owned(text.into_bytes());
    match scalar {
        Scalar::Null => Cow::Borrowed(b"<nil>"),
        Scalar::Bool(value) => owned(value.to_string()),
        Scalar::Int(value) => owned(value.to_string()),
        Scalar::Uint(value) => owned(value.to_string()),
        Scalar::Float(value) => owned(value_float(*value)),
        Scalar::Timestamp(text) => match Timestamp::parse(text) {
            Some(time) => owned(time.to_seconds()),
            None => Cow::Borrowed(text.as_bytes()),
        },
        Scalar::String(text) => Cow::Borrowed(text.as_bytes()),
        Scalar::Bytes(bytes) => Cow::Borrowed(bytes),
    }
}
