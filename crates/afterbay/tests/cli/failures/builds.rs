//! Files in a repository, and what stays sealed on the way to a cluster.

use fixtures::sops::Vector;

use super::Case;
use super::scene::Scene;
use crate::machine::fixture;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "build-everything-at-once",
        what: "several things are wrong, and all are said at once",
        met: "pkg#293, kc#706",
        set: |scene| {
            apply(
                scene,
                &[
                    (
                        "apps/shop/kustomization.yaml",
                        "resources: [database.yaml, mail.yaml, old.yaml, missing.yaml]\n",
                    ),
                    ("apps/shop/database.yaml", &fixture("failures/age.yaml")),
                    ("apps/shop/mail.yaml", &text("tampered-value")),
                    ("apps/shop/old.yaml", &text("mac-missing")),
                ],
            );
            scene.key_file(fixtures::sops::IDENTITIES);
        },
    },
    Case {
        name: "build-no-key",
        what: "a file of a build has no key that opens it",
        met: "kc#706, isi#23",
        set: |scene| {
            apply(
                scene,
                &[
                    ("apps/shop/kustomization.yaml", "resources: [database.yaml]\n"),
                    ("apps/shop/database.yaml", &fixture("failures/age.yaml")),
                ],
            );
            scene.key_file(fixtures::sops::OTHER_IDENTITIES);
        },
    },
    Case {
        name: "still-sealed",
        what: "a Secret that is sealed is piped to the cluster: “data values must be of type string”",
        met: "kc#683, flux2#2095, flux2#2831",
        set: |scene| {
            scene.machine.write("objects.yaml", fixture("failures/age.yaml"));
            scene.command(&["apply", "--quiet", "-f", "objects.yaml"]);
        },
    },
    Case {
        name: "eyaml-no-key",
        what: "hiera-eyaml without its private key",
        met: "hiera-eyaml",
        set: eyaml,
    },
    Case {
        name: "eyaml-other-key",
        what: "hiera-eyaml with another private key",
        met: "hiera-eyaml",
        set: |scene| {
            eyaml(scene);
            scene
                .machine
                .write("other.pem", fixture("eyaml/keys/second.pkcs1.pem"));
            scene.flags(&["--eyaml-private-key-file", "other.pem"]);
        },
    },
    Case {
        name: "eyaml-gpg-no-key",
        what: "hiera-eyaml-gpg without its secret key",
        met: "hiera-eyaml",
        set: |scene| {
            let message = include_bytes!("../../../../../fixtures/pgp/gnupg-2.2/messages/binary.gpg");
            let token = format!("ENC[GPG,{}]", base64(message));
            scene.file("secret.yaml", secret(&token));
            scene.not_with_sops();
        },
    },
];

fn text(name: &str) -> String {
    let sealed = Vector::named(name).unwrap().sealed;
    str::from_utf8(sealed).unwrap().to_owned()
}

/// Applies a repository; there is no cluster, and nothing gets so far.
fn apply(scene: &mut Scene, files: &[(&str, &str)]) {
    let repository = scene.machine.repository(files);
    scene.command(&["apply", "--quiet", "--url", &repository, "--path", "apps/shop"]);
}

fn eyaml(scene: &mut Scene) {
    scene.file(
        "secret.yaml",
        secret(fixture("eyaml/tokens/aes256.token").trim_end()),
    );
    scene.not_with_sops();
}

fn secret(token: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: legacy\n  namespace: shop\nstringData:\n  password: {token}\n"
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}
