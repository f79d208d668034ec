//! What the report of a run says about the keys it used.

use std::fmt;
use std::path::PathBuf;

/// One thing the user should know about keys, besides the failures. Safe to print.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyNote {
    /// A file named this role, and KMS was called with it.
    RoleUsed {
        /// ARN of the role.
        role: String,
    },
    /// A file named this profile, and KMS was called with its credentials.
    ProfileUsed {
        /// Name of the profile.
        profile: String,
    },
    /// A file named this profile, and it was not used, because the credentials were given as a value.
    ProfileNotUsed {
        /// Name of the profile.
        profile: String,
    },
    /// Data keys were asked for over plain HTTP, from another machine.
    WithoutTls {
        /// The endpoint that the operator chose.
        endpoint: String,
    },
    /// Others than its owner can read a key file.
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A source of keys that could not be used, whether or not another one opened everything.
    SourceUnusable {
        /// The variable or file.
        source: String,
        /// Why.
        reason: String,
    },
}

impl KeyNote {
    /// Whether something should be put right; the others only tell what happened.
    pub fn is_warning(&self) -> bool {
        !matches!(
            self,
            Self::RoleUsed { .. } | Self::ProfileUsed { .. } | Self::ProfileNotUsed { .. }
        )
    }
}

impl fmt::Display for KeyNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoleUsed { role } => write!(f, "role {role} was assumed, as an encrypted file asks"),
            Self::ProfileUsed { profile } => {
                write!(f, "profile {profile} was used, as an encrypted file asks")
            }
            Self::ProfileNotUsed { profile } => write!(
                f,
                "profile {profile}, which an encrypted file names, was not used: the credentials were given"
            ),
            Self::WithoutTls { endpoint } => {
                write!(
                    f,
                    "data keys travel without encryption to and from {endpoint}; use https"
                )
            }
            Self::ReadableByOthers { path, mode } => write!(
                f,
                "key file {path} can be read by others than its owner (mode {mode:04o}); run `chmod 600` on it",
                path = path.display(),
            ),
            Self::SourceUnusable { source, reason } => write!(f, "{source}: {reason}"),
        }
    }
}
