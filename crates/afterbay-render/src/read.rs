//! A file with objects: documents, lists, and the objects in them, in kustomize's order.

use std::collections::VecDeque;

use afterbay_manifest::yaml::{Document, Table, YamlErrors};
use afterbay_manifest::{
    File, FileTree, KeyPath, Mapping, Node, ObjectError, Origin, Place, Position, Scalar, TreePath, Value,
    Warning,
};

use crate::annotation;
use crate::error::{RenderError, an};
use crate::fieldspec::Misshapen;
use crate::folded;
use crate::resource::Resource;

/// What a file held, as far as it could be read.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) resources: Vec<Resource>,
    allows_missing_api_version: bool,
    /// In place of objects: what has a kind and a name, which is what a patch needs.
    pub(crate) patches: Vec<Resource>,
    reads_patches: bool,
    pub(crate) errors: Vec<RenderError>,
    pub(crate) warnings: Vec<Warning>,
}

/// An object or list that waits to be read, with where it stands.
struct Waiting {
    node: Node,
    document: usize,
}

/// Reads a resource file.
pub(crate) fn file(tree: &FileTree, path: &TreePath, allows_missing_api_version: bool) -> Contents {
    let empty = Contents {
        allows_missing_api_version,
        ..Contents::default()
    };
    empty.with_file(tree, path)
}

/// Reads a file with patches or with configuration of plugins.
pub(crate) fn patches(tree: &FileTree, path: &TreePath) -> Contents {
    let empty = Contents {
        reads_patches: true,
        ..Contents::default()
    };
    empty.with_file(tree, path)
}

/// The same for a text that stands in a file.
pub(crate) fn inline_patches(text: &str, place: &Place) -> Contents {
    let mut tree = FileTree::new();
    tree.insert_file(place.file.clone(), text.as_bytes(), false);
    let mut contents = patches(&tree, &place.file);
    let lines = place.position.line.saturating_sub(1);
    for patch in &mut contents.patches {
        patch.move_down(lines);
    }
    for error in &mut contents.errors {
        error.move_down(lines);
    }
    contents
}

/// The value of a configuration file by a table; `null` for one that is empty. Only the first document counts.
pub(crate) fn configuration(path: &TreePath, file: &File, table: Table) -> Result<Node, Vec<RenderError>> {
    let documents = file
        .documents()
        .map_err(|errors| yaml_errors(path, errors).collect::<Vec<_>>())?;
    let Some(document) = documents.first() else {
        return Ok(Node::plain(Scalar::Null));
    };
    match document.resolve(table) {
        Ok(Some(node)) => plain(path, node),
        Ok(None) => Ok(Node::plain(Scalar::Null)),
        Err(errors) => Err(yaml_errors(path, errors).collect()),
    }
}

/// The value, if no part of it is sealed: what a build does must be open to a reviewer, and is in no message a secret.
fn plain(path: &TreePath, node: Node) -> Result<Node, Vec<RenderError>> {
    let mut sealed = None;
    node.leaves(&mut |key_path, leaf| {
        if sealed.is_none() && !leaf.provenance.is_plain() {
            sealed = Some((key_path.to_string(), leaf.position));
        }
    });
    match sealed {
        None => Ok(node),
        Some((key_path, position)) => Err(vec![RenderError::Yaml {
            place: Place::new(path.clone(), position),
            message: format!("{key_path} {SEALED}"),
        }]),
    }
}

/// What is wrong with a sealed value in what tells a build what to do.
pub(crate) const SEALED: &str = "is encrypted, and what configures a build must be plain; encrypt objects, patches and generator files only";

/// Whether kustomize takes an entry for objects rather than for the path of a file.
pub(crate) fn is_inline(text: &str) -> bool {
    let place = Place::of_file(TreePath::root());
    inline_patches(text, &place).errors.is_empty()
}

/// The errors of the YAML reader with the file's name.
pub(crate) fn yaml_errors(file: &TreePath, errors: YamlErrors) -> impl Iterator<Item = RenderError> {
    let place = |position: Position| Place::new(file.clone(), position);
    let errors: Vec<RenderError> = errors
        .0
        .into_iter()
        .map(|error| RenderError::Yaml {
            place: place(error.position),
            message: error.message,
        })
        .collect();
    errors.into_iter()
}

