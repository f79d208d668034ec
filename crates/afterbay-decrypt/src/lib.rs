//! afterbay-decrypt.
