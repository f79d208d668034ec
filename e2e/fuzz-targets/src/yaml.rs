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
                let again = yaml::parse(text.as_bytes()).expect("what was written is read");
                let [again] = again.as_slice() else {
                    panic!("what was written is {} documents", again.len());
                };
                if table == Table::Kustomize {
                    let again = again.resolve(table).expect("what was written has types");
                    assert_eq!(
                        yaml::emit(&again),
                        text,
                        "what was written is read as something else"
                    );
                }
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
