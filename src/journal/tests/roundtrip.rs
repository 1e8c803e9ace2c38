//! What is appended and committed is what a replay gives back.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::samples::{self, correction, events, run, sealed, warning, write};
use crate::journal::*;
use crate::model::{Event, Progress, RunRecord};

fn fold(events: &[Event]) -> RunRecord {
    let mut record = RunRecord::default();
    events.iter().cloned().for_each(|event| record.apply(event));
    record.sort();
    let stamp = "2026-11-21T17:27:01.250Z";
    record.started = if events.is_empty() { String::new() } else { stamp.into() };
    record.ended = if record.end.is_some() { stamp.into() } else { String::new() };
    record
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_events_come_back_as_they_went_in(
        mut events in prop::collection::vec(events(), 0..20), ends in any::<bool>(), group in 1_usize..6
    ) {
        events.extend(ends.then(|| Event::RunEnded(samples::end())));
        let place = tempfile::tempdir().unwrap();
        let mut writer = Writer::create_with(&Disk, place.path(), samples::clock()).unwrap();
        for group in events.chunks(group) {
            group.iter().for_each(|event| writer.append(event).unwrap());
            writer.commit().unwrap();
        }
        let replay = replay(place.path()).unwrap();
        prop_assert_eq!(replay.record, fold(&events));
        prop_assert_eq!(replay.head, writer.head());
        prop_assert_eq!((replay.ended, replay.torn_tail), (ends, false));
    }
}

#[test]
fn a_journal_cut_at_any_byte_gives_its_whole_records_and_says_torn() {
    let place = tempfile::tempdir().unwrap();
    let events = &run()[..3];
    write(place.path(), events);
    let path = place.path().join(JOURNAL);
    let bytes = fs::read(&path).unwrap();
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        let replay = replay(place.path()).unwrap();
        assert_eq!(replay.record, fold(&events[..whole]), "cut at {cut}");
        assert_eq!(replay.torn_tail, cut > 0 && bytes[cut - 1] != b'\n', "cut at {cut}");
        let verification = verify(place.path()).unwrap();
        assert_eq!(verification.state, SealState::Unsealed);
        assert_eq!(verification.faults, []);
        assert_eq!(verification.head.records, u64::try_from(whole).unwrap());
        let torn = verification.notes.iter().any(|note| note.contains("torn"));
        assert_eq!(torn, replay.torn_tail);
    }
    // A page that never reached the disk.
    fs::write(&path, [&bytes[..], &[0; 4096], b"\n"].concat()).unwrap();
    assert!(replay(place.path()).unwrap().torn_tail);
    fs::write(&path, [&bytes[..], &[0; 4096], b"\n{}\n"].concat()).unwrap();
    assert!(replay(place.path()).is_err());
}

#[test]
fn a_break_is_named_with_its_line_and_what_stands_before_it_can_be_salvaged() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &run());
    let path = place.path().join(JOURNAL);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("stick1", "stick9", 1)).unwrap();
    let error = replay(place.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("journal.jsonl, line 4 at byte ") && error.contains("expected prev "),
        "{error}"
    );
    let (salvaged, fault) = salvage(place.path()).unwrap();
    assert_eq!((salvaged.record.sources.len(), salvaged.record.findings.len()), (2, 0));
    assert_eq!(fault.unwrap().line, Some(4));
}

#[test]
fn a_journal_is_never_opened_twice_and_is_closed_by_the_end_of_the_run() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = write(place.path(), &run());
    assert_eq!(Writer::create(place.path()).err().unwrap().kind(), std::io::ErrorKind::AlreadyExists);
    assert!(writer.append(&warning("late")).is_err());
    writer.append(&Event::Progress(Progress::default())).unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.head().records, 6);
    assert!(replay(place.path()).unwrap().ended);
}

#[test]
fn a_record_beyond_the_limit_is_refused_and_the_journal_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(place.path()).unwrap();
    writer.append(&warning(&"x".repeat((16 << 20) - 1000))).unwrap();
    assert_eq!(writer.head().records, 1, "a full buffer is committed unasked");
    assert!(writer.append(&warning(&"x".repeat(16 << 20))).is_err());
    writer.append(&warning("next")).unwrap();
    writer.commit().unwrap();
    assert_eq!(replay(place.path()).unwrap().head, writer.head());
}

