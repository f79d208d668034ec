//! Trees of kustomizations made at random, built by the product and by the real `kustomize`; the two must print the same bytes,
//! or both refuse.

mod fields;
mod known;
mod layers;
mod objects;
mod patches;
mod shrink;
mod tree;
mod values;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Context as _;

use super::{Comparison, Verdict};
use crate::flags::Differential;
use crate::shell::{cargo, check, root, target};
use crate::tools;
use tree::Tree;

const BOTH_REFUSE: &str = "that both refuse";
const UNSTABLE: &str = "that kustomize does not build the same twice";

/// How often a part of a tree is taken out at most, to make it small.
const ATTEMPTS: usize = 1500;

/// What a run needs to know.
pub(super) struct Run {
    afterbay: PathBuf,
    kustomize: PathBuf,
    folder: PathBuf,
    seed: u64,
    /// How many trees may still be made small.
    shrink: AtomicUsize,
}

/// How two builds of a tree differ.
#[derive(Debug)]
pub(super) enum Difference {
    Output,
    RefusedHere(String),
    BuiltHere(String),
    /// The product ended without saying why.
    Ended(String),
}

impl Difference {
    /// Whether the product's part of it allows for such a difference.
    fn can_be(&self, ours: &Output) -> bool {
        match self {
            Self::Output | Self::BuiltHere(_) => ours.status.success(),
            Self::RefusedHere(_) | Self::Ended(_) => !ours.status.success(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What both made of a tree.
pub(super) struct Builds {
    theirs: Output,
    ours: Output,
}

impl Builds {
    fn difference(&self) -> Option<Difference> {
        let said = |output: &Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match (self.theirs.status.success(), self.ours.status.code()) {
            (_, Some(101) | None) => Some(Difference::Ended(said(&self.ours))),
            (true, Some(0)) => (self.theirs.stdout != self.ours.stdout).then_some(Difference::Output),
            (true, Some(_)) => Some(Difference::RefusedHere(said(&self.ours))),
            (false, Some(0)) => Some(Difference::BuiltHere(said(&self.theirs))),
            (false, Some(_)) => None,
        }
    }
}

impl Comparison for Run {
    // Of trees that are refused it shows little that both refuse them.
    const COMPARABLE: usize = 90;

    fn compare(&self, number: usize) -> anyhow::Result<Verdict> {
        let tree = layers::tree(self.seed, number);
        let folder = self.folder.join(number.to_string());
        let builds = self.builds(&tree, &folder)?;
        let verdict = match builds.difference() {
            None if builds.theirs.status.success() => Verdict::Same,
            None => Verdict::Right(BOTH_REFUSE),
            Some(difference) => self.judge(&tree, &difference, &builds, &folder)?,
        };
        if !matches!(verdict, Verdict::Differs(_)) {
            fs::remove_dir_all(&folder)?;
        }
        Ok(verdict)
    }

    fn clear(&self) -> anyhow::Result<()> {
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

impl Run {
    pub(super) fn prepare(flags: &Differential) -> anyhow::Result<Self> {
        tools::ensure(&["kustomize"])?;
        let arguments = ["build", "--quiet", "--locked", "--package", "afterbay"];
        check(&mut cargo(arguments))?;
        let folder = root().join(format!("target/differential/render-{}", flags.seed));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self {
            afterbay: target().join("debug/afterbay"),
            kustomize: tools::folder().join("kustomize"),
            folder,
            seed: flags.seed,
            shrink: flags.shrink.into(),
        })
    }

    fn judge(
        &self,
        tree: &Tree,
        difference: &Difference,
        builds: &Builds,
        folder: &Path,
    ) -> anyhow::Result<Verdict> {
        if self.is_unstable(tree, folder)? {
            return Ok(Verdict::Without(UNSTABLE));
        }
        if let Some(reason) = known::reason(difference, builds) {
            return Ok(Verdict::Right(reason));
        }
        let may_shrink = |left: usize| left.checked_sub(1);
        let shrinks = self
            .shrink
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, may_shrink)
            .is_ok();
        let attempts = if shrinks { ATTEMPTS } else { 0 };
        let small = shrink::shrink(tree, attempts, |smaller| {
            // The real program takes the time.
            let ours = self.ours(smaller)?;
            if !difference.can_be(&ours) {
                return Ok(false);
            }
            smaller.write(&folder.join("input"))?;
            let theirs = self.theirs(smaller, folder)?;
            let builds = Builds { theirs, ours };
            let found = builds.difference();
            Ok(found
                .is_some_and(|found| found.is_like(difference) && known::reason(&found, &builds).is_none()))
        })?;
        let builds = self.builds(&small, folder)?;
        fs::write(
            folder.join("kustomize.out"),
            [builds.theirs.stdout, builds.theirs.stderr].concat(),
        )?;
        fs::write(
            folder.join("afterbay.out"),
            [builds.ours.stdout, builds.ours.stderr].concat(),
        )?;
        let how = match difference {
            Difference::Output => "another output".to_owned(),
            Difference::RefusedHere(why) => format!("kustomize builds it: {why}"),
            Difference::BuiltHere(why) => {
                let notes = ["#", "Flag"];
                let mut lines = why
                    .lines()
                    .filter(|line| !notes.iter().any(|note| line.starts_with(note)));
                format!("kustomize refuses it: {}", lines.next().unwrap_or_default())
            }
            Difference::Ended(how) => format!("ended early: {how}"),
        };
        let at = folder.join("input").join(&small.target);
        Ok(Verdict::Differs(format!("{how}, see {}", at.display())))
    }

    /// Whether the real program makes something else of it another time.
    fn is_unstable(&self, tree: &Tree, folder: &Path) -> anyhow::Result<bool> {
        let first = self.theirs(tree, folder)?;
        for _ in 0..4 {
            let again = self.theirs(tree, folder)?;
            if (&first.stdout, first.status) != (&again.stdout, again.status) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn builds(&self, tree: &Tree, folder: &Path) -> anyhow::Result<Builds> {
        tree.write(&folder.join("input"))?;
        Ok(Builds {
            theirs: self.theirs(tree, folder)?,
            ours: self.ours(tree)?,
        })
    }

    fn theirs(&self, tree: &Tree, folder: &Path) -> anyhow::Result<Output> {
        let order = if tree.is_sorted { "legacy" } else { "none" };
        Command::new(&self.kustomize)
            .args([
                "build",
                "--load-restrictor=LoadRestrictionsNone",
                "--reorder",
                order,
            ])
            .arg(folder.join("input").join(&tree.target))
            .env_clear()
            .env("HOME", folder)
            // No base is ever fetched.
            .env("PATH", "")
            .output()
            .with_context(|| format!("cannot start {}", self.kustomize.display()))
    }

    fn ours(&self, tree: &Tree) -> anyhow::Result<Output> {
        let order = if tree.is_sorted { "legacy" } else { "input" };
        let mut child = Command::new(&self.afterbay)
            .args([
                "render",
                "--needs-kustomization",
                "--order",
                order,
                "--path",
                &tree.target,
            ])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.afterbay.display()))?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        let stream = tree.tar();
        let writer = thread::spawn(move || stdin.write_all(&stream));
        let output = child.wait_with_output()?;
        // A program that refuses early does not read to the end.
        let _ = writer.join();
        Ok(output)
    }
}
