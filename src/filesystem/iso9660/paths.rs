//! Path tables (ECMA-119, section 9.4): a second list of all directories.

use super::descriptor::Descriptor;
use super::tree::claim;
use crate::model::Survey;
use crate::read::{Fields, ReadAt, size};

/// The longest table that 65,535 directories can need.
const LONGEST: u32 = 17 << 20;

/// A directory as a table gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) extent: u32,
    pub(super) attribute_blocks: u8,
    /// Number of the parent within the same table, from 1 on.
    pub(super) parent: u16,
    pub(super) name: Vec<u8>,
}

/// Every copy of the table that can be read, in the order of the descriptor.
pub(super) fn read(volume: &dyn ReadAt, descriptor: &Descriptor, survey: &mut Survey<'_>) -> Vec<Vec<Entry>> {
    let (length, copies) = &descriptor.path_table;
    let mut places = Vec::new();
    let tables = copies.iter().filter_map(|(block, big)| {
        let at = u64::from(*block).saturating_mul(descriptor.block);
        let fits = |length: u32| length <= LONGEST && at.saturating_add(length.into()) <= volume.size();
        let length = usize::try_from(length.choose(fits).min(LONGEST)).ok()?;
        let left = usize::try_from(volume.size().saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = volume.read_vec(at, length.min(left)).ok()?;
        places.push((at, size(bytes.len())));
        Some(parse(&bytes, *big))
    });
    let tables = tables.collect();
    places.into_iter().for_each(|(at, length)| claim(volume, at, length, survey));
    tables
}

fn parse(bytes: &[u8], big: bool) -> Vec<Entry> {
    let mut rest = bytes;
    let mut entries = Vec::new();
    while let Some(name) = rest.first().map(|length| usize::from(*length)).filter(|length| *length > 0) {
        let fields = Fields(rest);
        let number = |at| if big { fields.u32_be(at) } else { fields.u32(at) };
        let parent = if big { fields.u16_be(6) } else { fields.u16(6) };
        let entry = (|| {
            Some(Entry {
                extent: number(2)?,
                attribute_blocks: fields.u8(1)?,
                parent: parent?,
                name: fields.bytes(8, name)?.to_vec(),
            })
        })();
        let Some(entry) = entry else { break };
        entries.push(entry);
        let length = name.saturating_add(name & 1).saturating_add(8);
        rest = rest.get(length..).unwrap_or_default();
    }
    entries
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_are_read_and_a_short_table_ends() {
        let little = b"\x01\0\x14\0\0\0\x01\0\0\0\x03\x02\x15\0\0\0\x01\0ABC\0\x05\0";
        let entries = parse(little, false);
        assert_eq!(entries.len(), 2);
        let expected = Entry { extent: 21, attribute_blocks: 2, parent: 1, name: b"ABC".to_vec() };
        assert_eq!(entries.last(), Some(&expected));
        assert_eq!(parse(b"\x03\x02\0\0\0\x15\0\x01ABC\0", true), [expected]);
    }
}
