//! Events and small run folders to test with.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;

use crate::journal::{Correction, Disk, FixedClock, Writer, append_correction_with, seal};
use crate::model::*;

pub fn clock() -> FixedClock {
    FixedClock("2026-11-21T17:27:01.250Z".parse::<Timestamp>().unwrap())
}

/// A run with two sources and findings in both.
pub fn run() -> Vec<Event> {
    let header = RunHeader {
        version: "0".into(),
        binary_sha256: "00".into(),
        system: "test".into(),
        case: "JS/1".into(),
        operator: "PC 1".into(),
        authority: "warrant".into(),
        options: vec![("threads".into(), "1".into())],
        sets: Vec::new(),
    };
    let mut events = vec![Event::RunStarted(header)];
    events.extend((0..2).map(|index| Event::SourceStarted(source(index))));
    events.push(Event::Finding(finding(0, b"DCIM/a.jpg")));
    events.push(Event::Finding(finding(1, b"\xff\xfe")));
    events.push(Event::RunEnded(end()));
    events
}

fn source(index: u32) -> SourceHeader {
    SourceHeader {
        source: index,
        exhibit: format!("stick{index}"),
        labelled: false,
        name: "/dev/sdx".into(),
        kind: SourceKind::Device,
        size: 1 << 20,
        device: DeviceIdentity::default(),
    }
}

pub fn finding(source: u32, path: &[u8]) -> Finding {
    Finding {
        grade: Grade::Exact,
        exhibit: format!("stick{source}"),
        source,
        item: ItemRecord {
            volume: 1,
            path: RawText::new(path),
            record: 7,
            stream: 0,
            kind: EntryKind::File,
            extents: vec![Extent::new(4096, 11)],
            more_extents: 0,
            content: crate::model::Content::Runs,
            size: 11,
            state: EntryState::Allocated,
            digests: EMPTY_FILE,
            times: Timestamps::default(),
        },
        hits: vec![Hit {
            set: "demo".into(),
            list: "demo".into(),
            algorithm: Algorithm::Md5,
            category: Some("1".into()),
            category_name: None,
            action: Action::Alert,
            victim_identified: Some(false),
            distributed: None,
        }],
        remarks: Vec::new(),
    }
}

pub fn end() -> RunEnd {
    let exhibit = |source| ExhibitVerdict {
        exhibit: format!("stick{source}"),
        source,
        result: VerdictResult::Match,
        complete: true,
        reasons: vec!["1 file".into()],
    };
    let exhibits = vec![exhibit(0), exhibit(1)];
    let verdict = Verdict { result: VerdictResult::Match, complete: true, demonstration: false, exhibits };
    RunEnd { stopped: false, reason: String::new(), verdict }
}

pub fn warning(detail: &str) -> Event {
    Event::Warning(Warning { source: None, detail: detail.into() })
}

pub fn write(folder: &Path, events: &[Event]) -> Writer {
    let mut writer = Writer::create_with(&Disk, folder, clock()).unwrap();
    for event in events {
        writer.append(event).unwrap();
        writer.commit().unwrap();
    }
    writer
}

/// A sealed run folder with reports, a folder inside and two corrections.
pub fn sealed(folder: &Path) {
    let writer = write(folder, &run());
    fs::create_dir(folder.join("copies")).unwrap();
    fs::write(folder.join("report.html"), "<p>report").unwrap();
    fs::write(folder.join("copies/1.bin"), [0, 1, 2]).unwrap();
    fs::write(folder.join("empty.csv"), "").unwrap();
    seal(folder, writer.head()).unwrap();
    for (source, reference) in [("1", "JS/2"), ("stick0", "JS/1")] {
        append_correction_with(&Disk, &clock(), folder, &correction(source, reference)).unwrap();
    }
}

pub fn correction(source: &str, reference: &str) -> Correction {
    Correction { source: source.into(), reference: reference.into(), operator: "PC 2".into() }
}

/// Any event that the journal keeps but the end of the run.
pub fn events() -> impl Strategy<Value = Event> {
    let path = prop::collection::vec(any::<u8>(), 0..12);
    let range = (any::<u32>(), any::<u16>(), any::<u64>(), any::<u64>());
    prop_oneof![
        (0..3_u32, path.clone()).prop_map(|(source, path)| Event::Finding(finding(source, &path))),
        any::<String>().prop_map(|text| warning(&text)),
        (0..3_u32).prop_map(|index| Event::SourceStarted(source(index))),
        range.prop_map(|(volume, stream, record, last)| Event::Examined(ExaminedRange {
            known: false,
            source: volume,
            outcome: Outcome::Examined,
            media: true,
            items: vec![IdRange { first: ItemId { volume, stream, record }, last }],
            bytes: last,
        })),
        (any::<String>(), prop::option::of(path), any::<u64>(), 1..5_u64).prop_map(
            |(detail, path, at, count)| {
                let problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(at, at));
                let path = path.map(RawText::new);
                Event::Problem(Problem { path, count, record: Some(at), ..problem })
            }
        ),
        (any::<u64>(), any::<u64>(), any::<String>()).prop_map(|(total, bytes, rule)| {
            let bytes = [(Bucket::Examined, bytes), (Bucket::NotReached, total)].into();
            let skipped = [(rule, total)].into();
            Event::Coverage(Coverage { total, bytes, skipped, ..Coverage::default() })
        }),
        any::<(bool, String)>().prop_map(|(passed, detail)| Event::Control(Control {
            source: 0,
            kind: ControlKind::SelfTest,
            passed,
            detail,
        })),
        (any::<u32>(), any::<u64>(), any::<String>()).prop_map(|(volume, files, label)| Event::Volume(
            VolumeSummary {
                source: 0,
                volume,
                extent: Extent::new(files, 1),
                extents: Vec::new(),
                more_extents: 0,
                on: Vec::new(),
                holds: None,
                kind: label.clone(),
                table_label: label.clone(),
                filesystem: None,
                label,
                files,
                deleted: 0,
                directories: 1,
            }
        )),
    ]
}
