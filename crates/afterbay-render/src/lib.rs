//! afterbay-render.
