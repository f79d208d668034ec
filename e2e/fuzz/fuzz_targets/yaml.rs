//! The one YAML reader, under each of its tables, and what it reads written again.
#![no_main]

use afterbay_manifest::yaml::{self, Table};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(documents) = yaml::parse(data) else {
        return;
    };
    let _ = yaml::emit_documents(&documents);
    for document in &documents {
        for table in [Table::Kustomize, Table::Sops] {
            if let Ok(Some(node)) = document.resolve(table) {
                let text = yaml::emit([&node]);
                let again = yaml::parse(text.as_bytes()).expect("what was written is read");
                assert_eq!(again.len(), 1);
            }
        }
    }
});
