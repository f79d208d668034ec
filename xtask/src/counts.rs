//! How many checks ended how: the last line of `e2e` and `ci`.

use std::fmt;
use std::ops::AddAssign;

/// Checks that passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    pub(crate) const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    /// Reads `N passed, N failed, N skipped`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut numbers = ["passed", "failed", "skipped"]
            .into_iter()
            .zip(line.trim().split(", "))
            .map(|(word, part)| {
                let (number, rest) = part.split_once(' ')?;
                (rest == word).then(|| number.parse().ok())?
            });
        let counts = Self {
            passed: numbers.next()??,
            failed: numbers.next()??,
            skipped: numbers.next()??,
        };
        Some(counts)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn a_printed_line_is_read_back() {
        let counts = Counts {
            passed: 12,
            failed: 1,
            skipped: 3,
        };
        assert_eq!(Counts::parse(&counts.to_string()), Some(counts));
        for line in [
            "",
            "12 passed",
            "12 passed, 1 failed",
            "x passed, 1 failed, 3 skipped",
            "1 failed, 1 passed, 1 skipped",
        ] {
            assert_eq!(Counts::parse(line), None, "{line}");
        }
    }
}
