//! Keeps the problems of a run within bounds: so many singly, the rest counted.

use std::collections::BTreeMap;

use super::{Problem, ProblemKind};

/// Most problems of one kind and source that a record keeps singly: a dead device may have millions.
pub(super) const MAX_SINGLE: u64 = 100_000;
/// Says that a problem stands for the rest of its kind.
const REST: &str = "more of this kind, counted and not listed one by one";

/// How many problems of each source and kind a record has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept(BTreeMap<(u32, ProblemKind), Group>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    singles: u64,
    /// Where the aggregate of the rest stands.
    rest: Option<usize>,
}

impl Kept {
    /// Adds a problem to the list, or to the aggregate of its source and kind when `most` are listed.
    pub(super) fn add(&mut self, problem: Problem, most: u64, list: &mut Vec<Problem>) {
        let group = self.0.entry((problem.source, problem.kind)).or_default();
        if group.singles < most {
            group.singles += 1;
            list.push(problem);
            return;
        }
        match group.rest.and_then(|at| list.get_mut(at)) {
            Some(rest) => rest.count = rest.count.saturating_add(problem.count),
            None => {
                group.rest = Some(list.len());
                let mut rest = Problem::new(problem.kind, REST).advise("the journal has each of them");
                (rest.source, rest.count) = (problem.source, problem.count);
                list.push(rest);
            }
        }
    }

    /// Finds the aggregates again in a list whose order has changed.
    pub(super) fn reordered(&mut self, list: &[Problem]) {
        for (at, rest) in list.iter().enumerate().filter(|(_, problem)| problem.is_rest()) {
            if let Some(group) = self.0.get_mut(&(rest.source, rest.kind)) {
                group.rest = Some(at);
            }
        }
    }
}

impl Problem {
    /// Whether it stands for the problems of its source and kind that a record does not keep singly.
    pub fn is_rest(&self) -> bool {
        self.path.is_none() && self.detail == REST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [ProblemKind; 3] = [ProblemKind::Encrypted, ProblemKind::NotOpened, ProblemKind::Unreadable];

    proptest! {
        #[test]
        fn every_problem_is_counted_and_the_list_is_bounded(
            problems in prop::collection::vec((0_u32..3, 0_usize..3, 1_u64..5, any::<bool>()), 0..200),
            most in 0_u64..10,
        ) {
            let (mut kept, mut list) = (Kept::default(), Vec::new());
            let mut expected: BTreeMap<(u32, ProblemKind), u64> = BTreeMap::new();
            for (source, kind, count, sorted) in problems {
                let mut problem = Problem::new(KINDS[kind], format!("problem {count}"));
                (problem.source, problem.count) = (source, count);
                *expected.entry((source, KINDS[kind])).or_default() += count;
                kept.add(problem, most, &mut list);
                if sorted {
                    list.sort_by_key(|problem| (problem.source, problem.kind, problem.detail.clone()));
                    kept.reordered(&list);
                }
            }
            let mut found: BTreeMap<(u32, ProblemKind), u64> = BTreeMap::new();
            let mut rows: BTreeMap<(u32, ProblemKind), (u64, u64)> = BTreeMap::new();
            for problem in &list {
                *found.entry((problem.source, problem.kind)).or_default() += problem.count;
                let (singles, rests) = rows.entry((problem.source, problem.kind)).or_default();
                *(if problem.is_rest() { rests } else { singles }) += 1;
            }
            prop_assert_eq!(found, expected);
            prop_assert!(rows.values().all(|(singles, rests)| *singles <= most && *rests <= 1));
        }
    }
}
