//! An inode as it stands in its table.

use crate::model::{EntryKind, Times};
use crate::read::{Fields, size};

use super::checksum::crc32c;
use super::superblock::{Superblock, incompat};

/// Bits of `i_flags`. Source: ext4 Data Structures, "Index Nodes".
pub(super) mod flag {
    pub const COMPRESSED: u32 = 0x4;
    pub const ENCRYPTED: u32 = 0x800;
    pub const INDEXED: u32 = 0x1000;
    pub const EXTENTS: u32 = 0x80000;
    pub const INLINE_DATA: u32 = 0x1000_0000;
    pub const CASEFOLDED: u32 = 0x4000_0000;
}

/// The mapping area of an inode: block pointers, an extent tree's root, or inline content.
pub(super) type MapArea = [u8; 60];

/// A view of the bytes of one inode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inode<'a>(pub &'a [u8]);

impl<'a> Inode<'a> {
    fn u16(self, at: usize) -> u16 {
        Fields(self.0).u16(at).unwrap_or_default()
    }

    fn u32(self, at: usize) -> u32 {
        Fields(self.0).u32(at).unwrap_or_default()
    }

    /// Whether anything was ever written here that a listing can use.
    pub(super) fn is_used(self) -> bool {
        self.mode() != 0 || self.u32(0xc) != 0 || self.was_deleted()
    }

    /// File type and permissions.
    pub(super) fn mode(self) -> u16 {
        self.u16(0)
    }

    /// What the mode says it is.
    pub(super) fn kind(self) -> EntryKind {
        match self.mode() & 0xf000 {
            0x8000 => EntryKind::File,
            0x4000 => EntryKind::Directory,
            0xa000 => EntryKind::Symlink,
            // No device, pipe or socket has a size: the type is what is damaged.
            _ if self.u32(4) != 0 => EntryKind::File,
            _ => EntryKind::Other,
        }
    }

    /// Whether it has content and a mode of something that has none.
    pub(super) fn is_mistyped(self) -> bool {
        self.kind() == EntryKind::File && self.mode() & 0xf000 != 0x8000
    }

    /// Whether extended attributes are kept in a block of their own. Source: ext4 Data Structures, "Index Nodes".
    pub(super) fn has_attribute_block(self) -> bool {
        self.u32(0x68) != 0 || self.u16(0x76) != 0
    }

    /// Number of names.
    pub(super) fn links(self) -> u16 {
        self.u16(0x1a)
    }

    /// Whether a time of deletion is set. The field also chains inodes that are being deleted.
    pub(super) fn was_deleted(self) -> bool {
        self.u32(0x14) != 0
    }

    /// The flags.
    pub(super) fn flags(self) -> u32 {
        self.u32(0x20)
    }

    /// Whether that flag is set.
    pub(super) fn has(self, bit: u32) -> bool {
        self.flags() & bit != 0
    }

    /// Size in bytes as stored. The upper half is something else in directories, unless they may be large.
    pub(super) fn size(self, superblock: &Superblock) -> u64 {
        let wide = match self.kind() {
            EntryKind::File => true,
            EntryKind::Directory => superblock.has_incompat(incompat::LARGEDIR),
            EntryKind::Symlink | EntryKind::Other => false,
        };
        u64::from(self.u32(4)) | if wide { u64::from(self.u32(0x6c)) << 32 } else { 0 }
    }

    /// The raw stamps: `extra << 32 | seconds`. Creation exists only in inodes that have room for it.
    pub(super) fn times(self) -> Times {
        let stamp = |seconds: usize, extra: usize| {
            let high = if self.reaches(extra) { self.u32(extra) } else { 0 };
            u64::from(self.u32(seconds)) | u64::from(high) << 32
        };
        Times {
            created: self.reaches(0x90).then(|| stamp(0x90, 0x94)),
            modified: Some(stamp(0x10, 0x88)),
            accessed: Some(stamp(0x8, 0x8c)),
            changed: Some(stamp(0xc, 0x84)),
        }
    }

