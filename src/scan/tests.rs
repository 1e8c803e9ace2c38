//! Two hundred places that cannot be read: each is said exactly, costs the files that it hits, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex;

use super::*;
use crate::container::Image;
use crate::hashset::{Builder, Profile};
use crate::model::{
    Algorithm, Bucket, Digest, Digests, Extent, Role, RunEnd, RunRecord, SourceHeader, SourceKind,
};
use crate::platform::SharedBytes;
use crate::read::{Memory, ReadAt, Unreadable};

const SECTOR: u64 = 512;
const ROUNDS: u64 = 200;

/// A medium of which one range cannot be read.
struct Failing {
    bytes: Arc<Vec<u8>>,
    bad: Extent,
}

impl ReadAt for Failing {
    fn size(&self) -> u64 {
        crate::read::size(self.bytes.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        if (self.bad.offset..self.bad.end()).contains(&offset) {
            // One sector at a time, as a disk does.
            let left = SECTOR - offset % SECTOR;
            return Err(Unreadable::new(offset, left, "bad sector"));
        }
        let before = match self.bad.offset.checked_sub(offset) {
            Some(before) => buffer.len().min(before as usize),
            None => buffer.len(),
        };
        Memory(self.bytes.as_slice()).read_at(offset, &mut buffer[..before])
    }
}

/// Keeps every event.
#[derive(Default)]
struct Keeper(Mutex<RunRecord>);

impl Sink for Keeper {
    fn send(&self, event: Event) -> bool {
        self.0.lock().unwrap().apply(event);
        true
    }
}

/// An ext4 volume of forty files, some fragmented by their sizes alone; `None` without the tool that makes it.
fn volume() -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for number in 0..40_u64 {
        let place = root.join(format!("d{}/f{number:02}", number % 5));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        let mut state = number + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        let content: Vec<u8> = (0..700 + number * 3_001).map(|_| next()).collect();
        std::fs::write(place, content).unwrap();
    }
    let image = folder.path().join("image");
    let mut command = std::process::Command::new("mke2fs");
    command.args(["-q", "-F", "-t", "ext4", "-b", "1024", "-d"]).arg(&root).arg(&image).arg("4096k");
    command.env("PATH", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin");
    if !command.output().is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: mke2fs is missing or did not run");
        return None;
    }
    Some(std::fs::read(image).unwrap())
}

/// Scans a medium with an alert set of `known` digests.
fn scanned(medium: Arc<dyn ReadAt>, known: &[Digest]) -> RunRecord {
    let mut builder = Builder::new("every file", Role::Alert, Profile::none());
    builder.add_digests("every file", known).unwrap();
    let set = open_set(SharedBytes::new(builder.finish().unwrap()).unwrap()).unwrap();
    let sets = KnownSets::new(vec![set]);
    let (keeper, stop) = (Keeper::default(), AtomicBool::new(false));
    let wanted = Algorithms::ALL;
    let presence = Presence::default();
    let context = Context { sets: &sets, wanted, sink: &keeper, stop: &stop, presence, is_control: false };
    let options =
        Options { threads: 2, open_files: 64, protection: Protection::default(), prior: Prior::default() };
    let image =
        Image { format: "raw", medium, stored: Digests::default(), notes: Vec::new(), problems: Vec::new() };
    context.send(Event::SourceStarted(SourceHeader {
        source: 0,
        exhibit: "X".into(),
        labelled: true,
        name: "x".into(),
        kind: SourceKind::Image,
        size: image.medium.size(),
        device: crate::model::DeviceIdentity::default(),
    }));
    let surveyed = survey::survey(Decoded::Medium(image), &options, &context);
    let examined = examine::examine(&surveyed, &options, &context);
    context.send(Event::Coverage(coverage::settle(&surveyed, &examined)));
    let mut record = keeper.0.into_inner().unwrap();
    record.sort();
    record
}

