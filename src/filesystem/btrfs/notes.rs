//! What is noted while trees are read: places, failures, problems.

use crate::filesystem::sweep::Places;
use crate::model::{Problem, ProblemKind, Survey};
use crate::read::Unreadable;

/// Problems of one kind that are kept singly; the rest are counted.
const MAX_SINGLE: usize = 100;

/// Places, failures and problems, in the order in which they came up.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    read: Vec<(u64, u64)>,
    failed: Vec<(&'static str, u64, u64, Unreadable)>,
    problems: Vec<Problem>,
    repaired: Vec<Problem>,
    repaired_more: u64,
    more: u64,
    /// Whether a node was used though it is damaged, or could not be had at all.
    pub damaged: bool,
}

impl Notes {
    /// Notes bytes that were read.
    pub(super) fn read(&mut self, offset: u64, length: u64) {
        match self.read.last_mut() {
            Some((start, known)) if start.saturating_add(*known) == offset => {
                *known = known.saturating_add(length);
            }
            _ => self.read.push((offset, length)),
        }
    }

    /// Notes bytes of `what` that could not be read.
    pub(super) fn failed(&mut self, what: &'static str, offset: u64, length: u64, why: &Unreadable) {
        if self.failed.len() < 1 << 16 {
            self.failed.push((what, offset, length, why.clone()));
        }
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, problem: Problem) {
        match self.problems.len() < MAX_SINGLE {
            true => self.problems.push(problem),
            false => self.more = self.more.saturating_add(problem.count),
        }
    }

    /// Notes damage that cost nothing.
    pub(super) fn repaired(&mut self, problem: Problem) {
        match self.repaired.len() < MAX_SINGLE {
            true => self.repaired.push(problem),
            false => self.repaired_more = self.repaired_more.saturating_add(1),
        }
    }

    /// Takes over only the places that were read.
    pub(super) fn take_places(&mut self, other: Self) {
        other.read.into_iter().for_each(|(offset, length)| self.read(offset, length));
    }

    /// Hands problems over to a survey and places to its sweep.
    pub(super) fn hand_over(self, places: &mut Places, survey: &mut Survey<'_>) {
        self.read.iter().for_each(|(offset, length)| places.read(*offset, *length));
        self.failed.iter().for_each(|(what, offset, length, why)| places.failed(what, *offset, *length, why));
        self.problems.into_iter().chain(self.repaired).for_each(|problem| survey.problem(problem));
        for (count, what) in [
            (self.more, "further damage to trees"),
            (self.repaired_more, "further nodes of which a copy is damaged and another one is used"),
        ] {
            if count > 0 {
                let mut problem = Problem::new(ProblemKind::Corrupt, what);
                problem.count = count;
                survey.problem(problem);
            }
        }
    }
}
