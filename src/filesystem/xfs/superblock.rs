//! The superblock: geometry and features, checked before anything is built on them.

use crate::codec::crc32c::crc32c;
use crate::read::{Error, Fields, Result, size};

/// Bytes of a superblock that are looked at; the checksum covers the whole sector.
pub(super) const SIZE: usize = 512;
/// No inode. Source: XFS Algorithms and Data Structures, "Superblocks".
pub(super) const NULL_INODE: u64 = u64::MAX;

/// Bits of `sb_versionnum`.
mod version {
    pub(super) const DIRECTORY_V2: u16 = 0x2000;
    pub(super) const MORE_BITS: u16 = 0x8000;
    pub(super) const NAME_FOLDING: u16 = 0x4000;
}

/// Bits of `sb_features2`.
mod features2 {
    pub(super) const FILE_TYPE: u32 = 0x200;
}

/// Bits of `sb_features_incompat`.
pub(super) mod incompat {
    pub const FILE_TYPE: u32 = 0x1;
    pub const META_UUID: u32 = 0x4;
    pub const NEEDS_REPAIR: u32 = 0x10;
    pub const ZONED: u32 = 0x200;
    /// Every bit whose layout this reader knows.
    pub const KNOWN: u32 = 0x5ff;
}

/// What the rest of the reader needs to know of a superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    /// Bytes of a block: a power of two from 512 to 65536.
    pub block_size: u64,
    /// Blocks of the file system as stated; may exceed the volume.
    pub blocks: u64,
    /// Blocks of an allocation group; the last may be shorter.
    pub group_blocks: u32,
    /// Number of allocation groups.
    pub groups: u32,
    /// Bytes of a sector.
    pub sector_size: usize,
    /// Bytes of an inode: a power of two from 256 to 2048.
    pub inode_size: usize,
    /// Binary logarithm of the inodes of a block.
    pub inodes_per_block_log: u32,
    /// Bits of a block number within its group.
    pub group_log: u32,
    /// Binary logarithm of the blocks of a directory block.
    pub directory_log: u32,
    /// Version of the format: 4 or 5.
    pub version: u16,
    /// Whether directory entries hold a file type.
    pub typed: bool,
    /// Whether directories are of version 2.
    pub directories_v2: bool,
    /// Whether names are compared without case: nothing for a reader, said in the variant.
    pub folded: bool,
    /// Features that a reader must know; 0 before version 5.
    pub incompat: u32,
    /// First block of the log; 0 when it is on another device.
    pub log_start: u64,
    /// Blocks of the log.
    pub log_blocks: u32,
    /// Blocks of the realtime device.
    pub realtime_blocks: u64,
    /// The inode of the root directory, or [`NULL_INODE`].
    pub root: u64,
    /// Inodes that are the file system's own: realtime bitmap and summary, quotas, metadata directory.
    pub system_inodes: [u64; 6],
    /// What metadata carry to show whose they are.
    pub uuid: [u8; 16],
    /// The file system's name for itself.
    pub label: String,
}

