//! Entries and their problems on their way into a survey.

use crate::filesystem::tree::Reports;
use crate::model::{EntryIndex, Extent, NewEntry, Parent, Problem, ProblemKind, Survey};
use crate::read::ReadAt;

/// A survey, and whether it takes more entries.
pub(in crate::filesystem) struct Listing<'s, 't> {
    pub(in crate::filesystem) survey: &'s mut Survey<'t>,
    /// The table of entries takes no more.
    pub(in crate::filesystem) full: bool,
    reports: Reports,
}

impl<'s, 't> Listing<'s, 't> {
    pub(in crate::filesystem) fn new(survey: &'s mut Survey<'t>) -> Self {
        Self { survey, full: false, reports: Reports::default() }
    }

    /// Adds an entry whose record number is that of a slot of 32 bytes.
    pub(in crate::filesystem) fn add(&mut self, entry: NewEntry<'_>) -> Option<EntryIndex> {
        let added = self.survey.add(entry);
        if added.is_none() && !self.full {
            self.full = true;
            let detail = "the source has more entries than can be listed: the rest of this volume is not";
            let place = Extent::new(entry.record.saturating_mul(32), 32);
            self.survey.problem(Problem::new(ProblemKind::Limit, detail).at(place));
        }
        added
    }

    /// Notes problems of an entry.
    pub(in crate::filesystem) fn note(&mut self, index: Option<EntryIndex>, problems: Vec<Problem>) {
        for problem in problems {
            self.reports.note(index, problem, self.survey);
        }
    }

    /// Says how many problems of entries were not listed singly.
    pub(in crate::filesystem) fn hand_over(&mut self) {
        self.reports.hand_over(self.survey);
    }
}

/// Notes bytes that were read as metadata, as far as the volume has them.
pub(in crate::filesystem) fn claim(survey: &mut Survey<'_>, volume: &dyn ReadAt, offset: u64, length: u64) {
    let length = length.min(volume.size().saturating_sub(offset));
    if length > 0 {
        survey.metadata(offset, length);
    }
}

/// The entry that a parent is, if it is one.
pub(in crate::filesystem) const fn entry(parent: Parent) -> Option<EntryIndex> {
    match parent {
        Parent::Entry(index) => Some(index),
        Parent::Root | Parent::Unknown => None,
    }
}
