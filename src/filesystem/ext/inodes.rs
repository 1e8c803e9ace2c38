//! The inodes in use or deleted, compact: what a listing needs of each of ten million.

use crate::model::{EntryKind, Problem, ProblemKind, Run, Survey, Times};

use super::Volume;
use super::inode::{Inode, MapArea, flag};
use super::mapping::{MAX_RUNS, Mapped, Mapper, Shape};

/// Marks of a row.
pub(super) mod mark {
    /// In use as the bitmap says, or as its links say where the bitmap is not known.
    pub const IN_USE: u16 = 1;
    /// It has links and no time of deletion.
    pub const LINKED: u16 = 1 << 1;
    /// The file system's own, not a user's.
    pub const SYSTEM: u16 = 1 << 2;
    /// Its content stands in the inode.
    pub const INLINE: u16 = 1 << 3;
    /// Its content is encrypted; a directory's names are.
    pub const ENCRYPTED: u16 = 1 << 4;
    /// Its content is compressed.
    pub const COMPRESSED: u16 = 1 << 5;
    /// Its content cannot be found in full.
    pub const DAMAGED: u16 = 1 << 6;
    /// A directory with a hash tree.
    pub const INDEXED: u16 = 1 << 7;
    /// A directory whose names are followed by a hash.
    pub const HASHED_NAMES: u16 = 1 << 8;
    /// It has a time of creation.
    pub const CREATED: u16 = 1 << 9;
    /// An entry was added for it.
    pub const NAMED: u16 = 1 << 10;
    /// A directory whose names were added.
    pub const WALKED: u16 = 1 << 11;
    /// A directory that another one, itself out of reach, names.
    pub const REFERRED: u16 = 1 << 12;
    /// A directory whose blocks were read.
    pub const READ: u16 = 1 << 13;
    /// A name in use leads to it.
    pub const OWNED: u16 = 1 << 14;
}

/// One inode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Inode number.
    pub number: u32,
    marks: u16,
    /// What its mode says it is.
    pub kind: EntryKind,
    /// Size in bytes.
    pub size: u64,
    times: [u64; 4],
    first_run: u32,
    runs: u32,
}

impl Row {
    /// Whether it bears any of those marks.
    pub(super) const fn has(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }

    /// Sets marks; true when they were not all set.
    pub(super) const fn mark(&mut self, mark: u16) -> bool {
        let new = self.marks & mark != mark;
        self.marks |= mark;
        new
    }

    /// The raw time stamps.
    pub(super) fn times(&self) -> Times {
        let [created, modified, accessed, changed] = self.times;
        Times {
            created: self.has(mark::CREATED).then_some(created),
            modified: Some(modified),
            accessed: Some(accessed),
            changed: Some(changed),
        }
    }
}

/// Inodes whose mapping must be read from other blocks, before they are read in physical order.
const MAX_PENDING: usize = 1 << 16;

struct Pending {
    block: u64,
    row: usize,
    shape: Shape,
    area: MapArea,
}

/// All rows, in the order of their numbers once [`Inodes::sort`] was called.
#[derive(Default)]
pub(super) struct Inodes {
    rows: Vec<Row>,
    runs: Vec<Run>,
    pending: Vec<Pending>,
    /// Deleted ones come last, so that a mapping block that was reused belongs to its present owner.
    late: Vec<usize>,
    over_limit: bool,
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
        let index = self.rows.len();
        let shape = shape(inode, &row);
        self.rows.push(row);
        let Some(shape) = shape else { return };
        let area = inode.map_area();
        match Mapper::first_node(&area, shape) {
            None => {
                let mapped = mapper.map(&area, home(volume, number), shape, end(volume, &row));
                self.set_runs(index, mapped, survey);
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
            let mapped = mapper.map(&item.area, home(volume, row.number), item.shape, end(volume, row));
            self.set_runs(item.row, mapped, survey);
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
            let Ok(bytes) = volume.read_inode(row.number) else { continue };
            let inode = Inode(&bytes);
            if let Some(shape) = shape(inode, &row) {
                let mapped =
                    mapper.map(&inode.map_area(), home(volume, row.number), shape, end(volume, &row));
                self.set_runs(index, mapped, survey);
            }
        }
    }

