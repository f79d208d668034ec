//! Keys: where they come from, and what a file may ask for.

use std::ffi::OsString;
use std::path::PathBuf;

use afterbay_keys::{
    Allow, DecryptionOrder, DuplicateKind, Endpoint, KeyEnvironment, KeyOptions, PgpOptions, SecretSource,
    VaultCredentials,
};
use afterbay_manifest::SecretBytes;
use anyhow::Context as _;
use clap::Args;

/// The variable that holds an RSA private key in PEM.
const EYAML_VARIABLE: &str = "EYAML_PRIVATE_KEY";

/// The variable with the order of kinds.
const ORDER_VARIABLE: &str = "SOPS_DECRYPTION_ORDER";

/// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Flags of the keys stage. Identities themselves are never an argument.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyArguments {
    /// File with age identities or an SSH private key, besides all that `sops` looks at (can be repeated)
    #[arg(long, value_name = "FILE")]
    age_key_file: Vec<PathBuf>,

    /// File with a passphrase of protected identity files and SSH keys, besides `AGE_PASSPHRASE` (can be repeated)
    #[arg(long, value_name = "FILE")]
    age_passphrase_file: Vec<PathBuf>,

    /// age plugin that may be run: NAME for `age-plugin-NAME`; none if not given (can be repeated)
    #[arg(long, value_name = "NAME")]
    allow_age_plugin: Vec<String>,

    /// File with an RSA private key in PEM for hiera-eyaml tokens, besides `EYAML_PRIVATE_KEY` (can be repeated)
    #[arg(long, value_name = "FILE")]
    eyaml_private_key_file: Vec<PathBuf>,

    /// Variable with an RSA private key in PEM for hiera-eyaml tokens (can be repeated)
    #[arg(long, value_name = "NAME")]
    eyaml_private_key_env_var: Vec<String>,

    /// File with OpenPGP secret keys, armored or binary, besides `AFTERBAY_PGP_KEY` (can be repeated)
    #[arg(long, value_name = "FILE")]
    pgp_key_file: Vec<PathBuf>,

    /// File whose first line is the passphrase of OpenPGP keys, besides `AFTERBAY_PGP_PASSPHRASE` (can be repeated)
    #[arg(long, value_name = "FILE")]
    pgp_passphrase_file: Vec<PathBuf>,

    /// Home of GnuPG instead of `GNUPGHOME` or `~/.gnupg`; read in process, no gpg is started (can be repeated)
    #[arg(long, value_name = "DIR")]
    gnupg_home: Vec<PathBuf>,

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

    /// Endpoint of Google Cloud KMS, instead of `SOPS_GCP_KMS_ENDPOINT` and Google's own
    #[arg(long, value_name = "URL")]
    gcp_kms_endpoint: Option<String>,

    /// Azure Key Vault that an encrypted file may name though it is outside the domains of the cloud or at a private address (can be repeated)
    #[arg(long, value_name = "URL")]
    azure_key_vault: Vec<String>,

    /// Address of Vault or OpenBao that an encrypted file may name, besides `VAULT_ADDR` and `SOPS_HC_VAULT_ALLOWLIST` (can be repeated)
    #[arg(long, value_name = "URL")]
    vault_address: Vec<String>,

    /// File with the token for Vault, instead of `VAULT_TOKEN` and `~/.vault-token`
    #[arg(long, value_name = "FILE")]
    vault_token_file: Option<PathBuf>,

    /// Role to log in to Vault with, as the Kubernetes service account of this pod
    #[arg(long, value_name = "ROLE", conflicts_with = "vault_token_file")]
    vault_kubernetes_role: Option<String>,

    /// Where Vault has its Kubernetes method
    #[arg(
        long,
        value_name = "PATH",
        default_value = "kubernetes",
        requires = "vault_kubernetes_role"
    )]
    vault_kubernetes_mount: String,

    /// File with the token of the Kubernetes service account
    #[arg(long, value_name = "FILE", default_value = SERVICE_ACCOUNT_TOKEN, requires = "vault_kubernetes_role")]
    vault_kubernetes_token_file: PathBuf,
}

