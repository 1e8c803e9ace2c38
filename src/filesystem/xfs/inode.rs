//! An inode as it stands in its chunk.

use super::superblock::{Superblock, checksum_holds};
use crate::model::{EntryKind, Times};
use crate::read::Fields;

/// Bits of `di_flags`. Source: XFS Algorithms and Data Structures, "On-disk Inode".
mod flag {
    pub(super) const REALTIME: u16 = 0x1;
}

/// Bits of `di_flags2`.
mod flag2 {
    pub(super) const BIG_TIME: u64 = 0x8;
    pub(super) const LARGE_COUNTERS: u64 = 0x10;
    pub(super) const METADATA: u64 = 0x20;
}

/// How the data of an inode are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A device number, or nothing.
    Device,
    /// In the inode.
    Local,
    /// A list of extents in the inode.
    Extents,
    /// The root of a B-tree of extents.
    Tree,
}

/// A view of the bytes of one inode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inode<'a>(pub &'a [u8]);

impl<'a> Inode<'a> {
    fn u16(self, at: usize) -> u16 {
        Fields(self.0).u16_be(at).unwrap_or_default()
    }

    fn u32(self, at: usize) -> u32 {
        Fields(self.0).u32_be(at).unwrap_or_default()
    }

    fn u64(self, at: usize) -> u64 {
        Fields(self.0).u64_be(at).unwrap_or_default()
    }

    /// Whether it bears an inode's magic and version.
    pub(super) fn is_inode(self) -> bool {
        Fields(self.0).has(0, b"IN") && matches!(self.version(), 1..=3)
    }

    /// Whether it may be the inode of that number all the same, when its chunk says that it is in use.
    pub(super) fn is_plausible(self, number: u64, superblock: &Superblock) -> bool {
        let shaped = match self.own_number() {
            Some((own, uuid)) => own == number || superblock.is_own(uuid),
            None => !superblock.is_v5() && matches!(self.version(), 1 | 2) && self.u64(56) >> 63 == 0,
        };
        let typed = matches!(self.mode() >> 12, 1 | 2 | 4 | 6 | 8 | 10 | 12);
        shaped && typed && self.format().is_some()
    }

    /// Version of the inode: 1 to 3.
    pub(super) fn version(self) -> u8 {
        Fields(self.0).u8(4).unwrap_or_default()
    }

    /// File type and permissions; 0 when the inode is free.
    pub(super) fn mode(self) -> u16 {
        self.u16(2)
    }

    /// What the mode says it is; a free inode counts as a file.
    pub(super) fn kind(self) -> EntryKind {
        match self.mode() & 0xf000 {
            0x8000 => EntryKind::File,
            0x4000 => EntryKind::Directory,
            0xa000 => EntryKind::Symlink,
            _ if self.mode() == 0 => EntryKind::File,
            // No device, pipe or socket has content: the type is what is damaged.
            _ if self.size() != 0 || self.extents() != 0 => EntryKind::File,
            _ => EntryKind::Other,
        }
    }

    /// Whether it has content and a mode of something that has none.
    pub(super) fn is_mistyped(self) -> bool {
        self.kind() == EntryKind::File && !matches!(self.mode() >> 12, 0 | 8)
    }

    /// Whether extended attributes are kept in blocks of their own.
    /// Source: XFS Algorithms and Data Structures, "Attribute Fork".
    pub(super) fn has_attribute_blocks(self) -> bool {
        let extents = if self.has_flag2(flag2::LARGE_COUNTERS) { self.u32(76) } else { self.u16(80).into() };
        let byte = |at| Fields(self.0).u8(at).unwrap_or_default();
        byte(82) != 0 && (byte(83) == 3 || byte(83) == 2 && extents > 0)
    }

    /// Number of names.
    pub(super) fn links(self) -> u32 {
        if self.version() == 1 { self.u16(6).into() } else { self.u32(16) }
    }

    /// Size in bytes as stored.
    pub(super) fn size(self) -> u64 {
        self.u64(56)
    }

