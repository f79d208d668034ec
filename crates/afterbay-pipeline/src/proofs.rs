//! Programs that do not compile. Each shows one thing that a run cannot do by mistake.
//!
//! The same program with the right type compiles:
//!
//! ```
//! fn next(set: afterbay_decrypt::DecryptedSet) {
//!     let _ = afterbay_normalize::normalize(set);
//! }
//! ```
//!
//! What was not decrypted is not normalized:
//!
//! ```compile_fail,E0308
//! fn next(set: afterbay_manifest::RenderedSet) {
//!     let _ = afterbay_normalize::normalize(set);
//! }
//! ```
//!
//! What was not normalized is not planned:
//!
//! ```compile_fail,E0308
//! fn next(set: afterbay_decrypt::DecryptedSet, live: afterbay_apply::Live) {
//!     let _ = afterbay_apply::plan(set, &afterbay_apply::Inventory::none(), live, &Default::default());
//! }
//! ```
//!
//! A set is consumed by the next stage and cannot be used twice:
//!
//! ```compile_fail,E0382
//! fn next(set: afterbay_decrypt::DecryptedSet) {
//!     let _ = afterbay_normalize::normalize(set);
//!     let _ = afterbay_normalize::normalize(set);
//! }
//! ```
//!
//! A proof is not forged, and plaintext is not printed, copied or compared:
//!
//! ```compile_fail,E0423
//! fn forge(parts: afterbay_decrypt::DecryptedParts) -> afterbay_decrypt::DecryptedSet {
//!     afterbay_decrypt::DecryptedSet(parts)
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn print(secret: &afterbay_manifest::SecretBytes) -> String {
//!     format!("{secret}")
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(secret: &afterbay_manifest::DataKey) -> afterbay_manifest::DataKey {
//!     secret.clone()
//! }
//! ```
