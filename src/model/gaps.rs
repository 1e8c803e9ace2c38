//! Why the examination of a source is incomplete, in plain words and with counts.

use super::{
    Bucket, ControlKind, Coverage, Problem, ProblemKind, Role, RunRecord, SkipRule, SourceKind, counted,
    share_text, size_text,
};

/// How a run ended, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending<'a> {
    /// Its record has no end.
    Never,
    /// Stopped early, and by what.
    Stopped(&'a str),
    /// It came to its end.
    Finished,
}

impl RunRecord {
    /// Why the examination of a source is incomplete; empty when it is complete.
    ///
    /// Complete means: controls held, the run came to its end, and no byte and no entry of the source was
    /// encrypted, unsupported, unreadable, not opened, left out or not reached. Space in no volume counts too:
    /// nobody looked at it, and it can hold data.
    pub fn gaps(&self, source: u32) -> Vec<String> {
        self.gaps_as(source, self.ending())
    }

    /// The control that failed, and so the run with it; `None` when all that were recorded held.
    pub fn failed(&self) -> Option<String> {
        let failed: Vec<String> = self
            .controls
            .iter()
            .filter(|control| !control.passed)
            .map(|control| match control.kind {
                ControlKind::SelfTest | ControlKind::SetEntries => {
                    format!("{}: {}", control.kind.label(), control.detail)
                }
                ControlKind::ControlFile | ControlKind::StoredDigest => {
                    format!(
                        "{} of {}: {}",
                        control.kind.label(),
                        self.exhibit(control.source),
                        control.detail
                    )
                }
            })
            .collect();
        (!failed.is_empty()).then(|| failed.join("; "))
    }

    /// The ledger of a source, once it was finished; the last one counts.
    pub fn coverage_of(&self, source: u32) -> Option<&Coverage> {
        self.coverage.iter().rev().find(|coverage| coverage.source == source)
    }

    pub(super) fn ending(&self) -> Ending<'_> {
        match &self.end {
            None => Ending::Never,
            Some(end) if end.stopped => Ending::Stopped(&end.reason),
            Some(_) => Ending::Finished,
        }
    }

    pub(super) fn gaps_as(&self, source: u32, ending: Ending<'_>) -> Vec<String> {
        let mut gaps = Vec::new();
        self.run_gaps(ending, &mut gaps);
        self.source_gaps(source, &mut gaps);
        let problems: Vec<&Problem> = self.problems.iter().filter(|p| p.source == source).collect();
        let coverage = self.coverage_of(source);
        for kind in PROBLEMS {
            gaps.extend(problem_gap(kind, &problems, coverage));
        }
        self.volume_gaps(source, &problems, &mut gaps);
        if let Some(coverage) = coverage {
            ledger_gaps(coverage, &mut gaps);
        }
        gaps
    }

    fn run_gaps(&self, ending: Ending<'_>, gaps: &mut Vec<String>) {
        if let Some(failed) = self.failed() {
            gaps.push(format!("the run failed: {failed}"));
        }
        if self.controls.is_empty() {
            gaps.push("no control is recorded: the run did not prove itself".to_owned());
        }
        let entries = |header: &super::RunHeader| {
            let alert = header.sets.iter().filter(|set| set.role == Role::Alert);
            alert.flat_map(|set| &set.lists).fold(0_u64, |sum, list| sum.saturating_add(list.entries))
        };
        match &self.header {
            None => gaps.push("the start of the run is not recorded: its sets are unknown".to_owned()),
            Some(header) if entries(header) == 0 => {
                gaps.push("no entry of an alert set was loaded: there was nothing to look for".to_owned());
            }
            Some(_) => {}
        }
        match ending {
            Ending::Never => gaps.push("the run never ended".to_owned()),
            Ending::Stopped("") => gaps.push("examination stopped early".to_owned()),
            Ending::Stopped(reason) if reason.starts_with("by ") => {
                gaps.push(format!("examination stopped {reason}"));
            }
            Ending::Stopped(reason) => gaps.push(format!("examination stopped early: {reason}")),
            Ending::Finished => {}
        }
    }

    fn source_gaps(&self, source: u32, gaps: &mut Vec<String>) {
        let header = self.sources.iter().find(|s| s.source == source);
        let opened = self.opened.iter().any(|s| s.source == source);
        if header.is_none() {
            gaps.push("the start of this source is not recorded".to_owned());
        }
        match self.coverage_of(source) {
            None if opened => gaps.push("the source was not finished: it has no ledger".to_owned()),
            None => gaps.push("the source was not opened: nothing in it was examined".to_owned()),
            Some(coverage) if !coverage.sums() => gaps.push(format!(
                "the ledger does not sum: {} in its buckets, {} in the source",
                size_text(coverage.bytes.values().copied().fold(0, u64::saturating_add)),
                size_text(coverage.total)
            )),
            // An empty folder may be a mount point without its disk, an empty device a reader without its card.
            Some(coverage) if coverage.total == 0 && coverage.files.total == 0 => {
                let folder = header.is_some_and(|header| header.kind == SourceKind::Folder);
                let what = if folder { "the folder holds no file" } else { "the source has no bytes" };
                gaps.push(format!("{what}: there was nothing to examine"));
            }
            Some(_) => {}
        }
    }

    fn volume_gaps(&self, source: u32, problems: &[&Problem], gaps: &mut Vec<String>) {
        let unknown = self
            .volumes
            .iter()
            .filter(|v| v.source == source && v.filesystem.is_none() && v.holds.is_none())
            .filter(|v| !problems.iter().any(|p| p.volume == Some(v.volume)))
            .count();
        if unknown > 0 {
            let unknown = u64::try_from(unknown).unwrap_or(u64::MAX);
            let volumes = counted(unknown, "volume", "volumes");
            gaps.push(format!("{volumes} without a file system that is recognised"));
        }
    }
}