impl KeyArguments {
    /// What the keys stage makes of the flags and the environment.
    pub(crate) fn options(&self) -> anyhow::Result<KeyOptions> {
        let mut options = KeyOptions::new(KeyEnvironment::from_process());
        let files = self.age_key_file.iter().cloned();
        options.age.identities = files.map(SecretSource::File).collect();
        let files = self.age_passphrase_file.iter().cloned();
        options.age.passphrases = files.map(SecretSource::File).collect();
        options.age.plugins.clone_from(&self.allow_age_plugin);
        options.rsa_keys = self
            .eyaml_private_key_file
            .iter()
            .cloned()
            .map(SecretSource::File)
            .collect();
        options.rsa_keys.extend(self.eyaml_variables()?);
        options.pgp = PgpOptions {
            keys: self
                .pgp_key_file
                .iter()
                .cloned()
                .map(SecretSource::File)
                .collect(),
            homes: self.gnupg_home.clone(),
            passphrases: self
                .pgp_passphrase_file
                .iter()
                .cloned()
                .map(SecretSource::File)
                .collect(),
        };
        options.decryption_order = self.decryption_order()?;
        options.kms.endpoint = endpoint("--kms-endpoint", self.kms_endpoint.as_deref())?;
        options.gcp.endpoint = endpoint("--gcp-kms-endpoint", self.gcp_kms_endpoint.as_deref())?;
        options.azure.vaults = endpoints("--azure-key-vault", &self.azure_key_vault)?;
        options.vault.addresses = endpoints("--vault-address", &self.vault_address)?;
        options.vault.credentials = self.vault_credentials();
        options.kms.allow_role = allow(&self.allow_role);
        options.kms.allow_profile = allow(&self.allow_profile);
        Ok(options)
    }

    /// The keys in variables: one that may be set, and those that are named and therefore must be.
    fn eyaml_variables(&self) -> anyhow::Result<Vec<SecretSource>> {
        let inline = |name: &str, pem: OsString| SecretSource::Inline {
            name: name.to_owned(),
            content: SecretBytes::new(pem.into_encoded_bytes()),
        };
        let usual = std::env::var_os(EYAML_VARIABLE).map(|pem| Ok(inline(EYAML_VARIABLE, pem)));
        let named = self.eyaml_private_key_env_var.iter().map(|name| {
            let pem = std::env::var_os(name).with_context(|| {
                format!("--eyaml-private-key-env-var: the variable {name} is not set; give the name of one that holds the key")
            })?;
            Ok(inline(name, pem))
        });
        usual.into_iter().chain(named).collect()
    }

    /// The flag comes before the variable, and an empty one before it, too, as with sops.
    fn decryption_order(&self) -> Result<DecryptionOrder, DuplicateKind> {
        match &self.decryption_order {
            Some(text) => text.parse(),
            None => std::env::var(ORDER_VARIABLE).unwrap_or_default().parse(),
        }
    }

    fn vault_credentials(&self) -> VaultCredentials {
        match (&self.vault_token_file, &self.vault_kubernetes_role) {
            (Some(file), _) => VaultCredentials::TokenFile(file.clone()),
            (None, Some(role)) => VaultCredentials::Kubernetes {
                role: role.clone(),
                mount: self.vault_kubernetes_mount.clone(),
                token_file: self.vault_kubernetes_token_file.clone(),
            },
            (None, None) => VaultCredentials::Environment,
        }
    }
}

fn endpoint(flag: &'static str, url: Option<&str>) -> anyhow::Result<Option<Endpoint>> {
    url.map(|url| Endpoint::parse(url).context(flag)).transpose()
}

fn endpoints(flag: &'static str, urls: &[String]) -> anyhow::Result<Vec<Endpoint>> {
    urls.iter()
        .map(|url| Endpoint::parse(url).context(flag))
        .collect()
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
