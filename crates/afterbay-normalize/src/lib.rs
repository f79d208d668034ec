//! afterbay-normalize.
