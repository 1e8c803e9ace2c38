//! What a survey of one volume brings in: entries, problems and the places of metadata.

use super::{Bucket, EntryIndex, EntryTable, Extent, NewEntry, Placement, Problem, ProblemKind, Run};

/// Most entries of one source; more is a stated limit, not a crash.
pub const MAX_ENTRIES: usize = 100_000_000;
/// Most problems of one volume that are kept singly; the rest are counted.
const MAX_PROBLEMS: usize = 10_000;

/// Where a file system puts what it finds. One for each volume; it borrows the table of the whole source.
pub struct Survey<'a> {
    volume: u16,
    placement: Placement,
    table: &'a mut EntryTable,
    claims: Vec<(Extent, Bucket)>,
    problems: Vec<Problem>,
    dropped_problems: u64,
    /// Runs of the entry that is being added, kept for their memory.
    scratch: Vec<Run>,
}

/// What a survey brought in beside the entries. Extents are in bytes from the start of the decoded medium.
#[derive(Debug, Default)]
pub struct SurveyEnd {
    /// Places whose bucket is known: metadata were examined, an encrypted part is encrypted; places of
    /// problems of kind [`ProblemKind::Unreadable`], also of those that are not listed singly.
    pub claims: Vec<(Extent, Bucket)>,
    /// The problems.
    pub problems: Vec<Problem>,
}

impl<'a> Survey<'a> {
    /// Collects for volume number `volume`, whose bytes lie on the decoded medium as `placement` says.
    pub const fn new(volume: u16, placement: Placement, table: &'a mut EntryTable) -> Self {
        Self {
            volume,
            placement,
            table,
            claims: Vec::new(),
            scratch: Vec::new(),
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
        if let Some(piece) = self.placement.as_piece() {
            return self.table.push(self.volume, piece.offset, entry);
        }
        self.scratch.clear();
        entry.runs.iter().for_each(|run| self.placement.place(*run, &mut self.scratch));
        self.table.push(self.volume, 0, NewEntry { runs: &self.scratch, ..entry })
    }

    /// The entries so far, those of earlier volumes included.
    pub fn table(&self) -> &EntryTable {
        self.table
    }

    /// Notes bytes that were read as metadata, from the start of the volume: the ledger counts them as examined.
    pub fn metadata(&mut self, offset: u64, length: u64) {
        self.claim(offset, length, Bucket::Examined);
    }

    /// Notes what became of bytes that belong to no entry, from the start of the volume.
    pub fn claim(&mut self, offset: u64, length: u64, bucket: Bucket) {
        self.placed(offset, length).for_each(|place| append(&mut self.claims, (place, bucket)));
    }

    /// The places of a part of the volume on the medium; what is said of a volume in one piece may reach past its end.
    fn placed(&self, offset: u64, length: u64) -> impl Iterator<Item = Extent> + use<> {
        let piece = self.placement.as_piece();
        let whole = piece.map(|piece| Extent::new(piece.offset.saturating_add(offset), length));
        let parts = match whole {
            Some(_) => Vec::new(),
            None => self.placement.places(offset, length),
        };
        whole.into_iter().chain(parts)
    }

    /// Notes a problem. An extent in it counts from the start of the volume.
    pub fn problem(&mut self, problem: Problem) {
        let places: Vec<_> =
            problem.extent.into_iter().flat_map(|place| self.placed(place.offset, place.length)).collect();
        if problem.kind == ProblemKind::Unreadable {
            places.iter().for_each(|place| append(&mut self.claims, (*place, Bucket::Unreadable)));
        }
        if self.problems.len() >= MAX_PROBLEMS {
            self.dropped_problems = self.dropped_problems.saturating_add(1);
            return;
        }
        let mut problem = problem.in_volume(u32::from(self.volume));
        problem.extent = places.first().copied();
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
        SurveyEnd { claims: self.claims, problems: self.problems }
    }
}

/// Adds a place. Tables are read piece by piece: neighbours become one extent.
fn append(claims: &mut Vec<(Extent, Bucket)>, (place, bucket): (Extent, Bucket)) {
    match claims.last_mut() {
        Some((last, same)) if *same == bucket && last.end() == place.offset => {
            last.length = last.length.saturating_add(place.length);
        }
        _ => claims.push((place, bucket)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_could_not_be_read_are_kept_even_when_their_problems_are_not() {
        let mut table = EntryTable::default();
        let mut survey = Survey::new(1, Placement::piece(Extent::new(1000, 1 << 30)), &mut table);
        let most = u64::try_from(MAX_PROBLEMS).unwrap();
        for number in 0..most + 5 {
            survey.problem(Problem::new(ProblemKind::Unreadable, "dead").at(Extent::new(number * 4, 2)));
        }
        survey.problem(Problem::new(ProblemKind::Corrupt, "odd").at(Extent::new(7, 1)));
        survey.problem(Problem::new(ProblemKind::Unreadable, "dead").at(Extent::new((most + 4) * 4 + 2, 3)));
        let end = survey.finish();
        assert_eq!(end.problems.len(), MAX_PROBLEMS + 1);
        assert_eq!(end.problems.last().map(|problem| problem.count), Some(7));
        assert_eq!(end.claims.len(), MAX_PROBLEMS + 5);
        assert_eq!(end.claims.first(), Some(&(Extent::new(1000, 2), Bucket::Unreadable)));
        assert_eq!(end.claims.last(), Some(&(Extent::new(1000 + (most + 4) * 4, 5), Bucket::Unreadable)));
        assert_eq!(end.problems.first().and_then(|problem| problem.extent), Some(Extent::new(1000, 2)));
    }
}
