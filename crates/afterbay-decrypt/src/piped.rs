//! Files that another process opened, between two commands of a pipe.
//!
//! A stream says which files were opened, and not which of their values. So every value of such a file counts as opened, and
//! the rule for opened values holds for all of them.

use std::collections::BTreeSet;

use afterbay_manifest::{
    FileTree, Integrity, KeyPath, Node, Object, Place, SecretBytes, Segment, TreePath, Value,
};

use crate::overlay::Declarations;
use crate::{DecryptError, DecryptErrors, PlacePattern, confinement, opened_text};

/// What the files of a stream declared that were opened before.
#[derive(Debug, Default)]
pub struct PipedFiles {
    declared: Declarations,
}

/// Marks every value of the files that were opened before, but for what names an object, and remembers what they declared.
///
/// Files that are not in the tree are passed over.
pub fn mark_opened(mut tree: FileTree, opened: &BTreeSet<TreePath>) -> (FileTree, PipedFiles) {
    let mut files = PipedFiles::default();
    for path in opened {
        let Ok((path, file)) = tree.file(path) else {
            continue;
        };
        let text = file.source().to_vec();
        // Whether the MAC was verified did not come along.
        let (documents, whole) = opened_text::documents(&path, &text, Integrity::MacNotVerified);
        for document in &documents {
            files.declared.add(&path, document);
        }
        // This fails only where there is no file, and the tree has just given it.
        let _ = tree.lay_over(&path, SecretBytes::new(text), documents, whole);
    }
    (tree, files)
}

impl PipedFiles {
    /// Looks for values that stand where they may not: not in an entry of a v1 Secret, not where their own file declares
    /// them, and not in a place that the operator allows.
    pub fn confine(&self, objects: &[Object], allowed: &[PlacePattern]) -> Result<(), DecryptErrors> {
        let mut errors = Vec::new();
        for object in objects {
            let mut path = KeyPath::root();
            self.look(object, object.body(), &mut path, allowed, &mut errors);
        }
        DecryptErrors::check(errors, ())
    }

    fn look(
        &self,
        object: &Object,
        node: &Node,
        path: &mut KeyPath,
        allowed: &[PlacePattern],
        errors: &mut Vec<DecryptError>,
    ) {
        let origin = object.origin();
        errors.extend(confinement::refusal(
            object.reference(),
            Place::new(origin.file.clone(), origin.position),
            path,
            &node.provenance,
            &self.declared,
            allowed,
        ));
        let mut below = |segment, node| {
            path.push(segment);
            self.look(object, node, path, allowed, errors);
            path.pop();
        };
        match &node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    below(Segment::Index(index), item);
                }
            }
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    below(Segment::Key(key.as_str().into()), value);
                }
            }
        }
    }
}
