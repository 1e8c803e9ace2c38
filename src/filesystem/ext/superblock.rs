//! The superblock: geometry and features, checked before anything is built on them.

use crate::read::{Error, Fields, Result};

use super::checksum::crc32c;

/// Bytes of a superblock.
pub(super) const SIZE: usize = 1024;
/// Where the first superblock stands, whatever the block size.
pub(super) const PRIMARY: u64 = 1024;

/// Bits of `s_feature_compat`. Source: ext4 Data Structures, "The Super Block".
pub(super) mod compat {
    pub const HAS_JOURNAL: u32 = 0x4;
    pub const SPARSE_SUPER2: u32 = 0x200;
}

/// Bits of `s_feature_incompat`.
pub(super) mod incompat {
    pub const COMPRESSION: u32 = 0x1;
    pub const FILETYPE: u32 = 0x2;
    pub const RECOVER: u32 = 0x4;
    pub const JOURNAL_DEV: u32 = 0x8;
    pub const META_BG: u32 = 0x10;
    pub const SIXTY_FOUR_BIT: u32 = 0x80;
    pub const FLEX_BG: u32 = 0x200;
    pub const CSUM_SEED: u32 = 0x2000;
    pub const LARGEDIR: u32 = 0x4000;
    /// Every bit whose layout this reader knows.
    pub const KNOWN: u32 = 0x3f7df;
    /// Bits that an ext3 may have.
    pub const EXT3: u32 = FILETYPE | RECOVER | META_BG;
}

/// Bits of `s_feature_ro_compat`.
pub(super) mod ro_compat {
    pub const SPARSE_SUPER: u32 = 0x1;
    pub const GDT_CSUM: u32 = 0x10;
    pub const BIGALLOC: u32 = 0x200;
    pub const METADATA_CSUM: u32 = 0x400;
    /// Bits that an ext2 or ext3 may have.
    pub const EXT3: u32 = 0x7;
}

/// What the rest of the reader needs to know of a superblock. Blocks count from the start of the volume.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Where it was read, in bytes from the start of the volume.
    pub offset: u64,
    /// Bytes of a block: a power of two from 1024 to 65536.
    pub block_size: u64,
    /// Blocks that one bit of a block bitmap stands for.
    pub cluster_blocks: u64,
    /// Blocks of the file system as stated; may exceed the volume.
    pub blocks: u64,
    /// First block of group 0.
    pub first_block: u64,
    /// Blocks of a group, at least 256.
    pub blocks_per_group: u64,
    /// Inodes of a group, at most the bits of a block.
    pub inodes_per_group: u32,
    /// Highest inode number.
    pub inodes: u32,
    /// Groups that begin within the volume.
    pub groups: u32,
    /// Bytes of an inode: a power of two from 128 to the block size.
    pub inode_size: usize,
    /// First inode number that is not reserved.
    pub first_inode: u32,
    /// Bytes of a group descriptor.
    pub descriptor_size: usize,
    /// Optional features.
    pub compat: u32,
    /// Features that a reader must know.
    pub incompat: u32,
    /// Features that a writer must know.
    pub ro_compat: u32,
    /// First group of descriptors that lie in their own group.
    pub first_meta_group: u64,
    /// Groups with a backup under `sparse_super2`.
    pub backup_groups: [u32; 2],
    /// The group this copy says it stands in.
    pub own_group: u16,
    /// Identity, which older checksums start from.
    pub uuid: [u8; 16],
    /// Start of every checksum of `metadata_csum`.
    pub seed: u32,
    /// The name given by the user.
    pub label: String,
    /// Inodes that hold the file system's own data; 0 where there is none.
    pub system_inodes: [u32; 5],
    /// Whether the journal is another device.
    pub external_journal: bool,
    /// Whether its own checksum holds; `None` when it has none.
    pub checksum: Option<bool>,
    /// What in the geometry contradicts itself, though it can be worked with.
    pub doubt: Option<String>,
}

