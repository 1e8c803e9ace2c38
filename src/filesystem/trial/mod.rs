//! What the tests of every file system need: a volume surveyed and read, other tools, damage from a seed.
#![allow(
    clippy::arithmetic_side_effects,
    dead_code,
    unused_imports,
    missing_docs,
    reason = "a kit: a test may fail by overflow"
)]

mod damage;
mod image;
mod tools;

pub use damage::{Random, after_single_flips, bytes, effort, under_damage};
pub use image::{Image, Listed, MAX_DIGESTED, md5};
pub use tools::{Expected, Mount, attempt, compare_allocated, dfxml, run, shared, unpacked, walk};
