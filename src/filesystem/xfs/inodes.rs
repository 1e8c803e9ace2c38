//! From inodes as stored to rows: what they are, what is wrong with them, where their content lies.

use super::Volume;
use super::inode::{Format, Inode};
use super::mapping::{Fork, Mapper};
use crate::filesystem::tree::{Mapped, Row, Rows, mark};
use crate::model::{EntryKind, Extent, Problem, ProblemKind, Survey};
use crate::read::size;

/// Marks of a row that only XFS knows.
pub(super) mod own {
    use crate::filesystem::tree::mark::OWN;

    /// Its content stands in the inode.
    pub const LOCAL: u32 = OWN;
    /// Its content lies on the realtime device.
    pub const REALTIME: u32 = OWN << 1;
    /// Its size is not recorded any more: that of its whole blocks stands for it.
    pub const WHOLE_BLOCKS: u32 = OWN << 2;
    /// All blocks of the content of a deleted inode are free.
    pub const FREE: u32 = OWN << 3;
    /// Nothing says where the content of a deleted inode was.
    pub const NOWHERE: u32 = OWN << 4;
    /// Only a search found it: no tree lists it, and it may have been deleted long ago.
    pub const SEARCHED: u32 = OWN << 5;
}

/// Inodes whose trees of extents must be read, before they are read in physical order.
const MAX_PENDING: usize = 1 << 14;
/// Problems of one kind with inodes that are listed one by one; the rest are counted.
const MAX_SINGLE: u64 = 100;

struct Pending {
    block: u64,
    row: usize,
    number: u64,
    home: u64,
    fork: Vec<u8>,
    end: u64,
}

/// A directory small enough to stand in its inode.
pub(super) struct ShortDirectory {
    /// Its inode.
    pub number: u64,
    /// The data fork, cut to its size.
    pub fork: Vec<u8>,
}

/// The rows, and what is still to be followed.
pub(super) struct Inodes<'v> {
    volume: &'v Volume,
    /// All rows.
    pub rows: Rows,
    /// Directories in the short form.
    pub short: Vec<ShortDirectory>,
    /// Follows mappings.
    pub mapper: Mapper<'v>,
    pending: Vec<Pending>,
    reported: u64,
    realtime: u64,
    /// Inodes in use whose attributes lie in blocks of their own.
    attributes: u64,
}

impl<'v> Inodes<'v> {
    /// No inode yet.
    pub(super) fn new(volume: &'v Volume) -> Self {
        Self {
            volume,
            rows: Rows::default(),
            short: Vec::new(),
            mapper: Mapper::new(volume),
            pending: Vec::new(),
            reported: 0,
            realtime: 0,
            attributes: 0,
        }
    }

    /// Adds an inode that is in use or was; `used` is what its chunk says, and `None` where only a search found it.
    /// Only what bears an inode's magic counts.
    pub(super) fn add(
        &mut self,
        number: u64,
        place: u64,
        inode: Inode<'_>,
        used: Option<bool>,
        survey: &mut Survey<'_>,
    ) {
        // The mode of a free inode is 0: it is surer than the chunk, which may be older where a log was not replayed.
        let typed = inode.mode() != 0;
        let in_use = match used {
            Some(true) => typed || inode.links() > 0,
            Some(false) => typed && inode.links() > 0,
            None => typed,
        };
        if !in_use {
            return self.add_free(number, inode, survey);
        }
        let superblock = &self.volume.superblock;
        let system = superblock.system_inodes.contains(&number) || inode.is_metadata();
        let kind = inode.kind();
        let size = if kind == EntryKind::Other { 0 } else { inode.size() };
        let local = inode.format() == Some(Format::Local);
        let marks = [
            (true, mark::IN_USE),
            // Of a chunk that was given back the inodes stay as they were: without a name they are remains.
            (inode.links() > 0 && used.is_some(), mark::LINKED),
            (used.is_none(), own::SEARCHED),
            (system, mark::SYSTEM),
            (local, own::LOCAL),
            (inode.is_realtime(), own::REALTIME),
        ];
        let mut row = Row::new(number, kind, size, inode.times(), &marks);
        self.check(&mut row, place, inode, survey);
        let fork = match kind {
            EntryKind::Other => None,
            _ if inode.is_realtime() => None,
            EntryKind::Directory => Fork::of(inode, number, place, u64::MAX),
            _ => Fork::of(inode, number, place, row.size.div_ceil(superblock.block_size.max(1))),
        };
        if kind == EntryKind::Directory && local {
            let length = usize::try_from(size).unwrap_or(usize::MAX).min(inode.fork().len());
            self.short.push(ShortDirectory {
                number,
                fork: inode.fork().get(..length).unwrap_or_default().to_vec(),
            });
        }
        self.realtime = self.realtime.saturating_add(u64::from(row.has(own::REALTIME)));
        let attributes = !system && inode.has_attribute_blocks();
        self.attributes = self.attributes.saturating_add(u64::from(attributes));
        let at = self.rows.push(row);
        let Some(fork) = fork else { return };
        match fork.first_node() {
            None => {
                let mapped = self.mapper.map(&fork);
                self.rows.set_runs(at, mapped, survey);
            }
            Some(block) => self.pending.push(Pending {
                block,
                row: at,
                number,
                home: fork.home,
                fork: fork.bytes.to_vec(),
                end: fork.end,
            }),
        }
        if self.pending.len() >= MAX_PENDING {
            self.settle(survey);
        }
    }

