//! What a survey of one volume brings in: entries, problems and the places of metadata.

use super::{EntryIndex, EntryTable, Extent, NewEntry, Problem};

/// Most entries of one source; more is a stated limit, not a crash.
pub const MAX_ENTRIES: usize = 100_000_000;
/// Most problems of one volume that are kept singly; the rest are counted.
const MAX_PROBLEMS: usize = 10_000;

/// Where a file system puts what it finds. One for each volume; it borrows the table of the whole source.
pub struct Survey<'a> {
    volume: u16,
    base: u64,
    table: &'a mut EntryTable,
    metadata: Vec<Extent>,
    problems: Vec<Problem>,
    dropped_problems: u64,
}

impl<'a> Survey<'a> {
    /// Collects for volume number `volume`, which starts `base` bytes into the decoded medium.
    pub const fn new(volume: u16, base: u64, table: &'a mut EntryTable) -> Self {
        Self { volume, base, table, metadata: Vec::new(), problems: Vec::new(), dropped_problems: 0 }
    }

    /// Adds an entry whose run offsets count from the start of the volume.
    ///
    /// `None` when the source has more entries than the limit: the reader stops then, with a problem.
    pub fn add(&mut self, entry: NewEntry<'_>) -> Option<EntryIndex> {
        if self.table.len() >= MAX_ENTRIES {
            return None;
        }
        self.table.push(self.volume, self.base, entry)
    }

    /// The entries so far, those of earlier volumes included.
    pub fn table(&self) -> &EntryTable {
        self.table
    }

    /// Notes bytes that were read as metadata, from the start of the volume: the ledger counts them as examined.
    pub fn metadata(&mut self, offset: u64, length: u64) {
        let extent = Extent::new(self.base.saturating_add(offset), length);
        match self.metadata.last_mut() {
            // Tables are read piece by piece: neighbours become one extent.
            Some(last) if last.end() == extent.offset => last.length = last.length.saturating_add(length),
            _ => self.metadata.push(extent),
        }
    }

    /// Notes a problem. An extent in it counts from the start of the volume.
    pub fn problem(&mut self, problem: Problem) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.dropped_problems = self.dropped_problems.saturating_add(1);
            return;
        }
        let mut problem = problem.in_volume(u32::from(self.volume));
        if let Some(extent) = &mut problem.extent {
            extent.offset = extent.offset.saturating_add(self.base);
        }
        self.problems.push(problem);
    }

    /// Ends the survey: places of metadata and the problems.
    pub fn finish(mut self) -> (Vec<Extent>, Vec<Problem>) {
        if self.dropped_problems > 0 {
            let mut rest = Problem::new(
                super::ProblemKind::Limit,
                format!("more than {MAX_PROBLEMS} problems in this volume: the rest are counted, not listed"),
            )
            .in_volume(u32::from(self.volume));
            rest.count = self.dropped_problems;
            self.problems.push(rest);
        }
        (self.metadata, self.problems)
    }
}
