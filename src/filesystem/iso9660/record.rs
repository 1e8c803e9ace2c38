//! Directory records (ECMA-119, section 9.1).

use super::both::Both;
use crate::read::Fields;

/// Bytes of a record before its name.
pub(super) const HEAD: usize = 33;

/// File flags, section 9.1.6.
pub(super) mod flag {
    pub(in super::super) const DIRECTORY: u8 = 0x02;
    pub(in super::super) const ASSOCIATED: u8 = 0x04;
    pub(in super::super) const MORE: u8 = 0x80;
}

/// A record and its place.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// Byte of the volume at which it begins.
    pub(super) offset: u64,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the front of `bytes`, when its lengths fit them and each other.
    pub(super) fn parse(bytes: &'a [u8], offset: u64) -> Option<Self> {
        let length = usize::from(*bytes.first()?);
        let bytes = bytes.get(..length)?;
        let name = usize::from(*bytes.get(32)?);
        (name > 0 && HEAD.checked_add(name)? <= length).then_some(Self { offset, bytes })
    }

    fn fields(self) -> Fields<'a> {
        Fields(self.bytes)
    }

    fn byte(self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// Length in bytes.
    pub(super) const fn length(self) -> usize {
        self.bytes.len()
    }

    /// Blocks of the extended attribute record before the content.
    pub(super) fn attribute_blocks(self) -> u8 {
        self.byte(1)
    }

    /// First logical block.
    pub(super) fn extent(self) -> Both {
        Both::long(self.fields(), 2).unwrap_or(Both { little: 0, big: 0 })
    }

    /// Bytes of content.
    pub(super) fn size(self) -> Both {
        Both::long(self.fields(), 10).unwrap_or(Both { little: 0, big: 0 })
    }

    /// Recording date and time.
    pub(super) fn time(self) -> [u8; 7] {
        self.fields().array(18).unwrap_or_default()
    }

    /// Whether a flag is set.
    pub(super) fn has(self, flag: u8) -> bool {
        self.byte(25) & flag != 0
    }

    /// Blocks of a file unit, and of the gap behind it; 0 for a file in one piece.
    pub(super) fn interleave(self) -> (u8, u8) {
        (self.byte(26), self.byte(27))
    }

    /// The name as stored.
    pub(super) fn name(self) -> &'a [u8] {
        self.bytes.get(HEAD..self.name_end()).unwrap_or_default()
    }

    /// Whether it stands for the directory itself (0) or for the one above (1).
    pub(super) fn is_dot(self, which: u8) -> bool {
        self.name() == [which]
    }

    /// The bytes behind the name, which SUSP uses.
    pub(super) fn system_use(self) -> &'a [u8] {
        self.bytes.get(self.natural()..).unwrap_or_default()
    }

    /// Length without system use: the name is padded to an even length.
    pub(super) fn natural(self) -> usize {
        let end = self.name_end();
        end.saturating_add(end & 1)
    }

    fn name_end(self) -> usize {
        HEAD.saturating_add(usize::from(self.byte(32)))
    }

    /// Whether both byte orders agree on every number, so that it is hardly anything else by chance.
    pub(super) fn is_strict(self) -> bool {
        let volume = Both::short(self.fields(), 28);
        // Fields of Rock Ridge hold numbers in both byte orders, too: volume numbers and dates tell them apart.
        let dates = match self.time() {
            [0, 0, 0, 0, 0, 0, 0] => true,
            [_, month, day, hour, ..] => (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24,
        };
        self.extent().agrees()
            && self.size().agrees()
            && volume.is_some_and(|number| number.agrees() && (1..1000).contains(&number.little))
            && dates
    }
}

/// The records of a block of a directory, in order. Damage is jumped over: what follows must then look like a record.
///
/// A writer whose big-endian numbers are all wrong makes no record that could be told by them: `strict` is not asked for
/// then. `show` gets each record; the place of each damage within the block is returned.
pub(super) fn each<'a>(
    block: &'a [u8],
    offset: u64,
    strict: bool,
    mut show: impl FnMut(Record<'a>),
) -> Vec<usize> {
    let sound = |record: &Record<'_>| !strict || is_likely(*record);
    let mut at = 0;
    let mut damage = Vec::new();
    while at < block.len() {
        let rest = block.get(at..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) {
            break;
        }
        let place = offset.saturating_add(crate::read::size(at));
        let Some(record) = Record::parse(rest, place).filter(sound) else {
            damage.push(at);
            match seek(block, at.saturating_add(1)) {
                Some(next) => at = next,
                None => break,
            }
            continue;
        };
        show(record);
        let next = at.saturating_add(record.length());
        // A length that is too long hides what follows in the system use area.
        let swallowed = seek(block, at.saturating_add(record.natural())).filter(|found| *found < next);
        if let Some(found) = swallowed {
            damage.push(at);
            at = found;
            continue;
        }
        let behind = block.get(next..).unwrap_or_default();
        if behind.iter().all(|byte| *byte == 0) || Record::parse(behind, 0).is_some_and(|next| sound(&next)) {
            at = next;
            continue;
        }
        damage.push(at);
        match seek(block, at.saturating_add(record.natural())) {
            Some(found) => at = found,
            None => break,
        }
    }
    damage
}

/// Whether at least most of the record says that it is one: two disagreements are rarely damage.
fn is_likely(record: Record<'_>) -> bool {
    record.is_strict() || record.extent().agrees() || record.size().agrees()
}

/// The next place from `from` on, at an even byte, where a record without a fault begins.
fn seek(block: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_add(from & 1);
    (from..block.len())
        .step_by(2)
        .find(|at| block.get(*at..).and_then(|rest| Record::parse(rest, 0)).is_some_and(Record::is_strict))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn record(name: &[u8], extent: u32, size: u32) -> Vec<u8> {
        let mut bytes = vec![0; 33];
        bytes[2..6].copy_from_slice(&extent.to_le_bytes());
        bytes[6..10].copy_from_slice(&extent.to_be_bytes());
        bytes[10..14].copy_from_slice(&size.to_le_bytes());
        bytes[14..18].copy_from_slice(&size.to_be_bytes());
        bytes[28..32].copy_from_slice(&[1, 0, 0, 1]);
        bytes[32] = name.len() as u8;
        bytes.extend(name);
        if bytes.len() % 2 == 1 {
            bytes.push(0);
        }
        bytes[0] = bytes.len() as u8;
        bytes
    }

    fn names(block: &[u8]) -> (Vec<String>, usize) {
        let mut found = Vec::new();
        let damage = each(block, 0, true, |record| found.push(String::from_utf8_lossy(record.name()).into()));
        (found, damage.len())
    }

    #[test]
    fn a_flipped_bit_anywhere_costs_one_record_at_most() {
        let mut block = [record(b"A.TXT;1", 30, 5), record(b"BB;1", 31, 6), record(b"C;1", 32, 7)].concat();
        block.resize(2048, 0);
        let used = block.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(names(&block), (vec!["A.TXT;1".into(), "BB;1".into(), "C;1".into()], 0));
        for place in 0..=used {
            for bit in 0..8 {
                block[place] ^= 1 << bit;
                assert!(names(&block).0.len() >= 2, "byte {place}, bit {bit}: {:?}", names(&block));
                block[place] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn any_bytes_end() {
        for seed in 1..200 {
            let block = crate::filesystem::trial::bytes(seed, 2048);
            names(&block);
        }
        assert_eq!(names(&[0xff; 2048]).0.len(), 0);
    }
}