    /// Puts the rows in the order of their numbers. No mapping may be put off then.
    pub(super) fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|row| row.number);
        // No inode is read twice, but nothing later should depend on that.
        self.rows.dedup_by_key(|row| row.number);
    }

    /// All rows.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Position of an inode's row; rows must be in order.
    pub(super) fn find(&self, number: u32) -> Option<usize> {
        self.rows.binary_search_by_key(&number, |row| row.number).ok()
    }

    /// The row at a position.
    pub(super) fn get(&self, at: usize) -> Option<&Row> {
        self.rows.get(at)
    }

    /// Sets marks on the row at a position; true when they were not all set.
    pub(super) fn mark(&mut self, at: usize, mark: u16) -> bool {
        self.rows.get_mut(at).is_some_and(|row| row.mark(mark))
    }

    /// The pieces of a row's content.
    pub(super) fn runs(&self, row: &Row) -> &[Run] {
        let start = usize::try_from(row.first_run).unwrap_or(usize::MAX);
        let count = usize::try_from(row.runs).unwrap_or(0);
        self.runs.get(start..start.saturating_add(count)).unwrap_or_default()
    }

    fn set_runs(&mut self, at: usize, mapped: Mapped, survey: &mut Survey<'_>) {
        let Some(row) = self.rows.get_mut(at) else { return };
        if let Some(damage) = mapped.damage {
            row.mark(mark::DAMAGED);
            // Remains of a deleted inode owe nobody consistency.
            if row.has(mark::IN_USE) {
                let mut problem = damage.into_problem();
                problem.detail = format!("inode {}: {}", row.number, problem.detail);
                problem.record = Some(row.number.into());
                survey.problem(problem);
            }
        }
        if self.runs.len().saturating_add(mapped.runs.len()) > MAX_RUNS {
            row.mark(mark::DAMAGED);
            if !std::mem::replace(&mut self.over_limit, true) {
                let detail =
                    format!("more than {MAX_RUNS} runs of content: the places of further files are not kept");
                survey.problem(Problem::new(ProblemKind::Limit, detail));
            }
            return;
        }
        row.first_run = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        row.runs = u32::try_from(mapped.runs.len()).unwrap_or(0);
        self.runs.extend(mapped.runs);
    }
}

fn row(volume: &Volume, number: u32, inode: Inode<'_>, used: Option<bool>) -> Row {
    let superblock = &volume.superblock;
    let linked = inode.links() > 0 && !inode.was_deleted();
    let system = (number < superblock.first_inode && number != super::ROOT_INODE)
        || superblock.system_inodes.contains(&number);
    let times = inode.times();
    let encrypted = inode.has(flag::ENCRYPTED);
    let marks = [
        (used.unwrap_or(linked), mark::IN_USE),
        (linked, mark::LINKED),
        (system, mark::SYSTEM),
        (inode.has(flag::INLINE_DATA), mark::INLINE),
        (encrypted, mark::ENCRYPTED),
        (inode.has(flag::COMPRESSED), mark::COMPRESSED),
        (inode.has(flag::INDEXED), mark::INDEXED),
        (encrypted && inode.has(flag::CASEFOLDED), mark::HASHED_NAMES),
        (times.created.is_some(), mark::CREATED),
    ];
    let stored = [times.created, times.modified, times.accessed, times.changed];
    Row {
        number,
        marks: marks.iter().filter(|(is, _)| *is).fold(0, |marks, (_, mark)| marks | mark),
        kind: inode.kind(),
        size: match inode.kind() {
            EntryKind::Other => 0,
            _ => inode.size(superblock),
        },
        times: stored.map(Option::unwrap_or_default),
        first_run: 0,
        runs: 0,
    }
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
    const RESIZE_INODE: u32 = 7;
    let extents = inode.has(flag::EXTENTS);
    let maps = match row.kind {
        EntryKind::File | EntryKind::Directory => row.number != RESIZE_INODE,
        // A short target stands in the mapping area itself.
        EntryKind::Symlink => extents || row.size >= 60,
        EntryKind::Other => false,
    };
    (maps && !row.has(mark::INLINE)).then_some(if extents { Shape::Extents } else { Shape::Pointers })
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