    /// How the data are kept; `None` when the value means nothing.
    pub(super) fn format(self) -> Option<Format> {
        match Fields(self.0).u8(5)? {
            0 | 4 => Some(Format::Device),
            1 => Some(Format::Local),
            2 => Some(Format::Extents),
            3 => Some(Format::Tree),
            _ => None,
        }
    }

    /// Number of extents of the data.
    pub(super) fn extents(self) -> u64 {
        if self.has_flag2(flag2::LARGE_COUNTERS) { self.u64(24) } else { self.u32(76).into() }
    }

    /// Whether its data lie on the realtime device.
    pub(super) fn is_realtime(self) -> bool {
        self.u16(90) & flag::REALTIME != 0 && self.kind() == EntryKind::File
    }

    /// Whether it is the file system's own.
    pub(super) fn is_metadata(self) -> bool {
        self.has_flag2(flag2::METADATA)
    }

    fn has_flag2(self, flag: u64) -> bool {
        self.version() == 3 && self.u64(120) & flag != 0
    }

    /// The number that the inode gives itself, and the file system that it says it belongs to; version 3 has them.
    pub(super) fn own_number(self) -> Option<(u64, Option<[u8; 16]>)> {
        (self.version() == 3).then(|| (self.u64(152), Fields(self.0).array(160)))
    }

    /// Whether its checksum holds; `None` when it has none.
    pub(super) fn checksum(self) -> Option<bool> {
        (self.version() == 3).then(|| checksum_holds(self.0, 100))
    }

    /// The stamps in nanoseconds since 1970. Source: the same, "Inode Timestamps".
    pub(super) fn times(self) -> Times {
        let stamp = |at| self.stamp(at);
        Times {
            created: if self.version() == 3 { stamp(144) } else { None },
            modified: stamp(40),
            accessed: stamp(32),
            changed: stamp(48),
        }
    }

    fn stamp(self, at: usize) -> Option<u64> {
        const SECOND: i128 = 1_000_000_000;
        let nanos = if self.has_flag2(flag2::BIG_TIME) {
            // Counted from the earliest date that 32 signed bits of seconds hold.
            i128::from(self.u64(at)).checked_sub(SECOND.checked_mul(1 << 31)?)?
        } else {
            let seconds = i128::from(self.u32(at).cast_signed());
            // Damaged inodes hold nanoseconds beyond a second: the date is still worth showing.
            let part = i128::from(self.u32(at.checked_add(4)?)).min(SECOND.checked_sub(1)?);
            seconds.checked_mul(SECOND)?.checked_add(part)?
        };
        i64::try_from(nanos).ok().map(i64::cast_unsigned)
    }

    /// Where the data fork begins within the inode.
    pub(super) fn fork_start(self) -> usize {
        if self.version() == 3 { 176 } else { 100 }
    }

    /// The data fork: literal data, extents, or the root of a tree.
    pub(super) fn fork(self) -> &'a [u8] {
        let start = self.fork_start();
        let length = match Fields(self.0).u8(82).map(usize::from) {
            None | Some(0) => self.0.len().saturating_sub(start),
            Some(units) => units.saturating_mul(8),
        };
        let end = start.saturating_add(length).min(self.0.len());
        self.0.get(start..end).unwrap_or_default()
    }

    /// The data fork of a free inode, whose attributes are gone: everything behind the core.
    pub(super) fn literal_area(self) -> &'a [u8] {
        self.0.get(self.fork_start()..).unwrap_or_default()
    }

    /// What stands in the inode itself, up to its size; `None` when it is not kept there, or more is stated.
    pub(super) fn local(self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.size()).ok()?;
        (self.format() == Some(Format::Local)).then(|| self.fork().get(..length)).flatten()
    }

    /// Most bytes that a file may have.
    pub(super) const fn most(superblock: &Superblock) -> u64 {
        // Offsets within a file are signed; block numbers within it have 54 bits.
        let blocks = (1_u64 << 54).saturating_mul(superblock.block_size);
        if blocks > i64::MAX.cast_unsigned() { i64::MAX.cast_unsigned() } else { blocks }
    }
}
