//! Tests of the whole reader: hand-built volumes, other tools, damage.
#![allow(clippy::arithmetic_side_effects, reason = "a test may fail by overflow")]

mod damage;
mod hostile;
mod image;
mod recovery;
mod tools;

use super::Exfat;
use crate::filesystem::trial::Image;

fn survey(bytes: Vec<u8>) -> Image {
    Image::survey(&Exfat, bytes).unwrap()
}
