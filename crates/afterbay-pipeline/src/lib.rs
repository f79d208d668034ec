//! afterbay-pipeline.
