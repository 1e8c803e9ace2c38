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
    let encrypted = record.problems.iter().any(|p| p.source == source && p.kind == ProblemKind::Encrypted)
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
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::*;

    /// A ledger whose buckets sum.
    pub(in crate::model) fn coverage(parts: &[(Bucket, u64)]) -> Coverage {
        let bytes: BTreeMap<Bucket, u64> = parts.iter().copied().collect();
        Coverage { total: bytes.values().sum(), bytes, ..Coverage::default() }
    }

    /// A device, examined in whole, without a finding.
    pub(in crate::model) fn complete() -> RunRecord {
        let list = |name: &str| ListSummary {
            name: name.into(),
            format: "csv".into(),
            sha256: String::new(),
            date: None,
            entries: 1,
            duplicates: 0,
            empty_file: 0,
            without_digest: 0,
            rejected: 0,
            rejected_examples: vec![],
        };
        let set = |role, demonstration| SetSummary {
            name: "demo".into(),
            role,
            profile: "uk".into(),
            demonstration,
            sha256: String::new(),
            lists: vec![list("demo")],
        };
        let mut record = RunRecord::default();
        for event in [
            Event::RunStarted(RunHeader {
                version: String::new(),
                binary_sha256: String::new(),
                system: String::new(),
                case: String::new(),
                operator: String::new(),
                authority: String::new(),
                options: vec![],
                sets: vec![set(Role::KnownGood, false), set(Role::Alert, true)],
            }),
            Event::SourceStarted(SourceHeader {
                source: 0,
                exhibit: "AB/1".into(),
                labelled: true,
                name: "/dev/sdx".into(),
                kind: SourceKind::Device,
                size: 1000,
                device: DeviceIdentity::default(),
            }),
            Event::SourceOpened(SourceSummary {
                source: 0,
                format: "device".into(),
                table: "none".into(),
                size: 1000,
                stored: Digests::default(),
                notes: vec![],
                protection: Protection::default(),
            }),
            Event::Control(Control {
                source: 0,
                kind: ControlKind::SelfTest,
                passed: true,
                detail: "9 known answers".into(),
            }),
            Event::Coverage(coverage(&[(Bucket::Examined, 1000)])),
        ] {
            record.apply(event);
        }
        let end = RunEnd::conclude(&record, false, "");
        record.apply(Event::RunEnded(end));
        record
    }

    fn finding(source: u32, state: EntryState, hits: Vec<Hit>) -> Event {
        let grade = if state == EntryState::Allocated { Grade::Exact } else { Grade::ExactDeleted };
        Event::Finding(Finding {
            grade,
            exhibit: "AB/1".into(),
            source,
            item: ItemRecord {
                volume: 0,
                path: "a.jpg".into(),
                record: 1,
                stream: 0,
                kind: EntryKind::File,
                extents: vec![],
                size: 1,
                state,
                digests: EMPTY_FILE,
                times: Timestamps::default(),
            },
            hits,
            remarks: vec![],
        })
    }

    fn hit(algorithm: Algorithm, category: Option<&str>, action: Action) -> Hit {
        Hit {
            set: "demo".into(),
            list: "demo".into(),
            algorithm,
            category: category.map(Into::into),
            category_name: (category == Some("1")).then(|| "A".into()),
            action,
        }
    }

    #[test]
    fn the_answer_follows_from_findings_and_from_what_is_encrypted() {
        use EntryState::{Allocated, Deleted};
        let alert = || hit(Algorithm::Sha1, Some("1"), Action::Alert);
        let review = || hit(Algorithm::Sha1, Some("4"), Action::Review);
        let ignore = || hit(Algorithm::Sha1, Some("0"), Action::Ignore);
        let md5 = || hit(Algorithm::Md5, None, Action::Alert);
        for (events, result, reasons) in [
            (vec![], VerdictResult::NoMatch, &[][..]),
            (vec![finding(0, Allocated, vec![ignore()])], VerdictResult::NoMatch, &[]),
            (
                vec![finding(0, Allocated, vec![review()])],
                VerdictResult::Review,
                &["1 existing file matches list demo (category 4, no name configured), for review"],
            ),
            (
                vec![
                    finding(0, Allocated, vec![alert(), alert(), review()]),
                    finding(0, Allocated, vec![alert()]),
                    finding(0, Deleted, vec![alert(), ignore()]),
                ],
                VerdictResult::Match,
                &[
                    "2 existing files and 1 deleted file match list demo (category 1, A)",
                    "1 existing file matches list demo (category 4, no name configured), for review",
                ],
            ),
            (
                vec![finding(0, Deleted, vec![md5()])],
                VerdictResult::Match,
                &["1 deleted file matches list demo", "1 finding rests on MD5 alone, which is weak"],
            ),
        ] {
            let mut record = complete();
            events.into_iter().for_each(|event| record.apply(event));
            let verdict = Verdict::conclude(&record);
            assert_eq!((verdict.result, verdict.complete), (result, true));
            assert_eq!(verdict.exhibits[0].reasons, reasons);
        }
        let mut record = complete();
        record.coverage[0] = coverage(&[(Bucket::Encrypted, 1)]);
        let verdict = Verdict::conclude(&record);
        assert_eq!((verdict.result, verdict.complete), (VerdictResult::Review, false));
        assert_eq!(verdict.exhibits[0].reasons, ["encrypted: 1 byte (100 %)"]);
    }

    #[test]
    fn a_run_is_as_its_strongest_exhibit_and_complete_only_when_all_are() {
        let mut record = complete();
        record.apply(finding(1, EntryState::Allocated, vec![hit(Algorithm::Sha1, None, Action::Alert)]));
        let verdict = Verdict::conclude(&record);
        assert_eq!((verdict.result, verdict.complete), (VerdictResult::Match, false));
        let each: Vec<_> = verdict.exhibits.iter().map(|e| (e.result, e.complete)).collect();
        assert_eq!(each, [(VerdictResult::NoMatch, true), (VerdictResult::Match, false)]);
        assert_eq!(verdict.headline(), "MATCH, examination incomplete");
        assert_eq!(verdict.exit_code(), ExitCode::Match);
    }

    #[test]
    fn a_run_without_an_exhibit_is_not_complete() {
        let verdict = Verdict::conclude(&RunRecord::default());
        assert!(!verdict.complete);
        assert_eq!(verdict.exit_code(), ExitCode::Review);
    }

    #[test]
    fn the_verdict_of_an_ending_is_the_one_of_the_ended_record() {
        for (stopped, reason) in [(false, ""), (true, "by the operator")] {
            let mut record = complete();
            record.end = None;
            let end = RunEnd::conclude(&record, stopped, reason);
            record.apply(Event::RunEnded(end.clone()));
            assert_eq!(Verdict::conclude(&record), end.verdict);
            assert_eq!(end.verdict.complete, !stopped);
        }
    }

    #[test]
    fn only_demonstration_sets_make_a_demonstration() {
        let mut record = complete();
        assert!(Verdict::conclude(&record).demonstration);
        let sets = &mut record.header.as_mut().unwrap().sets;
        sets.push(SetSummary { demonstration: false, ..sets[1].clone() });
        assert!(!Verdict::conclude(&record).demonstration);
        record.header.as_mut().unwrap().sets.clear();
        assert!(!Verdict::conclude(&record).demonstration);
    }

    #[test]
    fn a_failed_control_fails_the_run_and_no_result_is_complete() {
        let mut record = complete();
        assert_eq!(record.failed(), None);
        record.controls[0].passed = false;
        assert_eq!(record.failed().as_deref(), Some("self test: 9 known answers"));
        assert!(!Verdict::conclude(&record).complete);
    }
}