/// A warning for each scalar that kustomize and `kubectl apply` read differently. The document begins so many lines
/// below the top.
pub(crate) fn ambiguous(
    file: &TreePath,
    document: &Document,
    lines_before: u32,
) -> impl Iterator<Item = Warning> {
    let found = document.ambiguous_scalars().into_iter();
    found.map(move |scalar| {
        let message = scalar.to_string();
        let mut position = scalar.position;
        position.line += lines_before;
        Warning {
            place: Some(Place::new(file.clone(), position)),
            message,
        }
    })
}

impl Contents {
    /// With what a file holds; one that was left sealed is left out.
    fn with_file(mut self, tree: &FileTree, path: &TreePath) -> Self {
        match tree.file(path) {
            Ok((_, file)) if file.is_left_sealed() => {}
            Ok((real, file)) => self.read(&real, file),
            Err(source) => self.errors.push(RenderError::Target {
                path: path.clone(),
                source,
            }),
        }
        self
    }

    fn read(&mut self, path: &TreePath, file: &File) {
        let mut documents = match file.documents() {
            Ok(documents) => documents,
            Err(errors) => {
                self.errors.extend(yaml_errors(path, errors));
                return;
            }
        };
        if documents.iter().any(folded::has_any) {
            documents.to_mut().iter_mut().for_each(folded::refold);
        }
        // Opened documents were written by us, so only text of the revision can be split in an odd way.
        let pieces = if file.is_opened() {
            documents.len()
        } else {
            self.split(path, file.source())
        };
        let mut queue = VecDeque::new();
        for document in documents.iter() {
            self.warnings.extend(ambiguous(path, document, 0));
            match document.resolve(Table::Kustomize) {
                Ok(Some(node)) => {
                    queue.push_back(Waiting {
                        node,
                        document: document.index,
                    });
                }
                Ok(None) => {}
                Err(errors) => self.errors.extend(yaml_errors(path, errors)),
            }
        }
        while let Some(waiting) = queue.pop_front() {
            self.take(path, waiting, pieces == 1, &mut queue);
        }
    }

    /// Reads one object, or puts the items of a list at the end of the queue, where kustomize puts them.
    fn take(
        &mut self,
        path: &TreePath,
        waiting: Waiting,
        is_only_piece: bool,
        queue: &mut VecDeque<Waiting>,
    ) {
        let Waiting { node, document } = waiting;
        if is_nothing(&node) {
            return;
        }
        let origin = Origin {
            file: path.clone(),
            document,
            position: node.position,
        };
        match into_list(node) {
            Listing::Object(node) if self.reads_patches => match patch(node, origin) {
                Ok(resource) => self.patches.push(resource),
                Err(error) => self.errors.push(error),
            },
            Listing::Object(node) => match object(node, origin, self.allows_missing_api_version) {
                Ok(resource) => self.resources.push(resource),
                Err(error) => self.errors.push(error),
            },
            Listing::List { kind, items } => {
                let keeps_spelling = is_only_piece && (kind == "List" || kind == "ResourceList");
                queue.extend(items.into_iter().map(|mut node| {
                    // The others go through JSON on their way.
                    if !keeps_spelling {
                        node.spell_as_json();
                    }
                    Waiting { node, document }
                }));
            }
            Listing::Odd { kind, found } => {
                self.errors.push(shape(&origin, kind, items_problem(found)));
            }
        }
    }

    /// Counts the pieces kustomize splits a text into, and refuses what it would refuse or lose.
    fn split(&mut self, path: &TreePath, source: &[u8]) -> usize {
        let mut pieces = 1;
        let mut ended = false;
        for (index, line) in source.split(|byte| *byte == b'\n').enumerate() {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let place = || Place::new(path.clone(), Position::new(number, 1));
            let rest = |mark: &[u8]| line.strip_prefix(mark).map(<[u8]>::trim_ascii);
            if let Some(rest) = rest(b"---") {
                ended = false;
                if index == 0 {
                    continue;
                }
                pieces += 1;
                if !rest.is_empty() && !rest.starts_with(b"#") {
                    let message =
                        "kustomize takes no content behind the document separator ---; begin a new line";
                    self.errors.push(RenderError::Separator {
                        place: place(),
                        message,
                    });
                }
            } else if rest(b"...").is_some_and(|rest| rest.is_empty() || rest.starts_with(b"#")) {
                ended = true;
            } else if ended && !line.trim_ascii().is_empty() && !line.trim_ascii().starts_with(b"#") {
                ended = false;
                let message =
                    "kustomize ignores what follows the end mark ...; begin a new document with ---";
                self.errors.push(RenderError::Separator {
                    place: place(),
                    message,
                });
            }
        }
        pieces
    }
}

