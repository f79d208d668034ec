//! Values and MACs that do not hold.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "mac-mismatch",
        what: "a plain value was changed by hand",
        met: "codes, sops#1117",
        set: |scene| scene.vector("tampered-plain-value"),
    },
    Case {
        name: "mac-mismatch-value-removed",
        what: "a sealed value was removed by hand",
        met: "format",
        set: |scene| scene.vector("removed-value"),
    },
    Case {
        name: "mac-mismatch-moved",
        what: "documents of a stream changed places",
        met: "sops#1058",
        set: |scene| scene.vector("stream-documents-swapped"),
    },
    Case {
        name: "mac-missing",
        what: "the MAC is missing",
        met: "codes",
        set: |scene| scene.vector("mac-missing"),
    },
    Case {
        name: "mac-unreadable",
        what: "the MAC, or the time it is bound to, was changed",
        met: "codes",
        set: |scene| scene.vector("mac-of-another-file"),
    },
    Case {
        name: "value-altered",
        what: "a sealed value was altered: the error that names no key",
        met: "sops#257, codes",
        set: |scene| scene.vector("tampered-value"),
    },
    Case {
        name: "values-swapped",
        what: "two sealed values were swapped, or a key renamed",
        met: "format",
        set: |scene| scene.vector("swapped-values"),
    },
    Case {
        name: "block-of-another-file",
        what: "the `sops` block is that of another file",
        met: "sops#52",
        set: |scene| scene.vector("metadata-of-another-file"),
    },
    Case {
        name: "value-plain",
        what: "plain text where ciphertext is due: the error that prints the secret",
        met: "codes, sops#1058",
        set: |scene| scene.vector("plain-instead-of-token"),
    },
    Case {
        name: "value-plain-number",
        what: "a plain number where ciphertext is due",
        met: "format",
        set: |scene| scene.vector("number-instead-of-token"),
    },
    Case {
        name: "value-added-plain",
        what: "a value was added by hand and is partly encrypted no more",
        met: "sops#1886, sops#1058",
        set: |scene| scene.vector("added-plain-value"),
    },
    Case {
        name: "stream-partly-sealed",
        what: "a stream of sealed and plain documents, put together by hand",
        met: "sops#1058",
        set: |scene| {
            let vector = fixtures::sops::Vector::named("joined-part-1").unwrap();
            let plain = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: plain\nstringData:\n  password: hunter2\n---\n";
            let mut text = vector.sealed.to_vec();
            text.extend_from_slice(b"---\n");
            text.extend_from_slice(plain.trim_end_matches("---\n").as_bytes());
            scene.file("secret.yaml", text);
            scene.key_file(vector.identities());
        },
    },
    Case {
        name: "label-does-not-fit",
        what: "the type label was altered: the other error that prints the secret",
        met: "codes",
        set: |scene| scene.vector("type-that-does-not-fit"),
    },
    Case {
        name: "label-unknown",
        what: "a type label that nobody knows",
        met: "format",
        set: |scene| scene.vector("unknown-type"),
    },
    Case {
        name: "base64-truncated",
        what: "the base64 of a value is cut off",
        met: "flux2#2363, kc#612",
        set: |scene| scene.vector("base64-truncated"),
    },
    Case {
        name: "token-truncated",
        what: "a value is cut off",
        met: "format",
        set: |scene| scene.vector("token-truncated"),
    },
];
