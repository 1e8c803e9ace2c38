//! The bitmaps of the groups: which inodes and which blocks are in use.

use crate::model::{Problem, ProblemKind, Run, Survey};
use crate::read::size;

use super::Volume;
use super::checksum::crc32c;
use super::group::Group;
use crate::filesystem::sweep::Places;

/// Most bytes of block bitmaps that are kept: 16 TiB of blocks of 4096 bytes.
const MAX_KEPT: u64 = 512 << 20;

/// Which inodes of one group are in use.
pub(super) enum InodeBitmap {
    /// Its bits; places past the end are free.
    Known(Vec<u8>),
    /// It could not be read, or its checksum does not hold.
    Unknown,
}

impl InodeBitmap {
    /// Reads the bitmap of a group, unless its flags are believed and say that there is none.
    pub(super) fn read(
        volume: &Volume,
        number: u64,
        group: &Group,
        believed: bool,
        places: &mut Places,
        survey: &mut Survey<'_>,
    ) -> Self {
        if believed && group.is_inode_uninit() && volume.superblock.has_group_flags() {
            return Self::Known(Vec::new());
        }
        let Some(bits) = read(volume, "inode bitmap", group.inode_bitmap, places) else {
            return Self::Unknown;
        };
        let covered = usize::try_from(volume.superblock.inodes_per_group / 8).unwrap_or(0);
        let stored = group.inode_bitmap_checksum;
        if volume.superblock.judges_checksums() && stored != 0 {
            let found = crc32c(volume.superblock.seed, bits.get(..covered).unwrap_or_default());
            let short = volume.superblock.descriptor_size < 64;
            if found != stored && !(short && found & 0xffff == stored) {
                let place = volume.block_extent(group.inode_bitmap);
                let detail = format!(
                    "inode bitmap of group {number} at byte {}: expected checksum {stored:08x}, found {found:08x}; \
                     inodes are judged by their links instead",
                    place.offset
                );
                survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
                return Self::Unknown;
            }
        }
        Self::Known(bits)
    }

    /// Whether the inode at that index of its group is in use; `None` when the bitmap does not say.
    pub(super) fn is_used(&self, index: u32) -> Option<bool> {
        match self {
            Self::Known(bits) => Some(bit(bits, index.into())),
            Self::Unknown => None,
        }
    }

    /// Inodes from the front of the group up to the last one in use, of `all`.
    pub(super) fn reach(&self, all: u32) -> u32 {
        let Self::Known(bits) = self else { return all };
        let used = |index: &u32| bit(bits, (*index).into());
        (0..all).rev().find(used).map_or(0, |last| last.saturating_add(1))
    }
}

/// Which blocks are in use, group by group.
#[derive(Default)]
pub(super) struct BlockBitmaps {
    groups: Vec<Bits>,
    kept: u64,
}

enum Bits {
    Free,
    Known(Box<[u8]>),
    Unknown,
}

impl BlockBitmaps {
    /// Reads the bitmap of the next group. A bitmap that is not known makes all its blocks count as used.
    pub(super) fn read_next(&mut self, volume: &Volume, group: &Group, places: &mut Places) {
        let bits = if group.inode_table == 0 {
            Bits::Unknown
        } else if group.is_block_uninit() && volume.superblock.has_group_flags() {
            Bits::Free
        } else {
            match read(volume, "block bitmap", group.block_bitmap, places) {
                Some(bits) if self.kept < MAX_KEPT => {
                    self.kept = self.kept.saturating_add(size(bits.len()));
                    Bits::Known(bits.into())
                }
                _ => Bits::Unknown,
            }
        };
        self.groups.push(bits);
    }

    /// Whether no block of the run belongs to anything now.
    pub(super) fn is_free(&self, volume: &Volume, run: Run) -> bool {
        let superblock = &volume.superblock;
        let block = |byte: u64| byte.checked_div(superblock.block_size).unwrap_or(0);
        let end = block(run.offset.saturating_add(run.length));
        let mut at = block(run.offset);
        while at < end {
            let Some(from_first) = at.checked_sub(superblock.first_block) else { return false };
            let group = from_first.checked_div(superblock.blocks_per_group).unwrap_or(0);
            let start = superblock.group_block(group);
            let stop = start.saturating_add(superblock.blocks_per_group).min(end);
            let cluster =
                |block: u64| block.saturating_sub(start).checked_div(superblock.cluster_blocks).unwrap_or(0);
            let last = cluster(stop.saturating_sub(1));
            let free = match usize::try_from(group).ok().and_then(|group| self.groups.get(group)) {
                Some(Bits::Free) => true,
                Some(Bits::Known(bits)) => (cluster(at)..=last).all(|index| !bit(bits, index)),
                Some(Bits::Unknown) | None => false,
            };
            if !free {
                return false;
            }
            at = stop;
        }
        true
    }
}

fn bit(bits: &[u8], index: u64) -> bool {
    let byte = usize::try_from(index / 8).ok().and_then(|at| bits.get(at)).copied().unwrap_or(0);
    byte & 1 << (index & 7) != 0
}

fn read(volume: &Volume, what: &'static str, block: u64, places: &mut Places) -> Option<Vec<u8>> {
    let place = volume.block_extent(block);
    match volume.source.read_vec(place.offset, volume.superblock.block_len()) {
        Ok(bits) => {
            places.read(place.offset, place.length);
            Some(bits)
        }
        Err(unreadable) => {
            places.failed(what, place.offset, place.length, &unreadable);
            None
        }
    }
}