impl ControlKind {
    /// The words used in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SelfTest => "self test",
            Self::ControlFile => "control file",
            Self::SetEntries => "entries drawn from the sets",
            Self::StoredDigest => "digest stored in the image",
        }
    }
}

/// Every kind, gravest first. All of them mean that something was not examined, or not as it should be.
const PROBLEMS: [ProblemKind; 13] = [
    ProblemKind::Gone,
    ProblemKind::Encrypted,
    ProblemKind::PossiblyEncrypted,
    ProblemKind::Unsupported,
    ProblemKind::Unreadable,
    ProblemKind::NotOpened,
    ProblemKind::Corrupt,
    ProblemKind::Crashed,
    ProblemKind::Limit,
    ProblemKind::Refused,
    ProblemKind::Changed,
    ProblemKind::Ambiguous,
    ProblemKind::NotReached,
];

/// One reason for a kind of problem and the bucket that goes with it.
fn problem_gap(kind: ProblemKind, problems: &[&Problem], coverage: Option<&Coverage>) -> Option<String> {
    let of_kind = || problems.iter().filter(|p| p.kind == kind);
    let mut number = of_kind().fold(0_u64, |sum, p| sum.saturating_add(p.count));
    if let (ProblemKind::NotOpened, Some(coverage)) = (kind, coverage) {
        // The ledger counts every one, the list may be cut short.
        let counted = coverage.files.examined_whole.saturating_add(coverage.deleted.examined_whole);
        number = number.max(counted);
    }
    if let (ProblemKind::NotReached, Some(coverage)) = (kind, coverage) {
        number = number.max(coverage.files.not_reached.saturating_add(coverage.deleted.not_reached));
    }
    let bytes = bucket_of(kind)
        .and_then(|bucket| coverage.map(|coverage| (coverage.get(bucket), coverage.total)))
        .filter(|(bytes, _)| *bytes > 0);
    let place = |bytes: u64, total| format!("{} ({})", size_text(bytes), share_text(bytes, total));
    let what = |one, many| counted(number, one, many);
    let text = match kind {
        _ if number == 0 => return bytes.map(|(b, total)| format!("{}: {}", kind.label(), place(b, total))),
        ProblemKind::Encrypted => encrypted(of_kind().copied()),
        ProblemKind::PossiblyEncrypted => {
            format!("{} that may be encrypted", what("volume or file", "volumes or files"))
        }
        ProblemKind::Unsupported => format!("{} not read by this version", what("item", "items")),
        ProblemKind::Unreadable => format!("{} could not be read", what("place", "places")),
        ProblemKind::NotOpened => {
            format!("{} recognised and not opened", what("container", "containers"))
        }
        ProblemKind::Corrupt => what("damaged structure", "damaged structures"),
        ProblemKind::Crashed => format!("the examiner died on {}", what("item", "items")),
        ProblemKind::Limit => format!("{} beyond a stated limit", what("item", "items")),
        ProblemKind::Refused => {
            format!("{} not opened: refused, or opening would have altered evidence", what("item", "items"))
        }
        ProblemKind::Changed => format!("{} changed while being read", what("item", "items")),
        // Told with the volumes: nothing that is there was left out.
        ProblemKind::Lost => return None,
        ProblemKind::Ambiguous => format!("{} can be read in two ways", what("item", "items")),
        ProblemKind::Gone => "the source stopped answering before it was examined in whole".into(),
        ProblemKind::NotReached => format!("{} not reached", what("item", "items")),
    };
    Some(match bytes {
        Some((bytes, total)) => format!("{text}: {}", place(bytes, total)),
        None => text,
    })
}

