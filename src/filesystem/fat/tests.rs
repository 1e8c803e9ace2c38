//! Tests of the whole reader: hand-built volumes, other tools, damage.
#![allow(clippy::arithmetic_side_effects, reason = "a test may fail by overflow")]

mod hostile;
mod image;
mod mutation;
mod recovery;
mod tools;

use super::Fat;
use crate::filesystem::trial;

fn survey(bytes: Vec<u8>) -> Option<trial::Image> {
    trial::Image::survey(&Fat, bytes).ok()
}
