//! The product and the scenarios: built, then run against an environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::Environment;
use super::openbao::{self, OpenBao};
use super::process::Group;
use crate::counts::Counts;
use crate::flags::E2e;
use crate::shell::{cargo, check, e2e_target, target};
use crate::tools;

/// The scenarios that look for secrets in every output.
const CANARY: &str = "keeps_secrets_out_of_every_output,diff_hides_every_value";

/// Builds the product and says where it is.
pub(crate) fn build_binary(profile: &str) -> anyhow::Result<PathBuf> {
    build_with(profile, &[])
}

/// Builds the product that the flags ask for.
pub(super) fn build_product(flags: &E2e) -> anyhow::Result<PathBuf> {
    if !flags.without_redaction {
        return build_binary("dev");
    }
    let built = build_with("dev", &[("AFTERBAY_BUILD_WITHOUT_REDACTION", "1")])?;
    // Moved at once: nobody may take it for the product. The next build puts that in its place.
    let folder = e2e_target().join("without-redaction");
    fs::create_dir_all(&folder)?;
    let moved = folder.join("afterbay-without-redaction");
    fs::rename(&built, &moved).with_context(|| format!("cannot move {}", built.display()))?;
    Ok(moved)
}

fn build_with(profile: &str, variables: &[(&str, &str)]) -> anyhow::Result<PathBuf> {
    let mut command = cargo(["build", "--quiet", "--package", "afterbay", "--profile", profile]);
    check(command.envs(variables.iter().copied()))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target().join(folder).join("afterbay"))
}

/// Builds the test binary and says where it is.
pub(super) fn build() -> anyhow::Result<PathBuf> {
    let arguments = ["test", "--quiet", "--package", "e2e", "--test", "e2e", "--no-run"];
    let mut command = cargo(arguments);
    command
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the scenarios do not build");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executables.next_back().context("cargo named no test binary")
}

/// Runs the scenarios in a process group of their own, which ends with this process.
pub(super) fn run(
    scenarios: &Path,
    binary: &Path,
    environment: &Environment,
    openbao: &OpenBao,
    flags: &E2e,
) -> anyhow::Result<Counts> {
    let result = environment.folder.join("counts");
    let mut command = Command::new(scenarios);
    command
        .env("AFTERBAY_E2E_KUBECONFIG", &environment.kubeconfig)
        .env("AFTERBAY_E2E_KMS", &environment.kms)
        .env("AFTERBAY_E2E_VAULT", &openbao.address)
        .env("AFTERBAY_E2E_VAULT_TOKEN", openbao::TOKEN)
        .env("AFTERBAY_E2E_LANE", environment.lane.name())
        .env("AFTERBAY_E2E_BINARY", binary)
        .env("AFTERBAY_E2E_TOOLS", tools::folder())
        .env("AFTERBAY_E2E_RUN_DIR", &environment.folder)
        .stdin(Stdio::null());
    if let Some(only) = &flags.only {
        command.env("AFTERBAY_E2E_ONLY", only);
    }
    if flags.without_redaction {
        command
            .env("AFTERBAY_E2E_ONLY", CANARY)
            .env("AFTERBAY_E2E_WITHOUT_REDACTION", "1");
    }
    if flags.keep {
        command.env("AFTERBAY_E2E_KEEP", "1");
    }
    let status = Group::start(&mut command)
        .context("cannot start the scenarios")?
        .wait()?;
    let counts = fs::read_to_string(&result)
        .ok()
        .and_then(|line| Counts::parse(&line));
    match counts {
        Some(counts) if status.success() == (counts.failed == 0) => Ok(counts),
        _ => bail!("the scenarios ended with {status} and without a result"),
    }
}