impl Superblock {
    /// Reads a superblock. `sector` is what stands at `offset`, at least [`SIZE`] bytes; `volume` is the volume's size.
    /// Source: XFS Algorithms and Data Structures, "Superblocks".
    pub(super) fn parse(sector: &[u8], offset: u64, volume: u64) -> Result<Self> {
        let short = || Error::corrupt("superblock", offset, format!("{SIZE} bytes"), sector.len());
        let sector = sector.get(..SIZE).ok_or_else(short)?;
        let fields = Fields(sector);
        let (u8, u16) = (
            |at| fields.u8(at).map(u32::from).unwrap_or_default(),
            |at| fields.u16_be(at).unwrap_or_default(),
        );
        let (u32, u64) =
            (|at| fields.u32_be(at).unwrap_or_default(), |at| fields.u64_be(at).unwrap_or_default());
        let wrong = |what, at: u64, expected: &str, found: u64| {
            Err(Error::corrupt(what, offset.saturating_add(at), expected, found))
        };
        if !fields.has(0, b"XFSB") {
            return wrong("superblock magic", 0, "XFSB", u32(0).into());
        }
        let number = u16(100) & 0xf;
        if !(1..=5).contains(&number) {
            return Err(Error::unsupported("version of XFS", offset.saturating_add(100), number));
        }
        let version = number.max(4);
        let five = version == 5;
        let block_size = u32(4);
        if !(512..=65536).contains(&block_size)
            || !block_size.is_power_of_two()
            || block_size.trailing_zeros() != u8(120)
        {
            return wrong(
                "block size",
                4,
                "a power of two from 512 to 65536 and its logarithm",
                block_size.into(),
            );
        }
        let inode_size = u16(104);
        if !(256..=2048).contains(&inode_size)
            || !inode_size.is_power_of_two()
            || u32::from(inode_size) > block_size
            || inode_size.trailing_zeros() != u8(122)
        {
            return wrong(
                "inode size",
                104,
                "a power of two from 256 to 2048 and its logarithm",
                inode_size.into(),
            );
        }
        let sector_size = u16(102);
        if !(512..=32768).contains(&sector_size)
            || !sector_size.is_power_of_two()
            || u32::from(sector_size) > block_size
        {
            return wrong(
                "sector size",
                102,
                "a power of two from 512 to the block size",
                sector_size.into(),
            );
        }
        let per_block = block_size.trailing_zeros().saturating_sub(inode_size.trailing_zeros());
        if u8(123) != per_block {
            return wrong("inodes of a block", 123, "the logarithm of their number", u8(123).into());
        }
        let (group_blocks, groups, blocks) = (u32(84), u32(88), u64(8));
        let group_log = group_blocks.checked_next_power_of_two().map_or(32, u32::trailing_zeros);
        if group_blocks < 64 || u8(124) != group_log || group_log > 31 {
            return wrong("blocks of a group", 84, "at least 64 and their logarithm", group_blocks.into());
        }
        let most = u64::from(group_blocks).saturating_mul(groups.into());
        let fits = blocks <= most && blocks > most.saturating_sub(group_blocks.into());
        if !fits {
            return wrong("blocks of the file system", 8, "those of its groups", blocks);
        }
        // Far beyond the volume is a wrong number rather than a truncated volume; both are listed as far as they go.
        if blocks.checked_mul(block_size.into()).is_none() {
            return wrong("blocks of the file system", 8, "fewer bytes than 64 bits hold", blocks);
        }
        if volume < u64::from(block_size) {
            return wrong("volume", 0, "at least one block", volume);
        }
        let directory_log = u8(192);
        if directory_log > 7 || block_size.checked_shl(directory_log).is_none_or(|size| size > 65536) {
            return wrong("directory block", 192, "at most 65536 bytes", directory_log.into());
        }
        let incompat = if five { u32(216) } else { 0 };
        let more = u16(100) & version::MORE_BITS != 0;
        let typed = match five {
            true => incompat & incompat::FILE_TYPE != 0,
            false => more && (u32(200) | u32(204)) & features2::FILE_TYPE != 0,
        };
        let inode = |at, exists: bool| if exists { u64(at) } else { NULL_INODE };
        let meta_uuid = incompat & incompat::META_UUID != 0;
        let label = fields.bytes(108, 12).unwrap_or_default().split(|byte| *byte == 0).next();
        Ok(Self {
            block_size: block_size.into(),
            blocks,
            group_blocks,
            groups,
            sector_size: sector_size.into(),
            inode_size: inode_size.into(),
            inodes_per_block_log: per_block,
            group_log,
            directory_log,
            version,
            typed,
            directories_v2: five || u16(100) & version::DIRECTORY_V2 != 0,
            folded: u16(100) & version::NAME_FOLDING != 0,
            incompat,
            log_start: u64(48),
            log_blocks: u32(96),
            realtime_blocks: u64(16),
            root: u64(56),
            system_inodes: [
                u64(64),
                u64(72),
                u64(160),
                u64(168),
                inode(232, five),
                inode(264, incompat & 0x100 != 0),
            ],
            uuid: fields.array(if meta_uuid { 248 } else { 32 }).unwrap_or_default(),
            label: String::from_utf8_lossy(label.unwrap_or_default()).into_owned(),
        })
    }

