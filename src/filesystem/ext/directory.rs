//! Directory blocks: entries in use, and the names that removed entries left behind.

use crate::filesystem::tree::Found;
use crate::model::EntryKind;
use crate::read::Fields;

/// How a block is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Highest inode number.
    pub inodes: u32,
    /// Whether entries hold a file type.
    pub typed: bool,
    /// Bytes that follow each name: a hash, in directories that are both encrypted and case-insensitive.
    pub extra: usize,
    /// Whether the directory has a hash tree.
    pub indexed: bool,
    /// Whether it is the directory's first block.
    pub first: bool,
}

/// What else a block says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heads {
    /// The inode that `.` names.
    pub own: Option<u32>,
    /// The inode that `..` names.
    pub parent: Option<u32>,
    /// Where the chain of entries breaks first, in bytes from the start of the block.
    pub damage: Option<usize>,
}

/// Reads a block from front to back. Behind a broken entry reading goes on at the first place from which a sound
/// chain reaches the end of the block; what lies between is searched for removed names.
/// Source: ext4 Data Structures, "Linear (Classic) Directories" and "Hash Tree Directories".
pub(super) fn parse<'b>(block: &'b [u8], rules: &Rules, found: &mut impl FnMut(Found<'b>)) -> Heads {
    let mut heads = Heads::default();
    let mut at = 0_usize;
    while at < block.len() {
        let Some(slot) = Slot::read(block, at, rules).filter(|slot| slot.is_valid(rules)) else {
            heads.damage.get_or_insert(at);
            let next = resume(block, at, rules).unwrap_or(block.len());
            carve(block, at, next, rules, found);
            at = next;
            continue;
        };
        match slot.name {
            b"." if slot.target != 0 => heads.own = heads.own.or(Some(slot.target)),
            b".." if slot.target != 0 => heads.parent = heads.parent.or(Some(slot.target)),
            b"" => {}
            name if slot.target != 0 => {
                found(Found { target: slot.target.into(), kind: kind(slot.kind), name, deleted: false });
            }
            name if is_plausible(name) => {
                found(Found { target: 0, kind: kind(slot.kind), name, deleted: true })
            }
            _ => {}
        }
        let slack = at.saturating_add(slot.needs);
        let end = at.saturating_add(slot.length);
        carve(block, index_end(block, at, slack, &slot, rules), end, rules, found);
        at = end;
    }
    heads
}

/// What a stored file type means; `None` when there is none.
pub(super) fn kind(stored: u8) -> Option<EntryKind> {
    match stored {
        1 => Some(EntryKind::File),
        2 => Some(EntryKind::Directory),
        3..=6 => Some(EntryKind::Other),
        7 => Some(EntryKind::Symlink),
        _ => None,
    }
}

/// One entry as stored.
struct Slot<'b> {
    target: u32,
    /// Distance to the next entry.
    length: usize,
    /// Bytes that the entry itself needs.
    needs: usize,
    kind: u8,
    name: &'b [u8],
    /// Bytes from the entry to the end of the block.
    room: usize,
}

impl<'b> Slot<'b> {
    fn read(block: &'b [u8], at: usize, rules: &Rules) -> Option<Self> {
        let room = block.len().checked_sub(at)?;
        let fields = Fields(block.get(at..)?);
        let stored = usize::from(fields.u16(4)?);
        let length = match stored {
            // A length of 65536 does not fit the field.
            0 | 0xffff if block.len() == 0x1_0000 => block.len(),
            _ if block.len() == 0x1_0000 => (stored & 0xfffc) | (stored & 3) << 16,
            _ => stored,
        };
        let (name_length, kind) = match rules.typed {
            true => (usize::from(fields.u8(6)?), fields.u8(7)? & 0xf),
            false => (usize::from(fields.u16(6)?), 0),
        };
        let name = fields.bytes(8, name_length)?;
        let extra = if name.is_empty() { 0 } else { rules.extra };
        let needs = name_length.checked_add(8)?.checked_add(extra)?.checked_next_multiple_of(4)?.max(12);
        Some(Self { target: fields.u32(0)?, length, needs, kind, name, room })
    }

    fn is_valid(&self, rules: &Rules) -> bool {
        self.length >= 12
            && self.length.is_multiple_of(4)
            && self.length >= self.needs.saturating_sub(rules.extra)
            && self.length <= self.room
            && self.target <= rules.inodes
            && self.name.len() <= 255
            && (self.target == 0 || !self.name.is_empty())
    }
}

