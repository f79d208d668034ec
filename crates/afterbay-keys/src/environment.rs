//! The environment of the process as a value, read in one place.

mod cloud;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use afterbay_manifest::SecretBytes;

pub use cloud::CloudEnvironment;

use crate::options::SecretSource;

/// Variables of SOPS that ask for what is not there, the value that asks, and what is said about it. `None` stands
/// for any value.
const IGNORED: [(&str, Option<&[&str]>, &str); 2] = [
    (
        "SOPS_KEYSERVICE",
        None,
        "key services are not supported; keys are opened in this process, and it was not called",
    ),
    (
        "SOPS_ENABLE_LOCAL_KEYSERVICE",
        // What Go's `strconv.ParseBool` takes for false.
        Some(&["0", "f", "F", "false", "False", "FALSE"]),
        "key services are not supported; keys are opened in this process all the same",
    ),
];

/// The variable with the path of an identity file.
const KEY_FILE: &str = "SOPS_AGE_KEY_FILE";

/// What is said if that path is an identity itself.
const MISPLACED: (&str, &str) = (
    KEY_FILE,
    "holds an identity where the path of a file is due, and was not used; an identity belongs into SOPS_AGE_KEY",
);

/// Path of the identity file below the user's configuration directory, as SOPS has it.
const KEYS_FILE: &str = "sops/age/keys.txt";

/// Paths of the SSH keys that SOPS looks at, below the home directory.
const SSH_KEYS: [&str; 2] = [".ssh/id_ed25519", ".ssh/id_rsa"];

/// The variable with a passphrase of identity files and SSH keys. age has it for its own plugin `batchpass`.
const PASSPHRASE: &str = "AGE_PASSPHRASE";

/// What key lookup takes from the environment. Empty by default.
#[derive(Default)]
pub struct KeyEnvironment {
    /// Whether the environment of a process was read at all. If so, messages list which of its variables are
    /// not set.
    pub is_read: bool,
    /// `SOPS_AGE_KEY`: identities, separated by white space.
    pub age_key: Option<SecretBytes>,
    /// `SOPS_AGE_KEY_FILE`: a file of identities, one a line.
    pub age_key_file: Option<PathBuf>,
    /// `SOPS_AGE_KEY_CMD`: a command that prints identities, one a line.
    pub age_key_command: Option<SecretBytes>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_FILE`: a file with an SSH private key.
    pub age_ssh_key_file: Option<PathBuf>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_CMD`: a command that prints an SSH private key.
    pub age_ssh_key_command: Option<SecretBytes>,
    /// `AGE_PASSPHRASE`: a passphrase of identity files and SSH keys.
    pub age_passphrase: Option<SecretSource>,
    /// The SSH keys of the user, which need not exist.
    pub user_ssh_key_files: Vec<PathBuf>,
    /// The identity file of the user, which need not exist; or why its place is not known.
    pub user_key_file: Option<Result<PathBuf, &'static str>>,
    /// `AFTERBAY_PGP_KEY`: OpenPGP secret keys, armored.
    pub pgp_key: Option<SecretBytes>,
    /// `AFTERBAY_PGP_PASSPHRASE`: the passphrase of OpenPGP keys.
    pub pgp_passphrase: Option<SecretBytes>,
    /// `GNUPGHOME`: the home of GnuPG.
    pub gnupg_home: Option<PathBuf>,
    /// `~/.gnupg`, read when `GNUPGHOME` is not set; it need not exist.
    pub user_gnupg_home: Option<PathBuf>,
    /// Whether `SOPS_GPG_EXEC` names a gpg, which is never started.
    pub gpg_exec: bool,
    /// Name of this machine, which roles are assumed under (`sops@NAME`).
    pub host_name: String,
    /// `HTTPS_PROXY`: the proxy for AWS endpoints; it may hold a password.
    pub https_proxy: Option<SecretBytes>,
    /// `NO_PROXY`: hosts that are reached without it.
    pub no_proxy: Option<String>,
    /// `AWS_CA_BUNDLE`: the certificates that AWS endpoints are checked with, instead of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Variables that are set and cannot be followed, and what is said about each.
    pub ignored: Vec<(&'static str, &'static str)>,
    /// Variables of Google Cloud, Azure and Vault.
    pub cloud: CloudEnvironment,
}

/// Which rule names the user's configuration directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// `~/Library/Application Support`, unless `XDG_CONFIG_HOME` is set.
    MacOs,
    /// `~/.config`, unless `XDG_CONFIG_HOME` is set.
    Unix,
}

impl Platform {
    /// The platform this was built for.
    pub const CURRENT: Self = if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Unix
    };
}

impl KeyEnvironment {
    /// Reads the environment of this process. To be called at the edge only.
    pub fn from_process() -> Self {
        let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self {
            host_name,
            ..Self::from_lookup(Platform::CURRENT, |name| env::var_os(name))
        }
    }

