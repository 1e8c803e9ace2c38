//! Slots of a directory in order, put together to entry sets.

use super::set::{IN_USE, MOST, SECONDARY, SLOT, Set, Soundness, expected, is_near, kind};

/// Types of primary entries that are no files: bitmap, up-case table, label, GUID, TexFAT padding, access control
/// of Windows CE; in use.
const SYSTEM: [u8; 6] = [0x81, 0x82, 0x83, 0xa0, 0xa1, 0xa2];
/// The type of the first slot that was never used.
const END: u8 = 0;

/// Slots without a single byte after which a directory that has ended is read no further: nothing is ever written
/// behind its end, and a cluster may have 32 MiB.
const BLANK: u32 = 2048;

/// How far bytes are believed to be a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A directory in use: a set is listed even when it is damaged, so that damage hides nothing.
    Sound,
    /// A directory entry leads here, but it does not begin like a directory: only sets with their checksum count.
    Doubtful,
    /// A directory that is deleted, or that nothing leads to: only sets with their checksum, all of them deleted.
    Deleted,
}

/// A set that a directory holds.
pub(super) struct Found {
    pub(super) set: Set,
    /// Place of its first slot in bytes from the start of the volume.
    pub(super) offset: u64,
    /// Whether it is an entry in use.
    pub(super) in_use: bool,
}

/// Reads the slots of one directory, in order.
pub(super) struct Parser {
    trust: Trust,
    total: u64,
    open: Vec<[u8; SLOT]>,
    offset: u64,
    ended: bool,
    blank: u32,
    /// Slots in use that are no entry that can be read.
    pub(super) left_out: u64,
}

impl Parser {
    /// For a directory of a volume of `total` bytes.
    pub(super) const fn new(trust: Trust, total: u64) -> Self {
        Self { trust, total, open: Vec::new(), offset: 0, ended: false, blank: 0, left_out: 0 }
    }

    /// Takes the slot that stands `offset` bytes into the volume, or notes that it is missing; gives the set that
    /// is complete now. The directory ends with [`Self::finish`].
    ///
    /// What follows the end mark is listed as deleted where it is whole.
    pub(super) fn push(&mut self, slot: Option<&[u8; SLOT]>, offset: u64) -> Option<Found> {
        let Some(slot) = slot else { return self.finish() };
        self.blank = if *slot == [0; SLOT] { self.blank.saturating_add(1) } else { 0 };
        if self.belongs(slot) {
            self.open.push(*slot);
            return if self.is_complete() { self.finish() } else { None };
        }
        let found = self.finish();
        self.ended |= kind(slot) == END;
        self.open.push(*slot);
        self.offset = offset;
        found
    }

    /// Whether nothing more is to be expected.
    pub(super) const fn is_over(&self) -> bool {
        self.ended && self.blank >= BLANK
    }

    /// Ends the set that is being put together.
    pub(super) fn finish(&mut self) -> Option<Found> {
        let slots = std::mem::take(&mut self.open);
        let first = slots.first().map(kind)?;
        let marked = |slots: &[[u8; SLOT]]| slots.iter().filter(|slot| kind(slot) & IN_USE != 0).count();
        let Some(set) = Set::of(&slots) else {
            if !SYSTEM.contains(&first) {
                self.leave_out(marked(&slots));
            }
            return None;
        };
        let whole = !matches!(set.soundness, Soundness::Broken { .. });
        let here = self.trust == Trust::Sound && !self.ended;
        if !whole && !(here && (set.in_use || set.is_plausible(self.total))) {
            self.leave_out(marked(&slots));
            return None;
        }
        let spare = slots.get(slots.len().saturating_sub(set.spare)..).map_or(0, marked);
        self.leave_out(spare);
        let in_use = set.in_use && !self.ended && self.trust != Trust::Deleted;
        Some(Found { set, offset: self.offset, in_use })
    }

    fn leave_out(&mut self, slots: usize) {
        if !self.ended && self.trust != Trust::Deleted {
            self.left_out = self.left_out.saturating_add(crate::read::size(slots));
        }
    }

    /// Whether the set that is open has as many entries as it says, and its checksum.
    fn is_complete(&self) -> bool {
        let stated = self.open.first().map_or(0, |first| usize::from(first[1]));
        self.open.len() == stated.saturating_add(1)
            && Set::of(&self.open).is_some_and(|set| !matches!(set.soundness, Soundness::Broken { .. }))
    }

    /// Whether a slot may go on with the set that is open.
    fn belongs(&self, slot: &[u8; SLOT]) -> bool {
        let position = self.open.len();
        let Some(first) = self.open.first() else { return false };
        let stated = usize::from(first[1]);
        // A system entry has no others, unless it is that of a file with a damaged type.
        let system = position == 1 && SYSTEM.contains(&kind(first));
        if position > MOST || (system && kind(slot) != expected(1)) {
            return false;
        }
        let secondary = kind(slot) & SECONDARY != 0;
        secondary || (position <= stated && is_near(kind(slot), expected(position)))
    }
}
