//! `cargo xtask tidy`: rules about the tree itself.

mod arrows;
mod exposure;
mod files;
mod purity;

use anyhow::bail;

use crate::shell::root;

/// Checks every rule and prints every breach.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = root();
    let sources = files::sources(&root)?;
    let mut problems = arrows::check(&arrows::edges()?);
    problems.extend(exposure::check(&sources));
    problems.extend(purity::check(&sources));
    problems.extend(files::check(&sources));
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    if problems.is_empty() {
        println!("tidy: {} files, all rules hold", sources.len());
        return Ok(());
    }
    bail!("{} breaches", problems.len())
}