    /// Reads variables through `lookup`, by the rules of `platform`.
    pub fn from_lookup(platform: Platform, lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let filled = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let secret = |text: OsString| SecretBytes::new(text.into_encoded_bytes());
        let home = filled("HOME").map(PathBuf::from);
        Self {
            is_read: true,
            age_key: lookup("SOPS_AGE_KEY").map(secret),
            age_key_file: lookup(KEY_FILE)
                .filter(|value| !is_identity(value))
                .map(PathBuf::from),
            age_key_command: filled("SOPS_AGE_KEY_CMD").map(secret),
            age_ssh_key_file: lookup("SOPS_AGE_SSH_PRIVATE_KEY_FILE").map(PathBuf::from),
            age_ssh_key_command: filled("SOPS_AGE_SSH_PRIVATE_KEY_CMD").map(secret),
            age_passphrase: filled(PASSPHRASE).map(|text| SecretSource::Inline {
                name: PASSPHRASE.to_owned(),
                content: secret(text),
            }),
            user_ssh_key_files: home
                .iter()
                .flat_map(|home| SSH_KEYS.map(|key| home.join(key)))
                .collect(),
            user_key_file: Some(user_key_file(platform, &lookup)),
            pgp_key: filled("AFTERBAY_PGP_KEY").map(|text| SecretBytes::new(text.into_encoded_bytes())),
            pgp_passphrase: lookup("AFTERBAY_PGP_PASSPHRASE")
                .map(|text| SecretBytes::new(text.into_encoded_bytes())),
            gnupg_home: filled("GNUPGHOME").map(PathBuf::from),
            user_gnupg_home: filled("HOME").map(|home| PathBuf::from(home).join(".gnupg")),
            gpg_exec: filled("SOPS_GPG_EXEC").is_some(),
            host_name: String::new(),
            https_proxy: filled("HTTPS_PROXY")
                .or_else(|| filled("https_proxy"))
                .map(secret),
            no_proxy: filled("NO_PROXY")
                .or_else(|| filled("no_proxy"))
                .map(|text| text.to_string_lossy().into_owned()),
            ca_bundle: filled("AWS_CA_BUNDLE").map(PathBuf::from),
            ignored: IGNORED
                .into_iter()
                .filter(|(name, asking, _)| {
                    let value = filled(name);
                    value.is_some_and(|value| {
                        asking.is_none_or(|asking| asking.iter().any(|word| value == *word))
                    })
                })
                .map(|(name, _, reason)| (name, reason))
                .chain(
                    filled(KEY_FILE)
                        .filter(|value| is_identity(value))
                        .map(|_| MISPLACED),
                )
                .collect(),
            cloud: CloudEnvironment::from_lookup(&lookup),
        }
    }
}

impl KeyEnvironment {
    /// The session name of an assumed role as sops forms it: characters that it drops are dropped, `-`
    /// among them, and the rest is cut at the limit of AWS.
    pub(crate) fn session_name(&self) -> String {
        let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '=' | ',' | '.' | '@' | '_');
        "sops@"
            .chars()
            .chain(self.host_name.chars().filter(kept))
            .take(64)
            .collect()
    }
}

/// Whether an identity stands where the path of one is due. A path is shown in messages.
fn is_identity(value: &OsStr) -> bool {
    let marks: [&[u8]; 2] = [b"AGE-SECRET-KEY-", b"AGE-PLUGIN-"];
    let upper = value.as_encoded_bytes().to_ascii_uppercase();
    marks
        .iter()
        .any(|mark| upper.windows(mark.len()).any(|part| part == *mark))
}

/// The rule of Go's `os.UserConfigDir` with the exception that SOPS makes for macOS.
fn user_key_file(
    platform: Platform,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, &'static str> {
    let set = |name: &str| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = match (platform, set("XDG_CONFIG_HOME"), set("HOME")) {
        (Platform::MacOs, Some(directory), _) => directory,
        (Platform::Unix, Some(directory), _) if directory.is_absolute() => directory,
        (Platform::Unix, Some(_), _) => return Err("XDG_CONFIG_HOME is not an absolute path"),
        (Platform::MacOs, None, Some(home)) => home.join("Library/Application Support"),
        (Platform::Unix, None, Some(home)) => home.join(".config"),
        (_, None, None) => return Err("neither XDG_CONFIG_HOME nor HOME is set"),
    };
    Ok(directory.join(KEYS_FILE))
}

impl fmt::Debug for KeyEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            is_read,
            age_key,
            age_key_file,
            age_key_command,
            age_ssh_key_file,
            age_ssh_key_command,
            age_passphrase,
            user_ssh_key_files,
            user_key_file,
            pgp_key,
            pgp_passphrase,
            gnupg_home,
            user_gnupg_home,
            gpg_exec,
            host_name,
            https_proxy,
            no_proxy,
            ca_bundle,
            ignored,
            cloud,
        } = self;
        f.debug_struct("KeyEnvironment")
            .field("is_read", is_read)
            .field("age_key", age_key)
            .field("age_key_file", age_key_file)
            .field("age_key_command", age_key_command)
            .field("age_ssh_key_file", age_ssh_key_file)
            .field("age_ssh_key_command", age_ssh_key_command)
            .field("age_passphrase", age_passphrase)
            .field("user_ssh_key_files", user_ssh_key_files)
            .field("user_key_file", user_key_file)
            .field("pgp_key", pgp_key)
            .field("pgp_passphrase", pgp_passphrase)
            .field("gnupg_home", gnupg_home)
            .field("user_gnupg_home", user_gnupg_home)
            .field("gpg_exec", gpg_exec)
            .field("host_name", host_name)
            .field("https_proxy", https_proxy)
            .field("no_proxy", no_proxy)
            .field("ca_bundle", ca_bundle)
            .field("ignored", ignored)
            .field("cloud", cloud)
            .finish()
    }
}

#[cfg(test)]
mod tests;
