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
        let name = path.file_name();
        if name.ends_with(".yaml") || name.ends_with(".yml") {
            Some(Self::Yaml)
        } else {
            name.ends_with(".json").then_some(Self::Json)
        }
    }
}
