//! A run as its journal tells it: what every report is made from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::kept::{Kept, MAX_SINGLE};
use super::{
    Action, Control, Coverage, Digest, EntryState, Event, Finding, Problem, RunEnd, RunHeader, SourceHeader,
    SourceSummary, VolumeSummary, Warning,
};

/// How many findings of one category there are: distinct contents apart from places, existing ones apart from deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryCount {
    /// Distinct contents, by SHA-256.
    pub distinct: u64,
    /// Places where they lie in existing files.
    pub allocated: u64,
    /// Places where they lie in deleted files.
    pub deleted: u64,
    #[serde(skip)]
    contents: BTreeSet<Digest>,
}

/// Everything that a run recorded, folded from its events in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRecord {
    /// The run as it was started.
    pub header: Option<RunHeader>,
    /// When it began, RFC 3339 in UTC; volatile.
    pub started: String,
    /// When it ended; empty when it never did; volatile.
    pub ended: String,
    /// The sources as they were opened.
    pub sources: Vec<SourceHeader>,
    /// The sources as they were decoded.
    pub opened: Vec<SourceSummary>,
    /// The volumes.
    pub volumes: Vec<VolumeSummary>,
    /// Ledgers, one for each source that was finished.
    pub coverage: Vec<Coverage>,
    /// What was not examined.
    ///
    /// Of each source and kind so many are kept singly, the rest in one that [`Problem::is_rest`].
    pub problems: Vec<Problem>,
    /// What bounds `problems`.
    pub(crate) kept: Kept,
    /// Checks of the run itself.
    pub controls: Vec<Control>,
    /// What else a reader must know.
    pub warnings: Vec<Warning>,
    /// Findings by list, category and action, in words.
    pub categories: BTreeMap<(Action, String), CategoryCount>,
    /// The findings, in the order of every report once [`RunRecord::sort`] was called.
    pub findings: Vec<Finding>,
    /// How it ended; absent when it never did.
    pub end: Option<RunEnd>,
}

impl RunRecord {
    /// Takes over one event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::RunStarted(header) => self.header = Some(header),
            Event::SourceStarted(source) => self.sources.push(source),
            Event::SourceOpened(source) => self.opened.push(source),
            Event::Volume(volume) => self.volumes.push(volume),
            Event::Coverage(coverage) => self.coverage.push(coverage),
            Event::Problem(problem) => self.kept.add(problem, MAX_SINGLE, &mut self.problems),
            Event::Control(control) => self.controls.push(control),
            Event::Warning(warning) => self.warnings.push(warning),
            Event::Finding(finding) => {
                self.count(&finding);
                self.findings.push(finding);
            }
            Event::RunEnded(end) => self.end = Some(end),
            Event::Examined(_)
            | Event::Progress(_)
            | Event::Started(_)
            | Event::Entry(_)
            | Event::Done { .. } => {}
        }
    }

    /// Puts everything into the order of the reports, which does not depend on the order of work.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        self.problems.sort_by_key(|p| {
            let path = p.path.as_ref().map(|path| path.as_bytes().to_vec());
            (p.source, p.kind, p.volume, path, p.record, p.extent, p.detail.clone())
        });
        self.kept.reordered(&self.problems);
        self.volumes.sort_by_key(|v| (v.source, v.volume));
        self.opened.sort_by_key(|s| s.source);
        self.coverage.sort_by_key(|c| c.source);
    }

    fn count(&mut self, finding: &Finding) {
        let names: BTreeSet<(Action, String)> =
            finding.hits.iter().map(|hit| (hit.action, hit.category_text())).collect();
        for name in names {
            let count = self.categories.entry(name).or_default();
            match finding.item.state {
                EntryState::Allocated => count.allocated += 1,
                EntryState::Deleted | EntryState::Orphan => count.deleted += 1,
            }
            if let Some(content) = finding.item.digests.iter().last() {
                count.contents.insert(content);
            }
            count.distinct = count.contents.len().try_into().unwrap_or(u64::MAX);
        }
    }
}
