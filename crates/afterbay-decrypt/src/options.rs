//! What the operator decides about decryption; a repository cannot.

use afterbay_manifest::TreePath;
use afterbay_sops::{IntegrityPolicy, MacPolicy, OpenPolicy};

use crate::exemption::is_below;
use crate::{KindPattern, PlacePattern};

/// The options of the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecryptOptions {
    /// What to do about the MAC of SOPS files.
    pub mac: MacPolicy,
    /// Files, and directories with everything below them, for which something else holds; the longest path counts.
    pub mac_for: Vec<MacException>,
    /// Whether traces of alterations are refused that the MAC of SOPS does not cover.
    pub integrity: IntegrityPolicy,
    /// Kinds, besides the v1 Secret, in which hiera-eyaml tokens are opened.
    pub eyaml_kinds: Vec<KindPattern>,
    /// Kinds whose objects go to the cluster sealed as they are.
    pub exempt_kinds: Vec<KindPattern>,
    /// Files, and directories with everything below them, that go to the cluster sealed as they are.
    pub exempt_paths: Vec<TreePath>,
    /// Whether v1 Secrets can go to the cluster sealed.
    pub exempt_secrets: SecretExemption,
    /// Places, besides those that are always right, where an opened value may end.
    pub allowed_places: Vec<PlacePattern>,
    /// What to do about values of Secrets that did not come from authenticated ciphertext.
    pub secret_policy: SecretPolicy,
    /// Places, besides the entries of v1 Secrets, whose values count as those of Secrets.
    pub secret_places: Vec<PlacePattern>,
    /// Whether what was opened from hiera-eyaml tokens counts as authenticated.
    pub unauthenticated_eyaml: UnauthenticatedEyaml,
}

/// What to do about values of Secrets that did not come from authenticated ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SecretPolicy {
    /// Each object that has some is an error.
    RequireEncrypted,
    /// Each object that has some in plain text is a warning.
    Warn,
    /// Nothing.
    #[default]
    Off,
}

/// Whether hiera-eyaml, which encrypts and does not authenticate, is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnauthenticatedEyaml {
    /// It is not.
    #[default]
    Refused,
    /// It is.
    Allowed,
}

/// What to do about the MAC of one file, or of the files of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacException {
    /// The file or directory.
    pub path: TreePath,
    /// What to do.
    pub mac: MacPolicy,
}

impl DecryptOptions {
    /// What a SOPS file has to satisfy to be opened.
    pub fn policy_for(&self, file: &TreePath) -> OpenPolicy {
        let exceptions = self
            .mac_for
            .iter()
            .filter(|exception| is_below(file, &exception.path));
        // Of two for the same path the later one counts, as with flags.
        let closest = exceptions.max_by_key(|exception| exception.path.as_str().len());
        OpenPolicy {
            mac: closest.map_or(self.mac, |exception| exception.mac),
            integrity: self.integrity,
        }
    }
}

/// Whether an annotation or a path exempts a v1 Secret from being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SecretExemption {
    /// It does not: a Secret that asks for it is an error. Sealed text in a Secret is of no use to
    /// what reads Secrets, and is nearly always a mistake.
    #[default]
    Refused,
    /// It does.
    Allowed,
}

impl Default for DecryptOptions {
    /// MACs are required, eyaml is opened in v1 Secrets only, and `SopsSecret` is the one exempt kind: an
    /// operator in the cluster opens it. Nobody looks for plain Secrets.
    fn default() -> Self {
        Self {
            mac: MacPolicy::Require,
            mac_for: Vec::new(),
            integrity: IntegrityPolicy::Sops,
            eyaml_kinds: Vec::new(),
            exempt_kinds: vec![KindPattern::any_group("SopsSecret")],
            exempt_paths: Vec::new(),
            exempt_secrets: SecretExemption::Refused,
            allowed_places: Vec::new(),
            secret_policy: SecretPolicy::Off,
            secret_places: Vec::new(),
            unauthenticated_eyaml: UnauthenticatedEyaml::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_decides_about_the_mac() {
        let exception = |path, mac| MacException {
            path: TreePath::parse(path).unwrap(),
            mac,
        };
        let options = DecryptOptions {
            mac_for: vec![
                exception("apps/old/db.yaml", MacPolicy::Require),
                exception("apps/old", MacPolicy::Warn),
                exception("apps", MacPolicy::Off),
                exception("apps/old", MacPolicy::Off),
            ],
            ..DecryptOptions::default()
        };
        for (file, mac) in [
            ("apps/old/db.yaml", MacPolicy::Require),
            ("apps/old/x.yaml", MacPolicy::Off),
            ("apps/older.yaml", MacPolicy::Off),
            ("infra/x.yaml", MacPolicy::Require),
        ] {
            assert_eq!(
                options.policy_for(&TreePath::parse(file).unwrap()).mac,
                mac,
                "{file}"
            );
        }
    }
}
