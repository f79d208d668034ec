//! Every mutation of every file that sops sealed (`fixtures/sops/tampering.json`): the verdict is the one of sops, and
//! what opens is what sops prints. `TAMPERING.md` is the sum of it; the test prints what it has to be.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterbay_manifest::{DataKeys, KeyRequest, TreePath};
use afterbay_sops::{Format, IntegrityPolicy, MacPolicy, OpenPolicy, OpenedFile, SealedFile};
use fixtures::sops::{Mutation, mutations};
use sha2::{Digest as _, Sha256};

use super::{KEPT_HERE, unwrap_all};

const TABLE: &str = include_str!("../../TAMPERING.md");

/// Opens a mutation, its data keys unwrapped once for all of them.
fn open(row: &Mutation, integrity: IntegrityPolicy) -> Option<OpenedFile> {
    let path = TreePath::parse(&row.vector.file_name()).unwrap();
    let format = Format::of_path(&path).unwrap_or(Format::Binary);
    let sealed = SealedFile::detect(&path, &row.sealed, format).ok()??;
    let keys = keys(&sealed);
    let policy = OpenPolicy {
        mac: MacPolicy::Require,
        integrity,
    };
    sealed.open(&keys, policy).ok()
}

fn keys(sealed: &SealedFile) -> DataKeys {
    let requests: Vec<KeyRequest> = sealed.key_requests().cloned().collect();
    unwrap_all(requests.iter(), fixtures::sops::IDENTITIES)
}

/// How often a mutation was tried and refused.
#[derive(Default)]
struct Count {
    tried: usize,
    by_sops: usize,
    here: usize,
    strictly: usize,
}

/// Where a comment came to stand further in: sops prints it sealed, here it opens.
const OPENED_COMMENTS: [(&str, &str); 2] = [
    ("comments-in-maps", "comment swapped with its neighbor"),
    ("secret-unencrypted-regex", "comment swapped with its neighbor"),
];

#[test]
fn the_verdict_is_the_one_of_sops() {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in mutations().unwrap() {
        let opened = open(&row, IntegrityPolicy::Sops);
        let count = counts.entry(row.name.clone()).or_default();
        count.tried += 1;
        count.by_sops += usize::from(!row.opens);
        count.here += usize::from(opened.is_none());
        count.strictly += usize::from(open(&row, IntegrityPolicy::Strict).is_none());
        if opened.is_some() != row.opens {
            wrong.push(format!(
                "{}: {}: sops opens it: {}",
                row.vector.name, row.name, row.opens
            ));
        }
        if let Some(opened) = opened.filter(|_| row.opens && !KEPT_HERE.contains(&row.vector.name)) {
            let digest = Sha256::digest(opened.text.expose_bytes());
            let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let at = (row.vector.name, row.name.as_str());
            if digest.concat() != row.digest && !OPENED_COMMENTS.contains(&at) {
                wrong.push(format!("{}: {}: other text", row.vector.name, row.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    let table = table(&counts);
    assert!(TABLE == table, "TAMPERING.md has to be:\n{table}");
}

fn table(counts: &BTreeMap<String, Count>) -> String {
    let mut table = "# What an alteration of a SOPS file comes to\n\n\
                     Each mutation was made to every file of `fixtures/sops` that sops 3.13.3 sealed and opens, wherever the \
                     file has a place for it. A number is how many of the altered files are refused. What is not refused \
                     opens to the text that sops prints.\n\n\
                     | Mutation | altered files | sops | afterbay | `--integrity strict` |\n|---|---|---|---|---|\n"
        .to_owned();
    for (mutation, count) in counts {
        let Count {
            tried,
            by_sops,
            here,
            strictly,
        } = count;
        writeln!(
            table,
            "| {mutation} | {tried} | {by_sops} | {here} | {strictly} |"
        )
        .unwrap();
    }
    table
        + "\nWhat passes was never covered by the MAC of SOPS and leaves no trace: keys of plain values, empty values, \
             comments, and values of the same bytes in another split.\n"
}
