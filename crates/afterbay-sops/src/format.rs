//! Which store a file uses.

use afterbay_manifest::TreePath;

/// The stores that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML, one document or a stream of them.
    Yaml,
    /// A JSON object.
    Json,
}

impl Format {
    /// The store that `sops` chooses by file name (`cmd/sops/formats`); `None` where it would take
    /// dotenv, INI or binary.
    pub fn of_path(path: &TreePath) -> Option<Self> {
        match path.file_name().rsplit_once('.') {
            Some((_, "yaml" | "yml")) => Some(Self::Yaml),
            Some((_, "json")) => Some(Self::Json),
            _ => None,
        }
    }
}
