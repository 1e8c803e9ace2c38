//! The headers of an allocation group, and the chunks of inodes that its inode B-tree lists.

use super::Volume;
use super::btree::{self, Walk};
use super::superblock::checksum_holds;
use crate::filesystem::sweep::Places;
use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::{Error, Fields, size};

/// Inodes of a chunk.
pub(super) const CHUNK: u32 = 64;

/// A tree of a group: its root block and the number of its levels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    block: u32,
    levels: u32,
}

/// What the headers of a group say; absent where they cannot be had.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Headers {
    /// The free space.
    pub free_space: Option<Root>,
    /// The inodes, and how many the group has.
    pub inodes: Option<(Root, u32)>,
}

/// Some inodes that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chunk {
    /// Number of the first within its group.
    pub start: u32,
    /// One bit for every four inodes that do not exist.
    pub holes: u16,
    /// One bit for every inode that is free.
    pub free: u64,
}

impl Chunk {
    fn read(record: &[u8], volume: &Volume) -> Option<Self> {
        let fields = Fields(record);
        // Without sparse inodes the place of the holes is the upper half of a count of at most 64.
        Some(Self {
            start: fields.u32_be(0)?,
            holes: if volume.superblock.is_v5() { fields.u16_be(4)? } else { 0 },
            free: fields.u64_be(8)?,
        })
    }

    /// Inodes that exist, four by four.
    pub(super) fn fours(self) -> impl Iterator<Item = u32> {
        let exists = move |four: &u32| self.holes & 1_u16.wrapping_shl(*four) == 0;
        (0..CHUNK / 4).filter(exists).map(move |four| self.start.saturating_add(four.saturating_mul(4)))
    }

    /// Whether an inode of the chunk is in use.
    pub(super) fn is_used(self, within: u32) -> Option<bool> {
        let bit = within.checked_sub(self.start).filter(|bit| *bit < CHUNK)?;
        Some(self.free & 1_u64.wrapping_shl(bit) == 0)
    }
}

/// The chunks of a group in their order, and whether some may be missing.
pub(super) struct Chunks {
    /// The chunks, none twice.
    pub list: Vec<Chunk>,
    /// Whether a part of the tree is missing or damaged.
    pub broken: bool,
    /// Whether what the tree lists is not what the header says; inodes may be missing.
    pub differs: bool,
}

/// Reads the headers of a group.
/// Source: XFS Algorithms and Data Structures, "AG Free Space Block" and "AG Inode Management".
pub(super) fn headers(
    volume: &Volume,
    group: u32,
    places: &mut Places,
    survey: &mut Survey<'_>,
    doubts: &mut Vec<u32>,
) -> Headers {
    let superblock = &volume.superblock;
    let start = superblock.group_start(group);
    let sector = superblock.sector_size;
    let length = size(sector);
    let mut header = |index: u64, what: &'static str, magic: &[u8; 4], checksum: usize| {
        let place = Extent::new(start.saturating_add(index.saturating_mul(length)), length);
        let bytes = match volume.source.read_vec(place.offset, sector) {
            Ok(bytes) => bytes,
            Err(unreadable) => {
                places.failed(what, place.offset, length, &unreadable);
                return None;
            }
        };
        places.read(place.offset, length);
        let fields = Fields(&bytes);
        let (expected, found) = match () {
            () if superblock.is_v5() && !checksum_holds(&bytes, checksum) => {
                (String::from("a checksum that holds"), String::from("otherwise"))
            }
            () if !fields.has(0, magic) || fields.u32_be(8) != Some(group) => {
                let found = format!(
                    "{:08x} of group {}",
                    fields.u32_be(0).unwrap_or_default(),
                    fields.u32_be(8).unwrap_or_default()
                );
                (format!("{} of group {group}", String::from_utf8_lossy(magic)), found)
            }
            () => return Some(bytes),
        };
        let error = Error::corrupt(what, place.offset, expected, found);
        survey.problem(error.into_problem().at(place));
        if !doubts.contains(&group) {
            doubts.push(group);
        }
        Some(bytes)
    };
    // What is in them is used whatever their magic says: the blocks that they name have their own.
    let agf = header(1, "header of free space", b"XAGF", 216);
    let agi = header(2, "header of inodes", b"XAGI", 312);
    let number = |bytes: &[u8], at| Fields(bytes).u32_be(at).unwrap_or_default();
    Headers {
        free_space: agf.map(|agf| Root { block: number(&agf, 16), levels: number(&agf, 28) }),
        inodes: agi.map(|agi| {
            let root = Root { block: number(&agi, 20), levels: number(&agi, 24) };
            (root, number(&agi, 16))
        }),
    }
}

/// Reads the chunks of a group.
pub(super) fn chunks(
    volume: &Volume,
    group: u32,
    headers: &Headers,
    places: &mut Places,
    survey: &mut Survey<'_>,
) -> Chunks {
    let mut list = Vec::new();
    let Some((root, stated)) = headers.inodes else {
        return Chunks { list, broken: true, differs: false };
    };
    let mut walk = Walk::new(volume, &btree::INODES, group);
    root.walk(&mut walk, places, &mut |record| list.extend(Chunk::read(record, volume)));
    let (broken, damage) = (walk.broken, walk.damage);
    for error in damage {
        survey.problem(error.into_problem());
    }
    let before = list.len();
    let blocks = superblock_inodes(volume, group);
    list.retain(|chunk| u64::from(chunk.start) < blocks && chunk.start.is_multiple_of(4));
    list.sort_unstable();
    list.dedup_by_key(|chunk| chunk.start);
    let found =
        list.iter().map(|chunk| chunk.fours().count().saturating_mul(4)).fold(0, usize::saturating_add);
    let differs = !broken && (before != list.len() || size(found) != u64::from(stated));
    if differs {
        let detail = format!(
            "inode B-tree of group {group}: expected {stated} inodes, found {found} at sound places of {before} chunks"
        );
        let place = Extent::new(volume.superblock.group_start(group), volume.superblock.block_size);
        survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
    }
    Chunks { list, broken, differs }
}

impl Root {
    /// Walks the tree below the root.
    pub(super) fn walk(self, walk: &mut Walk<'_>, places: &mut Places, show: &mut impl FnMut(&[u8])) {
        let level = u16::try_from(self.levels).ok().and_then(|levels| levels.checked_sub(1));
        walk.walk(self.block, level.unwrap_or(u16::MAX), places, show);
    }
}

/// Inodes that would fill a group.
fn superblock_inodes(volume: &Volume, group: u32) -> u64 {
    let blocks = u64::from(volume.superblock.blocks_of(group));
    blocks.checked_shl(volume.superblock.inodes_per_block_log).unwrap_or(0)
}
