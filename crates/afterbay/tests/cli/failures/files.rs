//! Files that are not what a SOPS file is.

use fixtures::sops::Vector;

use super::Case;
use super::scene::Scene;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "metadata-missing",
        what: "the `sops` block is missing",
        met: "codes",
        set: |scene| scene.vector("metadata-missing"),
    },
    Case {
        name: "metadata-missing-dotenv",
        what: "the same in a file that is no Kubernetes object",
        met: "codes",
        set: |scene| scene.vector("dotenv-metadata-missing"),
    },
    Case {
        name: "not-encrypted",
        what: "the file is plain",
        met: "codes",
        set: |scene| scene.file("secret.yaml", "stringData:\n  password: hunter2\n"),
    },
    Case {
        name: "no-keys-in-file",
        what: "the `sops` block has no keys",
        met: "sops#1019",
        set: |scene| scene.vector("no-keys"),
    },
    Case {
        name: "newer-sops",
        what: "the file is by a newer sops, with a kind of key that is not known",
        met: "sops#1019",
        set: |scene| {
            let text = text("no-keys").replace("3.13.3", "3.99.0").replace(
                "    lastmodified",
                "    quantum_kms:\n        - key_id: shop\n          enc: ZmFrZQ==\n    lastmodified",
            );
            scene.file("secret.yaml", text);
        },
    },
    Case {
        name: "two-rules",
        what: "two selection rules",
        met: "codes",
        set: |scene| scene.vector("two-rules"),
    },
    Case {
        name: "key-twice",
        what: "a key stands twice in a map",
        met: "codes",
        set: |scene| scene.vector("key-twice"),
    },
    Case {
        name: "key-not-text",
        what: "a number as a key",
        met: "format",
        set: |scene| scene.vector("number-as-key"),
    },
    Case {
        name: "git-conflict",
        what: "conflict markers of Git in the `sops` block",
        met: "sops#52, sops#1117",
        set: |scene| conflict(scene, "    lastmodified"),
    },
    Case {
        name: "git-conflict-in-value",
        what: "conflict markers of Git around a value",
        met: "sops#52, sops#1374",
        set: |scene| conflict(scene, "    password"),
    },
    Case {
        name: "git-conflict-json",
        what: "conflict markers of Git in JSON",
        met: "sops#52",
        set: |scene| {
            let vector = Vector::named("json-mac-missing").unwrap();
            let text = str::from_utf8(vector.sealed).unwrap();
            let changed = conflicting(text, "\t\t\"version\"");
            scene.file("secret.json", changed);
            scene.key_file(vector.identities());
        },
    },
    Case {
        name: "git-conflict-dotenv",
        what: "conflict markers of Git in dotenv",
        met: "sops#52",
        set: |scene| {
            let vector = Vector::named("dotenv-values").unwrap();
            let text = str::from_utf8(vector.sealed).unwrap();
            scene.file("secret.env", conflicting(text, "sops_lastmodified"));
            scene.key_file(vector.identities());
        },
    },
    Case {
        name: "wrong-store",
        what: "a YAML file under the name of another store",
        met: "sops#367",
        set: |scene| {
            scene.file("secret.json", text("anchors"));
            scene.key_file(fixtures::sops::IDENTITIES);
        },
    },
    Case {
        name: "wrong-input-type",
        what: "`--input-type` of another store",
        met: "sops#367",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            scene.flags(&["--input-type", "dotenv"]);
        },
    },
    Case {
        name: "wrong-name",
        what: "a dotenv file under the name of YAML",
        met: "sops#367",
        set: |scene| {
            let vector = Vector::named("dotenv-values").unwrap();
            scene.file("secret.yaml", vector.sealed);
            scene.key_file(vector.identities());
        },
    },
    Case {
        name: "json-cut-off",
        what: "a file that ends in the middle",
        met: "design",
        set: |scene| scene.vector("json-truncated"),
    },
    Case {
        name: "yaml-syntax",
        what: "the file is not YAML any more",
        met: "design",
        set: |scene| scene.vector("not-yaml"),
    },
    Case {
        name: "json-byte-order-mark",
        what: "an editor put a byte order mark before JSON",
        met: "format",
        set: |scene| scene.vector("json-byte-order-mark"),
    },
    Case {
        name: "dotenv-windows-line-ends",
        what: "Git turned the line ends of a dotenv file into those of Windows",
        met: "format",
        set: |scene| scene.vector("dotenv-sealed-windows-line-ends"),
    },
    Case {
        name: "lastmodified-missing",
        what: "a field of the `sops` block is missing",
        met: "format",
        set: |scene| scene.vector("lastmodified-missing"),
    },
];

fn text(name: &str) -> String {
    let sealed = Vector::named(name).unwrap().sealed;
    str::from_utf8(sealed).unwrap().to_owned()
}

fn conflict(scene: &mut Scene, line: &str) {
    let vector = Vector::named("secret-encrypted-regex").unwrap();
    scene.file("secret.yaml", conflicting(&text(vector.name), line));
    scene.key_file(vector.identities());
}

/// Puts the first line that starts so between the markers, as `git merge` leaves it.
fn conflicting(text: &str, start: &str) -> String {
    let mut out = String::new();
    let mut done = false;
    for line in text.lines() {
        if !done && line.starts_with(start) {
            done = true;
            let changed = line.replacen(|c: char| c.is_ascii_digit(), "7", 1);
            out += &["<<<<<<< HEAD", line, "=======", &changed, ">>>>>>> rotate", ""].join("\n");
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    assert!(done, "no line starts with {start:?}");
    out
}
