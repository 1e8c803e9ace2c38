//! Tables of what a record lets a run conclude.

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
    let list = |name: &str| ListSummary { name: name.into(), entries: 1, ..ListSummary::default() };
    let set = |role, demonstration| SetSummary {
        demonstration,
        lists: vec![list("demo")],
        ..SetSummary::new("demo", role, "uk", String::new())
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
            more_extents: 0,
            content: crate::model::Content::Runs,
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
        victim_identified: None,
        distributed: None,
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
    let mut record = complete();
    let possible = crate::model::Problem::new(ProblemKind::PossiblyEncrypted, "possible encrypted volume");
    record.apply(crate::model::Event::Problem(possible.in_volume(1)));
    let verdict = Verdict::conclude(&record);
    assert_eq!((verdict.result, verdict.complete), (VerdictResult::Review, false));
    assert_eq!(verdict.exhibits[0].reasons, ["1 volume or file that may be encrypted"]);
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
