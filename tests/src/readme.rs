//! The README's Rust blocks, compiled and run as documentation tests.

#![doc = include_str!("../../README.md")]
