//! Troubles that many files may have, counted: one problem for each kind.

use crate::model::{EntryIndex, Problem, ProblemKind, Survey};

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Encrypted,
    Overlay,
    Deduplicated,
    Elsewhere,
    NoPlace,
    NoParent,
    NoBase,
    BadClusters,
    TooManyNames,
}

impl Trouble {
    const ALL: [Self; 9] = [
        Self::Encrypted,
        Self::Overlay,
        Self::Deduplicated,
        Self::Elsewhere,
        Self::NoPlace,
        Self::NoParent,
        Self::NoBase,
        Self::BadClusters,
        Self::TooManyNames,
    ];

    const fn words(self) -> (ProblemKind, &'static str, &'static str) {
        use ProblemKind as Kind;
        match self {
            Self::Encrypted => (
                Kind::Encrypted,
                "content encrypted by the file system (EFS)",
                "the key belongs to a user's account: examine the running computer, or decrypt in the laboratory",
            ),
            Self::Overlay => (
                Kind::Unsupported,
                "content compressed by Windows (CompactOS, WIM) in a way that is not read",
                "examine it with a tool that reads this compression",
            ),
            Self::Deduplicated => (
                Kind::Unsupported,
                "content in the volume's store of deduplicated data, which is not put together",
                "mount a copy on a Windows Server with data deduplication",
            ),
            Self::Elsewhere => (
                Kind::Unsupported,
                "content not on this disk: what is here is a placeholder of a cloud or another store",
                "secure the account or the other store; if the computer is running, the files may still be opened there",
            ),
            Self::NoPlace => (Kind::Corrupt, "the content has no place, or not all of it", ""),
            Self::NoParent => (
                Kind::Corrupt,
                "in use, and the directory that should hold it is not there: it stands under $OrphanFiles",
                "",
            ),
            Self::NoBase => (
                Kind::Corrupt,
                "a record in use extends a file that is not there: its content stands under $OrphanFiles",
                "",
            ),
            Self::BadClusters => (
                Kind::Ambiguous,
                "clusters are marked as bad: they are read like a file, since content can be hidden there",
                "",
            ),
            Self::TooManyNames => {
                (Kind::Limit, "more names or streams than one file may have: the rest are not listed", "")
            }
        }
    }
}

/// Counts of each kind, with the first entry that has it.
#[derive(Default)]
pub(super) struct Tally([(u64, Option<EntryIndex>); Trouble::ALL.len()]);

impl Tally {
    /// Counts an entry.
    pub(super) fn note(&mut self, trouble: Trouble, entry: Option<EntryIndex>) {
        let at = Trouble::ALL.iter().position(|kind| *kind == trouble);
        if let Some((count, first)) = at.and_then(|at| self.0.get_mut(at)) {
            *count = count.saturating_add(1);
            *first = first.or(entry);
        }
    }

    /// Hands over one problem for each kind that was met.
    pub(super) fn hand_over(&self, survey: &mut Survey<'_>) {
        for (trouble, (count, first)) in Trouble::ALL.iter().zip(&self.0).filter(|(_, (count, _))| *count > 0)
        {
            let (kind, what, advice) = trouble.words();
            let detail = match count {
                1 => what.to_owned(),
                _ => format!("{what} ({count} entries, the first is named)"),
            };
            let mut problem = Problem::new(kind, detail).advise(advice);
            problem.count = *count;
            if let Some(entry) = first.and_then(|first| survey.table().get(first)) {
                problem = problem.of_entry(entry.path(), entry.record());
            }
            survey.problem(problem);
        }
    }
}
