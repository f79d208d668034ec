//! Where something stands: file, line and column, key path.

use std::fmt;

use crate::TreePath;

/// A line and a column in a file, both counted from 1; 0 means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// A position that is not known, for what no file holds.
    pub const UNKNOWN: Self = Self { line: 0, column: 0 };

    /// A position by line and column, both from 1.
    pub const fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

/// One step of a [`KeyPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a mapping.
    Key(Box<str>),
    /// An index of a sequence, from 0.
    Index(usize),
}

/// The way from the root of a document to a value, written `spec.ports[0].name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// The path of the document itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// A path of mapping keys only.
    pub fn of_keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(|key| Segment::Key(key.into())).collect())
    }

    /// This path with one more mapping key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut next = self.clone();
        next.push(Segment::Key(key.into()));
        next
    }

    /// This path with one more sequence index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut next = self.clone();
        next.push(Segment::Index(index));
        next
    }

    /// Goes one step down.
    pub fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    /// Goes one step up.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether this is the document itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `prefix` is this path or one above it.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (step, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if key.is_empty() || key.contains(['.', '[', ']', ' ', '"']) => {
                    write!(f, "[{key:?}]")?;
                }
                Segment::Key(key) if step == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A place in a file, as errors print it: `apps/db.yaml:7:3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file.
    pub file: TreePath,
    /// Line and column in it.
    pub position: Position,
}

impl Place {
    /// A position in a file.
    pub fn new(file: TreePath, position: Position) -> Self {
        Self { file, position }
    }

    /// A file as a whole.
    pub fn of_file(file: TreePath) -> Self {
        Self {
            file,
            position: Position::UNKNOWN,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        match self.position {
            Position { line: 0, .. } => Ok(()),
            Position { line, column: 0 } => write!(f, ":{line}"),
            Position { line, column } => write!(f, ":{line}:{column}"),
        }
    }
}

#[cfg(test)]
mod tests;