impl Superblock {
    /// Reads the superblock that stands at `offset` of a volume of `volume` bytes.
    pub(super) fn parse(bytes: &[u8; SIZE], offset: u64, volume: u64) -> Result<Self> {
        let fields = Fields(bytes);
        let corrupt = |what, at: u64, expected: &str, found: u64| {
            Error::corrupt(what, offset.saturating_add(at), expected, found)
        };
        let u16_at = |at| fields.u16(at).unwrap_or_default();
        let u32_at = |at| fields.u32(at).unwrap_or_default();
        if u16_at(0x38) != 0xef53 {
            return Err(corrupt("ext superblock magic", 0x38, "61267", u16_at(0x38).into()));
        }
        let modern = u32_at(0x4c) > 0;
        let feature = |at| if modern { u32_at(at) } else { 0 };
        let (compat, incompat, ro_compat) = (feature(0x5c), feature(0x60), feature(0x64));
        let inodes_per_group = u32_at(0x28);
        if incompat & incompat::JOURNAL_DEV != 0 && inodes_per_group == 0 {
            return Err(Error::unsupported("ext superblock", offset, "the journal of another volume"));
        }
        let log = u32_at(0x18);
        if log > 6 {
            return Err(corrupt("ext block size", 0x18, "an exponent of at most 6", log.into()));
        }
        let block_size = 1024_u64 << log;
        let cluster_log = if ro_compat & ro_compat::BIGALLOC == 0 { log } else { u32_at(0x1c) };
        let Some(cluster_log) = cluster_log.checked_sub(log).filter(|more| *more <= 20) else {
            return Err(corrupt(
                "ext cluster size",
                0x1c,
                "at least a block, at most 2^20",
                cluster_log.into(),
            ));
        };
        let cluster_blocks = 1_u64 << cluster_log;
        let bits = block_size.saturating_mul(8);
        let blocks_per_group = u64::from(u32_at(0x20));
        let most = bits.saturating_mul(cluster_blocks);
        if blocks_per_group < 256 || blocks_per_group > most || !blocks_per_group.is_multiple_of(8) {
            return Err(corrupt("ext blocks per group", 0x20, "what one bitmap can hold", blocks_per_group));
        }
        if inodes_per_group == 0 || u64::from(inodes_per_group) > bits {
            let expected = "what one bitmap can hold";
            return Err(corrupt("ext inodes per group", 0x28, expected, inodes_per_group.into()));
        }
        let inode_size = if modern { u16_at(0x58) } else { 128 };
        if inode_size < 128 || u64::from(inode_size) > block_size || !inode_size.is_power_of_two() {
            return Err(corrupt(
                "ext inode size",
                0x58,
                "a power of two from 128 to a block",
                inode_size.into(),
            ));
        }
        let wide = incompat & incompat::SIXTY_FOUR_BIT != 0;
        let stated = u16_at(0xfe);
        let sound = stated >= 64 && u64::from(stated) <= block_size && stated.is_power_of_two();
        let descriptor_size = match (wide, sound) {
            (false, _) => 32,
            (true, true) => stated.into(),
            // Every writer so far used 64.
            (true, false) => 64,
        };
        let blocks = u64::from(u32_at(4)) | if wide { u64::from(u32_at(0x150)) << 32 } else { 0 };
        let first_block = u64::from(u32_at(0x14));
        if first_block > 1 || first_block >= blocks {
            return Err(corrupt("ext first block", 0x14, "0 or 1, below the number of blocks", first_block));
        }
        let uuid = fields.array(0x68).unwrap_or_default();
        let checksum = (ro_compat & ro_compat::METADATA_CSUM != 0)
            .then(|| fields.bytes(0, 0x3fc).is_some_and(|covered| crc32c(!0, covered) == u32_at(0x3fc)));
        let mut superblock = Self {
            offset,
            block_size,
            cluster_blocks,
            blocks,
            first_block,
            blocks_per_group,
            inodes_per_group,
            inodes: u32_at(0),
            groups: 0,
            inode_size: inode_size.into(),
            first_inode: if modern { u32_at(0x54) } else { 11 },
            descriptor_size,
            compat,
            incompat,
            ro_compat,
            first_meta_group: u64::from(u32_at(0x104)),
            backup_groups: [u32_at(0x24c), u32_at(0x250)],
            own_group: if modern { u16_at(0x5a) } else { 0 },
            uuid,
            seed: if incompat & incompat::CSUM_SEED == 0 { crc32c(!0, &uuid) } else { u32_at(0x270) },
            label: label(fields.bytes(0x78, 16).unwrap_or_default()),
            system_inodes: [0xe0, 0x240, 0x244, 0x26c, 0x280].map(u32_at),
            external_journal: compat & compat::HAS_JOURNAL != 0 && u32_at(0xe0) == 0,
            checksum,
            doubt: None,
        };
        superblock.count_groups(volume);
        Ok(superblock)
    }

