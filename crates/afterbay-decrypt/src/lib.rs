//! The decrypt stage: opens SOPS files and hiera-eyaml tokens in memory, and proves that nothing sealed
//! is left and that nothing opened has strayed.
//!
//! ```text
//! FileTree ──scan──► SealedFiles ──overlay──► FileTree, OpenedFiles      files, before the build
//!                        │ key_requests         (MAC verified)
//! RenderedSet ──scan_objects──► SealedTokens ──finish──► DecryptedSet    objects, after the build: tokens,
//!                                   │ key_requests                       SOPS files in entries of Secrets,
//!                                                                        leftover scan, confinement
//! ```
//!
//! Between two commands of a pipe, [`mark_opened`] and [`PipedFiles::confine`] hold what was opened before to the same rule.
//!
//! No IO and no clock: the keys are unwrapped by the caller between the two steps of each pass. What
//! stays sealed does so by name (annotation, kind, path), and the set says so.

mod confinement;
mod error;
mod exemption;
mod eyaml;
mod files;
mod finish;
mod head;
mod leftover;
mod nested;
mod objects;
mod opened_text;
mod options;
mod overlay;
mod pattern;
mod piped;
mod plaintext;
mod report;
mod scalar;
mod set;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::{DecryptError, DecryptErrors, Leftover, Unfinished};
pub use exemption::{Exemption, ExemptionReason};
pub use eyaml::MessageFailure;
pub use files::{SealedFiles, scan};
pub use finish::finish;
pub use objects::{SealedTokens, scan_objects};
pub use options::{DecryptOptions, MacException, SecretExemption, SecretPolicy, UnauthenticatedEyaml};
pub use overlay::{FileReport, OpenedFiles, overlay};
pub use pattern::{KindPattern, PatternError, PlacePattern};
pub use piped::{PipedFiles, mark_opened};
pub use plaintext::Unsealed;
pub use report::DecryptReport;
pub use set::{Counts, DecryptedParts, DecryptedSet};

pub use afterbay_sops::{IntegrityPolicy, MacOutcome, MacPolicy};
