//! No plaintext, key, identity, passphrase or MAC in anything that is printed: over every sealed file, message and token
//! of `fixtures`, every mutation of them that the tampering test of `afterbay-sops` makes, with right keys, wrong keys and
//! none. Looked at are errors with their sources, `Debug` of all that is public, reports, warnings, the log at trace, and
//! panics, of which there are none.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod files;
mod leaks;
mod opening;
mod recording;
mod secrets;
mod sources;
mod trial;
mod unwrapping;