#[test]
fn corrections_reach_source_findings_and_verdict_and_leave_the_journal_alone() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, &run());
    let before = fs::read(folder.join(JOURNAL)).unwrap();
    for (source, reference) in [("stick1", "JS/2"), ("0", "JS/1"), ("JS/2", "JS/3")] {
        append_correction_with(&Disk, &samples::clock(), folder, &correction(source, reference)).unwrap();
    }
    assert_eq!(fs::read(folder.join(JOURNAL)).unwrap(), before);
    let Replay { record, corrections, .. } = replay(folder).unwrap();
    let exhibits: Vec<_> = record.sources.iter().map(|s| (s.exhibit.as_str(), s.labelled)).collect();
    assert_eq!(exhibits, [("JS/1", true), ("JS/3", true)]);
    assert!(record.findings.iter().map(|f| &f.exhibit).eq(["JS/1", "JS/3"]));
    assert!(record.end.unwrap().verdict.exhibits.iter().map(|v| &v.exhibit).eq(["JS/1", "JS/3"]));
    let told = "reference corrected from JS/2 to JS/3 on 2026-11-21T17:27:01.250Z by PC 2";
    assert_eq!(record.warnings.last().unwrap().detail, told);
    assert_eq!(corrections.len(), 3);
    for (source, reference) in [("stick1", "A"), ("2", "A"), ("0", "")] {
        assert!(append_correction(folder, &correction(source, reference)).is_err(), "{source} {reference}");
    }
    // An index that is another's reference says nothing.
    append_correction(folder, &correction("JS/1", "1")).unwrap();
    let error = append_correction(folder, &correction("1", "B")).unwrap_err().to_string();
    assert!(error.contains("names several sources"), "{error}");
    append_correction(folder, &correction("JS/3", "B")).unwrap();
}

#[cfg(unix)]
#[test]
fn a_run_that_is_going_on_cannot_be_corrected() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(place.path()).unwrap();
    run()[..3].iter().for_each(|event| writer.append(event).unwrap());
    writer.commit().unwrap();
    let error = append_correction(place.path(), &correction("0", "A")).unwrap_err().to_string();
    assert!(error.contains("going on"), "{error}");
    drop(writer);
    append_correction(place.path(), &correction("0", "A")).unwrap();
    assert_eq!(replay(place.path()).unwrap().record.sources[0].exhibit, "A");
}

#[test]
fn a_torn_correction_is_not_applied_and_gives_way_to_the_next() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    sealed(folder);
    let path = folder.join(CORRECTIONS);
    let bytes = fs::read(&path).unwrap();
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in (first + 1..bytes.len() - 1).step_by(11).chain([bytes.len() - 1]) {
        fs::write(&path, &bytes[..cut]).unwrap();
        let replayed = replay(folder).unwrap();
        assert_eq!(replayed.corrections.len(), 1);
        assert!(replayed.record.warnings.last().unwrap().detail.contains("torn"));
        assert_ne!(verify(folder).unwrap().faults, [], "cut at {cut}");
        let next = append_correction(folder, &correction("0", "JS/9"));
        // Only the newline is missing: the record may have been confirmed, and is not cut off.
        assert_eq!(next.is_err(), cut == bytes.len() - 1);
        if next.is_ok() {
            assert_eq!(replay(folder).unwrap().corrections.len(), 2);
            assert_eq!(verify(folder).unwrap().state, SealState::Sealed);
        }
    }
}

#[test]
fn sealing_the_same_folder_gives_the_same_bytes_and_only_once() {
    let manifest = |folder: &Path| {
        sealed(folder);
        fs::read(folder.join(MANIFEST)).unwrap()
    };
    let places = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [a, b] = places.each_ref().map(|place| manifest(place.path()));
    assert_eq!(a, b);
    let text = String::from_utf8(a).unwrap();
    let names: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("\"name\": ")).collect();
    assert_eq!(names, ["\"copies/1.bin\",", "\"empty.csv\",", "\"journal.jsonl\",", "\"report.html\","]);
    let head = replay(places[0].path()).unwrap().head;
    assert!(seal(places[0].path(), head).unwrap_err().to_string().contains("sealed already"));
}

#[test]
fn only_an_ended_run_with_the_head_that_was_committed_is_sealed() {
    let place = tempfile::tempdir().unwrap();
    let head = write(place.path(), &run()[..4]).head();
    assert!(seal(place.path(), head).is_err());
    assert!(!place.path().join(MANIFEST).exists());
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &run());
    assert!(seal(place.path(), head).is_err());
}

#[cfg(unix)]
#[test]
fn every_file_is_open_to_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    sealed(place.path());
    for name in [JOURNAL, CORRECTIONS, MANIFEST] {
        let mode = fs::metadata(place.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
