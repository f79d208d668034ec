//! What the operator decides about decryption; a repository cannot.

use afterbay_manifest::TreePath;
use afterbay_sops::MacPolicy;

use crate::{KindPattern, PlacePattern};

/// The options of the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecryptOptions {
    /// What to do about the MAC of SOPS files.
    pub mac: MacPolicy,
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
    /// operator in the cluster opens it.
    fn default() -> Self {
        Self {
            mac: MacPolicy::Require,
            eyaml_kinds: Vec::new(),
            exempt_kinds: vec![KindPattern::any_group("SopsSecret")],
            exempt_paths: Vec::new(),
            exempt_secrets: SecretExemption::Refused,
            allowed_places: Vec::new(),
        }
    }
}
