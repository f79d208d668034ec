//! What reading a file yields, whatever its store.

use afterbay_manifest::yaml::{self, Document, Element};
use afterbay_manifest::{Place, Position, Scalar, TreePath};

use crate::error::ErrorList;
use crate::flat::FlatError;
use crate::integrity::Found;
use crate::{Format, SopsError, SopsErrors, dotenv, ini, json};

/// Why a text is not of its store.
pub(crate) struct StoreError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// A file of a store without nesting.
pub(crate) struct Loaded {
    pub(crate) document: Document,
    /// The metadata where the store keeps it among the values, taken out of them; `None` if there is none.
    pub(crate) block: Option<Result<Element, FlatError>>,
}

/// The documents of a file.
pub(crate) struct Stored {
    pub(crate) documents: Vec<Document>,
    /// The metadata where it is not an entry of the first document.
    pub(crate) block: Option<Result<Element, FlatError>>,
    /// What is not as SOPS writes it and cannot be seen in the documents.
    pub(crate) found: Vec<Found>,
}

/// Reads the text of a file; what is sealed stays sealed.
pub(crate) fn read(file: &TreePath, bytes: &[u8], format: Format) -> Result<Stored, SopsErrors> {
    let single = |document| Stored {
        documents: vec![document],
        block: None,
        found: Vec::new(),
    };
    let read = match format {
        Format::Json | Format::Binary => json::parse(bytes)
            .map(|(document, behind)| Stored {
                found: behind.map(Found::behind_object).into_iter().collect(),
                ..single(document)
            })
            .map_err(|error| vec![(error.position, error.message)]),
        Format::Ini => ini::parse(bytes)
            .map(|(document, found)| Stored {
                found,
                ..single(document)
            })
            .map_err(|error| vec![(error.position, error.message)]),
        Format::Dotenv => dotenv::parse(bytes)
            .map(|loaded| Stored {
                documents: vec![loaded.document],
                block: loaded.block,
                found: Vec::new(),
            })
            .map_err(|error| vec![(error.position, error.message)]),
        Format::Yaml => yaml::parse(bytes)
            .map(|documents| Stored {
                documents,
                block: None,
                found: Vec::new(),
            })
            .map_err(|errors| {
                let errors = errors.0.into_iter();
                errors.map(|error| (error.position, error.message)).collect()
            }),
    };
    read.map_err(|refused| {
        let mut errors = ErrorList::new(file);
        for (position, message) in refused {
            errors.push(SopsError::Syntax {
                place: Place::new(file.clone(), position),
                message,
            });
        }
        errors.into_errors()
    })
}

/// The text of bytes that have to be text.
pub(crate) fn text_of(bytes: &[u8], position: Position, what: &str) -> Result<String, StoreError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(StoreError {
            position,
            message: format!("{what} that is not UTF-8"),
        }),
    }
}

/// Text where the bytes are UTF-8: a Go string holds any bytes.
pub(crate) fn scalar_of(bytes: Vec<u8>) -> Scalar {
    match String::from_utf8(bytes) {
        Ok(text) => Scalar::String(text),
        Err(error) => Scalar::Bytes(error.into_bytes()),
    }
}
