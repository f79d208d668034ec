//! Values to text, byte for byte as Go's emitters write it wherever that can be read back.
//!
//! ```text
//! Node      ──nodes.rs──────┐                     ┌─ scalar.rs: which style, quoting, folding
//!                           ├─► Shape ──block.rs──┤
//! Document  ──documents.rs──┘                     └─ writer.rs: columns, indents, pending comments
//! ```
//!
//! Two things are written otherwise than Go writes them, because the text would not read back as the same
//! value: the line breaks U+2028 and U+2029 are escaped, and a text `<<` is quoted in the flavor that has
//! no tag for it.

mod block;
mod documents;
mod nodes;
mod order;
mod scalar;
mod writer;

pub use documents::{emit_documents, emit_value};
pub(crate) use nodes::is_written_plain;
pub use nodes::{emit, emit_sorted};

/// Whose style is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavor {
    /// go-yaml v2 as `sigs.k8s.io/yaml` and kustomize use it: indent 2, lists not indented, folded at 80.
    Kustomize,
    /// go-yaml v3 as SOPS uses it: indent 4, lists indented, not folded, with comments.
    Sops,
}

/// What is written: a value in which every leaf is text already, with its comments.
struct Shape<'a> {
    /// `None` for most: large files are written as well.
    comments: Option<Box<Comments>>,
    body: Body<'a>,
}

/// Comments of a value, `#` and line breaks included.
#[derive(Default)]
struct Comments {
    above: String,
    behind: String,
    below: String,
}

enum Body<'a> {
    Leaf(Leaf<'a>),
    Sequence(Vec<Shape<'a>>),
    Mapping(Vec<(Shape<'a>, Shape<'a>)>),
}

/// A scalar to write.
struct Leaf<'a> {
    text: std::borrow::Cow<'a, str>,
    want: Want,
    /// A tag in short form, such as `!!binary`.
    tag: Option<&'static str>,
}

/// The style to start from; what the text holds may force another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Plain,
    Double,
    Literal,
}

impl<'a> Shape<'a> {
    fn new(body: Body<'a>) -> Self {
        Self { comments: None, body }
    }

    fn above(&self) -> &str {
        self.comments.as_ref().map_or("", |comments| &comments.above)
    }

    fn behind(&self) -> &str {
        self.comments.as_ref().map_or("", |comments| &comments.behind)
    }

    fn below(&self) -> &str {
        self.comments.as_ref().map_or("", |comments| &comments.below)
    }
}
