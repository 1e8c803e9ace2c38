//! Makes containers for tests, after the "Apple File System Reference": several states, each with its own checkpoint.

mod container;
mod tree;
mod volume;

pub use container::Builder;
pub use volume::{ROOT, Volume};

/// Length of a block.
pub const BLOCK: usize = 4096;

/// Writes a number into a block.
pub fn put<const N: usize>(block: &mut [u8], at: usize, number: [u8; N]) {
    block[at..at + N].copy_from_slice(&number);
}

/// An object with its header; the checksum is that of what it has.
pub fn seal(block: &mut [u8], id: u64, transaction: u64, kind: u32, holds: u32) {
    put(block, 8, id.to_le_bytes());
    put(block, 16, transaction.to_le_bytes());
    put(block, 24, kind.to_le_bytes());
    put(block, 28, holds.to_le_bytes());
    reseal(block);
}

/// Makes the checksum hold again.
pub fn reseal(block: &mut [u8]) {
    let sum = super::super::object::checksum(block);
    put(block, 0, sum.to_le_bytes());
}