/// An object, with annotations as texts.
fn object(mut node: Node, origin: Origin, allows_missing_api_version: bool) -> Result<Resource, RenderError> {
    // Identity first: an object without a name is better told that than told about its annotations.
    if node.as_mapping().is_none() {
        return Err(RenderError::Object(ObjectError::NotAnObject {
            origin,
            found: node.kind_name(),
        }));
    }
    let annotations = annotation::read(&mut node);
    let resource = Resource::unchecked(node, origin);
    resource
        .check_identity(allows_missing_api_version)
        .map_err(RenderError::Object)?;
    match annotations {
        Ok(()) => Ok(resource),
        Err(misshapen) => Err(shape(
            resource.origin(),
            resource.reference().to_string(),
            misshapen,
        )),
    }
}

/// A patch: `apiVersion` may be missing, and a `null` takes an annotation away.
fn patch(node: Node, origin: Origin) -> Result<Resource, RenderError> {
    if node.as_mapping().is_none() {
        return Err(RenderError::Object(ObjectError::NotAnObject {
            origin,
            found: node.kind_name(),
        }));
    }
    for keys in [&["kind"][..], &["metadata", "name"]] {
        let is_text = node
            .at(keys)
            .and_then(Node::as_plain_str)
            .is_some_and(|text| !text.is_empty());
        let is_list = keys.len() > 1
            && node
                .get("kind")
                .and_then(Node::as_plain_str)
                .is_some_and(|kind| kind.ends_with("List"));
        if !is_text && !is_list {
            return Err(RenderError::Object(ObjectError::Identity {
                origin,
                path: KeyPath::of_keys(keys.iter().copied()),
                problem: "missing".to_owned(),
            }));
        }
    }
    Ok(Resource::unchecked(node, origin))
}

pub(crate) fn shape(origin: &Origin, object: String, misshapen: Misshapen) -> RenderError {
    let Misshapen { path, problem } = misshapen;
    RenderError::Shape {
        origin: origin.clone(),
        object,
        path: path.to_string(),
        problem,
    }
}

/// A node, told apart from a list of objects.
pub(crate) enum Listing {
    /// Not a list.
    Object(Node),
    /// A list and its items.
    List { kind: String, items: Vec<Node> },
    /// A list whose items are not a list.
    Odd { kind: String, found: &'static str },
}

/// A kind that ends in `List` and has `items` is a list, whatever its group; without `items` it is an object.
pub(crate) fn into_list(mut node: Node) -> Listing {
    let kind = node
        .get("kind")
        .and_then(Node::as_plain_str)
        .filter(|kind| kind.ends_with("List"));
    let Some(kind) = kind.map(str::to_owned) else {
        return Listing::Object(node);
    };
    let Some(items) = node.as_mapping_mut().and_then(|entries| entries.get_mut("items")) else {
        return Listing::Object(node);
    };
    let found = items.kind_name();
    match std::mem::replace(&mut items.value, Value::Scalar(afterbay_manifest::Scalar::Null)) {
        Value::Sequence(items) => Listing::List { kind, items },
        Value::Scalar(afterbay_manifest::Scalar::Null) => Listing::List {
            kind,
            items: Vec::new(),
        },
        _ => Listing::Odd { kind, found },
    }
}

pub(crate) fn items_problem(found: &str) -> Misshapen {
    let problem = format!("is {} where a list of objects is expected", an(found));
    Misshapen {
        path: KeyPath::of_keys(["items"]),
        problem,
    }
}

/// `null`, `{}` and `[]` stand for no object.
pub(crate) fn is_nothing(node: &Node) -> bool {
    node.is_null()
        || node.as_mapping().is_some_and(Mapping::is_empty)
        || node.as_sequence().is_some_and(<[Node]>::is_empty)
}
