//! Directories: the short form in an inode, and data blocks with the names that removed entries left behind.

use super::superblock::checksum_holds;
use crate::filesystem::tree::Found;
use crate::model::EntryKind;
use crate::read::Fields;

/// How names are to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Inode of the directory.
    pub directory: u64,
    /// Whether entries hold a file type.
    pub typed: bool,
    /// Whether blocks carry a checksum and their owner.
    pub is_v5: bool,
    /// Highest number of an inode.
    pub last: u64,
}

/// What else a directory says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heads {
    /// The inode that `..` names.
    pub parent: Option<u64>,
    /// What is wrong first, with its place in bytes from the start of the block.
    pub damage: Option<(usize, &'static str)>,
}

impl Heads {
    fn wrong(&mut self, at: usize, what: &'static str) {
        self.damage.get_or_insert((at, what));
    }
}

/// Reads a directory in the short form. Source: XFS Algorithms and Data Structures, "Short Form Directories".
pub(super) fn short_form(fork: &[u8], rules: &Rules, found: &mut impl FnMut(Found<'_>)) -> Heads {
    let mut heads = Heads::default();
    let fields = Fields(fork);
    let (Some(count), Some(wide)) = (fields.u8(0), fields.u8(1)) else {
        heads.wrong(0, "no header");
        return heads;
    };
    let width = if wide > 0 { 8 } else { 4 };
    let inode = |at: usize| match width {
        8 => fields.u64_be(at),
        _ => fields.u32_be(at).map(u64::from),
    };
    heads.parent = inode(2);
    let mut at = 2_usize.saturating_add(width);
    for _ in 0..count {
        let entry = || {
            let length = usize::from(fields.u8(at)?);
            let start = at.checked_add(3)?;
            let name = fields.bytes(start, length)?;
            let end = start.checked_add(length)?;
            let (kind, number) = match rules.typed {
                true => (kind(fields.u8(end)?), end.checked_add(1)?),
                false => (None, end),
            };
            let target = inode(number)?;
            let sound = is_plausible(name) && target <= rules.last && target > 0;
            sound.then(|| (Found { target, kind, name, deleted: false }, number.saturating_add(width)))
        };
        let Some((name, next)) = entry() else {
            heads.wrong(at, "no sound entry");
            return heads;
        };
        found(name);
        at = next;
    }
    heads
}

/// Reads a data block, or the single block of a small directory, from front to back.
///
/// Behind a broken entry reading goes on at the next place at which an entry confirms its own place. Blocks that hold
/// no names say nothing. Source: XFS Algorithms and Data Structures, "Block Directories" and "Leaf Directories".
pub(super) fn block(block: &[u8], rules: &Rules, found: &mut impl FnMut(Found<'_>)) -> Heads {
    let mut heads = Heads::default();
    let fields = Fields(block);
    let magic = fields.array(0).unwrap_or_default();
    let single = match &magic {
        b"XD2B" | b"XDB3" => true,
        b"XD2D" | b"XDD3" => false,
        _ => {
            heads.wrong(0, "no directory block");
            // A flipped bit in the magic costs no name: entries confirm their places themselves.
            false
        }
    };
    if rules.is_v5 && heads.damage.is_none() {
        if fields.u64_be(40) != Some(rules.directory) {
            heads.wrong(40, "another owner");
            return heads;
        }
        if !checksum_holds(block, 4) {
            heads.wrong(4, "a checksum that does not hold");
        }
    }
    let end = if single { data_end(fields, &mut heads) } else { block.len() };
    let mut at = if rules.is_v5 { 64 } else { 16 };
    while at < end {
        if let Some(length) = unused(fields, at, end) {
            carve(fields, at, at.saturating_add(length), rules, found);
            at = at.saturating_add(length);
            continue;
        }
        match Entry::read(fields, at, rules).filter(|entry| entry.is_sound(at, end, rules)) {
            Some(entry) => {
                match entry.name {
                    b"." => {}
                    b".." => heads.parent = heads.parent.or(Some(entry.target)),
                    name => found(Found { target: entry.target, kind: entry.kind, name, deleted: false }),
                }
                at = at.saturating_add(entry.length);
            }
            None => {
                heads.wrong(at, "no sound entry");
                at = at.saturating_add(8);
            }
        }
    }
    heads
}

/// What a stored file type means; `None` when there is none.
fn kind(stored: u8) -> Option<EntryKind> {
    match stored {
        1 => Some(EntryKind::File),
        2 => Some(EntryKind::Directory),
        3..=6 => Some(EntryKind::Other),
        7 => Some(EntryKind::Symlink),
        _ => None,
    }
}

/// Where the entries of a single block end: its hashes and their number follow.
fn data_end(fields: Fields<'_>, heads: &mut Heads) -> usize {
    let length = fields.0.len();
    let tail = length.saturating_sub(8);
    let count = fields.u32_be(tail).and_then(|count| usize::try_from(count).ok());
    let end = count.and_then(|count| tail.checked_sub(count.checked_mul(8)?)).filter(|end| *end >= 64);
    if end.is_none() {
        heads.wrong(tail, "more hashes than the block holds");
    }
    end.unwrap_or(length)
}

/// One entry as stored.
struct Entry<'b> {
    target: u64,
    kind: Option<EntryKind>,
    stored_kind: u8,
    name: &'b [u8],
    length: usize,
    /// The place that it says it has.
    tag: usize,
}

impl<'b> Entry<'b> {
    fn read(fields: Fields<'b>, at: usize, rules: &Rules) -> Option<Self> {
        let target = fields.u64_be(at)?;
        let count = usize::from(fields.u8(at.checked_add(8)?)?);
        let start = at.checked_add(9)?;
        let name = fields.bytes(start, count)?;
        let typed = usize::from(rules.typed);
        let stored_kind = if rules.typed { fields.u8(start.checked_add(count)?)? } else { 0 };
        let length = count.checked_add(11)?.checked_add(typed)?.checked_next_multiple_of(8)?;
        let tag = usize::from(fields.u16_be(at.checked_add(length)?.checked_sub(2)?)?);
        Some(Self { target, kind: kind(stored_kind), stored_kind, name, length, tag })
    }

    fn is_sound(&self, at: usize, end: usize, rules: &Rules) -> bool {
        let named = is_plausible(self.name) || matches!(self.name, b"." | b"..");
        // Of place, number and type two must be right: a flipped bit in one of them costs nothing.
        let signs = [self.tag == at, self.target > 0 && self.target <= rules.last, self.stored_kind <= 8];
        let right = signs.iter().filter(|sign| **sign).count();
        named && right >= 2 && self.target <= rules.last && at.saturating_add(self.length) <= end
    }
}

/// Length of an unused part, if one begins there.
fn unused(fields: Fields<'_>, at: usize, end: usize) -> Option<usize> {
    let tagged = fields.u16_be(at)? == 0xffff;
    let length = usize::from(fields.u16_be(at.checked_add(2)?)?);
    let sound = length >= 8 && length.is_multiple_of(8) && at.checked_add(length)? <= end;
    (tagged && sound).then_some(length)
}

/// Finds removed names in an unused part. The upper half of their inode numbers was overwritten by its header; the
/// number is known when no inode's number has one, or else likely that of the directory itself.
fn carve(fields: Fields<'_>, start: usize, end: usize, rules: &Rules, found: &mut impl FnMut(Found<'_>)) {
    let mut at = start;
    while at.saturating_add(16) <= end {
        let removed = Entry::read(fields, at, rules).filter(|entry| {
            let placed = entry.tag >= 16 && entry.tag <= at && entry.tag.is_multiple_of(8);
            let typed = !rules.typed || (1..=7).contains(&entry.stored_kind);
            let headed = entry.target >> 48 == 0xffff || entry.target <= rules.last;
            let within = at.saturating_add(entry.length) <= end;
            placed && typed && headed && within && is_plausible(entry.name)
        });
        let Some(entry) = removed else {
            at = at.saturating_add(8);
            continue;
        };
        let low = entry.target & 0xffff_ffff;
        let target = (rules.directory >> 32) << 32 | low;
        let target = if target <= rules.last && low > 0 { target } else { 0 };
        found(Found { target, kind: entry.kind, name: entry.name, deleted: true });
        at = at.saturating_add(entry.length);
    }
}

