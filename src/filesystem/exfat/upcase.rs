//! The up-case table, and the hash of names that depends on it.
//!
//! exFAT specification, section 7.2 "Up-case Table Directory Entry", and 7.6.4 "NameHash Field".

use super::boot::checksum;

/// Characters of the basic plane.
const UNITS: usize = 0x1_0000;
/// Most bytes that a table needs: one word for every character.
pub(super) const MAX_BYTES: u64 = 0x2_0000;
/// Announces a number of characters that are their own upper case.
const RUN: u16 = 0xffff;

/// What each character is in upper case.
pub(super) struct Upcase {
    units: Vec<u16>,
}

impl Upcase {
    /// Unpacks a table as it is stored; characters that it leaves out are their own upper case.
    pub(super) fn unpack(stored: &[u8]) -> Self {
        let mut units: Vec<u16> = Vec::with_capacity(UNITS);
        let mut words = stored.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
        while let Some(word) = words.next() {
            match (word, units.len() < UNITS) {
                (_, false) => break,
                (RUN, _) if units.len() != usize::from(RUN) => {
                    let count = words.next().unwrap_or(0).into();
                    let end = units.len().saturating_add(count).min(UNITS);
                    extend(&mut units, end);
                }
                (word, _) => units.push(word),
            }
        }
        extend(&mut units, UNITS);
        Self { units }
    }

    /// The hash of a name (figure 4 of the specification).
    pub(super) fn hash(&self, name: &[u16]) -> u16 {
        let upper = |unit: &u16| self.units.get(usize::from(*unit)).copied().unwrap_or(*unit);
        let bytes = name.iter().map(upper).flat_map(u16::to_le_bytes);
        bytes.fold(0_u16, |sum, byte| sum.rotate_right(1).wrapping_add(byte.into()))
    }
}

/// Adds characters that are their own upper case.
fn extend(units: &mut Vec<u16>, end: usize) {
    while units.len() < end {
        units.push(u16::try_from(units.len()).unwrap_or(RUN));
    }
}

/// The checksum that the directory entry of a table states.
pub(super) fn table_checksum(stored: &[u8]) -> u32 {
    checksum(stored.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_table_maps_what_it_says_and_leaves_the_rest() {
        let words: [u16; 7] = [RUN, 97, 65, 66, RUN, 0xffff, 7];
        let stored: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let table = Upcase::unpack(&stored);
        assert_eq!(table.units.len(), UNITS);
        assert_eq!(
            (table.units[97], table.units[98], table.units[99], table.units[0xffff]),
            (65, 66, 99, 0xffff)
        );
        assert_eq!(table.hash(&[97, 98]), table.hash(&[65, 66]));
        assert_ne!(table.hash(&[99]), table.hash(&[67]));
        assert_eq!(Upcase::unpack(&[0xff; 9]).units.len(), UNITS);
    }
}
