//! Which files may let plaintext out of its types.

use std::collections::BTreeSet;

use super::files::Source;

/// What lets plaintext out: the `expose_*` methods and the writer of YAML text.
const EXITS: [&str; 2] = ["expose_", "yaml::emit"];

/// The files that may, and what for.
const ALLOWED: &[(&str, &str)] = &[
    (
        "crates/afterbay-apply/src/desired.rs",
        "the body that the API server is sent",
    ),
    (
        "crates/afterbay-apply/src/diff/fingerprint.rs",
        "the key under which fingerprints are made",
    ),
    (
        "crates/afterbay-apply/src/observe.rs",
        "the schema check of a custom resource, which names paths only",
    ),
    (
        "crates/afterbay-apply/src/rollout.rs",
        "what a workload refers to, on its way into an HMAC",
    ),
    (
        "crates/afterbay-apply/src/rollout/key.rs",
        "the key of that HMAC, for the Secret that keeps it",
    ),
    (
        "crates/afterbay-decrypt/src/eyaml/envelope.rs",
        "the content key of an envelope",
    ),
    (
        "crates/afterbay-decrypt/src/eyaml/message.rs",
        "the value that a GPG token was opened to",
    ),
    (
        "crates/afterbay-decrypt/src/finish.rs",
        "text in which tokens are opened; values for the scrubber",
    ),
    (
        "crates/afterbay-decrypt/src/nested.rs",
        "a SOPS file in an entry of a Secret, put into its place; values for the scrubber",
    ),
    (
        "crates/afterbay-decrypt/src/objects.rs",
        "text in which tokens are looked for",
    ),
    (
        "crates/afterbay-decrypt/src/overlay.rs",
        "a text that was sealed as a whole, read as documents",
    ),
    (
        "crates/afterbay-keys/src/azure/credentials.rs",
        "secrets and certificates of Azure, for the token request",
    ),
    (
        "crates/afterbay-keys/src/cache.rs",
        "a data key is handed out again",
    ),
    ("crates/afterbay-keys/src/gcp.rs", "the checksum of the data key"),
    (
        "crates/afterbay-keys/src/gcp/credentials.rs",
        "credentials are handed to the SDK",
    ),
    (
        "crates/afterbay-keys/src/guarded.rs",
        "tokens in headers that are marked sensitive; the URL of the proxy",
    ),
    ("crates/afterbay-keys/src/identities.rs", "identities are parsed"),
    (
        "crates/afterbay-keys/src/identities/passphrase.rs",
        "passphrases are handed to the age library",
    ),
    (
        "crates/afterbay-keys/src/kms/http.rs",
        "the certificate bundle of the machine",
    ),
    (
        "crates/afterbay-keys/src/options.rs",
        "credentials are handed to the SDK",
    ),
    (
        "crates/afterbay-keys/src/options/cloud.rs",
        "whose credentials they are, as a hash",
    ),
    (
        "crates/afterbay-keys/src/pgp.rs",
        "secret keys are parsed, passphrases tried",
    ),
    ("crates/afterbay-keys/src/pkcs7.rs", "private keys are parsed"),
    (
        "crates/afterbay-keys/src/vault/credentials.rs",
        "the token of Vault, without white space",
    ),
    ("crates/afterbay-manifest/src/key.rs", "definition"),
    ("crates/afterbay-manifest/src/node.rs", "definition"),
    ("crates/afterbay-manifest/src/node/spelling.rs", "definition"),
    (
        "crates/afterbay-manifest/src/scrub.rs",
        "what is to be removed has to be known",
    ),
    ("crates/afterbay-manifest/src/secret.rs", "definition"),
    ("crates/afterbay-manifest/src/tree.rs", "definition"),
    (
        "crates/afterbay-normalize/src/secret.rs",
        "stringData becomes base64",
    ),
    (
        "crates/afterbay-render/src/annotation.rs",
        "annotations that kustomize takes away",
    ),
    (
        "crates/afterbay-render/src/merge/apply.rs",
        "labels and annotations as texts",
    ),
    (
        "crates/afterbay-render/src/merge/json6902.rs",
        "what an encrypted patch does, and values that a patch tests",
    ),
    (
        "crates/afterbay-render/src/merge/list.rs",
        "keys by which items are paired",
    ),
    (
        "crates/afterbay-render/src/merge/patch.rs",
        "whether a patch has a kind and a name",
    ),
    (
        "crates/afterbay-render/src/merge/select.rs",
        "labels and annotations that a target selects by",
    ),
    (
        "crates/afterbay-render/src/merge/strategic.rs",
        "kinds of nested objects; directives; whether a null is spelled",
    ),
    (
        "crates/afterbay-render/src/build_metadata.rs",
        "paths of files, written as an annotation",
    ),
    (
        "crates/afterbay-render/src/field_path.rs",
        "items of lists that are found by a value",
    ),
    (
        "crates/afterbay-render/src/generators.rs",
        "files and env files become entries of Secrets, their origin beside them",
    ),
    (
        "crates/afterbay-render/src/go.rs",
        "the content that is hashed, and texts that hold YAML or JSON",
    ),
    ("crates/afterbay-render/src/openapi.rs", "a schema"),
    (
        "crates/afterbay-render/src/plugin_transformers.rs",
        "a value is put into a path",
    ),
    (
        "crates/afterbay-render/src/references.rs",
        "names that follow an object",
    ),
    (
        "crates/afterbay-render/src/replacements.rs",
        "values put into other fields, their origin beside them",
    ),
    (
        "crates/afterbay-render/src/resource.rs",
        "entries of Secrets that a generator adds to",
    ),
    (
        "crates/afterbay-render/src/vars.rs",
        "values put in place of variables, their origin beside them",
    ),
    (
        "crates/afterbay-render/src/namespace.rs",
        "subjects of a binding that are the service account `default`",
    ),
    (
        "crates/afterbay-render/src/substitute.rs",
        "a variable, put into the text of an object",
    ),
    (
        "crates/afterbay-render/src/substitute/lookup.rs",
        "entries of a Secret, read as variables; values for the scrubber",
    ),
    (
        "crates/afterbay-render/src/substitute/object.rs",
        "the text in which variables are substituted; sealed leaves are not in it unless asked for",
    ),
    (
        "crates/afterbay-sops/src/emit.rs",
        "what was opened is written in a store",
    ),
    ("crates/afterbay-sops/src/sealed/opened.rs", "the data key"),
    (
        "crates/afterbay-source/src/http/client.rs",
        "the password in a header that is marked sensitive",
    ),
    ("crates/afterbay-source/src/options.rs", "definition"),
    ("crates/afterbay/src/archive.rs", "the tar stream of `decrypt`"),
    (
        "crates/afterbay/src/commands/decrypt/file.rs",
        "the text that `decrypt` prints",
    ),
    (
        "crates/afterbay/src/commands/render/verification.rs",
        "what differs from kustomize in a tree where nothing is sealed, but for Secrets",
    ),
    (
        "crates/afterbay/src/output.rs",
        "reports, in which there are no values",
    ),
    (
        "crates/afterbay/src/stream.rs",
        "the YAML stream of `render` and `normalize`",
    ),
];

