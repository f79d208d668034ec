//! afterbay-keys.
