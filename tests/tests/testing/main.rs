//! What users' own tests rest on.

mod clocks;
