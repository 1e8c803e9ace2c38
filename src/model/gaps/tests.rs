//! Every way in which an examination can be incomplete is named.

use super::super::verdict::tests::{complete, coverage};
use super::*;
use crate::model::{Control, CoverageCounts, Extent, RunEnd, Verdict, VerdictResult, VolumeSummary};

/// The gaps of a complete record after a change.
fn gaps_after(change: impl FnOnce(&mut RunRecord)) -> Vec<String> {
    let mut record = complete();
    change(&mut record);
    record.gaps(0)
}

#[test]
fn a_complete_record_has_no_gap() {
    assert_eq!(gaps_after(|_| {}), Vec::<String>::new());
}

#[test]
fn every_kind_of_problem_is_a_gap() {
    for kind in PROBLEMS {
        let gaps = gaps_after(|record| {
            let mut problem = Problem::new(kind, "detail");
            problem.count = 12;
            record.problems.push(problem);
        });
        assert_eq!(gaps.len(), 1, "{kind:?}: {gaps:?}");
        // A source is gone once, whatever it was asked for.
        assert!(kind == ProblemKind::Gone || gaps[0].contains("12 "), "{kind:?}: {gaps:?}");
    }
}

#[test]
fn every_bucket_but_the_examined_one_is_a_gap() {
    for bucket in Bucket::ALL.into_iter().filter(|bucket| *bucket != Bucket::Examined) {
        let gaps = gaps_after(|record| {
            let ledger = &mut record.coverage[0];
            ledger.bytes.insert(Bucket::Examined, 400);
            ledger.bytes.insert(bucket, 600);
        });
        assert_eq!(gaps.len(), 1, "{bucket:?}: {gaps:?}");
        assert!(gaps[0].contains("600 bytes (60 %)"), "{bucket:?}: {gaps:?}");
    }
}

#[test]
fn what_a_run_lacks_is_named_in_plain_words() {
    type Change = fn(&mut RunRecord);
    let table: &[(Change, &[&str])] = &[
        (|r| r.end = None, &["the run never ended"]),
        (|r| r.end = Some(stopped("by the operator")), &["examination stopped by the operator"]),
        (|r| r.end = Some(stopped("disk full")), &["examination stopped early: disk full"]),
        (|r| r.controls.clear(), &["no control is recorded: the run did not prove itself"]),
        (|r| r.controls[0].passed = false, &["the run failed: self test: 9 known answers"]),
        (
            |r| {
                let detail = "not found".to_owned();
                r.controls.push(Control { source: 0, kind: ControlKind::ControlFile, passed: false, detail });
            },
            &["the run failed: control file of AB/1: not found"],
        ),
        (|r| r.header = None, &["the start of the run is not recorded: its sets are unknown"]),
        (
            |r| r.header.as_mut().unwrap().sets.clear(),
            &["no entry of an alert set was loaded: there was nothing to look for"],
        ),
        (|r| r.sources.clear(), &["the start of this source is not recorded"]),
        (|r| r.coverage.clear(), &["the source was not finished: it has no ledger"]),
        (
            |r| {
                r.coverage.clear();
                r.opened.clear();
            },
            &["the source was not opened: nothing in it was examined"],
        ),
        (
            |r| r.coverage[0].total = 1001,
            &["the ledger does not sum: 1,000 bytes in its buckets, 1,001 bytes in the source"],
        ),
        (|r| r.coverage[0] = coverage(&[]), &["the source has no bytes: there was nothing to examine"]),
        (
            |r| {
                r.coverage[0] = coverage(&[(Bucket::Examined, 390), (Bucket::Skipped, 610)]);
                r.coverage[0].skipped.insert(SkipRule::Unallocated.label().to_owned(), 600);
                r.coverage[0].skipped.insert("swap".to_owned(), 4);
            },
            &[
                "left out by the rule \"swap\": 4 bytes (<1 %)",
                "unallocated space not examined: 600 bytes (60 %)",
                "left out without a named rule: 6 bytes (<1 %)",
            ],
        ),
        (
            |r| {
                r.coverage[0].files = CoverageCounts { total: 9, not_examined: 1, ..Default::default() };
                r.coverage[0].deleted.not_examined = 1200;
            },
            &["1 file not examined", "1,200 deleted entries not examined"],
        ),
        (|r| r.coverage[0].files.examined_whole = 12, &["12 containers recognised and not opened"]),
        (|r| r.volumes.push(unknown_volume()), &["1 volume without a file system that is recognised"]),
        (
            |r| {
                r.volumes.push(unknown_volume());
                r.problems.push(Problem::new(ProblemKind::Unsupported, "?").in_volume(3));
            },
            &["1 item not read by this version"],
        ),
    ];
    for (change, expected) in table {
        assert_eq!(gaps_after(change), *expected);
    }
}

#[test]
fn an_encrypted_volume_is_counted_once_and_asks_for_review() {
    let mut record = complete();
    for detail in ["header", "footer"] {
        record.problems.push(Problem::new(ProblemKind::Encrypted, detail).in_volume(2));
    }
    record
        .problems
        .push(Problem::new(ProblemKind::Encrypted, "zip").of_entry("a.zip".into(), 4).in_volume(1));
    record.coverage[0] = coverage(&[(Bucket::Examined, 760), (Bucket::Encrypted, 240)]);
    assert_eq!(record.gaps(0), ["1 encrypted volume and 1 encrypted file: 240 bytes (24 %)"]);
    assert_eq!(Verdict::conclude(&record).result, VerdictResult::Review);
}

fn stopped(reason: &str) -> RunEnd {
    RunEnd { stopped: true, ..RunEnd::conclude(&RunRecord::default(), true, reason) }
}

fn unknown_volume() -> VolumeSummary {
    VolumeSummary {
        source: 0,
        volume: 3,
        extent: Extent::new(0, 10),
        extents: Vec::new(),
        more_extents: 0,
        on: Vec::new(),
        holds: None,
        kind: "type 0x7f".into(),
        table_label: String::new(),
        filesystem: None,
        label: String::new(),
        files: 0,
        deleted: 0,
        directories: 0,
    }
}
