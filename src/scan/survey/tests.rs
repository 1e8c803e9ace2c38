//! Media with sets, tables and encryption, from the survey to the ledger.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::container::Image;
use crate::model::{Algorithms, Coverage, Protection, VolumeSummary};
use crate::read::Memory;
use crate::scan::{KnownSets, Sink, coverage, examine};

const SECTOR: usize = 512;
/// Sectors of each of the two partitions.
const LENGTH: usize = 4096;

/// Keeps the events of a scan.
#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl Sink for Kept {
    fn send(&self, event: Event) -> bool {
        self.0.lock().unwrap().push(event);
        true
    }
}

/// What a scan tells of its volumes and problems, and its ledger.
fn scan(medium: Vec<u8>, culprits: &[ItemId]) -> (Vec<VolumeSummary>, Vec<Problem>, Coverage) {
    let medium: Arc<dyn ReadAt> = Arc::new(Memory(medium));
    let image =
        Image { format: "raw", medium, stored: Digests::default(), notes: Vec::new(), problems: Vec::new() };
    let (kept, stop, sets) = (Kept::default(), AtomicBool::new(false), KnownSets::new(Vec::new()));
    let presence = crate::platform::Presence::default();
    let context = Context {
        sets: &sets,
        wanted: Algorithms::ALL,
        sink: &kept,
        stop: &stop,
        presence,
        is_control: true,
    };
    let prior = Prior { culprits: culprits.iter().copied().collect(), ..Prior::default() };
    let options = Options { threads: 1, open_files: 64, protection: Protection::default(), prior };
    let surveyed = survey(Decoded::Medium(image), &options, &context);
    let examined = examine::examine(&surveyed, &options, &context);
    let coverage = coverage::settle(&surveyed, &examined);
    assert!(coverage.sums(), "{coverage:?}");
    let (mut volumes, mut problems) = (Vec::new(), Vec::new());
    for event in kept.0.into_inner().unwrap() {
        match event {
            Event::Volume(volume) => volumes.push(volume),
            Event::Problem(problem) => problems.push(problem),
            _ => {}
        }
    }
    (volumes, problems, coverage)
}

/// A medium with two partitions that begin at sectors 64 and 64 + `LENGTH`.
fn divided(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut medium = vec![0; (64 + 2 * LENGTH) * SECTOR];
    for (index, content) in [first, second].into_iter().enumerate() {
        let start = 64 + index * LENGTH;
        let at = 446 + 16 * index;
        medium[at + 4] = 0x83;
        medium[at + 8..at + 12].copy_from_slice(&(start as u32).to_le_bytes());
        medium[at + 12..at + 16].copy_from_slice(&(LENGTH as u32).to_le_bytes());
        medium[start * SECTOR..][..content.len()].copy_from_slice(content);
    }
    medium[510..512].copy_from_slice(&[0x55, 0xaa]);
    medium
}

/// A member of a mirror with a superblock of version 0.90: a FAT12 volume with one file.
fn mirrored(number: u32) -> Vec<u8> {
    let mut member = include_bytes!("../control.img").to_vec();
    member.resize(LENGTH * SECTOR, 0);
    let at = (member.len() & !0xffff) - 0x1_0000;
    let used = at as u32 / 1024;
    let fields = [
        (0, 0xa92b_4efc),
        (2, 90),
        (7, 1),
        (8, used),
        (10, 2),
        (39, 5),
        (992, number),
        (995, number),
        (996, 6),
    ];
    let mut sum = 0_u32;
    for (index, value) in fields {
        member[at + 4 * index..at + 4 * index + 4].copy_from_slice(&u32::to_le_bytes(value));
        let (next, carry) = sum.overflowing_add(value);
        sum = next + u32::from(carry);
    }
    member[at + 152..at + 156].copy_from_slice(&sum.to_le_bytes());
    member
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let word = |_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    };
    (0..length / 8).flat_map(word).collect()
}

#[test]
fn a_mirror_of_two_partitions_is_read_once_and_said_where_it_lies() {
    let (volumes, problems, coverage) = scan(divided(&mirrored(0), &mirrored(1)), &[]);
    assert_eq!(problems, []);
    let numbers: Vec<u32> = volumes.iter().map(|volume| volume.volume).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(volumes[0].holds.as_ref().unwrap().starts_with("device 0 of Linux RAID 1"));
    let array = &volumes[2];
    assert_eq!((array.files, array.on.as_slice(), array.extents.len()), (1, &[1][..], 0));
    assert_eq!((array.on_words().as_deref(), array.places()), (Some("on volume 1"), 1));
    assert_eq!(array.extent, Extent::new(64 * 512, (LENGTH * SECTOR - 0x1_0000) as u64));
    let copied = coverage.skipped.get(SkipRule::MirrorCopy.label());
    assert_eq!(copied, Some(&array.extent.length));
    assert_eq!((coverage.files.total, coverage.files.examined), (1, 1));
}

#[test]
fn encrypted_and_possibly_encrypted_volumes_are_told_apart() {
    let mut luks = vec![0; 1 << 20];
    luks[..8].copy_from_slice(b"LUKS\xba\xbe\0\x01");
    luks[8..11].copy_from_slice(b"aes");
    let (volumes, problems, coverage) = scan(divided(&luks, &noise(LENGTH * SECTOR)), &[]);
    let kinds: Vec<(ProblemKind, Option<u32>)> =
        problems.iter().map(|problem| (problem.kind, problem.volume)).collect();
    assert_eq!(kinds, [(ProblemKind::Encrypted, Some(1)), (ProblemKind::PossiblyEncrypted, Some(2))]);
    assert!(problems[0].detail.starts_with("LUKS1: encrypted; UUID"), "{}", problems[0].detail);
    assert!(problems[1].detail.starts_with("possible encrypted volume: "), "{}", problems[1].detail);
    assert!(problems.iter().all(|problem| problem.advice.contains("do not power it off")));
    assert!(volumes.iter().all(|volume| volume.filesystem.is_none()));
    let each = (LENGTH * SECTOR) as u64;
    assert_eq!((coverage.get(Bucket::Encrypted), coverage.get(Bucket::Unsupported)), (each, each));
}

#[test]
fn a_search_for_volumes_that_killed_an_examiner_is_not_repeated() {
    let (volumes, problems, _) = scan(divided(&mirrored(0), &[]), &[DIVIDING]);
    assert_eq!((volumes.len(), volumes[0].volume, problems[0].kind), (1, 0, ProblemKind::Crashed));
}

#[test]
fn a_volume_behind_a_decoy_is_found_though_the_decoy_is_sure_of_itself() {
    // A boot sector of FAT that also holds a table, as an operating system would follow it.
    let decoy = include_bytes!("../control.img");
    let mut medium = divided(&[], decoy);
    let table: Vec<u8> = medium[446..510].to_vec();
    let room = decoy.len().min(64 * SECTOR);
    medium[..room].copy_from_slice(&decoy[..room]);
    medium[446..510].copy_from_slice(&table);
    let (volumes, problems, _) = scan(medium, &[]);
    let read = volumes.iter().filter(|volume| volume.filesystem.is_some()).count();
    assert_eq!(read, 2, "{volumes:?}");
    assert!(problems.iter().any(|problem| problem.detail.contains("both are read")), "{problems:?}");
}