const fn bucket_of(kind: ProblemKind) -> Option<Bucket> {
    match kind {
        ProblemKind::Encrypted => Some(Bucket::Encrypted),
        ProblemKind::Unsupported => Some(Bucket::Unsupported),
        ProblemKind::Unreadable => Some(Bucket::Unreadable),
        ProblemKind::NotOpened => Some(Bucket::ExaminedWhole),
        ProblemKind::NotReached => Some(Bucket::NotReached),
        ProblemKind::Corrupt
        | ProblemKind::Crashed
        | ProblemKind::Gone
        | ProblemKind::Limit
        | ProblemKind::Refused
        | ProblemKind::Changed
        | ProblemKind::Lost
        | ProblemKind::PossiblyEncrypted
        | ProblemKind::Ambiguous => None,
    }
}

/// Encrypted volumes apart from encrypted files.
fn encrypted<'a>(problems: impl Iterator<Item = &'a Problem>) -> String {
    let (mut files, mut volumes) = (0_u64, 0_u64);
    let mut numbers = std::collections::BTreeSet::new();
    for problem in problems {
        match (&problem.path, problem.volume) {
            // More than can be listed are files: there are fewer volumes.
            _ if problem.is_rest() => files = files.saturating_add(problem.count),
            (Some(_), _) => files = files.saturating_add(problem.count),
            // Two remarks on one volume are still one volume.
            (None, Some(number)) if !numbers.insert(number) => {}
            (None, _) => volumes = volumes.saturating_add(problem.count),
        }
    }
    let mut parts = Vec::new();
    if volumes > 0 {
        parts.push(counted(volumes, "encrypted volume", "encrypted volumes"));
    }
    if files > 0 {
        parts.push(counted(files, "encrypted file", "encrypted files"));
    }
    parts.join(" and ")
}

/// What the ledger says beyond the problems.
fn ledger_gaps(coverage: &Coverage, gaps: &mut Vec<String>) {
    let place = |bytes| format!("{} ({})", size_text(bytes), share_text(bytes, coverage.total));
    let mut unnamed = coverage.get(Bucket::Skipped);
    for (rule, bytes) in coverage.skipped.iter().filter(|(_, bytes)| **bytes > 0) {
        unnamed = unnamed.saturating_sub(*bytes);
        gaps.push(match rule.as_str() {
            rule if rule == SkipRule::Unallocated.label() => {
                format!("unallocated space not examined: {}", place(*bytes))
            }
            rule => format!("left out by the rule \"{rule}\": {}", place(*bytes)),
        });
    }
    for (bytes, what) in [
        (unnamed, "left out without a named rule"),
        (coverage.get(Bucket::Sampled), "only sampled"),
        (coverage.get(Bucket::Unpartitioned), "space outside every volume not examined"),
    ] {
        if bytes > 0 {
            gaps.push(format!("{what}: {}", place(bytes)));
        }
    }
    for (counts, one, many) in
        [(coverage.files, "file", "files"), (coverage.deleted, "deleted entry", "deleted entries")]
    {
        if counts.not_examined > 0 {
            gaps.push(format!("{} not examined", counted(counts.not_examined, one, many)));
        }
    }
}

#[cfg(test)]
mod tests;
