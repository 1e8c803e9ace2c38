//! Space bitmaps (ECMA-167, part 4, section 14.12): which blocks of a partition are free.

use super::tag::{TAG, Tag, Trust, id};
use crate::read::Fields;

/// The free blocks of a partition.
#[derive(Debug)]
pub(super) struct Space {
    bits: Vec<u8>,
    blocks: u32,
}

impl Space {
    /// Reads a descriptor with its bits; `None` when it cannot be trusted.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        // The checksum guards no more than the head, since a bitmap may be longer than it can.
        Tag::of(bytes, id::SPACE_BITMAP).filter(|tag| tag.trust != Trust::Tag)?;
        let fields = Fields(bytes);
        let (blocks, length) = (fields.u32(TAG)?, fields.u32(20)?);
        let bits = bytes.get(24..)?;
        let length = usize::try_from(length).ok()?.min(bits.len());
        Some(Self { bits: bits.get(..length)?.to_vec(), blocks })
    }

    /// Whether a block is free: its bit is set. A block past the end is not.
    pub(super) fn is_free(&self, block: u64) -> bool {
        let byte = usize::try_from(block / 8).ok().and_then(|at| self.bits.get(at)).copied().unwrap_or(0);
        block < u64::from(self.blocks) && byte & 1 << (block & 7) != 0
    }
}
