//! What the operator decides about decryption; a repository cannot.

use afterbay_decrypt::{
    DecryptOptions, IntegrityPolicy, KindPattern, MacException, MacPolicy, PatternError, PlacePattern,
    SecretExemption, SecretPolicy, UnauthenticatedEyaml,
};
use afterbay_manifest::TreePath;
use clap::{Args, ValueEnum};

/// Flags of the decrypt stage.
#[derive(Debug, Args)]
#[command(next_help_heading = "Decryption")]
pub(crate) struct DecryptArguments {
    /// What to do when the MAC of a SOPS file is missing or does not match
    #[arg(long, value_enum, default_value_t = Mac::Require)]
    mac: Mac,

    /// Another choice for a file or directory, as `PATH=warn`; the longest path counts (can be repeated)
    #[arg(long, value_name = "PATH=CHOICE", value_parser = mac_exception)]
    mac_for: Vec<MacException>,

    /// Whether traces of alterations are refused that the MAC of SOPS does not cover
    #[arg(long, value_enum, default_value_t = Integrity::Sops)]
    integrity: Integrity,

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

    #[command(flatten)]
    places: PlaceArguments,

    /// What to do about values of Secrets that did not come from authenticated ciphertext
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Secrets::Warn)]
    secret_policy: Secrets,

    /// Where, besides v1 Secrets, values count as those of a Secret, as `Kind:key.path` or `Kind.group:key.path` (can be
    /// repeated)
    #[arg(long, value_name = "KIND:PATH")]
    secret_in: Vec<String>,

    /// What is enough for `require-encrypted` although anyone could have written it (can be repeated)
    #[arg(long, value_enum, value_name = "FORMAT")]
    allow_unauthenticated: Vec<Unauthenticated>,
}

/// Where opened values may end.
#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// Where, besides Secrets, an opened value may end, as `Kind:key.path` or `Kind.group:key.path` (can be repeated)
    #[arg(long, value_name = "KIND:PATH")]
    allow_opened_in: Vec<String>,
}

/// What to do about Secrets that are not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Secrets {
    /// Refuse them, and what comes through a pipe
    RequireEncrypted,
    /// Warn of what stands in plain text in the revision
    Warn,
    /// Do not look
    Off,
}

/// Formats that encrypt and do not authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unauthenticated {
    /// hiera-eyaml
    Eyaml,
}

impl PlaceArguments {
    /// The places.
    pub(crate) fn patterns(&self) -> Result<Vec<PlacePattern>, PatternError> {
        self.allow_opened_in.iter().map(|place| place.parse()).collect()
    }
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

impl Mac {
    fn policy(self) -> MacPolicy {
        match self {
            Self::Require => MacPolicy::Require,
            Self::Warn => MacPolicy::Warn,
            Self::Off => MacPolicy::Off,
        }
    }
}

/// How much of a SOPS file has to be as SOPS writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Integrity {
    /// Take what `sops decrypt` takes
    Sops,
    /// Refuse what shows an alteration, such as text behind a token or stray metadata
    Strict,
}

/// Reads `PATH=CHOICE`.
fn mac_exception(text: &str) -> Result<MacException, String> {
    let (path, choice) = text
        .rsplit_once('=')
        .ok_or("write PATH=CHOICE, such as apps/legacy=warn")?;
    let mac = Mac::from_str(choice, false).map_err(|_| format!("{choice:?} is not require, warn or off"))?;
    Ok(MacException {
        path: TreePath::parse(path).map_err(|error| error.to_string())?,
        mac: mac.policy(),
    })
}

impl DecryptArguments {
    /// What the decrypt stage makes of the flags.
    pub(crate) fn options(&self) -> anyhow::Result<DecryptOptions> {
        let mut options = DecryptOptions {
            mac: self.mac.policy(),
            mac_for: self.mac_for.clone(),
            integrity: match self.integrity {
                Integrity::Sops => IntegrityPolicy::Sops,
                Integrity::Strict => IntegrityPolicy::Strict,
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
        options.allowed_places = self.places.patterns()?;
        options.secret_policy = match self.secret_policy {
            Secrets::RequireEncrypted => SecretPolicy::RequireEncrypted,
            Secrets::Warn => SecretPolicy::Warn,
            Secrets::Off => SecretPolicy::Off,
        };
        for place in &self.secret_in {
            options.secret_places.push(place.parse::<PlacePattern>()?);
        }
        if self.allow_unauthenticated.contains(&Unauthenticated::Eyaml) {
            options.unauthenticated_eyaml = UnauthenticatedEyaml::Allowed;
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_name_a_path_and_a_choice() {
        let exception = mac_exception("apps/a=b/old=warn").unwrap();
        assert_eq!(
            (exception.path.as_str(), exception.mac),
            ("apps/a=b/old", MacPolicy::Warn)
        );
        for wrong in ["apps", "apps=maybe", "../apps=off", "=Off"] {
            assert!(mac_exception(wrong).is_err(), "{wrong}");
        }
    }
}
