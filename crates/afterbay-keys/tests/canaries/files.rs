//! Sealed files of every store and with keys of every kind.

use std::path::Path;

use afterbay_keys::KeyOptions;
use afterbay_manifest::{DataKeys, KeyRequest, TreePath};
use afterbay_sops::{Format, MacPolicy, SealedFile};
use fixtures::sops::{IDENTITIES, OTHER_IDENTITIES, VECTORS, mutations};

use crate::opening::{Said, everything_said};
use crate::recording::Recording;
use crate::secrets::Secrets;
use crate::sources::{age, inline, unwrap};

/// A file and its path.
type File = (TreePath, Vec<u8>);

/// What a run looked at.
struct Looked {
    files: usize,
    values: usize,
    macs: usize,
}

/// Looks at every file with the keys that each of the options gives, and with none. The first opens the files.
fn look(files: &[File], options: Vec<KeyOptions>, secrets: &mut Secrets) -> Looked {
    let recording = Recording::start();
    let requests = requests(files);
    let mut said = Said::default();
    let mut rings: Vec<DataKeys> = options
        .into_iter()
        .map(|options| unwrap(options, &requests, &mut said))
        .collect();
    for request in &requests {
        secrets.keys(request, &rings[0]);
    }
    let mut macs = 0;
    for (path, sealed) in files {
        secrets.name(path.as_str());
        macs += learn(path, sealed, &rings[0], secrets);
    }
    rings.push(DataKeys::default());
    let search = secrets.search();
    let mut shown: Vec<String> = search.found_in(&said.0).into_iter().collect();
    for (path, sealed) in files {
        for keys in &rings {
            match everything_said(path, sealed, keys, &|_| DataKeys::default()) {
                Ok(said) => shown.extend(search.found_in(&said).map(|found| format!("{path}: {found}"))),
                Err(panicked) => shown.push(panicked),
            }
        }
    }
    shown.extend(
        search
            .found_in(&recording.take())
            .map(|found| format!("log: {found}")),
    );
    shown.dedup();
    assert!(shown.is_empty(), "{} leaks:\n{}", shown.len(), shown.join("\n\n"));
    Looked {
        files: files.len(),
        values: search.values,
        macs,
    }
}

fn requests(files: &[File]) -> Vec<KeyRequest> {
    let mut requests: Vec<KeyRequest> = Vec::new();
    for (path, sealed) in files {
        if let Ok(Some(sealed)) = SealedFile::find(path, Format::of_path(path), sealed) {
            for request in sealed.key_requests() {
                if !requests.iter().any(|known| known.groups == request.groups) {
                    requests.push(request.clone());
                }
            }
        }
    }
    requests
}

/// Takes in what a file holds; the number of its MACs.
fn learn(path: &TreePath, bytes: &[u8], keys: &DataKeys, secrets: &mut Secrets) -> usize {
    let Ok(Some(sealed)) = SealedFile::find(path, Format::of_path(path), bytes) else {
        return 0;
    };
    if let Ok(opened) = sealed.clone().open(keys, MacPolicy::Off) {
        secrets.opened(&opened, bytes);
    }
    secrets.macs(&sealed, keys)
}

fn vectors() -> Vec<File> {
    VECTORS
        .iter()
        .map(|vector| {
            (
                TreePath::parse(&vector.file_name()).unwrap(),
                vector.sealed.to_vec(),
            )
        })
        .collect()
}

/// Every file below a folder of `fixtures` whose name ends in this way.
fn below(folder: &str, ending: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut files: Vec<File> = std::fs::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(ending))
        .map(|name| {
            let sealed = std::fs::read(root.join(folder).join(&name)).unwrap();
            (TreePath::parse(&name).unwrap(), sealed)
        })
        .collect();
    files.sort();
    files
}

fn text(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    std::fs::read_to_string(root.join(file)).unwrap()
}

#[test]
fn vectors_of_sops_show_nothing() {
    let mut secrets = Secrets::default();
    secrets.key_file(IDENTITIES);
    secrets.key_file(OTHER_IDENTITIES);
    let options = vec![age(IDENTITIES), age(OTHER_IDENTITIES)];
    let looked = look(&vectors(), options, &mut secrets);
    assert_eq!(looked.files, VECTORS.len());
    assert!(
        looked.values > 250 && looked.macs > 180,
        "{} values, {} MACs",
        looked.values,
        looked.macs
    );
}

