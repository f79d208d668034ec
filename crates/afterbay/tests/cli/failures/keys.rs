//! Keys that are on the machine, or should be.

use std::fs;
use std::path::Path;

use fixtures::age;
use fixtures::sops::{IDENTITIES, OTHER_IDENTITIES};

use super::Case;
use super::scene::Scene;
use crate::machine::fixture;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "age-nothing-offered",
        what: "no age identity anywhere",
        met: "sops#1084, sops#1019",
        set: |scene| scene.sealed("age"),
    },
    Case {
        name: "age-other-identity",
        what: "the age identities are those of somebody else",
        met: "sops#824, tf-sops#80",
        set: |scene| {
            scene.sealed("age");
            scene.key_file(OTHER_IDENTITIES);
        },
    },
    Case {
        name: "age-identity-malformed",
        what: "`SOPS_AGE_KEY` holds the public key",
        met: "sops#1402",
        set: |scene| {
            scene.sealed("age");
            scene.set(
                "SOPS_AGE_KEY",
                "age1hakdmu7mzs7y8vl3ln055vz680ufk34pje6zw4mq5np8ltx4zp8q3tp2gz",
            );
        },
    },
    Case {
        name: "age-key-file-missing",
        what: "`SOPS_AGE_KEY_FILE` names a file that is not there",
        met: "tf-sops#80",
        set: |scene| {
            scene.sealed("age");
            scene.set("SOPS_AGE_KEY_FILE", "nowhere/keys.txt");
        },
    },
    Case {
        name: "age-key-command-fails",
        what: "`SOPS_AGE_KEY_CMD` fails",
        met: "format",
        set: |scene| {
            scene.sealed("age");
            scene.set("SOPS_AGE_KEY_CMD", "/bin/false");
        },
    },
    Case {
        name: "age-identity-locked",
        what: "the age identity is behind a passphrase, and there is none",
        met: "format",
        set: |scene| {
            locked(scene);
            // Sops would ask on a terminal.
            scene.not_with_sops();
        },
    },
    Case {
        name: "age-passphrase-wrong",
        what: "the passphrase of the age identity is another one",
        met: "format",
        set: |scene| {
            locked(scene);
            scene.set("AGE_PASSPHRASE", age::OTHER_PASSPHRASE.trim_end());
            scene.not_with_sops();
        },
    },
    Case {
        name: "age-plugin-not-allowed",
        what: "the identity is one of an age plugin",
        met: "format",
        set: |scene| {
            scene.file("secret.json", age::PLUGIN.json);
            scene.key_file(age::PLUGIN.identity);
        },
    },
    Case {
        name: "ssh-key-elsewhere",
        what: "the SSH key has another name than the usual",
        met: "sops#1900",
        set: |scene| {
            scene.sealed("ssh");
            scene
                .machine
                .write(".ssh/work_ssh_id_ed25519", age::SSH_ED25519.identity);
        },
    },
    Case {
        name: "ssh-other-key",
        what: "`SOPS_AGE_SSH_PRIVATE_KEY_FILE` names a key that does not fit",
        met: "sops#1999",
        set: |scene| {
            scene.sealed("ssh");
            scene.machine.write("id_rsa", age::SSH_RSA.identity);
            scene.set("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "id_rsa");
        },
    },
    Case {
        name: "pgp-nothing-offered",
        what: "no OpenPGP key: the red herring `secring.gpg`",
        met: "sops#567, sops#794, tf-sops#82",
        set: |scene| {
            scene.sealed("pgp");
            home(scene);
        },
    },
    Case {
        name: "pgp-with-the-agent",
        what: "the secret half is with an agent elsewhere",
        met: "sops#340, sops#304",
        set: |scene| {
            scene.sealed("pgp");
            let ring = read("pgp/gnupg-2.2/home-plain/pubring.kbx");
            scene.machine.write("gnupg/pubring.kbx", ring);
            home(scene);
        },
    },
    Case {
        name: "pgp-on-a-card",
        what: "the secret half is on a card",
        met: "sops#1952",
        set: |scene| {
            scene.sealed("pgp");
            on_a_card(scene);
            home(scene);
        },
    },
    Case {
        name: "pgp-key-locked",
        what: "the OpenPGP key is behind a passphrase, and there is none",
        met: "sops#1075",
        set: |scene| {
            scene.sealed("pgp-protected");
            let key = read("pgp/gnupg-2.2/keys/protected-cv25519.asc");
            scene.set("AFTERBAY_PGP_KEY", str::from_utf8(&key).unwrap());
            scene.not_with_sops();
        },
    },
    Case {
        name: "pgp-passphrase-wrong",
        what: "the passphrase of the OpenPGP key is another one",
        met: "sops#1075",
        set: |scene| {
            scene.sealed("pgp-protected");
            let key = read("pgp/gnupg-2.2/keys/protected-cv25519.asc");
            scene.set("AFTERBAY_PGP_KEY", str::from_utf8(&key).unwrap());
            scene.set("AFTERBAY_PGP_PASSPHRASE", "canary");
            scene.not_with_sops();
        },
    },
    Case {
        name: "key-groups-too-few",
        what: "too few key groups open (Shamir)",
        met: "sops#257",
        set: |scene| {
            scene.sealed("groups");
            scene.key_file(IDENTITIES);
            home(scene);
            scene.set("AWS_ACCESS_KEY_ID", "AKIANOBODY");
            scene.set("AWS_SECRET_ACCESS_KEY", "canary");
            scene.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
            scene.set("AWS_MAX_ATTEMPTS", "1");
        },
    },
    Case {
        name: "data-key-of-wrong-length",
        what: "the data key has a wrong length",
        met: "sops#896",
        set: |scene| {
            scene.sealed("short-key");
            scene.key_file(IDENTITIES);
        },
    },
    Case {
        name: "huawei-key-only",
        what: "the only key is of a service that is not supported",
        met: "format",
        set: |scene| {
            let sealed = fixture("failures/aws.yaml");
            let (head, rest) = sealed.split_once("    kms:\n").unwrap();
            let (_, tail) = rest.split_once("    lastmodified").unwrap();
            let entry = "    hckms:\n        - key_id: eu-west-101:612d5f0a-1b2c-45e6-aca6-a5b005693a48\n          \
                         created_at: \"2026-11-27T07:20:15Z\"\n          enc: ZmFrZQ==\n";
            scene.file("secret.yaml", format!("{head}{entry}    lastmodified{tail}"));
            scene.not_with_sops();
        },
    },
];

