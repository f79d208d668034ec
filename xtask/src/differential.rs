//! `cargo xtask differential`: inputs made at random, through the product and through the real program it has to equal.
//!
//! - `sops`: documents that `sops` seals, opened by both.
//! - `render`: trees of kustomizations, built by both.
//!
//! The same seed makes the same inputs. What differs stays under `target/differential/SEED`.

mod random;
mod render;
mod sops;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::ensure;

use crate::counts::Counts;
use crate::flags::{Compared, Differential};

pub(crate) use sops::Format;

/// What became of one input.
enum Verdict {
    /// Both made the same of it.
    Same,
    /// They are not the same in a way that is right; the reason.
    Right(&'static str),
    /// There is nothing to compare; the reason.
    Without(&'static str),
    /// They differ; how, and where it is kept.
    Differs(String),
}

/// What is compared.
trait Comparison: Sync {
    /// How much of a hundred inputs has to be comparable for a run to say something.
    const COMPARABLE: usize;

    /// Makes the input of a number and compares what both make of it.
    fn compare(&self, number: usize) -> anyhow::Result<Verdict>;

    /// Removes what a run without differences leaves.
    fn clear(&self) -> anyhow::Result<()>;
}

/// Tallies of a run.
#[derive(Default)]
struct Tally {
    same: usize,
    right: BTreeMap<&'static str, usize>,
    without: BTreeMap<&'static str, usize>,
    differences: BTreeMap<usize, String>,
}

/// Makes and compares as many inputs as asked. Every input that was compared counts as one check.
pub(crate) fn run(flags: &Differential) -> anyhow::Result<Counts> {
    match flags.compared {
        Compared::Sops => compare_all(&sops::Run::prepare(flags)?, flags),
        Compared::Render => compare_all(&render::Run::prepare(flags)?, flags),
    }
}

fn compare_all<C: Comparison>(comparison: &C, flags: &Differential) -> anyhow::Result<Counts> {
    let (first, end) = flags.only.map_or((0, flags.count), |only| (only, only + 1));
    let (next, tally) = (AtomicUsize::new(first), Mutex::new(Tally::default()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok(());
                }
                let verdict = comparison.compare(number)?;
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                tally.add(number, verdict);
            }
        };
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| anyhow::bail!("a worker ended early"))
        })
    })?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.print(flags.seed);
    let compared = tally.compared();
    ensure!(
        compared * 100 >= (end - first) * C::COMPARABLE || flags.only.is_some(),
        "only {compared} of {} inputs could be compared; the generator makes too much that is refused",
        end - first
    );
    if tally.differences.is_empty() {
        comparison.clear()?;
    }
    Ok(Counts {
        passed: compared - tally.differences.len(),
        failed: tally.differences.len(),
        skipped: 0,
    })
}

impl Tally {
    fn add(&mut self, number: usize, verdict: Verdict) {
        match verdict {
            Verdict::Same => self.same += 1,
            Verdict::Right(reason) => *self.right.entry(reason).or_default() += 1,
            Verdict::Without(reason) => *self.without.entry(reason).or_default() += 1,
            Verdict::Differs(how) => {
                self.differences.insert(number, how);
            }
        }
    }

    fn compared(&self) -> usize {
        self.same + self.right.values().sum::<usize>() + self.differences.len()
    }

    fn print(&self, seed: u64) {
        for (number, difference) in &self.differences {
            println!("{number}: {difference}");
        }
        println!("seed {seed}: {} the same", self.same);
        for (reason, count) in self.right.iter().chain(&self.without) {
            println!("  {count} {reason}");
        }
    }
}
