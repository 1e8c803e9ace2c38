//! Entry sets: a file's directory entries put together, judged by their checksum.
//!
//! exFAT specification, sections 6.3 "Generic Primary DirectoryEntry Template", 7.4 "File Directory Entry", 7.6
//! "Stream Extension Directory Entry", 7.7 "File Name Directory Entry" and 7.9 "Vendor Allocation Directory Entry".

use crate::model::Times;
use crate::read::Fields;

/// Bytes of a directory entry.
pub(super) const SLOT: usize = 32;
/// The bit of an entry's type that says that it is in use.
pub(super) const IN_USE: u8 = 0x80;
/// The bit of secondary entries.
pub(super) const SECONDARY: u8 = 0x40;
/// Types of entries in use.
pub(super) const FILE: u8 = 0x85;
const STREAM: u8 = 0xc0;
const NAME: u8 = 0xc1;
const VENDOR_ALLOCATION: u8 = 0xe1;
/// Most secondary entries of a file that are read: a stream entry and the longest name are 18, and a vendor's entries may
/// stand behind them.
pub(super) const MOST: usize = 24;
/// UTF-16 units in a name entry.
const UNITS: usize = 15;

/// How well entries hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soundness {
    /// They have the checksum that the first states.
    Whole,
    /// They have it when the type of an entry is put right, or only some are marked as in use.
    Mended,
    /// They do not.
    Broken { stated: u16, computed: u16 },
}

/// The entries of a file.
#[derive(Clone, Debug)]
pub(super) struct Set {
    slots: Vec<[u8; SLOT]>,
    pub(super) soundness: Soundness,
    /// Whether most of the entries are marked as in use.
    pub(super) in_use: bool,
    /// Slots that do not belong to it, of those that it was made from.
    pub(super) spare: usize,
}

/// Where content lies, as an entry says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// First cluster; 0 for none.
    pub(super) first: u32,
    /// Bytes of content.
    pub(super) bytes: u64,
    /// Bytes from the start that were ever written; the others read as zeros.
    pub(super) valid: u64,
    /// The clusters lie one after the other and are not in the FAT.
    pub(super) consecutive: bool,
}

/// Whether an entry type is the expected one, but for a single bit and the one of use.
pub(super) const fn is_near(kind: u8, expected: u8) -> bool {
    ((kind ^ expected) & !IN_USE).count_ones() <= 1
}

/// The type that the entry at that position of a set has, in use.
pub(super) const fn expected(position: usize) -> u8 {
    match position {
        0 => FILE,
        1 => STREAM,
        _ => NAME,
    }
}

impl Set {
    /// Makes a set from a first entry and the secondary ones behind it, of which the last may be somebody else's.
    /// `None` when they are no file.
    pub(super) fn of(slots: &[[u8; SLOT]]) -> Option<Self> {
        let first = slots.first()?;
        let exact = kind(first) | IN_USE == FILE;
        let stated = usize::from(Fields(first).u8(1)?);
        let present = slots.len().saturating_sub(1);
        for count in [stated, present] {
            let Some(part) = slots.get(..=count).filter(|_| (2..=MOST).contains(&count)) else { continue };
            for mend in [false, true] {
                let types = types(part, mend);
                if (exact || mend) && checksum(part, &types) == stored(first) {
                    let soundness = if mend { Soundness::Mended } else { Soundness::Whole };
                    return Some(Self::with(part, &types, soundness, slots.len()));
                }
            }
        }
        // What is broken must at least have its parts in their places.
        let count = if (2..=present).contains(&stated) { stated } else { present };
        let part = slots.get(..=count)?;
        let stream = part.get(1).is_some_and(|slot| is_near(kind(slot), STREAM));
        if !exact || !stream {
            return None;
        }
        let computed = checksum(part, &types(part, false));
        let soundness = Soundness::Broken { stated: stored(first), computed };
        Some(Self::with(part, &types(part, true), soundness, slots.len()))
    }

    fn with(part: &[[u8; SLOT]], types: &[u8], soundness: Soundness, given: usize) -> Self {
        let used = part.iter().filter(|slot| kind(slot) & IN_USE != 0).count();
        let typed = part.iter().zip(types).map(|(slot, kind)| {
            let mut slot = *slot;
            slot[0] = *kind;
            slot
        });
        let mixed = used != 0 && used != part.len();
        Self {
            slots: typed.collect(),
            soundness: if mixed && soundness == Soundness::Whole { Soundness::Mended } else { soundness },
            in_use: used.saturating_mul(2) >= part.len(),
            spare: given.saturating_sub(part.len()),
        }
    }

