//! Which of the two kinds of patches a text is: kustomize reads it as both and takes the one that works.

use std::borrow::Cow;
use std::collections::VecDeque;

use afterbay_manifest::yaml::{self, Document, Table};
use afterbay_manifest::{Node, Spelling, Value};
use serde_json::Value as Json;
use thiserror::Error;

use super::json6902::Operation;
use crate::folded;
use crate::read::{Listing, into_list, is_nothing};

/// A patch as read.
#[derive(Debug, Clone, PartialEq)]
pub enum Patch {
    /// Objects to merge, one or several. A text without any patches nothing.
    Strategic(Vec<Node>),
    /// Operations of JSON6902.
    Json(Vec<Operation>),
}

/// Why a text is no patch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchError {
    /// It can be read in neither way.
    #[error("is neither a strategic-merge patch ({strategic}) nor a JSON6902 patch ({json})")]
    Neither {
        /// Why not as the one.
        strategic: String,
        /// Why not as the other.
        json: String,
    },
    /// It can be read in both ways.
    #[error("is a strategic-merge patch and a JSON6902 patch at once; make it one of them")]
    Both,
}

impl Patch {
    /// Reads a text, as it stands in a file, or in `patch` with the white space around it cut off.
    pub fn parse(text: &str) -> Result<Self, PatchError> {
        let documents = yaml::parse(text.as_bytes());
        let strategic = match &documents {
            Ok(documents) => objects(&refolded(documents)),
            Err(errors) => Err(first(errors)),
        };
        let json = if text.starts_with('[') {
            json_operations(text)
        } else {
            match &documents {
                _ if text.is_empty() => Err("the text is empty".to_owned()),
                Ok(documents) => yaml_operations(documents),
                Err(errors) => Err(first(errors)),
            }
        };
        decide(strategic, json)
    }

    /// Reads the documents of a file that was opened, whose text is not there.
    pub fn of_documents(documents: &[Document]) -> Result<Self, PatchError> {
        decide(objects(documents), yaml_operations(documents))
    }
}

/// The documents with folded texts as kustomize prints them.
fn refolded(documents: &[Document]) -> Cow<'_, [Document]> {
    let mut documents = Cow::Borrowed(documents);
    if documents.iter().any(folded::has_any) {
        documents.to_mut().iter_mut().for_each(folded::refold);
    }
    documents
}

fn decide(
    strategic: Result<Vec<Node>, String>,
    json: Result<Vec<Operation>, String>,
) -> Result<Patch, PatchError> {
    match (strategic, json) {
        (Ok(objects), Ok(operations)) if !objects.is_empty() && !operations.is_empty() => {
            Err(PatchError::Both)
        }
        (Ok(objects), _) => Ok(Patch::Strategic(objects)),
        (Err(_), Ok(operations)) => Ok(Patch::Json(operations)),
        (Err(strategic), Err(json)) => Err(PatchError::Neither { strategic, json }),
    }
}

fn first(errors: &yaml::YamlErrors) -> String {
    errors.0.first().map_or_else(String::new, |error| {
        format!("line {}: {}", error.position.line, error.message)
    })
}

/// The objects of a text. Each needs a kind and, unless it is a list, a name.
fn objects(documents: &[Document]) -> Result<Vec<Node>, String> {
    let mut queue = VecDeque::new();
    for document in documents {
        if let Some(node) = document
            .resolve(Table::Kustomize)
            .map_err(|errors| first(&errors))?
        {
            queue.push_back(node);
        }
    }
    let is_only = queue.len() == 1;
    let mut objects = Vec::with_capacity(queue.len());
    while let Some(node) = queue.pop_front() {
        if is_nothing(&node) {
            continue;
        }
        check_identity(&node)?;
        match into_list(node) {
            Listing::Object(node) => objects.push(node),
            Listing::List { kind, items } => {
                let keeps_spelling = is_only && (kind == "List" || kind == "ResourceList");
                queue.extend(items.into_iter().map(|mut item| {
                    if !keeps_spelling {
                        item.spell_as_json();
                    }
                    item
                }));
            }
            Listing::Odd { kind, found } => {
                return Err(format!("items of the {kind} is a {found}, and must be a list"));
            }
        }
    }
    Ok(objects)
}

fn check_identity(node: &Node) -> Result<(), String> {
    let line = node.position.line;
    if node.as_mapping().is_none() {
        return Err(format!(
            "line {line}: an object is a map, and this is a {}",
            node.kind_name()
        ));
    }
    let text = |path: &[&str]| {
        let node = node.at(path).filter(|node| !node.is_null())?;
        node.expose_spelling().filter(|text| !text.is_empty())
    };
    let Some(kind) = text(&["kind"]) else {
        return Err(format!("line {line}: kind is missing"));
    };
    if !kind.ends_with("List") && text(&["metadata", "name"]).is_none() {
        return Err(format!("line {line}: metadata.name is missing"));
    }
    Ok(())
}

fn json_operations(text: &str) -> Result<Vec<Operation>, String> {
    let json: Json = serde_json::from_str(text).map_err(|error| {
        format!(
            "what begins with [ must be JSON, and line {} column {} is not",
            error.line(),
            error.column()
        )
    })?;
    let mut patch = Node::from_json(&json);
    spell_floats(&mut patch);
    Operation::list(patch)
}

/// A number with a fraction is spelled with it, which `test` looks at.
fn spell_floats(node: &mut Node) {
    match &mut node.value {
        Value::Scalar(afterbay_manifest::Scalar::Float(value)) => {
            node.spelling = Spelling::As(Json::from(*value).to_string().into());
        }
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter_mut().for_each(spell_floats),
        Value::Mapping(entries) => entries.values_mut().for_each(spell_floats),
    }
}

/// The first document counts; what follows is not looked at.
fn yaml_operations(documents: &[Document]) -> Result<Vec<Operation>, String> {
    let Some(document) = documents.first() else {
        return Ok(Vec::new());
    };
    let patch = document
        .resolve(Table::Kubectl)
        .map_err(|errors| first(&errors))?;
    let Some(mut patch) = patch else {
        return Ok(Vec::new());
    };
    patch.spell_as_json();
    Operation::list(patch)
}
