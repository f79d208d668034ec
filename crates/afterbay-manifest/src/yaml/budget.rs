//! How far aliases may make a document grow.

use super::MAX_DEPTH;

/// go-yaml's bound on what aliases may add: of many nodes, all but a share must stand in the text.
#[derive(Default)]
pub(super) struct Budget {
    nodes: u32,
    aliased: u32,
    aliases: u32,
    exhausted: bool,
}

impl Budget {
    /// Counts a node at a depth; the error is a message, and after the one about aliases comes no other.
    pub(super) fn take(&mut self, depth: usize) -> Result<(), String> {
        self.count();
        if self.exhausted {
            return Err(
                "the document expands to far more than its text by aliases; write the values out".to_owned(),
            );
        }
        if depth > MAX_DEPTH {
            return Err(format!(
                "with its aliases expanded the document is nested more than {MAX_DEPTH} levels deep"
            ));
        }
        Ok(())
    }

    /// Counts a node. The constants are those of go-yaml's `decode.go`.
    pub(super) fn count(&mut self) {
        const LOW: f64 = 400_000.0;
        const HIGH: f64 = 4_000_000.0;
        self.nodes += 1;
        self.aliased += u32::from(self.aliases > 0);
        let nodes = f64::from(self.nodes);
        let allowed = 0.99 - 0.89 * ((nodes - LOW) / (HIGH - LOW)).clamp(0.0, 1.0);
        let excessive = f64::from(self.aliased) / nodes > allowed;
        self.exhausted |= self.aliased > 100 && self.nodes > 1000 && excessive;
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// What follows stands for an alias.
    pub(super) fn enter_alias(&mut self) {
        self.aliases += 1;
    }

    /// The alias is done.
    pub(super) fn leave_alias(&mut self) {
        self.aliases -= 1;
    }
}
