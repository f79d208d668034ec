//! How the fields of a kind merge under server-side apply, and how the server writes their values.
//!
//! For Kubernetes' own kinds that is a table, printed from the server's OpenAPI and its Go types by
//! `e2e/tools/kubernetes/fieldschema`; for others it is the structural schema of their CRD.

mod builtin;
mod schema;

use std::borrow::Cow;

use afterbay_manifest::Gvk;
use serde_json::Value;

/// What is known of one value: a line of the table, or a schema.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'s> {
    /// The notation of the table.
    BuiltIn(&'static str),
    /// A structural schema (`openAPIV3Schema`).
    Schema(&'s Value),
    /// A value that a schema lets pass as it is: maps merge, all else is replaced.
    Free,
}

/// What a shape comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'s> {
    /// A text, number or truth value that is kept as it is written.
    Scalar,
    /// Bytes in base64.
    Bytes,
    /// A quantity.
    Quantity(Finest),
    /// A structure with named fields. `name` is that of the table.
    Structure {
        name: Option<&'static str>,
        merge: Merge,
    },
    /// A map with keys of any name.
    Map { of: Shape<'s>, merge: Merge },
    /// A list.
    List { of: Shape<'s>, items: Items<'s> },
    /// [`Shape::Free`].
    Free,
    /// Nothing is known.
    Unknown,
}

/// The smallest part of a quantity that the server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finest {
    /// Thousandths, in resource lists.
    Milli,
    /// Billionths.
    Nano,
}

/// Whether two managers may own parts of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Each field has owners of its own.
    Fields,
    /// The value is replaced as a whole.
    Whole,
}

/// How the items of a list merge.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Items<'s> {
    /// The list is replaced as a whole.
    Whole,
    /// Each item is its own identity.
    Set,
    /// Items are identified by these keys, each with what a missing one stands for.
    Keyed(Vec<(&'s str, Option<Cow<'s, Value>>)>),
}

/// One field of a structure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'s> {
    pub(crate) shape: Shape<'s>,
    pub(crate) empty: Empty,
}

/// What becomes of an empty value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    /// The server leaves it out.
    Dropped,
    /// The server always writes one.
    Written,
    /// It is told apart from none.
    Kept,
}

impl PartialEq for Shape<'_> {
    /// Only the same notation or the same schema in memory; enough for tests.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::BuiltIn(left), Self::BuiltIn(right)) => left == right,
            (Self::Schema(left), Self::Schema(right)) => std::ptr::eq(*left, *right),
            (Self::Free, Self::Free) => true,
            _ => false,
        }
    }
}

impl<'s> Shape<'s> {
    /// The shape of the objects of one of Kubernetes' own kinds.
    pub(crate) fn built_in(gvk: &Gvk) -> Option<Shape<'static>> {
        builtin::kind(&gvk.api_version(), &gvk.kind).map(Shape::BuiltIn)
    }

    /// The shape of `metadata`, which is the same for every kind.
    pub(crate) fn metadata() -> Shape<'static> {
        Shape::BuiltIn("meta/v1.ObjectMeta")
    }

    pub(crate) fn kind(self) -> Kind<'s> {
        match self {
            Self::BuiltIn(notation) => builtin::read(notation),
            Self::Schema(schema) => schema::read(schema),
            Self::Free => Kind::Free,
        }
    }

    /// A field of a structure; `None` when it has none of this name.
    pub(crate) fn field(self, name: &str) -> Option<Field<'s>> {
        match self {
            Self::BuiltIn(notation) => builtin::field(notation, name),
            Self::Schema(schema) => schema::field(schema, name),
            Self::Free => None,
        }
    }

    /// What stands for a field that is not there, beside the empty value, where that is known.
    pub(crate) fn default(self, name: &str) -> Option<Cow<'s, Value>> {
        match self {
            Self::BuiltIn(notation) => builtin::default(notation, name).map(Cow::Owned),
            Self::Schema(schema) => schema["properties"][name].get("default").map(Cow::Borrowed),
            Self::Free => None,
        }
    }

    /// Whether the server decodes the value into a type of its own, which has no null in it.
    pub(crate) fn is_typed(self) -> bool {
        matches!(self, Self::BuiltIn(_))
    }
}
