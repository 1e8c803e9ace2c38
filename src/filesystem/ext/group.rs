//! Group descriptors: where each group keeps its bitmaps and its inode table.

use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Fields, ReadAt, size};

use super::checksum::{crc16, crc32c};
use super::superblock::{Superblock, incompat, ro_compat};

/// Descriptor problems that are kept singly.
const MAX_PROBLEMS: usize = 100;
/// Backups that are tried for a damaged descriptor.
const MAX_BACKUPS: usize = 4;

/// Flag of a group whose inode table was never used.
const INODE_UNINIT: u16 = 1;
/// Flag of a group whose block bitmap was never written.
const BLOCK_UNINIT: u16 = 2;

/// What a descriptor says. Blocks count from the start of the volume; a table at block 0 means that it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    /// Block of the block bitmap.
    pub block_bitmap: u64,
    /// Block of the inode bitmap.
    pub inode_bitmap: u64,
    /// First block of the inode table.
    pub inode_table: u64,
    /// Checksum of the inode bitmap, 16 bits of it in a short descriptor.
    pub inode_bitmap_checksum: u32,
    /// Inodes at the end of the table that were never used.
    unused: u32,
    flags: u16,
}

impl Group {
    /// Whether the inode table was never used.
    pub(super) const fn is_inode_uninit(&self) -> bool {
        self.flags & INODE_UNINIT != 0
    }

    /// Whether the block bitmap was never written: all blocks are free.
    pub(super) const fn is_block_uninit(&self) -> bool {
        self.flags & BLOCK_UNINIT != 0
    }

    /// Inodes at the front of the table that may be in use, of `all`.
    pub(super) const fn used_inodes(&self, all: u32) -> u32 {
        if self.is_inode_uninit() { 0 } else { all.saturating_sub(self.unused) }
    }
}

/// Every descriptor, what was wrong with them, and where they were read.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// One for each group.
    pub list: Vec<Group>,
    /// What was wrong.
    pub problems: Vec<Problem>,
    /// Bytes that were read.
    pub places: Vec<Extent>,
}

impl Groups {
    /// Reads them all; a damaged descriptor is taken from a backup, and otherwise used as far as it goes.
    pub(super) fn read(volume: &dyn ReadAt, superblock: &Superblock) -> Self {
        let mut groups = Self::default();
        let per_block = superblock.block_len().checked_div(superblock.descriptor_size).unwrap_or(1).max(1);
        let all = usize::try_from(superblock.groups).unwrap_or(0);
        let mut index = 0_u64;
        while groups.list.len() < all {
            let count = per_block.min(all.saturating_sub(groups.list.len()));
            if !groups.read_block(volume, superblock, index, count) {
                break;
            }
            index = index.saturating_add(1);
        }
        groups
    }

    /// One block of descriptors; false when there can be no more.
    fn read_block(&mut self, volume: &dyn ReadAt, superblock: &Superblock, index: u64, count: usize) -> bool {
        let first = size(self.list.len());
        let mut places = locations(superblock, index, first);
        let Some(place) = places.next() else { return false };
        // A table that would lie behind the end of the volume has no room for its groups either.
        if place >= volume.size() {
            self.note(Problem::new(
                ProblemKind::Unreadable,
                format!("descriptors of group {first} and those after it lie at byte {place}, behind the end of the volume"),
            ));
            return false;
        }
        let table = volume.read_vec(place, superblock.block_len());
        match &table {
            Ok(_) => self.places.push(Extent::new(place, superblock.block_size)),
            Err(unreadable) => {
                let detail = format!("descriptors of group {first} and those after it: {unreadable}");
                self.note(
                    Problem::new(ProblemKind::Unreadable, detail)
                        .at(Extent::new(place, superblock.block_size)),
                );
            }
        }
        let table = table.unwrap_or_default();
        let mut backups: Option<Vec<Vec<u8>>> = None;
        for slot in 0..count {
            let number = size(self.list.len());
            let primary = Descriptor::cut(superblock, &table, slot, number);
            let mut group =
                primary.as_ref().map(Descriptor::group).filter(|group| is_within(superblock, group));
            let sound = group.is_some_and(|group| is_placed(superblock, number, &group));
            if !sound || !primary.as_ref().is_some_and(|descriptor| descriptor.holds) {
                let backups = backups.get_or_insert_with(|| {
                    let copies = places.by_ref().take(MAX_BACKUPS);
                    copies.filter_map(|place| volume.read_vec(place, superblock.block_len()).ok()).collect()
                });
                let spare = backups
                    .iter()
                    .filter_map(|table| Descriptor::cut(superblock, table, slot, number))
                    .filter(|descriptor| descriptor.holds && !descriptor.is_blank())
                    // Backups are as old as the file system: their places hold, their flags do not.
                    .map(|descriptor| Group {
                        flags: 0,
                        unused: 0,
                        inode_bitmap_checksum: 0,
                        ..descriptor.group()
                    })
                    .find(|group| is_placed(superblock, number, group));
                self.note(damage(superblock, place, slot, number, spare.is_some(), group.is_some()));
                group = spare.or(group);
            }
            self.list.push(group.unwrap_or_default());
        }
        true
    }

    fn note(&mut self, problem: Problem) {
        let full = self.problems.len() >= MAX_PROBLEMS;
        match self.problems.last_mut().filter(|_| full) {
            Some(last) => last.count = last.count.saturating_add(1),
            None => self.problems.push(problem),
        }
    }
}

