//! Slots of a directory in order, put together to named entries.

use super::boot::Geometry;
use super::name::{self, LongSlot, MAX_LONG_SLOTS};
use super::slot::{DELETED, END, SLOT, Slot};

/// How far bytes are believed to be a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A directory in use: every slot in use is an entry, however odd, so that oddity hides nothing.
    Sound,
    /// A directory entry leads here, but it does not begin like a directory: only plausible slots are entries.
    Doubtful,
    /// A deleted directory: plausible slots are entries, all of them deleted.
    Deleted,
}

/// An entry that a directory holds.
pub(super) struct Found {
    pub(super) slot: [u8; SLOT],
    /// Place of the slot in bytes from the start of the volume.
    pub(super) offset: u64,
    pub(super) name: Vec<u8>,
    pub(super) deleted: bool,
    /// It is `.` or `..` and stands where a directory has those.
    pub(super) dots: bool,
}

/// Reads the slots of one directory, in order.
pub(super) struct Parser<'a> {
    geometry: &'a Geometry,
    trust: Trust,
    index: usize,
    long: Vec<LongSlot>,
    ended: bool,
    /// Slots in use that do not look like entries and were left out.
    pub(super) left_out: u64,
}

impl<'a> Parser<'a> {
    pub(super) const fn new(geometry: &'a Geometry, trust: Trust) -> Self {
        Self { geometry, trust, index: 0, long: Vec::new(), ended: false, left_out: 0 }
    }

    /// Slots are missing here: a long name cannot reach across.
    pub(super) fn gap(&mut self) {
        self.index = self.index.saturating_add(1);
        self.long.clear();
    }

    /// Takes the slot that stands `offset` bytes into the volume.
    ///
    /// A slot whose first byte is 0 ends the directory. What follows it is listed as deleted where it is plausible,
    /// and so is the slot itself when only its first byte was erased: a single zero must not hide a file.
    pub(super) fn push(&mut self, bytes: &[u8; SLOT], offset: u64) -> Option<Found> {
        let slot = Slot(bytes);
        let index = self.index;
        self.index = self.index.saturating_add(1);
        self.ended |= slot.mark() == END;
        if slot.is_long() {
            if self.long.len() >= MAX_LONG_SLOTS {
                self.long.remove(0);
            }
            self.long.push(LongSlot::parse(bytes));
            return None;
        }
        let long = std::mem::take(&mut self.long);
        let plausible = slot.is_plausible(self.geometry);
        let first_lost = matches!(slot.mark(), DELETED | END);
        let in_use = !first_lost && !self.ended && self.trust != Trust::Deleted;
        let listed = match (in_use, self.trust) {
            (true, Trust::Sound) => true,
            (true, _) => {
                self.left_out = self.left_out.saturating_add(u64::from(!plausible));
                plausible
            }
            (false, Trust::Sound) if slot.mark() == DELETED && !self.ended => slot.was_entry(),
            (false, _) => plausible,
        };
        if !listed || (!in_use && slot.is_label(self.geometry)) {
            return None;
        }
        let long = if first_lost { deleted_name(&long, &slot) } else { living_name(&long, &slot) };
        let name = match long {
            Some(long) if !long.is_empty() => long,
            _ => name::short(&slot.name(), slot.case(), first_lost),
        };
        let dots = match index {
            0 => slot.is_dot(1),
            1 => slot.is_dot(2),
            _ => false,
        };
        Some(Found { slot: *bytes, offset, name, deleted: !in_use, dots })
    }
}

/// The long name of an entry whose 8.3 name is whole: slots numbered from it up to one that says it is the last,
/// all with its checksum. Anything else is no long name of this entry.
fn living_name(long: &[LongSlot], slot: &Slot<'_>) -> Option<Vec<u8>> {
    let sum = name::checksum(&slot.name());
    let fitting = long
        .iter()
        .rev()
        .zip(1_u8..)
        .take_while(|(part, number)| part.order & 0x3f == *number && part.checksum == sum);
    let mut parts = Vec::new();
    for (part, _) in fitting {
        parts.push(part);
        if part.order & 0x40 != 0 {
            return Some(name::long(parts.into_iter()));
        }
    }
    None
}

/// The long name of an entry whose 8.3 name lost its first byte. The numbers of the slots are gone as well: those
/// directly in front belong to it when they share one checksum and the first byte that it asks for is one that an
/// 8.3 name may begin with.
fn deleted_name(long: &[LongSlot], slot: &Slot<'_>) -> Option<Vec<u8>> {
    let sum = long.last()?.checksum;
    let first = name::first_byte(&slot.name(), sum);
    // 0xe5 itself is stored as 5.
    if first != 0x05 && (first == b' ' || first == DELETED || !name::is_legal(first)) {
        return None;
    }
    let mut parts = Vec::new();
    for part in long.iter().rev().take_while(|part| part.checksum == sum) {
        parts.push(part);
        if part.is_last() {
            break;
        }
    }
    Some(name::long(parts.into_iter()))
}
