//! The answer of a run and the exit code that says it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::gaps::Ending;
use super::{Action, Bucket, Finding, ProblemKind, Role, RunEnd, RunRecord};

/// The three answers. There is none that means "clean".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictResult {
    /// Nothing in what was examined equals an entry.
    NoMatch,
    /// A person must look.
    Review,
    /// At least one digest equals an entry of an alert set.
    Match,
}

impl VerdictResult {
    /// The words on screen and in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoMatch => "NO MATCH IN WHAT WAS EXAMINED",
            Self::Review => "REVIEW",
            Self::Match => "MATCH",
        }
    }

    /// What it means, as a sentence that can be read out.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoMatch => "No match in what was examined: not by itself a reason to leave the device.",
            Self::Review => "A person must look at it before anything is concluded.",
            Self::Match => "At least one digest equals an entry of an alert list.",
        }
    }
}

/// The answer for one exhibit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExhibitVerdict {
    /// Reference of the exhibit.
    pub exhibit: String,
    /// Index of the source within the run.
    pub source: u32,
    /// The answer.
    pub result: VerdictResult,
    /// Whether everything was examined.
    pub complete: bool,
    /// Why, in plain words: first what was found, then what was not examined.
    pub reasons: Vec<String>,
}

/// The answer of a run: the strongest of its exhibits', complete when all are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub result: VerdictResult,
    /// Whether everything was examined.
    pub complete: bool,
    /// Whether only the demonstration set was loaded.
    pub demonstration: bool,
    /// Each exhibit by itself.
    pub exhibits: Vec<ExhibitVerdict>,
}

/// What the process returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: complete, and nothing found.
    NothingFound,
    /// 1: at least one match.
    Match,
    /// 2: needs review, or something was not examined.
    Review,
    /// 3: the run failed or was misused.
    Failure,
}

impl ExitCode {
    /// The number that the operating system gets.
    pub const fn number(self) -> u8 {
        match self {
            Self::NothingFound => 0,
            Self::Match => 1,
            Self::Review => 2,
            Self::Failure => 3,
        }
    }
}

impl Verdict {
    /// The answer that a record gives, as far as it goes: a pure function of it.
    ///
    /// A record without an end is one of a run that never ended. To conclude a run that is about to
    /// end, use [`RunEnd::conclude`].
    pub fn conclude(record: &RunRecord) -> Self {
        Self::conclude_as(record, record.ending())
    }

    fn conclude_as(record: &RunRecord, ending: Ending<'_>) -> Self {
        let exhibits: Vec<ExhibitVerdict> =
            record.source_indexes().into_iter().map(|source| exhibit(record, source, ending)).collect();
        Self {
            result: exhibits.iter().map(|e| e.result).max().unwrap_or(VerdictResult::NoMatch),
            // Of a run without any exhibit nothing can be said at all.
            complete: !exhibits.is_empty() && exhibits.iter().all(|e| e.complete),
            demonstration: record.is_demonstration(),
            exhibits,
        }
    }

    /// "Nothing found" is never the same code as "could not look".
    pub const fn exit_code(&self) -> ExitCode {
        match (self.result, self.complete) {
            (VerdictResult::Match, _) => ExitCode::Match,
            // Of evidence, the demonstration set says nothing at all.
            (VerdictResult::NoMatch, true) if self.demonstration => ExitCode::Review,
            (VerdictResult::NoMatch, true) => ExitCode::NothingFound,
            (VerdictResult::NoMatch, false) | (VerdictResult::Review, _) => ExitCode::Review,
        }
    }

    /// Both halves of the answer, always together.
    pub fn headline(&self) -> String {
        format!("{}, {}", self.result.label(), completeness(self.complete))
    }
}

impl ExhibitVerdict {
    /// Both halves of the answer, always together.
    pub fn headline(&self) -> String {
        format!("{}, {}", self.result.label(), completeness(self.complete))
    }
}

impl RunEnd {
    /// Ends a run: the verdict of its record so far, which must hold every other event of the run.
    ///
    /// `stopped` says whether it was stopped early, `reason` by what ("by the operator").
    pub fn conclude(record: &RunRecord, stopped: bool, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let ending = if stopped { Ending::Stopped(&reason) } else { Ending::Finished };
        Self { stopped, verdict: Verdict::conclude_as(record, ending), reason }
    }
}

impl RunRecord {
    /// Every source that the record speaks of, also one whose header was lost.
    pub fn source_indexes(&self) -> BTreeSet<u32> {
        let headers = self.sources.iter().map(|s| s.source);
        let opened = self.opened.iter().map(|s| s.source);
        let coverage = self.coverage.iter().map(|c| c.source);
        let problems = self.problems.iter().map(|p| p.source);
        let findings = self.findings.iter().map(|f| f.source);
        headers.chain(opened).chain(coverage).chain(problems).chain(findings).collect()
    }

    /// Reference of the exhibit that a source is.
    pub fn exhibit(&self, source: u32) -> String {
        let header = self.sources.iter().find(|s| s.source == source).map(|s| s.exhibit.clone());
        let finding = || self.findings.iter().find(|f| f.source == source).map(|f| f.exhibit.clone());
        header
            .filter(|name| !name.is_empty())
            .or_else(finding)
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("source {source}"))
    }

    /// Whether every alert set that was loaded is a demonstration set.
    pub fn is_demonstration(&self) -> bool {
        let sets = self.header.iter().flat_map(|header| &header.sets);
        let mut alert = sets.filter(|set| set.role == Role::Alert).peekable();
        alert.peek().is_some() && alert.all(|set| set.demonstration)
    }
}

const fn completeness(complete: bool) -> &'static str {
    if complete { "examination complete" } else { "examination incomplete" }
}

fn exhibit(record: &RunRecord, source: u32, ending: Ending<'_>) -> ExhibitVerdict {
    let action = record.findings.iter().filter(|f| f.source == source).map(Finding::action).max();
    let locked = |kind| matches!(kind, ProblemKind::Encrypted | ProblemKind::PossiblyEncrypted);
    let encrypted = record.problems.iter().any(|p| p.source == source && locked(p.kind))
        || record.coverage_of(source).is_some_and(|coverage| coverage.get(Bucket::Encrypted) > 0);
    let result = match action {
        Some(Action::Alert) => VerdictResult::Match,
        Some(Action::Review) => VerdictResult::Review,
        _ if encrypted => VerdictResult::Review,
        _ => VerdictResult::NoMatch,
    };
    let gaps = record.gaps_as(source, ending);
    let complete = gaps.is_empty();
    let mut reasons = record.found(source);
    reasons.extend(gaps);
    ExhibitVerdict { exhibit: record.exhibit(source), source, result, complete, reasons }
}

#[cfg(test)]
pub(super) mod tests;
