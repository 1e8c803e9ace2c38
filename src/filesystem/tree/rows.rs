//! The inodes in use or deleted, compact: what a listing needs of each of ten million.

use super::Mapped;
use crate::model::{EntryKind, Problem, ProblemKind, Run, Survey, Times};

/// Most inodes and most names that are kept: as many as the entries of a source.
pub(in crate::filesystem) const MAX_INODES: usize = 100_000_000;
/// Most runs that one volume may have in memory: beyond it, contents are given up with a problem.
pub(in crate::filesystem) const MAX_RUNS: usize = 1 << 26;

/// Marks of a row. A file system's own begin at [`mark::OWN`].
pub(in crate::filesystem) mod mark {
    /// In use as the file system says.
    pub(in crate::filesystem) const IN_USE: u32 = 1;
    /// It has links and was not deleted.
    pub(in crate::filesystem) const LINKED: u32 = 1 << 1;
    /// The file system's own, not a user's.
    pub(in crate::filesystem) const SYSTEM: u32 = 1 << 2;
    /// Its content cannot be found in full.
    pub(in crate::filesystem) const DAMAGED: u32 = 1 << 3;
    /// It has a time of creation.
    pub(in crate::filesystem) const CREATED: u32 = 1 << 4;
    /// An entry was added for it.
    pub(in crate::filesystem) const NAMED: u32 = 1 << 5;
    /// A directory whose names were added.
    pub(in crate::filesystem) const WALKED: u32 = 1 << 6;
    /// A directory that another one, itself out of reach, names.
    pub(in crate::filesystem) const REFERRED: u32 = 1 << 7;
    /// A name in use leads to it.
    pub(in crate::filesystem) const OWNED: u32 = 1 << 8;
    /// The first mark whose meaning is a file system's own.
    pub(in crate::filesystem) const OWN: u32 = 1 << 9;
}

/// One inode.
#[derive(Clone, Copy, Debug)]
pub(in crate::filesystem) struct Row {
    /// Inode number.
    pub number: u64,
    /// Size in bytes.
    pub size: u64,
    times: [u64; 4],
    marks: u32,
    first_run: u32,
    runs: u32,
    /// What its mode says it is.
    pub kind: EntryKind,
}

impl Row {
    /// An inode without runs; `marks` are those that are true of it.
    pub(in crate::filesystem) fn new(
        number: u64,
        kind: EntryKind,
        size: u64,
        times: Times,
        marks: &[(bool, u32)],
    ) -> Self {
        let created = (times.created.is_some(), mark::CREATED);
        let marks = marks.iter().chain([&created]).filter(|(is, _)| *is);
        let stored = [times.created, times.modified, times.accessed, times.changed];
        Self {
            number,
            size,
            times: stored.map(Option::unwrap_or_default),
            marks: marks.fold(0, |marks, (_, mark)| marks | mark),
            first_run: 0,
            runs: 0,
            kind,
        }
    }

    /// Whether it bears any of those marks.
    pub(in crate::filesystem) const fn has(&self, mark: u32) -> bool {
        self.marks & mark != 0
    }

    /// Sets marks; true when they were not all set.
    pub(in crate::filesystem) const fn mark(&mut self, mark: u32) -> bool {
        let new = self.marks & mark != mark;
        self.marks |= mark;
        new
    }

    /// The raw time stamps.
    pub(in crate::filesystem) fn times(&self) -> Times {
        let [created, modified, accessed, changed] = self.times;
        Times {
            created: self.has(mark::CREATED).then_some(created),
            modified: Some(modified),
            accessed: Some(accessed),
            changed: Some(changed),
        }
    }
}

/// All rows, in the order of their numbers once [`Rows::sort`] was called.
#[derive(Default)]
pub(in crate::filesystem) struct Rows {
    list: Vec<Row>,
    runs: Vec<Run>,
    over_limit: bool,
}

impl Rows {
    /// Adds a row and returns its position.
    pub(in crate::filesystem) fn push(&mut self, row: Row) -> usize {
        self.list.push(row);
        self.list.len().saturating_sub(1)
    }

    /// Puts the rows in the order of their numbers; of two with the same number the first stays.
    pub(in crate::filesystem) fn sort(&mut self) {
        self.list.sort_by_key(|row| row.number);
        self.list.dedup_by_key(|row| row.number);
    }

    /// All rows.
    pub(in crate::filesystem) fn list(&self) -> &[Row] {
        &self.list
    }

    /// Position of an inode's row; rows must be in order.
    pub(in crate::filesystem) fn find(&self, number: u64) -> Option<usize> {
        self.list.binary_search_by_key(&number, |row| row.number).ok()
    }

    /// The row at a position.
    pub(in crate::filesystem) fn get(&self, at: usize) -> Option<&Row> {
        self.list.get(at)
    }

    /// The row at a position, to be changed.
    pub(in crate::filesystem) fn get_mut(&mut self, at: usize) -> Option<&mut Row> {
        self.list.get_mut(at)
    }

    /// Sets marks on the row at a position; true when they were not all set.
    pub(in crate::filesystem) fn mark(&mut self, at: usize, mark: u32) -> bool {
        self.list.get_mut(at).is_some_and(|row| row.mark(mark))
    }

    /// The pieces of a row's content.
    pub(in crate::filesystem) fn runs(&self, row: &Row) -> &[Run] {
        let start = usize::try_from(row.first_run).unwrap_or(usize::MAX);
        let count = usize::try_from(row.runs).unwrap_or(0);
        self.runs.get(start..start.saturating_add(count)).unwrap_or_default()
    }

    /// Keeps the pieces of the content of the row at a position, and says what is wrong with them.
    pub(in crate::filesystem) fn set_runs(&mut self, at: usize, mapped: Mapped, survey: &mut Survey<'_>) {
        let Mapped { runs, damage, doubt, .. } = mapped;
        let Some(row) = self.list.get_mut(at) else { return };
        if damage.is_some() {
            row.mark(mark::DAMAGED);
        }
        // Remains of a deleted inode owe nobody consistency.
        for wrong in damage.into_iter().chain(doubt).filter(|_| row.has(mark::IN_USE)) {
            let mut problem = wrong.into_problem();
            problem.detail = format!("inode {}: {}", row.number, problem.detail);
            problem.record = Some(row.number);
            survey.problem(problem);
        }
        if self.runs.len().saturating_add(runs.len()) > MAX_RUNS {
            row.mark(mark::DAMAGED);
            if !std::mem::replace(&mut self.over_limit, true) {
                let detail =
                    format!("more than {MAX_RUNS} runs of content: the places of further files are not kept");
                survey.problem(Problem::new(ProblemKind::Limit, detail));
            }
            return;
        }
        row.first_run = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        row.runs = u32::try_from(runs.len()).unwrap_or(0);
        self.runs.extend(runs);
    }
}
