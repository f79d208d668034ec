//! afterbay-source.
