//! What is asked for does not go, whatever the file is.

use std::fs;

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "no-such-file",
        what: "the file is not there",
        met: "codes",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            fs::remove_file(scene.machine.path("secret.yaml")).unwrap();
        },
    },
    Case {
        name: "a-directory",
        what: "a directory instead of a file",
        met: "sops#945",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            fs::remove_file(scene.machine.path("secret.yaml")).unwrap();
            fs::create_dir(scene.machine.path("secret.yaml")).unwrap();
        },
    },
    Case {
        name: "extract-no-path",
        what: "`--extract` with what is no path",
        met: "codes",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            scene.flags(&["--extract", "stringData.password"]);
        },
    },
    Case {
        name: "extract-nothing-there",
        what: "`--extract` of what is not there",
        met: "codes",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            scene.flags(&["--extract", "[\"stringData\"][\"pasword\"]"]);
        },
    },
    Case {
        name: "output-type-too-small",
        what: "`--output-type` of a store that cannot hold it",
        met: "format",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            scene.flags(&["--output-type", "dotenv"]);
        },
    },
    Case {
        name: "order-twice",
        what: "`--decryption-order` with a kind twice",
        met: "codes",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            scene.flags(&["--decryption-order", "age,pgp,age"]);
        },
    },
    Case {
        name: "in-place",
        what: "`--in-place`, which would leave plaintext in the repository",
        met: "design",
        set: |scene| {
            scene.vector("secret-encrypted-regex");
            scene.flags(&["--in-place"]);
            scene.not_with_sops();
        },
    },
];
