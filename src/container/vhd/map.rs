//! The block allocation table of a dynamic VHD and the sector bitmap of each block.

use std::sync::Arc;

use crate::container::mapped::{Map, Place, Stretch};
use crate::container::tables::Tables;
use crate::read::{Error, Fields, ReadAt, Result};

const SECTOR: u64 = 512;
const UNUSED: u32 = u32::MAX;

/// The dynamic disk header.
pub(super) struct Header {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Bytes of a block.
    pub block: u64,
    table: u64,
    entries: u64,
}

impl Header {
    /// Its length.
    pub(super) const LENGTH: usize = 1024;

    /// Takes the header that stands at `at`.
    pub(super) fn of(bytes: Vec<u8>, at: u64) -> Result<Self> {
        let fields = Fields(&bytes);
        let block = u64::from(fields.u32_be(32).unwrap_or(0));
        if block < SECTOR || !block.is_power_of_two() {
            let place = at.saturating_add(32);
            return Err(Error::corrupt("VHD block size", place, "a power of two from 512 on", block));
        }
        let table = fields.u64_be(16).unwrap_or(0);
        let entries = u64::from(fields.u32_be(28).unwrap_or(0));
        Ok(Self { block, table, entries, bytes })
    }
}

/// The blocks of a dynamic disk.
pub(super) struct Blocks {
    tables: Tables,
    table: u64,
    entries: u64,
    block: u64,
    /// Bytes of the sector bitmap before each block.
    bitmap: u64,
    size: u64,
}

impl Blocks {
    pub(super) fn new(file: Arc<dyn ReadAt>, header: &Header, size: u64) -> Self {
        let bitmap = header.block.div_ceil(SECTOR * 8).next_multiple_of(SECTOR);
        let (table, entries, block) = (header.table, header.entries, header.block);
        Self { tables: Tables::new(vec![file]), table, entries, block, bitmap, size }
    }
}

impl Map for Blocks {
    fn size(&self) -> u64 {
        self.size
    }

    fn at(&self, offset: u64) -> Stretch {
        let number = offset.checked_div(self.block).unwrap_or(0);
        let within = offset.checked_rem(self.block).unwrap_or(0);
        let left = self.block.saturating_sub(within);
        if number >= self.entries {
            let rest = self.size.saturating_sub(offset);
            return Stretch::missing(
                rest,
                format!("the block allocation table has only {} entries", self.entries),
            );
        }
        let entry = match self.tables.array::<4>(0, self.table.saturating_add(number.saturating_mul(4))) {
            Ok(bytes) => u32::from_be_bytes(bytes),
            Err(error) => return Stretch::missing(left, format!("block {number}: {error}")),
        };
        if entry == UNUSED {
            return Stretch::zero(left);
        }
        let place = u64::from(entry).saturating_mul(SECTOR);
        let (marked, sectors) = match self.run(place, within.checked_div(SECTOR).unwrap_or(0)) {
            Ok(run) => run,
            Err(reason) => {
                return Stretch::missing(left, format!("sector bitmap of block {number}: {reason}"));
            }
        };
        let length = sectors.saturating_mul(SECTOR).saturating_sub(within % SECTOR).min(left);
        if !marked {
            return Stretch::zero(length);
        }
        let offset = place.saturating_add(self.bitmap).saturating_add(within);
        Stretch { length, place: Place::Stored { file: 0, offset } }
    }
}

impl Blocks {
    /// Whether that sector of the block whose bitmap stands at `place` is marked as written, and how many from it on are alike.
    /// Looks at one sector of bitmap.
    fn run(&self, place: u64, sector: u64) -> std::result::Result<(bool, u64), String> {
        const BITS: u64 = SECTOR * 8;
        let at = place.saturating_add((sector / BITS).saturating_mul(SECTOR));
        let bitmap = self.tables.array::<512>(0, at).map_err(|error| error.to_string())?;
        let first = sector % BITS;
        let bit = |at: u64| {
            let byte = usize::try_from(at / 8).ok().and_then(|byte| bitmap.get(byte)).copied().unwrap_or(0);
            byte & (0x80 >> (at % 8)) != 0
        };
        let marked = bit(first);
        let mut end = first.saturating_add(1);
        while end < BITS && bit(end) == marked {
            end = end.saturating_add(1);
        }
        Ok((marked, end.saturating_sub(first)))
    }
}
