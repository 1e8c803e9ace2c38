//! Descriptor tags (ECMA-167, part 3, section 7.2), and numbers that occur everywhere.

use crate::read::Fields;

/// Bytes of a tag.
pub(super) const TAG: usize = 16;

/// Identifiers of descriptors.
pub(super) mod id {
    pub(in super::super) const PRIMARY: u16 = 1;
    pub(in super::super) const ANCHOR: u16 = 2;
    pub(in super::super) const POINTER: u16 = 3;
    pub(in super::super) const PARTITION: u16 = 5;
    pub(in super::super) const LOGICAL: u16 = 6;
    pub(in super::super) const TERMINATOR: u16 = 8;
    pub(in super::super) const INTEGRITY: u16 = 9;
    pub(in super::super) const FILE_SET: u16 = 256;
    pub(in super::super) const FILE_IDENTIFIER: u16 = 257;
    pub(in super::super) const ALLOCATION_EXTENT: u16 = 258;
    pub(in super::super) const INDIRECT: u16 = 259;
    pub(in super::super) const FILE_ENTRY: u16 = 261;
    pub(in super::super) const SPACE_BITMAP: u16 = 264;
    pub(in super::super) const EXTENDED_FILE_ENTRY: u16 = 266;
}

/// How well a descriptor agrees with its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// The sum of the tag is wrong, and its identifier may be, too.
    Tag,
    /// The tag is sound, what it guards is not.
    Body,
    /// Sum, checksum and place are right.
    Sound,
}

/// A tag as it stands before a descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) id: u16,
    pub(super) location: u32,
    pub(super) trust: Trust,
}

impl Tag {
    /// The tag at the front of `bytes`, judged by what follows it there. `None` when nothing is there at all.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..TAG)?;
        let fields = Fields(head);
        let (id, version) = (fields.u16(0)?, fields.u16(2)?);
        let sum =
            head.iter().enumerate().filter(|(at, _)| *at != 4).fold(0_u8, |sum, (_, b)| sum.wrapping_add(*b));
        let known = matches!(id, 1..=9 | 256..=266) && matches!(version, 2 | 3);
        let length = usize::from(fields.u16(10)?);
        let end = TAG.saturating_add(length);
        let guarded = || bytes.get(TAG..end).is_some_and(|body| crc(body) == fields.u16(8).unwrap_or(0));
        let trust = match fields.u8(4)? == sum {
            false => Trust::Tag,
            true if guarded() => Trust::Sound,
            true => Trust::Body,
        };
        let empty = head.iter().all(|byte| *byte == 0);
        // A damaged sum may come with any one damaged field.
        (!empty && (known || trust != Trust::Tag)).then_some(Self { id, location: fields.u32(12)?, trust })
    }

    /// The tag of a descriptor of that kind, one whose sum is wrong included.
    pub(super) fn of(bytes: &[u8], id: u16) -> Option<Self> {
        Self::read(bytes).filter(|tag| tag.id == id)
    }
}

/// CRC of ITU-T V.41 (polynomial 0x1021, start 0), as part 3, section 7.2.6 asks for.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        let [high, _] = sum.to_be_bytes();
        CRC_TABLE.get(usize::from(high ^ byte)).copied().unwrap_or(0) ^ sum << 8
    })
}

static CRC_TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u16;
    while byte < 256 {
        let mut value = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000 == 0 { value << 1 } else { value << 1 ^ 0x1021 };
            bit = 1_i32.wrapping_add(bit);
        }
        #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "computed by the compiler")]
        {
            table[byte as usize] = value;
        }
        byte = byte.wrapping_add(1);
    }
    table
};

/// Place and length of a part of a logical volume (`long_ad`, part 4, section 14.14.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Long {
    /// Bytes.
    pub(super) length: u32,
    /// Recorded, or how else: the two highest bits of the length.
    pub(super) kind: u8,
    pub(super) at: Address,
}

/// A logical block of a partition (`lb_addr`, part 4, section 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Address {
    /// Index of the partition map.
    pub(super) partition: u16,
    pub(super) block: u32,
}

impl Long {
    /// Sixteen bytes at that place.
    pub(super) fn read(fields: Fields<'_>, at: usize) -> Option<Self> {
        let block = fields.u32(at.checked_add(4)?)?;
        let partition = fields.u16(at.checked_add(8)?)?;
        let (length, kind) = split(fields.u32(at)?);
        Some(Self { length, kind, at: Address { partition, block } })
    }
}

/// A length and the two bits above it.
pub(super) fn split(length: u32) -> (u32, u8) {
    (length & 0x3fff_ffff, u8::try_from(length >> 30).unwrap_or(0))
}

/// A time stamp of twelve bytes (part 1, section 7.3) as [`crate::model::TimeEncoding::Udf`] packs it; zeros are none.
pub(super) fn time(fields: Fields<'_>, at: usize) -> Option<u64> {
    let raw: [u8; 12] = fields.array(at)?;
    let fields = Fields(&raw);
    let zone = u64::from(fields.u16(0)?);
    let year = u64::from(fields.u16(2)?);
    if raw.iter().skip(2).all(|byte| *byte == 0) {
        return None;
    }
    let part = |at: usize, mask: u8| fields.u8(at).map(|byte| u64::from(byte & mask));
    let date = (zone >> 12 & 3) << 62 | (zone & 0xfff) << 50 | (year & 0xfff) << 38;
    let day = part(4, 15)? << 34 | part(5, 31)? << 29 | part(6, 31)? << 24;
    Some(date | day | part(7, 63)? << 18 | part(8, 63)? << 12 | part(9, 127)? << 5)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_knows_what_was_changed() {
        // OSTA UDF 2.60, section 6.5: the checksum of 70 6A 77.
        assert_eq!(crc(&[0x70, 0x6a, 0x77]), 0x3299);
        let mut bytes = vec![0; 32];
        bytes[16] = 7;
        bytes[0..4].copy_from_slice(&[5, 1, 3, 0]);
        bytes[10] = 16;
        let sum = crc(&bytes[16..]);
        bytes[8..10].copy_from_slice(&sum.to_le_bytes());
        bytes[4] = bytes[..16].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        let trust = |bytes: &[u8]| Tag::of(bytes, id::FILE_ENTRY).map(|tag| tag.trust);
        assert_eq!(trust(&bytes), Some(Trust::Sound));
        bytes[20] ^= 1;
        assert_eq!(trust(&bytes), Some(Trust::Body));
        bytes[12] ^= 1;
        assert_eq!(trust(&bytes), Some(Trust::Tag));
        bytes[1] ^= 2;
        assert_eq!(trust(&bytes), None);
        assert!(Tag::read(&[0; 16]).is_none());
    }
}