#[test]
fn a_place_that_cannot_be_read_is_said_exactly_and_costs_only_the_files_that_it_hits() {
    let Some(bytes) = volume() else { return };
    let bytes = Arc::new(bytes);
    // What is where, by a scan that finds everything because it is asked for everything.
    let of_path = |record: &RunRecord| -> BTreeMap<String, (Digest, Vec<Extent>)> {
        let item = |finding: &crate::model::Finding| {
            let digest = finding.item.digests.get(Algorithm::Md5).unwrap();
            (finding.item.path.lossy().into_owned(), (digest, finding.item.extents.clone()))
        };
        record.findings.iter().map(item).collect()
    };
    let folder = digests_of(&bytes);
    let whole = of_path(&scanned(Arc::new(Memory(bytes.to_vec())), &folder));
    assert!(whole.len() >= 40, "{}", whole.len());
    let known: Vec<Digest> = whole.values().map(|(digest, _)| *digest).collect();
    let mut state = 20_261_121_u64;
    let mut random = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 20) % end
    };
    let mut hit = 0;
    for round in 0..ROUNDS {
        let sectors = bytes.len() as u64 / SECTOR;
        let first = random(sectors);
        let length = (1 + random(40)).min(sectors - first);
        let bad = Extent::new(first * SECTOR, length * SECTOR);
        let record = scanned(Arc::new(Failing { bytes: Arc::clone(&bytes), bad }), &known);
        let found = of_path(&record);
        let overlaps = |extent: &Extent| extent.offset < bad.end() && bad.offset < extent.end();
        for (path, (digest, extents)) in &whole {
            match (found.get(path), extents.iter().any(overlaps)) {
                (Some(_), true) => panic!("round {round}: {path} has a digest though {bad:?} is missing"),
                (Some((again, _)), false) => assert_eq!(again, digest, "round {round}: {path}"),
                // Metadata were hit: the file is not listed, or its place is not known; the run says so below.
                (None, _) => {}
            }
        }
        for problem in record.problems.iter().filter(|problem| problem.kind == ProblemKind::Unreadable) {
            let Some(place) = problem.extent else { panic!("round {round}: {problem:?} has no place") };
            assert!(
                bad.offset <= place.offset && place.end() <= bad.end(),
                "round {round}: {place:?} of {bad:?}"
            );
        }
        let named: BTreeSet<String> =
            record.problems.iter().filter_map(|p| Some(p.path.as_ref()?.lossy().into_owned())).collect();
        let unreadable: Vec<Extent> = record
            .problems
            .iter()
            .filter(|problem| problem.kind == ProblemKind::Unreadable)
            .filter_map(|problem| problem.extent)
            .collect();
        let metadata_hit = unreadable.iter().any(|place| {
            let in_file = |(_, extents): &(Digest, Vec<Extent>)| {
                extents.iter().any(|extent| extent.offset <= place.offset && place.end() <= extent.end())
            };
            !whole.values().any(in_file)
        });
        for (path, (_, extents)) in whole.iter().filter(|(_, (_, extents))| extents.iter().any(overlaps)) {
            assert!(metadata_hit || named.contains(path), "round {round}: {path} {extents:?} of {bad:?}");
            hit += 1;
        }
        let coverage = record.coverage.first().unwrap();
        assert!(coverage.sums(), "round {round}: {coverage:?}");
        // Exactly the bytes that somebody wanted and could not have.
        let wanted_bytes: BTreeSet<u64> = unreadable.iter().flat_map(|e| e.offset..e.end()).collect();
        assert_eq!(coverage.get(Bucket::Unreadable), wanted_bytes.len() as u64, "round {round}: {bad:?}");
        if !metadata_hit {
            let in_files = whole.values().flat_map(|(_, extents)| extents).filter(|e| overlaps(e));
            let expected: u64 = in_files.map(|e| e.end().min(bad.end()) - e.offset.max(bad.offset)).sum();
            assert_eq!(wanted_bytes.len() as u64, expected, "round {round}: {bad:?}");
        }
        let end = RunEnd::conclude(&record, false, "");
        assert!(end.verdict.exhibits.iter().all(|exhibit| !exhibit.complete), "round {round}");
    }
    assert!(hit > ROUNDS as usize / 4, "only {hit} files were hit");
}

/// MD5 of every file of the volume, by listing it.
fn digests_of(bytes: &Arc<Vec<u8>>) -> Vec<Digest> {
    #[derive(Default)]
    struct Listed(Mutex<Vec<Digest>>);
    impl Sink for Listed {
        fn send(&self, event: Event) -> bool {
            if let Event::Entry(entry) = event {
                self.0.lock().unwrap().extend(entry.digests.get(Algorithm::Md5));
            }
            true
        }
    }
    let (listed, stop, sets) = (Listed::default(), AtomicBool::new(false), KnownSets::new(Vec::new()));
    let (wanted, presence) = (Algorithms::ALL, Presence::default());
    let context = Context { sets: &sets, wanted, sink: &listed, stop: &stop, presence, is_control: false };
    let options =
        Options { threads: 2, open_files: 64, protection: Protection::default(), prior: Prior::default() };
    let medium = Arc::new(Memory(bytes.to_vec()));
    let (stored, notes, problems) = (Digests::default(), Vec::new(), Vec::new());
    list(Decoded::Medium(Image { format: "raw", medium, stored, notes, problems }), &options, &context);
    listed.0.into_inner().unwrap()
}
