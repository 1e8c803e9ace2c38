//! Problems with single entries: the first ones singly and with their paths, the rest counted.

use std::collections::BTreeMap;

use crate::model::{EntryIndex, Problem, ProblemKind, Survey};

/// Problems with entries that one reader lists singly. A path may be long: it is only built for these.
const MAX_SINGLE: u64 = 2_000;

/// Problems with entries on their way into a survey.
#[derive(Debug, Default)]
pub(in crate::filesystem) struct Reports {
    single: u64,
    /// How many of each kind were not listed singly.
    rest: BTreeMap<ProblemKind, u64>,
}

impl Reports {
    /// Notes a problem of an entry.
    pub(in crate::filesystem) fn note(
        &mut self,
        index: Option<EntryIndex>,
        problem: Problem,
        survey: &mut Survey<'_>,
    ) {
        if self.single < MAX_SINGLE {
            self.single = self.single.saturating_add(1);
            let entry = index.and_then(|index| survey.table().get(index));
            let named = match entry.map(|entry| (entry.path(), entry.record())) {
                Some((path, record)) => problem.of_entry(path, record),
                None => problem,
            };
            return survey.problem(named);
        }
        if problem.kind == ProblemKind::Unreadable {
            // The survey keeps the place of each of these, and bounds their number.
            return survey.problem(problem);
        }
        let rest = self.rest.entry(problem.kind).or_default();
        *rest = rest.saturating_add(problem.count);
    }

    /// Says how many there were beyond those that were listed.
    pub(in crate::filesystem) fn hand_over(&mut self, survey: &mut Survey<'_>) {
        for (kind, count) in std::mem::take(&mut self.rest) {
            let detail = format!(
                "further entries have problems like those that were listed ({}); they are counted",
                kind.label()
            );
            survey.problem(Problem { count, ..Problem::new(kind, detail) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntryTable, Extent, Placement};

    #[test]
    fn beyond_the_first_ones_problems_are_counted_and_unreadable_places_kept() {
        let mut table = EntryTable::default();
        let mut survey = Survey::new(0, Placement::whole(1 << 30), &mut table);
        let mut reports = Reports::default();
        for _ in 0..MAX_SINGLE + 5 {
            reports.note(None, Problem::new(ProblemKind::Corrupt, "odd"), &mut survey);
        }
        let dead = Problem::new(ProblemKind::Unreadable, "dead").at(Extent::new(512, 512));
        reports.note(None, dead, &mut survey);
        reports.hand_over(&mut survey);
        let end = survey.finish();
        assert_eq!(end.claims.len(), 1);
        assert_eq!(u64::try_from(end.problems.len()).unwrap(), MAX_SINGLE + 2);
        assert_eq!(end.problems.last().map(|problem| problem.count), Some(5));
    }
}