/// Files that expose and are not listed, and entries of the list that no file needs.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let exposing: BTreeSet<&str> = sources
        .iter()
        .filter(|source| exposes(source))
        .map(|source| source.path.as_str())
        .collect();
    let allowed: BTreeSet<&str> = ALLOWED.iter().map(|(path, _)| *path).collect();
    let unlisted = exposing.difference(&allowed).map(|path| {
        format!("{path}: lets plaintext out and is not in the list of xtask/src/tidy/exposure.rs")
    });
    let stale = allowed.difference(&exposing).map(|path| {
        format!("{path}: is in the list of xtask/src/tidy/exposure.rs and lets nothing out; take it off")
    });
    unlisted.chain(stale).collect()
}

fn exposes(source: &Source) -> bool {
    if !source.path.starts_with("crates/") || source.is_test() {
        return false;
    }
    let code = source
        .product()
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"));
    code.into_iter()
        .any(|line| EXITS.iter().any(|exit| line.contains(exit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_new_caller_is_found() {
        let path = "crates/afterbay-render/src/new.rs";
        let found = |text: &str| {
            check(&[source(path, text)])
                .iter()
                .any(|problem| problem.starts_with(path))
        };
        assert!(found("//! x\nlet text = node.expose_str();\n"));
        assert!(found("//! x\nlet text = yaml::emit(&nodes);\n"));
        assert!(!found("//! x\n// node.expose_str()\n"));
        assert!(!found("//! x\n#[cfg(test)]\nmod tests {\nnode.expose_str()\n}\n"));
    }

    #[test]
    fn an_entry_that_no_file_needs_is_found() {
        assert_eq!(check(&[]).len(), ALLOWED.len());
    }
}
