//! The two levels of tables that say where each cluster is.

use std::sync::Arc;

use super::header::Header;
use crate::container::mapped::{Map, Packed, Place, Stretch};
use crate::container::tables::Tables;
use crate::container::unpack::Method;
use crate::read::{ReadAt, Unreadable};

/// Bits 9 to 55 of an entry: a place in the file.
const PLACE: u64 = 0x00ff_ffff_ffff_fe00;
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;
const SUBCLUSTERS: u64 = 32;

/// The clusters of the active state.
pub(super) struct Clusters {
    tables: Tables,
    table: (u64, u64),
    bits: u32,
    size: u64,
    method: Method,
    extended: bool,
    /// Whether entries may say that a cluster is zeros: from version 3 on.
    zeros: bool,
}

impl Clusters {
    pub(super) fn new(file: Arc<dyn ReadAt>, header: &Header) -> Self {
        Self {
            tables: Tables::new(vec![file]),
            table: header.table,
            bits: header.cluster_bits,
            size: header.size,
            method: header.method,
            extended: header.extended,
            zeros: header.version >= 3,
        }
    }

    const fn cluster(&self) -> u64 {
        1 << self.bits
    }

    fn long(&self, at: u64) -> Result<u64, Unreadable> {
        self.tables.array::<8>(0, at).map(u64::from_be_bytes)
    }

    /// Where a compressed cluster is. Source: "Compressed Clusters Descriptor".
    fn compressed(&self, entry: u64, cluster_start: u64) -> Place {
        let bits = 70_u32.saturating_sub(self.bits);
        let low = |count: u32| (1_u64 << count).saturating_sub(1);
        let offset = entry & low(bits);
        let sectors = (entry & low(62)) >> bits;
        let stored = sectors.saturating_add(1).saturating_mul(512).saturating_sub(offset % 512);
        let length = self.size.saturating_sub(cluster_start).min(self.cluster());
        Place::Packed(Packed {
            start: cluster_start,
            length,
            most: self.cluster(),
            file: 0,
            offset,
            stored,
            method: self.method,
        })
    }

    /// What a plain entry says of a whole cluster.
    fn plain(&self, entry: u64, within: u64, left: u64) -> Stretch {
        let place = entry & PLACE;
        let zero = if self.zeros { ZERO } else { 0 };
        if entry & !(PLACE | COPIED | zero) != 0 || !place.is_multiple_of(self.cluster()) {
            return Stretch::missing(left, format!("damaged entry {entry:#018x} of a second table"));
        }
        match (entry & ZERO != 0, place) {
            (true, _) | (false, 0) => Stretch::zero(left),
            _ => Stretch {
                length: left,
                place: Place::Stored { file: 0, offset: place.saturating_add(within) },
            },
        }
    }

    /// What an entry with a bitmap of subclusters says, as far as neighbours are alike. Source: "Extended L2 Entries".
    fn subclusters(&self, entry: u64, bitmap: u64, within: u64, left: u64) -> Stretch {
        let place = entry & PLACE;
        let (written, zeroed) = (bitmap & 0xffff_ffff, bitmap >> 32);
        let impossible = written & zeroed != 0 || (place == 0 && written != 0);
        if entry & !(PLACE | COPIED) != 0 || !place.is_multiple_of(self.cluster()) || impossible {
            return Stretch::missing(
                left,
                format!("damaged entry {entry:#018x} {bitmap:#018x} of a second table"),
            );
        }
        let length = self.cluster() / SUBCLUSTERS;
        let first = within.checked_div(length).unwrap_or(0);
        let is_written = |number: u64| written >> number.min(31) & 1 == 1;
        let alike = (first..SUBCLUSTERS).take_while(|number| is_written(*number) == is_written(first));
        let end = alike.last().unwrap_or(first).saturating_add(1).saturating_mul(length);
        let run = end.saturating_sub(within).min(left);
        match is_written(first) {
            true => Stretch {
                length: run,
                place: Place::Stored { file: 0, offset: place.saturating_add(within) },
            },
            false => Stretch::zero(run),
        }
    }
}

impl Map for Clusters {
    fn size(&self) -> u64 {
        self.size
    }

    fn at(&self, offset: u64) -> Stretch {
        let width = if self.extended { 16 } else { 8 };
        let per_table = self.cluster().checked_div(width).unwrap_or(0);
        let reach = per_table.saturating_mul(self.cluster());
        let (first, inside) =
            (offset.checked_div(reach).unwrap_or(0), offset.checked_rem(reach).unwrap_or(0));
        let rest = reach.saturating_sub(inside);
        let (table, entries) = self.table;
        if first >= entries {
            let rest = self.size.saturating_sub(offset);
            return Stretch::missing(rest, format!("the first table has only {entries} entries"));
        }
        let failed = |error: Unreadable| format!("table of clusters: {error}");
        let entry = match self.long(table.saturating_add(first.saturating_mul(8))) {
            Ok(entry) => entry,
            Err(error) => return Stretch::missing(rest, failed(error)),
        };
        let second = entry & PLACE;
        if entry & !(PLACE | COPIED) != 0 || !second.is_multiple_of(self.cluster()) {
            return Stretch::missing(rest, format!("damaged entry {entry:#018x} of the first table"));
        }
        if second == 0 {
            return Stretch::zero(rest);
        }
        let within = inside & self.cluster().saturating_sub(1);
        let left = self.cluster().saturating_sub(within);
        let at = second.saturating_add((inside >> self.bits).saturating_mul(width));
        let entry = match self.long(at) {
            Ok(entry) => entry,
            Err(error) => return Stretch::missing(left, failed(error)),
        };
        if entry & COMPRESSED != 0 {
            let place = self.compressed(entry, offset.saturating_sub(within));
            return Stretch { length: left, place };
        }
        if !self.extended {
            return self.plain(entry, within, left);
        }
        match self.long(at.saturating_add(8)) {
            Ok(bitmap) => self.subclusters(entry, bitmap, within, left),
            Err(error) => Stretch::missing(left, failed(error)),
        }
    }
}