fn damage(
    superblock: &Superblock,
    table: u64,
    slot: usize,
    number: u64,
    spare: bool,
    usable: bool,
) -> Problem {
    let outcome = match (spare, usable) {
        (true, _) => "a backup is used instead",
        (false, true) => "it is used as it is",
        (false, false) => "the inodes of the group cannot be listed",
    };
    let offset = table.saturating_add(size(slot.saturating_mul(superblock.descriptor_size)));
    Problem::new(
        ProblemKind::Corrupt,
        format!(
            "descriptor of group {number} at byte {offset}: expected places within the file system and a checksum \
             that holds, found otherwise; {outcome}"
        ),
    )
    .at(Extent::new(offset, size(superblock.descriptor_size)))
}

/// One descriptor as stored, and whether its checksum holds (or there is none to judge it by).
struct Descriptor<'a> {
    bytes: &'a [u8],
    holds: bool,
}

impl<'a> Descriptor<'a> {
    fn cut(superblock: &Superblock, table: &'a [u8], slot: usize, number: u64) -> Option<Self> {
        let length = superblock.descriptor_size;
        let bytes = Fields(table).bytes(slot.checked_mul(length)?, length)?;
        let number = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let stored = Fields(bytes).u16(0x1e)?;
        let (front, rest) = (bytes.get(..0x1e)?, bytes.get(0x20..)?);
        let holds = if superblock.judges_checksums() {
            let parts: [&[u8]; 4] = [&number, front, &[0, 0], rest];
            let crc = parts.iter().fold(superblock.seed, |crc, part| crc32c(crc, part));
            let [low, high, ..] = crc.to_le_bytes();
            u16::from_le_bytes([low, high]) == stored
        } else if superblock.ro_compat & (ro_compat::GDT_CSUM | ro_compat::METADATA_CSUM)
            == ro_compat::GDT_CSUM
        {
            let parts: [&[u8]; 4] = [&superblock.uuid, &number, front, rest];
            parts.iter().fold(!0, |crc, part| crc16(crc, part)) == stored
        } else {
            true
        };
        Some(Self { bytes, holds })
    }

    fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == 0)
    }

    /// Source: ext4 Data Structures, "Block Group Descriptors".
    fn group(&self) -> Group {
        let fields = Fields(self.bytes);
        let low = |at| u64::from(fields.u32(at).unwrap_or_default());
        let wide = |at, high| low(at) | low(high) << 32;
        let half = |at| u32::from(fields.u16(at).unwrap_or_default());
        Group {
            block_bitmap: wide(0, 0x20),
            inode_bitmap: wide(4, 0x24),
            inode_table: wide(8, 0x28),
            inode_bitmap_checksum: half(0x1a) | half(0x3a) << 16,
            unused: half(0x1c) | half(0x32) << 16,
            flags: fields.u16(0x12).unwrap_or_default(),
        }
    }
}

/// Whether bitmaps and table lie where writers put them: without `flex_bg` within their group.
fn is_placed(superblock: &Superblock, number: u64, group: &Group) -> bool {
    if superblock.has_incompat(incompat::FLEX_BG | incompat::META_BG) {
        return is_within(superblock, group);
    }
    let start = superblock.group_block(number);
    let end = superblock.blocks.min(start.saturating_add(superblock.blocks_per_group));
    lies_between(superblock, group, start, end)
}

/// Whether bitmaps and table lie within the file system.
fn is_within(superblock: &Superblock, group: &Group) -> bool {
    lies_between(superblock, group, superblock.first_block.saturating_add(1), superblock.blocks)
}

fn lies_between(superblock: &Superblock, group: &Group, low: u64, high: u64) -> bool {
    let bytes = u64::from(superblock.inodes_per_group).saturating_mul(size(superblock.inode_size));
    let table_end = group.inode_table.saturating_add(bytes.div_ceil(superblock.block_size.max(1)));
    let within = |block: u64| block >= low.max(1) && block < high;
    within(group.block_bitmap) && within(group.inode_bitmap) && within(group.inode_table) && table_end <= high
}

/// Byte offsets of a block of descriptors: the first copy, then its backups.
/// Source: ext4 Data Structures, "Block Group Descriptors" and "Meta Block Groups".
fn locations(superblock: &Superblock, index: u64, first_group: u64) -> impl Iterator<Item = u64> + use<> {
    let superblock = superblock.clone();
    let meta = superblock.has_incompat(incompat::META_BG) && index >= superblock.first_meta_group;
    let per_block = superblock.block_len().checked_div(superblock.descriptor_size).unwrap_or(1);
    let groups = u64::from(superblock.groups);
    let candidates: Vec<u64> = if meta {
        [0, 1, size(per_block).saturating_sub(1)].map(|step| first_group.saturating_add(step)).to_vec()
    } else {
        // The last group that can hold a useful backup is soon reached: powers of 3, 5 and 7.
        (0..groups.min(50)).filter(|group| superblock.has_super(*group)).collect()
    };
    candidates.into_iter().filter(move |group| *group == 0 || *group < groups).map(move |group| {
        let start = match superblock.group_block(group) {
            // With blocks of 1024 bytes the first superblock stands in block 1, even where group 0 begins at block 0.
            0 if superblock.block_size == 1024 => 1,
            start => start,
        };
        let within = match meta {
            true => u64::from(superblock.has_super(group)),
            false => index.saturating_add(1),
        };
        start.saturating_add(within).saturating_mul(superblock.block_size)
    })
}