/// Whether a name could have been given by a user.
fn is_plausible(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { directory: 128, typed: true, is_v5: false, last: 1 << 40 };

    fn entry(block: &mut Vec<u8>, target: u64, name: &[u8]) {
        let at = block.len();
        block.extend(target.to_be_bytes());
        block.push(name.len() as u8);
        block.extend(name);
        block.push(1);
        block.resize((block.len() + 2).next_multiple_of(8) - 2, 0);
        block.extend((at as u16).to_be_bytes());
    }

    fn names(bytes: &[u8]) -> (Vec<(u64, String, bool)>, Heads) {
        let mut names = Vec::new();
        let heads = block(bytes, &RULES, &mut |found| {
            names.push((found.target, String::from_utf8_lossy(found.name).into_owned(), found.deleted));
        });
        (names, heads)
    }

    fn sample() -> Vec<u8> {
        let mut block = b"XD2D".to_vec();
        block.resize(16, 0);
        for (target, name) in [(128, &b"."[..]), (64, b".."), (200, b"one"), (201, b"two"), (202, b"three")] {
            entry(&mut block, target, name);
        }
        let at = block.len();
        block.extend([0xff, 0xff, 0, 64]);
        block.resize(at + 62, 0);
        block.extend((at as u16).to_be_bytes());
        block
    }

    #[test]
    fn names_in_use_and_removed_ones_are_told_apart() {
        let mut block = sample();
        let (_, heads) = names(&block);
        assert_eq!(heads, Heads { parent: Some(64), damage: None });
        // `two` is removed: its head becomes that of an unused part.
        let two = block.windows(3).position(|bytes| bytes == b"two").unwrap() - 9;
        block[two..two + 4].copy_from_slice(&[0xff, 0xff, 0, 16]);
        let expected = [(200, "one".into(), false), (201, "two".into(), true), (202, "three".into(), false)];
        assert_eq!(names(&block).0, expected);
    }

    #[test]
    fn behind_a_broken_entry_the_rest_is_still_read() {
        let mut block = sample();
        let one = block.windows(3).position(|bytes| bytes == b"one").unwrap() - 1;
        block[one] = 77;
        let (found, heads) = names(&block);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(heads.damage, Some((one - 8, "no sound entry")));
    }

    proptest::proptest! {
        #[test]
        fn any_block_is_read_to_its_end(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..700), v5: bool) {
            let rules = Rules { is_v5: v5, ..RULES };
            let mut count = 0;
            for magic in [&b""[..], b"XD2B", b"XD2D"] {
                let bytes = [magic, &bytes].concat();
                block(&bytes, &rules, &mut |_| count += 1);
                short_form(&bytes, &rules, &mut |_| count += 1);
            }
            assert!(count < 1000);
        }
    }
}
