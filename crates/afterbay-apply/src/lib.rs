//! afterbay-apply.
