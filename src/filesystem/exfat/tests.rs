//! Tests of the whole reader: hand-built volumes, other tools, damage.
#![allow(clippy::arithmetic_side_effects, reason = "a test may fail by overflow")]

mod tools;
