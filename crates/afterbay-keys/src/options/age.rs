//! What the operator chooses about age.

use std::time::Duration;

use super::SecretSource;

/// The greatest work factor of scrypt that age itself accepts, as a power of two: four gibibytes of memory.
const AGE_WORK_FACTOR: u8 = 22;

/// Where age identities come from, besides the environment, and what may be done to use them.
#[derive(Debug)]
pub struct AgeOptions {
    /// Identities one a line, an SSH private key, or an age file that protects identities with a passphrase, in the
    /// order in which they are tried.
    pub identities: Vec<SecretSource>,
    /// Passphrases of identity files and SSH keys; each is tried on each that is protected with one. One line end
    /// after it is no part of it.
    pub passphrases: Vec<SecretSource>,
    /// Names of the plugins that may be run as child processes: `yubikey` for `age-plugin-yubikey`.
    pub plugins: Vec<String>,
    /// The greatest work factor of scrypt that a protected identity file may ask for, as a power of two. Each
    /// step doubles time and memory; `2^18`, which `age -p` uses, takes 256 MiB.
    pub max_work_factor: u8,
    /// How long a plugin or a command may take; it may have to ask somebody.
    pub patience: Duration,
}

impl Default for AgeOptions {
    fn default() -> Self {
        Self {
            identities: Vec::new(),
            passphrases: Vec::new(),
            plugins: Vec::new(),
            max_work_factor: AGE_WORK_FACTOR,
            patience: Duration::from_mins(2),
        }
    }
}
