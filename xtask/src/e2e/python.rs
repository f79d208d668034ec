//! Tools that come as Python packages: a virtual environment for each lock file under `e2e/tools`.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::shell::{check, e2e_target, find_program, root};

/// What keeps them from being installed, with the way out.
pub(super) fn missing() -> Option<String> {
    let problem = "python3.11 with venv: needed for LocalStack and OpenBao; install Debian's python3.11-venv, or Python 3.11 by pyenv or uv";
    python().is_none().then(|| problem.to_owned())
}

/// A Python 3.11: the lock files hold its wheels only.
fn python() -> Option<PathBuf> {
    let check = "import sys, venv; sys.exit(sys.version_info[:2] != (3, 11))";
    let candidates = ["python3.11", "python3", "python"]
        .into_iter()
        .filter_map(|name| find_program(&[name]));
    candidates.into_iter().find(|python| {
        let mut command = Command::new(python);
        command
            .args(["-c", check])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// The virtual environment of `e2e/tools/NAME`, made anew when its lock file has changed.
pub(super) fn environment(name: &str) -> anyhow::Result<PathBuf> {
    let lock = root().join("e2e/tools").join(name).join("requirements.txt");
    let mut hasher = DefaultHasher::new();
    fs::read(&lock)?.hash(&mut hasher);
    let folder = e2e_target()
        .join("tools")
        .join(format!("{name}-{:016x}", hasher.finish()));
    let stamp = folder.join(".complete");
    if stamp.is_file() {
        return Ok(folder);
    }
    eprintln!("installing {name} into a virtual environment");
    let python = python().ok_or_else(|| anyhow::anyhow!("no Python 3.11"))?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    check(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    check(
        Command::new(folder.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--require-hashes",
                "--requirement",
            ])
            .arg(&lock),
    )?;
    fs::write(&stamp, "")?;
    Ok(folder)
}
