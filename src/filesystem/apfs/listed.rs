//! What a listing leaves behind: the places of directories, and what is to be said of the files.

use std::collections::{BTreeMap, HashMap};

use crate::model::{EntryIndex, Problem, ProblemKind, Survey};

use super::content::Trouble;

/// What a listing leaves behind.
pub(super) struct Listed {
    /// The entry of each directory.
    pub places: HashMap<u64, EntryIndex>,
    /// Problems of kinds of files, each with its number.
    pub troubles: BTreeMap<Trouble, u64>,
    /// Names whose file is not there.
    pub missing: u64,
    /// Files and directories without a name.
    pub nameless: u64,
    /// Whether the table of entries is full.
    pub full: bool,
    /// Attributes beyond those of one file that can be numbered.
    pub unnumbered: u64,
}

impl Listed {
    /// Notes what became of the files of a volume.
    pub(super) fn report(&self, volume: &str, survey: &mut Survey<'_>) {
        for (trouble, count) in &self.troubles {
            survey.problem(trouble.problem(volume, *count));
        }
        let counted = |count: u64, what: &str| {
            let detail = format!("APFS volume {volume}: {count} {what}");
            let mut problem = Problem::new(ProblemKind::Corrupt, detail);
            problem.count = count;
            problem
        };
        if self.missing > 0 {
            let what = "names whose file has no record: what their extents hold is likely only";
            survey.problem(counted(self.missing, what));
        }
        if self.nameless > 0 {
            let what = "files and directories that no directory names: they stand where they say themselves";
            survey.problem(counted(self.nameless, what));
        }
        if self.unnumbered > 0 {
            let what = "attributes of files that have more than 65534 of them are not listed";
            survey.problem(Problem { kind: ProblemKind::Limit, ..counted(self.unnumbered, what) });
        }
        self.report_full(survey);
    }

    /// Says so when not everything had room.
    pub(super) fn report_full(&self, survey: &mut Survey<'_>) {
        if self.full {
            full(survey);
        }
    }
}

/// Notes that the table of entries is full.
pub(super) fn full(survey: &mut Survey<'_>) {
    let detail = "more entries than one source may have: the rest are not listed";
    survey.problem(Problem::new(ProblemKind::Limit, detail));
}
