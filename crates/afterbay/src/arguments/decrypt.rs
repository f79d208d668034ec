//! What the operator decides about decryption; a repository cannot.

use afterbay_decrypt::{DecryptOptions, KindPattern, PlacePattern, SecretExemption};
use afterbay_manifest::TreePath;
use afterbay_sops::MacPolicy;
use clap::{Args, ValueEnum};

/// Flags of the decrypt stage.
#[derive(Debug, Args)]
#[command(next_help_heading = "Decryption")]
pub(crate) struct DecryptArguments {
    /// What to do when the MAC of a SOPS file is missing or does not match
    #[arg(long, value_enum, default_value_t = Mac::Require)]
    mac: Mac,

    /// Kind, besides the v1 Secret, in which hiera-eyaml tokens are opened, as `Kind` or `Kind.group` (can be repeated)
    #[arg(long, value_name = "KIND")]
    eyaml_kind: Vec<String>,

    /// Kind that goes to the cluster sealed as it is (can be repeated) [default: `SopsSecret`]
    #[arg(long, value_name = "KIND")]
    keep_sealed_kind: Vec<String>,

    /// File or directory that goes to the cluster sealed as it is (can be repeated)
    #[arg(long, value_name = "PATH")]
    keep_sealed_path: Vec<String>,

    /// Let an annotation or `--keep-sealed-path` keep even a v1 Secret sealed
    #[arg(long)]
    keep_sealed_secrets: bool,

    /// Where, besides Secrets, an opened value may end, as `Kind:key.path` or `Kind.group:key.path` (can be repeated)
    #[arg(long, value_name = "KIND:PATH")]
    allow_opened_in: Vec<String>,
}

/// What to do about the MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mac {
    /// Refuse the file
    Require,
    /// Warn, and mark what was opened from it
    Warn,
    /// Do not look, as with `sops decrypt --ignore-mac`
    Off,
}

impl DecryptArguments {
    /// What the decrypt stage makes of the flags.
    pub(crate) fn options(&self) -> anyhow::Result<DecryptOptions> {
        let mut options = DecryptOptions {
            mac: match self.mac {
                Mac::Require => MacPolicy::Require,
                Mac::Warn => MacPolicy::Warn,
                Mac::Off => MacPolicy::Off,
            },
            ..DecryptOptions::default()
        };
        for kind in &self.eyaml_kind {
            options.eyaml_kinds.push(kind.parse::<KindPattern>()?);
        }
        for kind in &self.keep_sealed_kind {
            options.exempt_kinds.push(kind.parse::<KindPattern>()?);
        }
        for path in &self.keep_sealed_path {
            options.exempt_paths.push(TreePath::parse(path)?);
        }
        if self.keep_sealed_secrets {
            options.exempt_secrets = SecretExemption::Allowed;
        }
        for place in &self.allow_opened_in {
            options.allowed_places.push(place.parse::<PlacePattern>()?);
        }
        Ok(options)
    }
}
