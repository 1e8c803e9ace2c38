//! The inodes in use or deleted, compact: what a listing needs of each of ten million.

use crate::filesystem::tree::{Row, Rows, mark};
use crate::model::{EntryKind, Problem, ProblemKind, Survey};

use super::Volume;
use super::inode::{Inode, MapArea, flag};
use super::mapping::{Mapper, Shape};

/// Marks of a row that only ext knows.
pub(super) mod own {
    use crate::filesystem::tree::mark::OWN;

    /// Its content stands in the inode.
    pub const INLINE: u32 = OWN;
    /// Its content is encrypted; a directory's names are.
    pub const ENCRYPTED: u32 = OWN << 1;
    /// Its content is compressed.
    pub const COMPRESSED: u32 = OWN << 2;
    /// A directory with a hash tree.
    pub const INDEXED: u32 = OWN << 3;
    /// A directory whose names are followed by a hash.
    pub const HASHED_NAMES: u32 = OWN << 4;
    /// A directory whose blocks were read.
    pub const READ: u32 = OWN << 5;
}

/// Inodes whose mapping must be read from other blocks, before they are read in physical order.
const MAX_PENDING: usize = 1 << 16;

struct Pending {
    block: u64,
    row: usize,
    shape: Shape,
    area: MapArea,
}

/// The rows, and the mappings that are still to be followed.
#[derive(Default)]
pub(super) struct Inodes {
    /// All rows.
    pub rows: Rows,
    pending: Vec<Pending>,
    /// Deleted ones come last, so that a mapping block that was reused belongs to its present owner.
    late: Vec<usize>,
    /// Inodes in use whose attributes lie in a block of their own.
    attributes: u64,
}

impl Inodes {
    /// Adds an inode that holds something.
    pub(super) fn add(
        &mut self,
        volume: &Volume,
        mapper: &mut Mapper<'_>,
        number: u32,
        inode: Inode<'_>,
        used: Option<bool>,
        survey: &mut Survey<'_>,
    ) {
        let mut row = row(volume, number, inode, used);
        if row.has(mark::IN_USE | mark::LINKED) {
            note(volume, number, inode, &mut row, survey);
        }
        let attributes = row.has(mark::IN_USE) && !row.has(mark::SYSTEM) && inode.has_attribute_block();
        self.attributes = self.attributes.saturating_add(u64::from(attributes));
        let shape = shape(inode, &row);
        let index = self.rows.push(row);
        let Some(shape) = shape else { return };
        let area = inode.map_area();
        match Mapper::first_node(&area, shape) {
            None => {
                let mapped = mapper.map(&area, home(volume, number), shape, end(volume, &row));
                self.rows.set_runs(index, mapped, survey);
            }
            Some(_) if !row.has(mark::IN_USE) => self.late.push(index),
            Some(block) => self.pending.push(Pending { block, row: index, shape, area }),
        }
        if self.pending.len() >= MAX_PENDING {
            self.settle(volume, mapper, survey);
        }
    }

    /// Follows the mappings that were put off, in the order of their first blocks.
    pub(super) fn settle(&mut self, volume: &Volume, mapper: &mut Mapper<'_>, survey: &mut Survey<'_>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable_by_key(|item| (item.block, item.row));
        for item in pending {
            let Some(row) = self.rows.get(item.row) else { continue };
            let mapped = mapper.map(&item.area, home(volume, low(row.number)), item.shape, end(volume, row));
            self.rows.set_runs(item.row, mapped, survey);
        }
    }

    /// Follows the mappings of deleted inodes, which are read once more for it.
    pub(super) fn settle_deleted(
        &mut self,
        volume: &Volume,
        mapper: &mut Mapper<'_>,
        survey: &mut Survey<'_>,
    ) {
        for index in std::mem::take(&mut self.late) {
            let Some(row) = self.rows.get(index).copied() else { continue };
            let Ok(bytes) = volume.read_inode(low(row.number)) else { continue };
            let inode = Inode(&bytes);
            if let Some(shape) = shape(inode, &row) {
                let mapped =
                    mapper.map(&inode.map_area(), home(volume, low(row.number)), shape, end(volume, &row));
                self.rows.set_runs(index, mapped, survey);
            }
        }
    }
}

