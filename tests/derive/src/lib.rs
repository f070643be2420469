//! The compile-time cases are in `ui`, and `tests/ui.rs` runs them.
