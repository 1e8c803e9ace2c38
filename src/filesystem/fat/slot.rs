//! The 32-byte slot of a directory, and whether bytes are likely to be one.

use super::boot::{Geometry, Variant};
use super::name;
use crate::model::Times;
use crate::read::Fields;

/// Bytes of a slot.
pub(super) const SLOT: usize = 32;
/// First byte of a slot that was deleted, and of the first that was never used.
pub(super) const DELETED: u8 = 0xe5;
pub(super) const END: u8 = 0;

const VOLUME: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
/// All of read-only, hidden, system and volume label: a part of a long name.
const LONG: u8 = 0x0f;

/// A short directory entry (fatgen103, "FAT Directory Structure").
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a>(pub(super) &'a [u8; SLOT]);

impl Slot<'_> {
    const fn fields(&self) -> Fields<'_> {
        Fields(self.0)
    }

    fn u16(&self, offset: usize) -> u16 {
        self.fields().u16(offset).unwrap_or(0)
    }

    pub(super) fn name(&self) -> [u8; 11] {
        self.fields().array(0).unwrap_or_default()
    }

    /// First byte: a character, or what became of the slot.
    pub(super) fn mark(&self) -> u8 {
        self.fields().u8(0).unwrap_or(END)
    }

    fn attributes(&self) -> u8 {
        self.fields().u8(11).unwrap_or(0)
    }

    /// Byte 12: lower-case flags.
    pub(super) fn case(&self) -> u8 {
        self.fields().u8(12).unwrap_or(0)
    }

    pub(super) fn is_long(&self) -> bool {
        self.attributes() & 0x3f == LONG
    }

    pub(super) fn is_directory(&self) -> bool {
        self.attributes() & (DIRECTORY | VOLUME) == DIRECTORY
    }

    /// A volume label that is nothing but one: hidden data would have a place or a size.
    pub(super) fn is_label(&self, geometry: &Geometry) -> bool {
        self.attributes() & (DIRECTORY | VOLUME) == VOLUME
            && !self.is_long()
            && self.first(geometry) == 0
            && self.size() == 0
    }

    /// The first cluster; 0 for none. FAT12 and FAT16 keep other things in the high word.
    pub(super) fn first(&self, geometry: &Geometry) -> u32 {
        let high = if geometry.variant == Variant::Fat32 { u32::from(self.u16(20)) } else { 0 };
        high << 16 | u32::from(self.u16(26))
    }

    /// Size in bytes; 0 for directories.
    pub(super) fn size(&self) -> u64 {
        self.fields().u32(28).unwrap_or(0).into()
    }

    /// Time stamps as [`crate::model::TimeEncoding::FatLocal`] packs them; a date of zero is no stamp.
    pub(super) fn times(&self) -> Times {
        let stamp = |date: u16, time: u16, hundredths: u8| {
            (date != 0).then(|| u64::from(date) << 24 | u64::from(time) << 8 | u64::from(hundredths))
        };
        let hundredths = self.fields().u8(13).unwrap_or(0);
        Times {
            created: stamp(self.u16(16), self.u16(14), hundredths),
            modified: stamp(self.u16(24), self.u16(22), 0),
            accessed: stamp(self.u16(18), 0, 0),
            changed: None,
        }
    }

    /// Whether this is `.` (`dots` 1) or `..` (`dots` 2) as a directory begins with.
    pub(super) fn is_dot(&self, dots: usize) -> bool {
        let expected: &[u8; 11] = if dots == 1 { b".          " } else { b"..         " };
        self.name() == *expected && self.is_directory()
    }

    /// Whether a slot marked as deleted held an entry at all.
    pub(super) fn was_entry(&self) -> bool {
        self.attributes() & 0xc0 == 0
            && self.attributes() & (DIRECTORY | VOLUME) != (DIRECTORY | VOLUME)
            && self.name().iter().skip(1).all(|byte| *byte >= b' ')
    }

    /// Whether bytes of unknown origin look like an entry as the specification has them.
    pub(super) fn is_plausible(&self, geometry: &Geometry) -> bool {
        let name = self.name();
        let first = self.first(geometry);
        let mark = self.mark();
        let marked = matches!(mark, DELETED | END | 0x05) || (name::is_legal(mark) && mark != b' ');
        let placed = match (first, self.size(), self.is_directory()) {
            (0, size, directory) => size == 0 && !directory,
            (_, size, directory) => {
                geometry.has(first) && size <= geometry.total && (!directory || size == 0)
            }
        };
        marked
            && placed
            && self.was_entry()
            && !self.is_long()
            && name.iter().skip(1).all(|byte| name::is_legal(*byte))
            && [16, 18, 24].iter().all(|place| is_date(self.u16(*place)))
            && [14, 22].iter().all(|place| is_time(self.u16(*place)))
    }
}

/// Whether 64 bytes begin a directory: `.` and `..`.
pub(super) fn begins_directory(bytes: &[u8]) -> bool {
    let slots = bytes.as_chunks::<SLOT>().0;
    slots.len() >= 2 && slots.iter().zip([1, 2]).all(|(slot, dots)| Slot(slot).is_dot(dots))
}

const fn is_date(date: u16) -> bool {
    let (month, day) = ((date >> 5) & 0xf, date & 0x1f);
    date == 0 || (month >= 1 && month <= 12 && day >= 1)
}

const fn is_time(time: u16) -> bool {
    time >> 11 < 24 && (time >> 5) & 0x3f < 60 && time & 0x1f < 30
}
