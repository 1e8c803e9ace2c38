//! Faults of one kind as one problem: how many, and where the first is.

use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::Unreadable;

/// Faults met so far.
#[derive(Default)]
pub(in crate::filesystem) struct Tally {
    list: Vec<Problem>,
}

impl Tally {
    /// Notes a fault; those with the same words are counted.
    pub(in crate::filesystem) fn note(&mut self, kind: ProblemKind, detail: &str, place: Extent) {
        match self.list.iter_mut().find(|problem| problem.kind == kind && problem.detail == detail) {
            Some(problem) => problem.count = problem.count.saturating_add(1),
            None => self.list.push(Problem::new(kind, detail).at(place)),
        }
    }

    /// Notes bytes that could not be read: each place is a problem of its own, for the ledger.
    pub(in crate::filesystem) fn unreadable(&mut self, what: &str, place: Extent, why: &Unreadable) {
        let detail = format!("{what} at byte {}: {why}", place.offset);
        self.list.push(Problem::new(ProblemKind::Unreadable, detail).at(place));
    }

    /// Hands everything over.
    pub(in crate::filesystem) fn hand_over(self, survey: &mut Survey<'_>) {
        self.list.into_iter().for_each(|problem| survey.problem(problem));
    }
}
