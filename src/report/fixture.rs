//! Records of small runs for the tests of reports: one with hostile names, one that is complete.

use std::collections::BTreeMap;

use super::Report;
use crate::model::*;

/// What a report writes of a run.
pub(super) fn text(report: &dyn Report, run: &RunRecord) -> String {
    let mut out = Vec::new();
    report.write(run, &mut run.findings.iter(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Names that try to be something else.
pub(super) const HOSTILE: &[&[u8]] = &[
    b"DCIM/100/IMG_0001.jpg",
    b"=cmd|' /C calc'!A0.jpg",
    b"+1;@SUM(1+1).jpg",
    b"<script>alert(1)</script>.jpg",
    b"\" onmouseover=\"alert(1)\" x='.jpg",
    b"</style></table><img src=http://example.invalid/x>.jpg",
    b"a\x1b[2J\x1b]0;title\x07\r\n\x7f.jpg",
    "\u{202e}gpj.exe".as_bytes(),
    "zero\u{200b}width\u{feff}\u{2028}.jpg".as_bytes(),
    b"latin\xe9\xff.jpg",
    "e\u{301}t\u{e9} \u{1f600}.jpg".as_bytes(),
    b"{{ run.secret }}{% raw %}&amp;.jpg",
];

/// Two exhibits: an image with matches, hostile names and an encrypted volume; a folder with a review.
pub(super) fn hostile() -> RunRecord {
    let mut run = RunRecord {
        started: "2026-11-21T17:00:00Z".into(),
        ended: "2026-11-21T17:04:09Z".into(),
        ..RunRecord::default()
    };
    let mut events = vec![
        Event::RunStarted(header(false)),
        Event::SourceStarted(source(0, "AB/1", SourceKind::Image)),
        Event::SourceStarted(source(1, "AB/2", SourceKind::Folder)),
        Event::SourceOpened(opened(0, "ewf", "gpt", MEDIUM)),
        Event::SourceOpened(opened(1, "folder", "none", 0)),
        Event::Volume(volume(0, 1, Some("FAT32"), "NO NAME\u{202e}")),
        Event::Volume(volume(0, 2, None, "")),
        Event::Volume(volume(1, 0, Some("folder"), "")),
    ];
    events.extend(controls());
    events.extend(HOSTILE.iter().enumerate().map(|(at, path)| Event::Finding(finding(at, path))));
    events.push(Event::Finding(review()));
    events.extend(problems().into_iter().map(Event::Problem));
    events.push(Event::Coverage(ledger()));
    events.push(Event::Coverage(whole(1, 4096)));
    events
        .push(Event::Warning(Warning { source: Some(0), detail: "the examiner was restarted once".into() }));
    fold(&mut run, events, true)
}

/// One folder, every byte examined, nothing equal to an entry.
pub(super) fn complete() -> RunRecord {
    let mut run = RunRecord {
        started: "2026-11-21T17:00:00Z".into(),
        ended: "2026-11-21T17:00:09Z".into(),
        ..RunRecord::default()
    };
    let mut events = vec![
        Event::RunStarted(header(true)),
        Event::SourceStarted(source(0, "CD/7", SourceKind::Folder)),
        Event::SourceOpened(opened(0, "folder", "none", 0)),
        Event::Volume(volume(0, 0, Some("folder"), "")),
    ];
    events.extend(controls());
    events.push(Event::Coverage(whole(0, 1 << 20)));
    fold(&mut run, events, false)
}

/// Size of the medium of the first exhibit in bytes.
const MEDIUM: u64 = 104 << 20;

fn fold(run: &mut RunRecord, events: Vec<Event>, stopped: bool) -> RunRecord {
    events.into_iter().for_each(|event| run.apply(event));
    run.sort();
    let end = RunEnd::conclude(run, stopped, if stopped { "by the operator" } else { "" });
    run.apply(Event::RunEnded(end));
    run.clone()
}

fn header(demonstration: bool) -> RunHeader {
    let list = |name: &str, entries, rejected: u64| ListSummary {
        name: name.into(),
        files: vec![ListFile { name: format!("{name}.csv"), format: "csv".into(), sha256: "5f".repeat(32) }],
        date: Some("2026-10-01".into()),
        entries,
        duplicates: 2,
        empty_file: 1,
        without_digest: 0,
        rejected,
        rejected_examples: vec!["line 7: \"<b>xyz\" is no digest".into()]
            .split_off(usize::from(rejected == 0)),
        remarks: vec!["taken as alert on the operator's word".into()].split_off(usize::from(rejected == 0)),
        ..ListSummary::default()
    };
    let set = |name: &str, role, profile: &str, lists| SetSummary {
        demonstration: demonstration && role == Role::Alert,
        lists,
        edition: Edition {
            issuer: (role == Role::Alert).then(|| "Force <b> unit".into()),
            version: None,
            valid_until: (role == Role::Alert).then(|| "2026-10-31".into()),
        },
        expired: role == Role::Alert,
        signature: match role {
            Role::Alert => SetSignature::Trusted { key: "c3".repeat(32), name: "lab".into() },
            Role::KnownGood => SetSignature::None,
        },
        ..SetSummary::new(name, role, profile, "a7".repeat(32))
    };
    RunHeader {
        version: "0.1.0".into(),
        binary_sha256: "0c".repeat(32),
        system: "Linux 6.12".into(),
        case: "2026/0815 <R v Example>".into(),
        operator: "PC 1234 O'Neill & Co".into(),
        authority: "warrant 77".into(),
        options: vec![("threads".into(), "4".into()), ("profile".into(), "uk".into())],
        sets: vec![
            set("demo", Role::Alert, "uk", vec![list("demo", 12_345, 3), list("other", 10, 0)]),
            set("known", Role::KnownGood, "none", vec![list("system files", 2_000_000, 0)]),
        ],
    }
}

fn source(source: u32, exhibit: &str, kind: SourceKind) -> SourceHeader {
    let device = kind == SourceKind::Image;
    SourceHeader {
        source,
        exhibit: exhibit.into(),
        labelled: true,
        name: "/media/stick/<i>image</i>.E01".into(),
        kind,
        size: if device { 61 << 20 } else { 0 },
        device: DeviceIdentity {
            model: device.then(|| "Example Stick 2000".into()),
            serial: device.then(|| "S\u{202e}123".into()),
            capacity: device.then_some(MEDIUM),
            sector_size: device.then_some(512),
            rotational: device.then_some(false),
        },
    }
}

fn opened(source: u32, format: &str, table: &str, size: u64) -> SourceSummary {
    SourceSummary {
        source,
        format: format.into(),
        table: table.into(),
        size,
        stored: Digests { md5: (size > 0).then(|| digest(&"9e".repeat(16))), ..Digests::default() },
        notes: vec![("examiner name".into(), "<b>Bob</b>".into())],
        protection: Protection { read_only: (size > 0).then_some(true), sandboxed: true, remarks: vec![] },
    }
}

fn volume(source: u32, number: u32, filesystem: Option<&str>, label: &str) -> VolumeSummary {
    VolumeSummary {
        source,
        volume: number,
        extent: Extent::new(u64::from(number) << 20, 40 << 20),
        extents: Vec::new(),
        more_extents: 0,
        on: Vec::new(),
        holds: None,
        kind: "Microsoft basic data".into(),
        table_label: String::new(),
        filesystem: filesystem.map(Into::into),
        label: label.into(),
        files: 15,
        deleted: 2,
        directories: 3,
    }
}

fn controls() -> Vec<Event> {
    [
        (ControlKind::SelfTest, "9 known answers"),
        (ControlKind::ControlFile, "found through the whole pipeline"),
    ]
    .map(|(kind, detail)| Event::Control(Control { source: 0, kind, passed: true, detail: detail.into() }))
    .into()
}

fn digest(digits: &str) -> Digest {
    Digest::from_hex(digits).unwrap()
}

fn finding(at: usize, path: &[u8]) -> Finding {
    let deleted = at % 3 == 1;
    let byte = format!("{:02x}", at / 2);
    let hit = |algorithm, category: Option<&str>, name: Option<&str>| Hit {
        set: "demo".into(),
        list: "demo".into(),
        algorithm,
        category: category.map(Into::into),
        category_name: name.map(Into::into),
        action: Action::Alert,
        victim_identified: None,
        distributed: None,
    };
    let hits = match at % 4 {
        0 => vec![hit(Algorithm::Md5, Some("1"), Some("A"))],
        1 => vec![hit(Algorithm::Md5, Some("2"), Some("B")), hit(Algorithm::Sha1, Some("2"), Some("B"))],
        2 => vec![hit(Algorithm::Sha256, Some("1"), Some("A"))],
        _ => vec![hit(Algorithm::Sha1, None, None)],
    };
    let stamp = TimeEncoding::FatLocal.decode(Times {
        created: Some(0x004b_389f_6296),
        modified: Some(0),
        ..Times::default()
    });
    Finding {
        grade: if deleted { Grade::ExactDeleted } else { Grade::Exact },
        exhibit: "AB/1".into(),
        source: 0,
        item: ItemRecord {
            volume: 1,
            path: RawText::new(path),
            record: 100 + at as u64,
            stream: 0,
            kind: EntryKind::File,
            extents: vec![Extent::new(1 << 20, 4096), Extent::new(2 << 20, 904)],
            more_extents: 0,
            content: crate::model::Content::Runs,
            size: 5000,
            state: if deleted { EntryState::Deleted } else { EntryState::Allocated },
            digests: Digests {
                md5: Some(digest(&byte.repeat(16))),
                sha1: Some(digest(&byte.repeat(20))),
                sha256: Some(digest(&byte.repeat(32))),
            },
            times: stamp,
        },
        hits,
        remarks: vec![],
    }
}

fn review() -> Finding {
    let mut finding = finding(0, b"notes/readme \xf0\x9f\x98\x80.txt");
    finding.exhibit = "AB/2".into();
    finding.source = 1;
    finding.item.volume = 0;
    finding.hits[0].category = Some("4".into());
    finding.hits[0].category_name = None;
    finding.hits[0].action = Action::Review;
    finding.hits[0].list = "other".into();
    finding.remarks = vec!["opened read-only; last access time not changed".into()];
    finding
}

fn problems() -> Vec<Problem> {
    let mut many = Problem::new(ProblemKind::NotOpened, "zip archive: digested as a whole, not opened")
        .of_entry("docs/=evil.zip".into(), 7)
        .in_volume(1);
    many.count = 12;
    vec![
        Problem::new(ProblemKind::Encrypted, "volume 2 is encrypted: LUKS2 header at byte 0")
            .in_volume(2)
            .at(Extent::new(42 << 20, 24 << 20))
            .advise("do not power off: ask for the key"),
        Problem::new(ProblemKind::Unreadable, "read failed at 0x2a00: input/output error")
            .at(Extent::new(0x2a00, 4096)),
        Problem::new(ProblemKind::Corrupt, "directory entry: checksum 0x12 expected, 0x34 found")
            .of_entry(RawText::new(&b"bad\x1b[31m\xff<b>"[..]), 9)
            .in_volume(1),
        many,
    ]
}

fn ledger() -> Coverage {
    let parts = [
        (Bucket::Unreadable, 4096),
        (Bucket::Encrypted, 24 << 20),
        (Bucket::Examined, 17 << 20),
        (Bucket::ExaminedWhole, 1 << 20),
        (Bucket::Skipped, 61 << 20),
        (Bucket::Unpartitioned, (1 << 20) - 4096),
    ];
    Coverage {
        source: 0,
        total: MEDIUM,
        bytes: parts.into(),
        known: 2,
        skipped: BTreeMap::from([(SkipRule::Unallocated.label().to_owned(), 61 << 20)]),
        files: CoverageCounts {
            total: 1500,
            examined: 1498,
            examined_whole: 12,
            not_examined: 2,
            not_reached: 0,
        },
        media: CoverageCounts { total: 900, examined: 899, not_examined: 1, ..CoverageCounts::default() },
        deleted: CoverageCounts { total: 40, examined: 31, not_examined: 9, ..CoverageCounts::default() },
    }
}

fn whole(source: u32, total: u64) -> Coverage {
    Coverage {
        source,
        total,
        bytes: BTreeMap::from([(Bucket::Examined, total)]),
        files: CoverageCounts { total: 4, examined: 4, ..CoverageCounts::default() },
        media: CoverageCounts { total: 1, examined: 1, ..CoverageCounts::default() },
        ..Coverage::default()
    }
}