    /// Whether metadata carry checksums.
    pub(super) const fn is_v5(&self) -> bool {
        self.version == 5
    }

    /// Bytes of a block in memory.
    pub(super) fn block_len(&self) -> usize {
        usize::try_from(self.block_size).unwrap_or(65536)
    }

    /// Bytes of the file system as stated.
    pub(super) const fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(self.block_size)
    }

    /// First byte of an allocation group.
    pub(super) fn group_start(&self, group: u32) -> u64 {
        u64::from(group).saturating_mul(self.group_blocks.into()).saturating_mul(self.block_size)
    }

    /// Blocks of an allocation group.
    pub(super) fn blocks_of(&self, group: u32) -> u32 {
        let before = u64::from(group).saturating_mul(self.group_blocks.into());
        let left = self.blocks.saturating_sub(before).min(self.group_blocks.into());
        u32::try_from(left).unwrap_or(self.group_blocks)
    }

    /// The group and the block within it of a block number of the file system; `None` when there is no such block.
    pub(super) fn split(&self, block: u64) -> Option<(u32, u32)> {
        let group = u32::try_from(block.checked_shr(self.group_log)?).ok()?;
        let mask = 1_u64.checked_shl(self.group_log)?.checked_sub(1)?;
        let within = u32::try_from(block & mask).ok()?;
        (group < self.groups && within < self.blocks_of(group)).then_some((group, within))
    }

    /// First byte of a block of a group.
    pub(super) fn byte(&self, group: u32, block: u32) -> u64 {
        self.group_start(group).saturating_add(u64::from(block).saturating_mul(self.block_size))
    }

    /// Bits of an inode number within its group.
    pub(super) const fn inode_bits(&self) -> u32 {
        self.group_log.saturating_add(self.inodes_per_block_log)
    }

    /// The number of an inode of a group.
    pub(super) fn inode_number(&self, group: u32, within: u32) -> u64 {
        u64::from(group).checked_shl(self.inode_bits()).unwrap_or(0) | u64::from(within)
    }

    /// First byte of an inode; `None` when there is no such number.
    pub(super) fn inode_byte(&self, number: u64) -> Option<u64> {
        let (group, block) = self.split(number.checked_shr(self.inodes_per_block_log)?)?;
        let mask = 1_u64.checked_shl(self.inodes_per_block_log)?.checked_sub(1)?;
        let within = (number & mask).checked_mul(size(self.inode_size))?;
        self.byte(group, block).checked_add(within)
    }

    /// Highest number that an inode may have.
    pub(super) fn last_inode(&self) -> u64 {
        self.inode_number(self.groups, 0).saturating_sub(1)
    }

    /// Bytes of a directory block.
    pub(super) fn directory_block(&self) -> u64 {
        self.block_size.checked_shl(self.directory_log).unwrap_or(self.block_size)
    }

    /// Whether metadata that carry that identifier are this file system's.
    pub(super) fn is_own(&self, uuid: Option<[u8; 16]>) -> bool {
        uuid == Some(self.uuid)
    }
}

/// Whether the checksum of a metadata block, which stands in it at `at`, holds.
/// Source: XFS Algorithms and Data Structures, "Self-Describing Metadata": the field itself counts as zeros.
pub(super) fn checksum_holds(block: &[u8], at: usize) -> bool {
    let (Some(before), Some(after), Some(stored)) =
        (block.get(..at), at.checked_add(4).and_then(|end| block.get(end..)), Fields(block).u32(at))
    else {
        return false;
    };
    crc32c(crc32c(crc32c(!0, before), &[0; 4]), after) ^ !0 == stored
}