    fn field(&self, position: usize) -> Fields<'_> {
        Fields(self.slots.get(position).map_or(&[], |slot| slot.as_slice()))
    }

    pub(super) fn is_directory(&self) -> bool {
        self.field(0).u16(4).unwrap_or(0) & 0x10 != 0
    }

    /// The place that the stream entry gives.
    pub(super) fn place(&self) -> Place {
        let fields = self.field(1);
        let bytes = fields.u64(24).unwrap_or(0);
        Place { valid: fields.u64(8).unwrap_or(0), ..place(fields, bytes) }
    }

    /// The GUIDs of vendors that have clusters of their own here, and the clusters.
    pub(super) fn vendor_places(&self) -> impl Iterator<Item = ([u8; 16], Place)> {
        let vendors = self.slots.iter().skip(2).filter(|slot| kind(slot) == VENDOR_ALLOCATION);
        vendors.map(|slot| {
            let fields = Fields(slot);
            let bytes = fields.u64(24).unwrap_or(0);
            (fields.array(2).unwrap_or_default(), place(fields, bytes))
        })
    }

    /// The hash of the name that the stream entry states.
    pub(super) fn name_hash(&self) -> u16 {
        self.field(1).u16(4).unwrap_or(0)
    }

    /// The name in UTF-16, as long as the stream entry says it is and the entries have it.
    pub(super) fn name(&self) -> Vec<u16> {
        let length = usize::from(self.field(1).u8(3).unwrap_or(0));
        let names = self.slots.iter().skip(2).filter(|slot| kind(slot) == NAME);
        let units = names.flat_map(|slot| slot.as_chunks::<2>().0.iter().skip(1).take(UNITS));
        let units = units.map(|pair| u16::from_le_bytes(*pair));
        match self.soundness {
            Soundness::Broken { .. } => units.take_while(|unit| *unit != 0).collect(),
            _ => units.take(length).collect(),
        }
    }

    /// Whether the parts agree with one another and with a volume of `total` bytes.
    pub(super) fn is_plausible(&self, total: u64) -> bool {
        let length = usize::from(self.field(1).u8(3).unwrap_or(0));
        let names = self.slots.iter().skip(2).filter(|slot| kind(slot) == NAME).count();
        let name = self.name();
        length != 0
            && names == length.div_ceil(UNITS)
            && self.place().bytes <= total
            && !name.is_empty()
            && name.iter().all(|unit| *unit >= 0x20)
            && self.field(0).u16(4).unwrap_or(0) & !0x37 == 0
    }

    /// Time stamps as [`crate::model::TimeEncoding::Exfat`] packs them; a date of zero is no stamp.
    pub(super) fn times(&self) -> Times {
        let fields = self.field(0);
        let byte = |at: usize| u64::from(fields.u8(at).unwrap_or(0));
        let stamp = |at: usize, hundredths: u64, zone: usize| {
            let stamp = u64::from(fields.u32(at).unwrap_or(0));
            (stamp >> 16 != 0).then(|| byte(zone) << 40 | stamp << 8 | hundredths)
        };
        Times {
            created: stamp(8, byte(20), 22),
            modified: stamp(12, byte(21), 23),
            accessed: stamp(16, 0, 24),
            changed: None,
        }
    }
}

fn place(fields: Fields<'_>, bytes: u64) -> Place {
    let consecutive = fields.u8(1).unwrap_or(0) & 2 != 0;
    Place { first: fields.u32(20).unwrap_or(0), bytes, valid: bytes, consecutive }
}

/// An entry's type.
pub(super) const fn kind(slot: &[u8; SLOT]) -> u8 {
    slot[0]
}

fn stored(first: &[u8; SLOT]) -> u16 {
    Fields(first).u16(2).unwrap_or(0)
}

/// The types of entries as they were when they were in use; where they are put right, those that their places ask for.
fn types(slots: &[[u8; SLOT]], mend: bool) -> Vec<u8> {
    let names = slots.get(1).map_or(0, |stream| usize::from(stream[3]).div_ceil(UNITS));
    let types = slots.iter().enumerate().map(|(position, slot)| {
        let right = expected(position);
        let within = position < names.saturating_add(2);
        // The first may be anything when the rest holds: a single byte must not hide a file.
        let wrong = position == 0 || is_near(kind(slot), right);
        if mend && within && wrong { right } else { kind(slot) | IN_USE }
    });
    types.collect()
}

/// The checksum of a set (figure 2 of the specification), with other types than the slots have.
fn checksum(slots: &[[u8; SLOT]], types: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for (position, (slot, kind)) in slots.iter().zip(types).enumerate() {
        for (at, byte) in slot.iter().enumerate() {
            let byte = if at == 0 { kind } else { byte };
            if position != 0 || !matches!(at, 2 | 3) {
                sum = sum.rotate_right(1).wrapping_add(u16::from(*byte));
            }
        }
    }
    sum
}