fn locked(scene: &mut Scene) {
    scene.file("secret.json", age::LOCKED.json);
    scene.machine.write("keys.txt", age::LOCKED_FILES[1].content);
    scene.set("SOPS_AGE_KEY_FILE", "keys.txt");
}

/// The home of GnuPG. Without it sops asks the system whose home it is, and not `HOME`.
pub(super) fn home(scene: &mut Scene) {
    let home = scene.machine.path("gnupg").display().to_string();
    scene.set("GNUPGHOME", &home);
}

fn read(name: &str) -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"));
    fs::read(folder.join(name)).unwrap()
}

/// Puts a home of GnuPG there whose secret halves are notes of a card, as gpg-agent writes them
/// (`agent/keyformat.txt`, "Shadowed Private Key Format").
fn on_a_card(scene: &Scene) {
    let folder = Path::new(fixtures::pgp::FOLDER).join("gnupg-2.2/home-plain");
    let ring = fs::read(folder.join("pubring.kbx")).unwrap();
    scene.machine.write("gnupg/pubring.kbx", ring);
    for entry in fs::read_dir(folder.join("private-keys-v1.d")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap().replace("\n ", "");
        if let Some((public, _)) = text.split_once("(d #") {
            let text = public.replace("(private-key", "(shadowed-private-key")
                + "(shadowed t1-v1 (#D2760001240102000006123456780000# OPENPGP.2))))\n";
            let name = path.file_name().unwrap().to_str().unwrap();
            scene
                .machine
                .write(&format!("gnupg/private-keys-v1.d/{name}"), text);
        }
    }
}