    /// Derives the number of groups from blocks and from inodes; a difference is a doubt, and then the larger
    /// number counts, because what is not there is told apart later. No group begins past the end of the volume.
    fn count_groups(&mut self, volume: u64) {
        let per_group = self.blocks_per_group;
        let groups_of = |blocks: u64| blocks.saturating_sub(self.first_block).div_ceil(per_group.max(1));
        let by_blocks = groups_of(self.blocks);
        let inodes_per_group = u64::from(self.inodes_per_group.max(1));
        let by_inodes = u64::from(self.inodes).div_ceil(inodes_per_group);
        if by_blocks.saturating_mul(inodes_per_group) != u64::from(self.inodes) {
            self.doubt = Some(format!(
                "{} inodes do not fill {by_blocks} groups of {inodes_per_group} inodes",
                self.inodes
            ));
        }
        if self.first_inode < 11 || self.first_inode > self.inodes_per_group.max(11) {
            self.doubt = Some(format!("first inode that is not reserved: {}", self.first_inode));
            self.first_inode = 11;
        }
        let first_expected = u64::from(self.block_size == 1024 && self.cluster_blocks == 1);
        if self.first_block != first_expected {
            self.doubt = Some(format!("first block {}, expected {first_expected}", self.first_block));
        }
        // Partial last blocks count: an image may be cut anywhere.
        let held = groups_of(volume.div_ceil(self.block_size.max(1)));
        let groups = by_blocks.max(by_inodes).min(held);
        self.groups = u32::try_from(groups).unwrap_or(u32::MAX);
        let most = u64::from(self.groups).saturating_mul(inodes_per_group);
        self.inodes = self.inodes.max(u32::try_from(most).unwrap_or(u32::MAX));
        let reach = by_inodes.saturating_mul(per_group).saturating_add(self.first_block);
        if by_inodes > by_blocks {
            self.blocks = self.blocks.max(reach.min(volume.div_ceil(self.block_size.max(1))));
        }
    }

    /// Whether nothing in it contradicts anything else.
    pub(super) fn is_trusted(&self, volume: u64) -> bool {
        match self.checksum {
            Some(holds) => holds,
            None => self.doubt.is_none() && self.bytes() <= volume,
        }
    }

    /// Bytes of the file system as stated.
    pub(super) const fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(self.block_size)
    }

    /// Whether checksums elsewhere can be judged: a damaged superblock gives no sound seed.
    pub(super) fn judges_checksums(&self) -> bool {
        self.checksum == Some(true)
    }

    /// Whether group descriptors carry flags that a reader may rely on.
    pub(super) const fn has_group_flags(&self) -> bool {
        self.ro_compat & (ro_compat::GDT_CSUM | ro_compat::METADATA_CSUM) != 0
    }

    /// Whether that optional feature is on.
    pub(super) const fn has_incompat(&self, bit: u32) -> bool {
        self.incompat & bit != 0
    }

    /// First block of a group.
    pub(super) fn group_block(&self, group: u64) -> u64 {
        group.saturating_mul(self.blocks_per_group).saturating_add(self.first_block)
    }

    /// Whether a group begins with a copy of the superblock. Source: ext4 Data Structures, "Block Groups".
    pub(super) fn has_super(&self, group: u64) -> bool {
        if group == 0 {
            return true;
        }
        if self.compat & compat::SPARSE_SUPER2 != 0 {
            return self.backup_groups.iter().any(|backup| u64::from(*backup) == group);
        }
        self.ro_compat & ro_compat::SPARSE_SUPER == 0
            || group == 1
            || [3, 5, 7].into_iter().any(|base| is_power_of(base, group))
    }

    /// `ext2`, `ext3` or `ext4`, by the features that each may have.
    pub(super) fn variant(&self) -> &'static str {
        let newer = self.incompat & !incompat::EXT3 != 0 || self.ro_compat & !ro_compat::EXT3 != 0;
        match (newer, self.compat & compat::HAS_JOURNAL != 0) {
            (true, _) => "ext4",
            (false, true) => "ext3",
            (false, false) => "ext2",
        }
    }

    /// A block size as a length in memory.
    pub(super) fn block_len(&self) -> usize {
        usize::try_from(self.block_size).unwrap_or(SIZE)
    }
}

fn is_power_of(base: u64, mut number: u64) -> bool {
    while number > 1 && number.is_multiple_of(base) {
        number = number.checked_div(base).unwrap_or(0);
    }
    number == 1
}

fn label(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn backups_stand_in_groups_0_and_1_and_powers_of_3_5_and_7() {
        let powers = |base| (0..60).filter(|group| is_power_of(base, *group)).collect::<Vec<_>>();
        assert_eq!(powers(3), [1, 3, 9, 27]);
        assert_eq!(powers(5), [1, 5, 25]);
        assert_eq!(powers(7), [1, 7, 49]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_parse_or_fail_without_a_panic(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, SIZE), volume: u64
        ) {
            let mut bytes: [u8; SIZE] = bytes.try_into().unwrap();
            let _ = Superblock::parse(&bytes, 1024, volume);
            bytes[0x38..0x3a].copy_from_slice(&[0x53, 0xef]);
            bytes[0x18..0x1c].copy_from_slice(&[2, 0, 0, 0]);
            bytes[0x14..0x18].fill(0);
            bytes[0x20..0x24].copy_from_slice(&[0, 0x80, 0, 0]);
            bytes[0x2a..0x2c].fill(0);
            bytes[0x4c..0x50].fill(0);
            if let Ok(superblock) = Superblock::parse(&bytes, 1024, volume) {
                assert!(u64::from(superblock.groups) <= volume / (256 * 1024) + 1);
            }
        }
    }
}