    /// Whether the inode has the 32-bit field at that offset behind its first 128 bytes.
    fn reaches(self, at: usize) -> bool {
        at.checked_add(4).is_some_and(|end| end <= self.0.len() && end <= self.fixed_end())
    }

    /// Where the fixed fields end and attributes may begin.
    pub(super) fn fixed_end(self) -> usize {
        let extra = if self.0.len() > 128 { usize::from(self.u16(0x80)) } else { 0 };
        128_usize.saturating_add(extra)
    }

    /// The mapping area.
    pub(super) fn map_area(self) -> MapArea {
        Fields(self.0).array(0x28).unwrap_or([0; 60])
    }

    /// Whether the checksum holds; `None` when it cannot be judged.
    /// Source: ext4 Data Structures, "Checksums" and "Index Nodes".
    pub(super) fn checksum_holds(self, superblock: &Superblock, number: u32) -> Option<bool> {
        if !superblock.judges_checksums() {
            return None;
        }
        let parts: [&[u8]; 5] = [
            &number.to_le_bytes(),
            self.0.get(0x64..0x68)?,
            self.0.get(..0x7c)?,
            &[0, 0],
            self.0.get(0x7e..0x80)?,
        ];
        let crc = parts.iter().fold(superblock.seed, |crc, part| crc32c(crc, part));
        let [low0, low1, high0, high1] = match self.0.get(0x80..) {
            Some(rest) if self.fixed_end() >= 0x84 && !rest.is_empty() => {
                let parts: [&[u8]; 3] = [rest.get(..2)?, &[0, 0], rest.get(4..)?];
                parts.iter().fold(crc, |crc, part| crc32c(crc, part))
            }
            Some(rest) => crc32c(crc, rest),
            None => crc,
        }
        .to_le_bytes();
        let low = u16::from_le_bytes([low0, low1]) == self.u16(0x7c);
        let high = self.fixed_end() < 0x84 || u16::from_le_bytes([high0, high1]) == self.u16(0x82);
        Some(low && high)
    }

    /// Content that stands in the inode itself, in its pieces: the mapping area, and what did not fit there.
    /// Source: ext4 Data Structures, "Inline Data".
    pub(super) fn inline_parts(self) -> (&'a [u8], &'a [u8]) {
        (Fields(self.0).bytes(0x28, 60).unwrap_or_default(), self.inline_rest().unwrap_or_default())
    }

    /// The value of the attribute `system.data`.
    fn inline_rest(self) -> Option<&'a [u8]> {
        const SYSTEM: u8 = 7;
        let area = self.0.get(self.fixed_end()..)?;
        let magic = Fields(area).u32(0)?;
        if magic != 0xea02_0000 {
            return None;
        }
        let area = Fields(area.get(4..)?);
        let mut at = 0_usize;
        // Each step goes at least 16 bytes on, so the loop ends with the inode.
        while area.u32(at)? != 0 {
            let length = usize::from(area.u8(at)?);
            let name = area.bytes(at.checked_add(16)?, length)?;
            if area.u8(at.checked_add(1)?)? == SYSTEM && name == b"data" {
                let offset = usize::from(area.u16(at.checked_add(2)?)?);
                let bytes = usize::try_from(area.u32(at.checked_add(8)?)?).ok()?;
                return area.bytes(offset, bytes);
            }
            at = at.checked_add(16)?.checked_add(length.checked_next_multiple_of(4)?)?;
        }
        None
    }

    /// Inline content up to its size; `None` when the inode holds less than that.
    pub(super) fn inline_content(self, superblock: &Superblock) -> Option<Vec<u8>> {
        let (front, rest) = self.inline_parts();
        let length = self.size(superblock);
        let mut content = [front, rest].concat();
        if size(content.len()) < length {
            return None;
        }
        content.truncate(usize::try_from(length).ok()?);
        Some(content)
    }
}
