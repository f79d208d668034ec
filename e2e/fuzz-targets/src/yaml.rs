//! The one YAML reader, under each of its tables, and what it reads written again.

use afterbay_manifest::yaml::{self, Table};

use crate::seed::files;

/// The text.
pub fn run(data: &[u8]) {
    let Ok(documents) = yaml::parse(data) else {
        return;
    };
    let _ = yaml::emit_documents(&documents);
    for document in &documents {
        for table in [Table::Kustomize, Table::Sops] {
            if let Ok(Some(node)) = document.resolve(table) {
                let text = yaml::emit([&node]);
                let again = yaml::parse(text.as_bytes());
                assert_eq!(
                    again.map(|again| again.len()),
                    Ok(1),
                    "what was written is not read"
                );
            }
        }
    }
}

/// Plain and sealed files.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        files("fixtures/sops"),
        files("fixtures/render"),
        files("fixtures/yaml"),
    ]
    .concat()
}
