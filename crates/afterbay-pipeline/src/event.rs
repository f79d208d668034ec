//! What a run tells while it works. Every event is safe to print.

use afterbay_manifest::Warning;

/// The steps of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Remote and reference to files.
    Fetch,
    /// Sealed files to the overlay.
    Decrypt,
    /// Files to objects.
    Render,
    /// Objects to the form the API server stores.
    Normalize,
    /// Objects against the cluster, dry-run.
    Plan,
    /// Writes.
    Apply,
}

/// One thing that happened.
#[derive(Debug)]
pub enum StageEvent {
    /// A stage begins.
    Started(Stage),
    /// A stage has got this far.
    Progressed {
        /// Which.
        stage: Stage,
        /// How many are done.
        done: u64,
        /// Of how many, when that is known.
        total: Option<u64>,
        /// Of what: `objects`, `bytes`.
        unit: &'static str,
    },
    /// A stage is over, or an object in it that is worth a line of its own.
    Finished {
        /// Which.
        stage: Stage,
        /// What came of it, in a few words.
        summary: String,
    },
    /// Something the user should know.
    Warned(Warning),
}

/// Where events go.
pub type Emit<'a> = &'a mut (dyn FnMut(StageEvent) + Send);
