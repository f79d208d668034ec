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
//! So does the whole chain, with every name that the programs below use:
//!
//! ```
//! use afterbay_apply::{ApplyPlan, Client, Inventory, Live, execute, plan};
//! use afterbay_decrypt::{DecryptedParts, DecryptedSet, SealedTokens, finish};
//! use afterbay_manifest::{DataKey, DataKeys, RenderedSet, SecretBytes};
//! use afterbay_normalize::NormalizedSet;
//!
//! fn open(set: RenderedSet, tokens: SealedTokens, keys: &DataKeys) {
//!     let _ = finish(set, tokens, keys, &Default::default());
//! }
//! fn next(set: NormalizedSet, live: Live) {
//!     let _ = plan(set, &Inventory::none(), live, &Default::default());
//! }
//! async fn last(client: &Client, plan: ApplyPlan) {
//!     let _ = execute(client, plan, &mut |_| ()).await;
//! }
//! fn print(secret: &SecretBytes, key: &DataKey) -> String {
//!     format!("{secret:?} {key:?} {}", serde_json::to_string("text").unwrap_or_default())
//! }
//! fn taken_apart(set: DecryptedSet, make: fn(DecryptedSet) -> DecryptedParts) -> DecryptedParts {
//!     make(set)
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
//! A set is moved into the next stage and cannot be used twice, so that no stage works on what another has changed:
//!
//! ```compile_fail,E0382
//! fn open(set: afterbay_manifest::RenderedSet, tokens: afterbay_decrypt::SealedTokens, keys: &afterbay_manifest::DataKeys) {
//!     let _ = afterbay_decrypt::finish(set, tokens, keys, &Default::default());
//!     drop(set);
//! }
//! ```
//!
//! ```compile_fail,E0382
//! fn next(set: afterbay_decrypt::DecryptedSet) {
//!     let _ = afterbay_normalize::normalize(set);
//!     let _ = afterbay_normalize::normalize(set);
//! }
//! ```
//!
//! ```compile_fail,E0382
//! fn next(set: afterbay_normalize::NormalizedSet, live: afterbay_apply::Live) {
//!     let _ = afterbay_apply::plan(set, &afterbay_apply::Inventory::none(), live, &Default::default());
//!     drop(set);
//! }
//! ```
//!
//! ```compile_fail,E0382
//! async fn next(client: &afterbay_apply::Client, plan: afterbay_apply::ApplyPlan) {
//!     let _ = afterbay_apply::execute(client, plan, &mut |_| ()).await;
//!     drop(plan);
//! }
//! ```
//!
//! A proof is not forged: nobody else fills its fields.
//!
//! ```compile_fail,E0423
//! fn forge(parts: afterbay_decrypt::DecryptedParts) -> afterbay_decrypt::DecryptedSet {
//!     afterbay_decrypt::DecryptedSet(parts)
//! }
//! ```
//!
//! ```compile_fail,E0451
//! fn forge(set: afterbay_normalize::NormalizedSet) -> afterbay_normalize::NormalizedSet {
//!     afterbay_normalize::NormalizedSet { objects: Vec::new(), ..set }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! fn forge(plan: afterbay_apply::ApplyPlan) -> afterbay_apply::ApplyPlan {
//!     afterbay_apply::ApplyPlan { prunes: Vec::new(), ..plan }
//! }
//! ```
//!
//! Nor is it copied:
//!
//! ```compile_fail,E0599
//! fn copy(set: &afterbay_decrypt::DecryptedSet) -> afterbay_decrypt::DecryptedSet {
//!     set.clone()
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(set: &afterbay_normalize::NormalizedSet) -> afterbay_normalize::NormalizedSet {
//!     set.clone()
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(plan: &afterbay_apply::ApplyPlan) -> afterbay_apply::ApplyPlan {
//!     plan.clone()
//! }
//! ```
//!
//! Plaintext and keys are not printed, copied, compared or serialized:
//!
//! ```compile_fail,E0277
//! fn print(secret: &afterbay_manifest::SecretBytes) -> String {
//!     format!("{secret}")
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(secret: &afterbay_manifest::SecretBytes) -> afterbay_manifest::SecretBytes {
//!     secret.clone()
//! }
//! ```
//!
//! ```compile_fail,E0369
//! fn compare(one: afterbay_manifest::SecretBytes, other: afterbay_manifest::SecretBytes) -> bool {
//!     one == other
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn serialize(secret: &afterbay_manifest::SecretBytes) -> String {
//!     serde_json::to_string(secret).unwrap_or_default()
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn print(key: &afterbay_manifest::DataKey) -> String {
//!     format!("{key}")
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(key: &afterbay_manifest::DataKey) -> afterbay_manifest::DataKey {
//!     key.clone()
//! }
//! ```