impl Inodes {
    /// Says what was counted.
    pub(super) fn remarks(&self, survey: &mut Survey<'_>) {
        if self.attributes > 0 {
            let detail = "files and directories whose extended attributes have a block of their own, which is not read";
            survey.problem(Problem {
                count: self.attributes,
                ..Problem::new(ProblemKind::Unsupported, detail)
            });
        }
    }
}

fn row(volume: &Volume, number: u32, inode: Inode<'_>, used: Option<bool>) -> Row {
    let superblock = &volume.superblock;
    let linked = inode.links() > 0 && !inode.was_deleted();
    let system = (number < superblock.first_inode && number != super::ROOT_INODE)
        || superblock.system_inodes.contains(&number);
    let encrypted = inode.has(flag::ENCRYPTED);
    let marks = [
        (used.unwrap_or(linked), mark::IN_USE),
        (linked, mark::LINKED),
        (system, mark::SYSTEM),
        (inode.has(flag::INLINE_DATA), own::INLINE),
        (encrypted, own::ENCRYPTED),
        (inode.has(flag::COMPRESSED), own::COMPRESSED),
        (inode.has(flag::INDEXED), own::INDEXED),
        (encrypted && inode.has(flag::CASEFOLDED), own::HASHED_NAMES),
    ];
    let size = match inode.kind() {
        EntryKind::Other => 0,
        _ => inode.size(superblock),
    };
    Row::new(number.into(), inode.kind(), size, inode.times(), &marks)
}

/// Notes what is wrong with an inode itself, and cuts a size that no file can have.
fn note(volume: &Volume, number: u32, inode: Inode<'_>, row: &mut Row, survey: &mut Survey<'_>) {
    let place = volume.inode_extent(number);
    let mut report = |detail: String| {
        let mut problem = Problem::new(ProblemKind::Corrupt, detail);
        problem.extent = place;
        problem.record = Some(number.into());
        survey.problem(problem);
    };
    if inode.checksum_holds(&volume.superblock, number) == Some(false) {
        report(format!("inode {number}: its checksum does not hold"));
    }
    if inode.is_mistyped() && !row.has(mark::SYSTEM) {
        report(format!(
            "inode {number}: expected no content with mode {:06o}, found some: it is taken for a file",
            inode.mode()
        ));
    }
    // Block numbers within a file have 32 bits.
    let most = volume.superblock.block_size << 32;
    if row.size > most {
        report(format!("inode {number}: expected a size of at most {most} bytes, found {}", row.size));
        row.size = most;
        row.mark(mark::DAMAGED);
    }
}

/// How the mapping area of an inode is read; `None` when it maps nothing.
fn shape(inode: Inode<'_>, row: &Row) -> Option<Shape> {
    // Inode 7 keeps room for growing descriptor tables: its mapping says nothing about content.
    const RESIZE_INODE: u64 = 7;
    let extents = inode.has(flag::EXTENTS);
    let maps = match row.kind {
        EntryKind::File | EntryKind::Directory => row.number != RESIZE_INODE,
        // A short target stands in the mapping area itself.
        EntryKind::Symlink => extents || row.size >= 60,
        EntryKind::Other => false,
    };
    (maps && !row.has(own::INLINE)).then_some(if extents { Shape::Extents } else { Shape::Pointers })
}

/// Where the mapping area of an inode stands, in bytes from the start of the volume.
fn home(volume: &Volume, number: u32) -> u64 {
    volume.inode_extent(number).map_or(0, |place| place.offset.saturating_add(0x28))
}

/// Blocks of content to be mapped. A directory is read as far as it is mapped: its size may be the damaged part.
fn end(volume: &Volume, row: &Row) -> u64 {
    match row.kind {
        EntryKind::Directory => u64::MAX,
        _ => row.size.div_ceil(volume.superblock.block_size.max(1)).min(1 << 32),
    }
}

/// An inode number of ext, which has 32 bits.
pub(super) fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