/// The first place after `broken` from which a sound chain reaches the end of the block exactly.
fn resume(block: &[u8], broken: usize, rules: &Rules) -> Option<usize> {
    // Backwards, so that each place is looked at once: it is sound when its entry is and ends where a sound one begins.
    let mut sound = vec![false; block.len().checked_div(4)?];
    let mut first = None;
    for place in (broken.checked_div(4)?.checked_add(1)?..sound.len()).rev() {
        let at = place.saturating_mul(4);
        let Some(slot) = Slot::read(block, at, rules).filter(|slot| slot.is_valid(rules)) else { continue };
        let end = at.saturating_add(slot.length);
        let chained = end == block.len() || sound.get(end / 4).copied().unwrap_or(false);
        let named = slot.target == 0 || is_plausible(slot.name);
        if chained && named {
            if let Some(mark) = sound.get_mut(place) {
                *mark = true;
            }
            first = Some(at);
        }
    }
    first
}

/// Finds names in the bytes from `start` to `end` that no entry uses.
fn carve<'b>(block: &'b [u8], start: usize, end: usize, rules: &Rules, found: &mut impl FnMut(Found<'b>)) {
    let mut at = start.checked_next_multiple_of(4).unwrap_or(end);
    while at < end {
        let slot = Slot::read(block, at, rules)
            .filter(|slot| slot.is_valid(rules) && is_plausible(slot.name) && slot.kind <= 7)
            .filter(|slot| slot.name.len().saturating_add(8) <= end.saturating_sub(at));
        let step = match slot {
            Some(slot) => {
                found(Found {
                    target: slot.target.into(),
                    kind: kind(slot.kind),
                    name: slot.name,
                    deleted: true,
                });
                slot.needs
            }
            None => 4,
        };
        at = at.saturating_add(step);
    }
}

/// Where the search for removed names begins behind a slot: after the entries of a hash tree, which look like anything.
fn index_end(block: &[u8], at: usize, slack: usize, slot: &Slot<'_>, rules: &Rules) -> usize {
    let table = match (rules.indexed, rules.first, slot.name) {
        // The root of the tree lies behind `..`: eight bytes about itself, then its entries.
        (true, true, b"..") => slack.saturating_add(8),
        // A node of the tree is a block with a single empty slot.
        (true, false, b"") if at == 0 && slot.target == 0 => 8,
        _ => return slack,
    };
    let count = Fields(block).u16(table.saturating_add(2)).unwrap_or_default();
    table.saturating_add(usize::from(count).saturating_mul(8))
}

/// Whether a name could have been given by a user.
fn is_plausible(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { inodes: 100, typed: true, extra: 0, indexed: false, first: false };

    fn slot(target: u32, length: u16, name: &[u8]) -> Vec<u8> {
        let mut bytes = target.to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend([name.len() as u8, 1]);
        bytes.extend(name);
        bytes.resize(usize::from(length).max(bytes.len().next_multiple_of(4)), 0);
        bytes
    }

    fn names(block: &[u8]) -> (Vec<(u64, String, bool)>, Option<usize>) {
        let mut names = Vec::new();
        let heads = parse(block, &RULES, &mut |found| {
            names.push((found.target, String::from_utf8_lossy(found.name).into_owned(), found.deleted));
        });
        (names, heads.damage)
    }

    #[test]
    fn names_in_use_and_removed_ones_are_told_apart() {
        let mut block = slot(11, 32, b"a");
        block[12..28].copy_from_slice(&slot(12, 16, b"gone.jpg"));
        block.extend(slot(0, 16, b"first"));
        block.extend(slot(13, 16, b"b"));
        let expected = [(11, "a", false), (12, "gone.jpg", true), (0, "first", true), (13, "b", false)];
        assert_eq!(names(&block), (expected.map(|(i, n, d)| (i, n.to_string(), d)).to_vec(), None));
    }

    #[test]
    fn behind_a_broken_entry_the_rest_is_still_read() {
        let mut block = slot(11, 12, b"a");
        block.extend(slot(12, 16, b"broken"));
        block.extend(slot(13, 16, b"c"));
        block.extend(slot(14, 20, b"last"));
        block[16] = 15;
        let (found, damage) = names(&block);
        assert_eq!(damage, Some(12));
        assert_eq!(found[0], (11, "a".into(), false));
        assert_eq!(found[found.len() - 2..], [(13, "c".into(), false), (14, "last".into(), false)]);
    }

    proptest::proptest! {
        #[test]
        fn any_block_is_read_to_its_end(
            block in proptest::collection::vec(proptest::num::u8::ANY, 0..4096), indexed: bool, first: bool
        ) {
            let mut count = 0;
            parse(&block, &Rules { indexed, first, inodes: u32::MAX, ..RULES }, &mut |_| count += 1);
            assert!(count <= block.len() / 4);
        }
    }
}
