//! afterbay-sops.