    /// Follows the trees that were put off, in the order of their first blocks. Positions of rows must not have changed.
    pub(super) fn settle(&mut self, survey: &mut Survey<'_>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable_by_key(|item| (item.block, item.row));
        for Pending { row, number, home, fork, end, .. } in pending {
            let mapped = self.mapper.map(&Fork { number, home, bytes: &fork, count: 0, is_tree: true, end });
            self.rows.set_runs(row, mapped, survey);
        }
    }

    /// Says what was counted.
    pub(super) fn remarks(&self, survey: &mut Survey<'_>) {
        if let Some(more) = self.reported.checked_sub(MAX_SINGLE).filter(|more| *more > 0) {
            let mut problem = Problem::new(ProblemKind::Corrupt, "further inodes are damaged");
            problem.count = more;
            survey.problem(problem);
        }
        if self.realtime > 0 {
            let mut problem = Problem::new(
                ProblemKind::Unsupported,
                "files whose content lies on a realtime device are listed and not read",
            )
            .advise("examine them on the computer that they come from, or with its realtime device attached");
            problem.count = self.realtime;
            survey.problem(problem);
        }
        if self.attributes > 0 {
            let detail = "files and directories whose extended attributes have blocks of their own, which are not read";
            survey.problem(Problem {
                count: self.attributes,
                ..Problem::new(ProblemKind::Unsupported, detail)
            });
        }
    }

    /// Says that an inode in use does not look like one.
    pub(super) fn note_magic(&mut self, number: u64, place: u64, survey: &mut Survey<'_>) {
        let detail = format!("inode {number} at byte {place}: expected an inode, found something else");
        self.report(number, place, detail, survey);
    }

    /// Notes what is wrong with an inode; the first ones singly.
    fn report(&mut self, number: u64, place: u64, detail: String, survey: &mut Survey<'_>) {
        self.reported = self.reported.saturating_add(1);
        if self.reported <= MAX_SINGLE {
            let place = Extent::new(place, size(self.volume.superblock.inode_size));
            let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(place);
            problem.record = Some(number);
            survey.problem(problem);
        }
    }

    /// What is wrong with an inode itself. A size that no file can have is cut.
    fn check(&mut self, row: &mut Row, place: u64, inode: Inode<'_>, survey: &mut Survey<'_>) {
        let number = row.number;
        if inode.checksum() == Some(false) || inode.own_number().is_some_and(|(own, _)| own != number) {
            let detail = format!("inode {number}: its checksum does not hold, or it is another inode's");
            self.report(number, place, detail, survey);
        }
        if inode.is_mistyped() {
            let detail = format!(
                "inode {number}: expected no content with mode {:06o}, found some: it is taken for a file",
                inode.mode()
            );
            self.report(number, place, detail, survey);
        }
        let most = Inode::most(&self.volume.superblock);
        if row.size > most {
            let detail =
                format!("inode {number}: expected a size of at most {most} bytes, found {}", row.size);
            self.report(number, place, detail, survey);
            row.size = most;
            row.mark(mark::DAMAGED);
        }
        let fits = match row.kind {
            EntryKind::File => matches!(inode.format(), Some(Format::Extents | Format::Tree)),
            EntryKind::Directory | EntryKind::Symlink => {
                inode.format().is_some_and(|format| format != Format::Device)
            }
            EntryKind::Other => true,
        };
        if !fits {
            let detail = format!("inode {number}: expected data in extents or a tree, found another format");
            self.report(number, place, detail, survey);
            row.mark(mark::DAMAGED);
        }
    }

    /// Adds a free inode if extents are left in it. Since Linux 2.6 deletion clears the number of extents and the
    /// size, and leaves the extents themselves where they stood.
    fn add_free(&mut self, number: u64, inode: Inode<'_>, survey: &mut Survey<'_>) {
        let mapped = self.mapper.remains(inode.literal_area());
        let covered = mapped.next.saturating_mul(self.volume.superblock.block_size);
        let nowhere = mapped.runs.iter().all(|run| run.is_hole());
        let size = match inode.size() {
            0 => covered,
            stated => stated,
        };
        if size == 0 || nowhere && inode.size() == 0 {
            return;
        }
        let marks = [
            (inode.size() == 0, own::WHOLE_BLOCKS),
            (nowhere || size > Inode::most(&self.volume.superblock), own::NOWHERE),
        ];
        let row = Row::new(number, EntryKind::File, size, inode.times(), &marks);
        let at = self.rows.push(row);
        let mut mapped: Mapped = mapped;
        mapped
            .fill(size.div_ceil(self.volume.superblock.block_size.max(1)), self.volume.superblock.block_size);
        self.rows.set_runs(at, mapped, survey);
    }
}
