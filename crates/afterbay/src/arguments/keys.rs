//! Keys: where they come from, and what a file may ask for.

use std::path::PathBuf;

use afterbay_keys::{
    Allow, DecryptionOrder, DuplicateKind, Endpoint, KeyEnvironment, KeyOptions, RsaKeySource,
};
use afterbay_manifest::SecretBytes;
use anyhow::Context as _;
use clap::Args;

/// The variable that holds an RSA private key in PEM.
const EYAML_VARIABLE: &str = "EYAML_PRIVATE_KEY";

/// The variable with the order of kinds.
const ORDER_VARIABLE: &str = "SOPS_DECRYPTION_ORDER";

/// Flags of the keys stage. Identities themselves are never an argument.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyArguments {
    /// File with age identities, besides `SOPS_AGE_KEY`, `SOPS_AGE_KEY_FILE` and `~/.config/sops/age/keys.txt` (can be repeated)
    #[arg(long, value_name = "FILE")]
    age_key_file: Vec<PathBuf>,

    /// File with an RSA private key in PEM for hiera-eyaml tokens, besides `EYAML_PRIVATE_KEY` (can be repeated)
    #[arg(long, value_name = "FILE")]
    eyaml_private_key_file: Vec<PathBuf>,

    /// Kinds of keys that are tried first, separated by commas (`age,pgp,kms,gcp_kms,azure_kv,hc_vault`); without it, the variable `SOPS_DECRYPTION_ORDER` is read [default: the cheapest first]
    #[arg(long, value_name = "LIST")]
    decryption_order: Option<String>,

    /// Endpoint of AWS KMS instead of the region's own
    #[arg(long, value_name = "URL")]
    kms_endpoint: Option<String>,

    /// IAM roles that an encrypted file may name: `any`, `none`, or ARNs separated by commas
    #[arg(long, value_name = "LIST", default_value = "any")]
    allow_role: String,

    /// AWS profiles that an encrypted file may name: `any`, `none`, or names separated by commas
    #[arg(long, value_name = "LIST", default_value = "any")]
    allow_profile: String,
}

impl KeyArguments {
    /// What the keys stage makes of the flags and the environment.
    pub(crate) fn options(&self) -> anyhow::Result<KeyOptions> {
        let mut options = KeyOptions::new(KeyEnvironment::from_process());
        options.age_key_files.clone_from(&self.age_key_file);
        options.rsa_keys = self
            .eyaml_private_key_file
            .iter()
            .cloned()
            .map(RsaKeySource::File)
            .collect();
        if let Some(pem) = std::env::var_os(EYAML_VARIABLE) {
            let pem = SecretBytes::new(pem.into_encoded_bytes());
            options.rsa_keys.push(RsaKeySource::Inline {
                name: EYAML_VARIABLE.to_owned(),
                pem,
            });
        }
        options.decryption_order = self.decryption_order()?;
        options.kms.endpoint = match &self.kms_endpoint {
            Some(url) => Some(Endpoint::parse(url).context("--kms-endpoint")?),
            None => None,
        };
        options.kms.allow_role = allow(&self.allow_role);
        options.kms.allow_profile = allow(&self.allow_profile);
        Ok(options)
    }

    /// The flag comes before the variable, and an empty one before it, too, as with sops.
    fn decryption_order(&self) -> Result<DecryptionOrder, DuplicateKind> {
        match &self.decryption_order {
            Some(text) => text.parse(),
            None => std::env::var(ORDER_VARIABLE).unwrap_or_default().parse(),
        }
    }
}

fn allow(text: &str) -> Allow {
    match text {
        "any" => Allow::Any,
        "none" => Allow::None,
        list => Allow::Only(list.split(',').map(|entry| entry.trim().to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        keys: KeyArguments,
    }

    fn options(arguments: &[&str]) -> KeyOptions {
        let line = Line::try_parse_from([&["afterbay"], arguments].concat()).unwrap();
        line.keys.options().unwrap()
    }

    #[test]
    fn files_may_name_any_role_and_profile_unless_told_otherwise() {
        let kms = options(&[]).kms;
        assert!(matches!(kms.allow_role, Allow::Any) && matches!(kms.allow_profile, Allow::Any));
    }

    #[test]
    fn roles_and_profiles_are_limited_each_by_its_own_flag() {
        let kms = options(&["--allow-role", "none", "--allow-profile", "ci, prod"]).kms;
        assert!(matches!(kms.allow_role, Allow::None));
        let Allow::Only(names) = kms.allow_profile else {
            panic!("{:?}", kms.allow_profile)
        };
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["ci", "prod"]);
        let kms = options(&["--allow-role", "arn:aws:iam::1:role/a,arn:aws:iam::1:role/b"]).kms;
        let Allow::Only(arns) = kms.allow_role else {
            panic!("{:?}", kms.allow_role)
        };
        assert_eq!(arns.len(), 2);
        assert!(matches!(kms.allow_profile, Allow::Any));
    }
}
