//! What a survey of one volume brings in: entries, problems and the places of metadata.

use super::{EntryIndex, EntryTable, Extent, NewEntry, Problem, ProblemKind};

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
    unreadable: Vec<Extent>,
    problems: Vec<Problem>,
    dropped_problems: u64,
}

/// What a survey brought in beside the entries. Extents are in bytes from the start of the decoded medium.
#[derive(Debug, Default)]
pub struct SurveyEnd {
    /// Places of metadata.
    pub metadata: Vec<Extent>,
    /// Places of every problem of kind [`ProblemKind::Unreadable`], also of those that are not listed singly.
    pub unreadable: Vec<Extent>,
    /// The problems.
    pub problems: Vec<Problem>,
}

impl<'a> Survey<'a> {
    /// Collects for volume number `volume`, which starts `base` bytes into the decoded medium.
    pub const fn new(volume: u16, base: u64, table: &'a mut EntryTable) -> Self {
        Self {
            volume,
            base,
            table,
            metadata: Vec::new(),
            unreadable: Vec::new(),
            problems: Vec::new(),
            dropped_problems: 0,
        }
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
        append(&mut self.metadata, Extent::new(self.base.saturating_add(offset), length));
    }

    /// Notes a problem. An extent in it counts from the start of the volume.
    pub fn problem(&mut self, problem: Problem) {
        let place =
            problem.extent.map(|place| Extent::new(self.base.saturating_add(place.offset), place.length));
        if let (ProblemKind::Unreadable, Some(place)) = (problem.kind, place) {
            append(&mut self.unreadable, place);
        }
        if self.problems.len() >= MAX_PROBLEMS {
            self.dropped_problems = self.dropped_problems.saturating_add(1);
            return;
        }
        let mut problem = problem.in_volume(u32::from(self.volume));
        problem.extent = place;
        self.problems.push(problem);
    }

    /// Ends the survey.
    pub fn finish(mut self) -> SurveyEnd {
        if self.dropped_problems > 0 {
            let mut rest = Problem::new(
                ProblemKind::Limit,
                format!("more than {MAX_PROBLEMS} problems in this volume: the rest are counted, not listed"),
            )
            .in_volume(u32::from(self.volume));
            rest.count = self.dropped_problems;
            self.problems.push(rest);
        }
        SurveyEnd { metadata: self.metadata, unreadable: self.unreadable, problems: self.problems }
    }
}

/// Adds a place. Tables are read piece by piece: neighbours become one extent.
fn append(places: &mut Vec<Extent>, place: Extent) {
    match places.last_mut() {
        Some(last) if last.end() == place.offset => last.length = last.length.saturating_add(place.length),
        _ => places.push(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_could_not_be_read_are_kept_even_when_their_problems_are_not() {
        let mut table = EntryTable::default();
        let mut survey = Survey::new(1, 1000, &mut table);
        let most = u64::try_from(MAX_PROBLEMS).unwrap();
        for number in 0..most + 5 {
            survey.problem(Problem::new(ProblemKind::Unreadable, "dead").at(Extent::new(number * 4, 2)));
        }
        survey.problem(Problem::new(ProblemKind::Corrupt, "odd").at(Extent::new(7, 1)));
        survey.problem(Problem::new(ProblemKind::Unreadable, "dead").at(Extent::new((most + 4) * 4 + 2, 3)));
        let end = survey.finish();
        assert_eq!(end.problems.len(), MAX_PROBLEMS + 1);
        assert_eq!(end.problems.last().map(|problem| problem.count), Some(7));
        assert_eq!(end.unreadable.len(), MAX_PROBLEMS + 5);
        assert_eq!(end.unreadable.first(), Some(&Extent::new(1000, 2)));
        assert_eq!(end.unreadable.last(), Some(&Extent::new(1000 + (most + 4) * 4, 5)));
        assert_eq!(end.problems.first().and_then(|problem| problem.extent), Some(Extent::new(1000, 2)));
    }
}
