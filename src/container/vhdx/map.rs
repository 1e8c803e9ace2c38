//! The block allocation table.

use std::sync::Arc;

use super::MIB;
use super::metadata::Metadata;
use crate::container::mapped::{Map, Place, Stretch};
use crate::container::tables::Tables;
use crate::model::Extent;
use crate::read::ReadAt;

/// The blocks of a disk without a parent.
pub(super) struct Blocks {
    tables: Tables,
    table: Extent,
    block: u64,
    /// Payload blocks between two entries for sector bitmaps. Source: 2.5.
    ratio: u64,
    size: u64,
}

impl Blocks {
    pub(super) fn new(file: Arc<dyn ReadAt>, metadata: &Metadata, table: Extent) -> Self {
        let ratio = (metadata.sector << 23).checked_div(metadata.block).unwrap_or(1).max(1);
        Self { tables: Tables::new(vec![file]), table, block: metadata.block, ratio, size: metadata.size }
    }
}

impl Map for Blocks {
    fn size(&self) -> u64 {
        self.size
    }

    /// States of blocks: 2.5.1.1.
    fn at(&self, offset: u64) -> Stretch {
        let number = offset.checked_div(self.block).unwrap_or(0);
        let within = offset.checked_rem(self.block).unwrap_or(0);
        let left = self.block.saturating_sub(within);
        let index = number.saturating_add(number.checked_div(self.ratio).unwrap_or(0));
        let at = index.saturating_mul(8);
        if at.saturating_add(8) > self.table.length {
            let rest = self.size.saturating_sub(offset);
            return Stretch::missing(rest, "the block allocation table ends before this block");
        }
        let entry = match self.tables.array::<8>(0, self.table.offset.saturating_add(at)) {
            Ok(bytes) => u64::from_le_bytes(bytes),
            Err(error) => return Stretch::missing(left, format!("block {number}: {error}")),
        };
        let place = entry & !(MIB.saturating_sub(1));
        match entry & 7 {
            _ if entry & (MIB.saturating_sub(1)) & !7 != 0 => {
                Stretch::missing(left, format!("block {number} has the damaged entry {entry:#018x}"))
            }
            // Not present, zero, unmapped: without a parent these are zeros.
            0 | 2 | 3 => Stretch::zero(left),
            1 => Stretch::missing(
                left,
                format!("the image says that the content of block {number} is undefined"),
            ),
            6 if place >= MIB => Stretch {
                length: left,
                place: Place::Stored { file: 0, offset: place.saturating_add(within) },
            },
            7 => Stretch::missing(
                left,
                format!("block {number} is only in part here, and yet the disk has no parent"),
            ),
            state => Stretch::missing(
                left,
                format!("block {number} has the impossible state {state} at byte {place}"),
            ),
        }
    }
}