#[test]
fn mutations_of_them_show_nothing() {
    let mut secrets = Secrets::default();
    secrets.key_file(IDENTITIES);
    let files: Vec<File> = mutations()
        .unwrap()
        .into_iter()
        .map(|mutation| {
            (
                TreePath::parse(&mutation.vector.file_name()).unwrap(),
                mutation.sealed,
            )
        })
        .collect();
    let looked = look(&files, vec![age(IDENTITIES)], &mut secrets);
    assert_eq!(looked.files, 2386);
    assert!(
        looked.values > 100 && looked.macs > 2000,
        "{} values, {} MACs",
        looked.values,
        looked.macs
    );
}

#[test]
fn files_for_every_kind_of_identity_show_nothing() {
    use fixtures::age::{
        HYBRID, LOCKED_ED25519, LOCKED_FILES, OTHER_PASSPHRASE, PASSPHRASE, SSH_ED25519, SSH_RSA, X25519,
    };
    let mut secrets = Secrets::default();
    secrets.value(PASSPHRASE.as_bytes());
    secrets.value(OTHER_PASSPHRASE.as_bytes());
    let mut right = KeyOptions::explicit();
    for sealed in [X25519, HYBRID, SSH_ED25519, SSH_RSA] {
        right.age.identities.push(inline(sealed.name, sealed.identity));
        if sealed.identity.starts_with('#') {
            secrets.key_file(sealed.identity);
        }
        secrets.value(sealed.data_key.as_bytes());
    }
    let mut behind_passphrase = KeyOptions::explicit();
    let mut wrong = KeyOptions::explicit();
    for file in LOCKED_FILES.iter().chain(&LOCKED_ED25519) {
        behind_passphrase
            .age
            .identities
            .push(inline(file.name, file.content));
        wrong.age.identities.push(inline(file.name, file.content));
    }
    behind_passphrase
        .age
        .passphrases
        .push(inline("passphrase", PASSPHRASE));
    wrong.age.passphrases.push(inline("passphrase", OTHER_PASSPHRASE));
    let spoiled = X25519.identity.replace("1Q", "1Z").to_lowercase();
    secrets.key_file(&spoiled);
    let files = below("age/sealed", ".json");
    let looked = look(
        &files,
        vec![right, behind_passphrase, wrong, age(&spoiled)],
        &mut secrets,
    );
    assert!(
        looked.files >= 6 && looked.values > 10,
        "{} files, {} values",
        looked.files,
        looked.values
    );
}

#[test]
fn files_of_the_decrypt_stage_and_of_the_demo_show_nothing() {
    let mut files = below("decrypt/sealed", ".yaml");
    files.extend(below("demo/v1/apps/shop", ".secret.yaml"));
    let mut secrets = Secrets::default();
    let mut right = KeyOptions::explicit();
    for name in ["decrypt/age.txt", "demo/keys/age.txt"] {
        let identities = text(name);
        secrets.key_file(&identities);
        right.age.identities.push(inline(name, identities));
    }
    let looked = look(&files, vec![right, age(OTHER_IDENTITIES)], &mut secrets);
    assert!(
        looked.files >= 12 && looked.macs >= 9,
        "{} files, {} MACs",
        looked.files,
        looked.macs
    );
}

#[test]
fn files_for_openpgp_keys_show_nothing() {
    let files = below("pgp/gnupg-2.2/sops", ".yaml");
    let mut secrets = Secrets::default();
    let mut right = KeyOptions::explicit();
    for name in ["rsa", "cv25519", "nistp384"] {
        let key = text(&format!("pgp/gnupg-2.2/keys/{name}.asc"));
        secrets.key_file(&key);
        right.pgp.keys.push(inline(name, key));
    }
    let mut wrong = KeyOptions::explicit();
    for name in ["protected-rsa", "protected-cv25519"] {
        wrong
            .pgp
            .keys
            .push(inline(name, text(&format!("pgp/gnupg-2.2/keys/{name}.asc"))));
    }
    wrong
        .pgp
        .passphrases
        .push(inline("passphrase", "not the passphrase of it"));
    secrets.value(b"not the passphrase of it");
    let looked = look(&files, vec![right, wrong], &mut secrets);
    assert!(
        looked.files >= 7 && looked.macs >= 7,
        "{} files, {} MACs",
        looked.files,
        looked.macs
    );
}
