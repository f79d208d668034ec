//! The end-to-end harness: drives the `afterbay` binary against a real API server, a real Git server and a KMS.
//!
//! ```text
//! cargo xtask e2e ── environment variables ──► runner ──► scenario(&Scenario) ──► Passed | Skipped(reason) | error
//!                                                            │ repository, cluster, kms, sops, binary
//! ```
//!
//! Nothing here links a stage: the product is tested from outside. Fakes of key services (`afterbay-fakes`) stand in
//! where the real ones cannot be made to fail. Each scenario has a namespace and a scratch
//! folder of its own.

mod binary;
mod clouds;
mod cluster;
mod environment;
mod eyaml;
mod git;
mod kms;
mod parallel;
mod program;
mod proxy;
mod refusal;
mod runner;
mod running;
mod scenario;
mod sops;
pub mod tamper;
mod transit;

pub use binary::{Afterbay, Ended};
pub use clouds::{AwsCloud, AzureCloud, GcpCloud, Variables};
pub use cluster::{Cluster, Writes};
pub use environment::{Environment, fixture};
pub use eyaml::EyamlKey;
pub use fixtures::canary::Canary;
pub use git::{Exchange, GitServer, Repository};
pub use kms::{Kms, KmsKey};
pub use parallel::each;
pub use program::{Output, run, run_with_input};
pub use proxy::Proxy;
pub use refusal::{Guarded, Refusal};
pub use runner::{Case, main};
pub use running::{Running, wait_until};
pub use scenario::{Outcome, Scenario};
pub use sops::{AgeKey, Sops};
pub use transit::Transit;
