//! What every block of metadata begins with: checksum, identifier, transaction and type.
//!
//! Apple File System Reference, section "Objects".

use crate::read::Fields;

/// Length of the header in bytes.
pub(super) const HEADER: usize = 32;

/// Values of `o_type` and `o_subtype`, flags taken off.
pub(super) mod kind {
    pub const CONTAINER: u32 = 1;
    pub const TREE: u32 = 2;
    pub const TREE_NODE: u32 = 3;
    pub const SPACE_MANAGER: u32 = 5;
    pub const CHUNK_ADDRESSES: u32 = 6;
    pub const CHUNKS: u32 = 7;
    pub const FREE_QUEUE: u32 = 9;
    pub const DESCRIPTOR_EXTENTS: u32 = 0xa;
    pub const OBJECT_MAP: u32 = 0xb;
    pub const CHECKPOINT_MAP: u32 = 0xc;
    pub const VOLUME: u32 = 0xd;
    pub const FILE_SYSTEM_TREE: u32 = 0xe;
    pub const EXTENT_REFERENCES: u32 = 0xf;
    pub const SNAPSHOTS: u32 = 0x10;
    pub const FILE_EXTENTS: u32 = 0x1f;
}

/// The header of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Identifier; of a physical object the number of its block.
    pub id: u64,
    /// The transaction that wrote it.
    pub transaction: u64,
    /// One of [`kind`].
    pub kind: u32,
    /// For trees and their nodes: what they hold, one of [`kind`].
    pub holds: u32,
}

impl Header {
    /// The header of that block; `None` when it is shorter than one.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = Fields(bytes);
        Some(Self {
            id: fields.u64(8)?,
            transaction: fields.u64(16)?,
            kind: fields.u32(24)? & 0xffff,
            holds: fields.u32(28)? & 0xffff,
        })
    }
}

/// Whether the checksum of an object holds.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    Fields(bytes).u64(0).is_some_and(|stored| stored == checksum(bytes))
}

/// Fletcher's checksum of 64 bits over everything behind its own place.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const MODULUS: u64 = 0xffff_ffff;
    let (mut first, mut second) = (0_u64, 0_u64);
    // 1024 words cannot overflow either sum, so the slow remainder is taken seldom.
    for chunk in bytes.get(8..).unwrap_or_default().chunks(4096) {
        for word in chunk.as_chunks::<4>().0 {
            first = first.wrapping_add(u64::from(u32::from_le_bytes(*word)));
            second = second.wrapping_add(first);
        }
        first %= MODULUS;
        second %= MODULUS;
    }
    let low = MODULUS.wrapping_sub(first.wrapping_add(second) % MODULUS);
    let high = MODULUS.wrapping_sub(first.wrapping_add(low) % MODULUS);
    high << 32 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_no_object_and_one_flipped_bit_is_noticed() {
        let mut block = vec![0; 4096];
        assert!(!is_sound(&block) && !is_sound(&[]));
        block[100] = 7;
        let sum = checksum(&block);
        block[..8].copy_from_slice(&sum.to_le_bytes());
        assert!(is_sound(&block));
        for bit in [0, 1000, 8000, 32_767] {
            block[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_sound(&block), "bit {bit}");
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
