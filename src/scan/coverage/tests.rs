//! Ledgers and counts of small volumes with dead sectors and contents that cannot be had.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::container::Image;
use crate::model::{Algorithms, Digests, Event, Extent, NewEntry, Parent, Protection, Run, Times};
use crate::platform::Presence;
use crate::read::{Memory, ReadAt, Unreadable};
use crate::scan::{Context, Decoded, KnownSets, Options, Prior, Sink, examine, survey};

const SECTOR: u64 = 512;
/// Sectors of the volume.
const TOTAL: u64 = 200;
/// First sector of the root directory, and of the clusters.
const ROOT: u64 = 3;
const DATA: u64 = 7;
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00";

/// A FAT12 volume of two FATs and clusters of one sector, with one cluster for each file.
fn volume(files: &[(&[u8; 11], &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; (TOTAL * SECTOR) as usize];
    bytes[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
    bytes[11..24].copy_from_slice(&[0, 2, 1, 1, 0, 2, 64, 0, 200, 0, 0xf8, 1, 0]);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    for fat in [512, 1024] {
        // Every entry is the end of a chain: two of twelve bits are three bytes of ones.
        bytes[fat..fat + (files.len() + 2).div_ceil(2) * 3].fill(0xff);
        bytes[fat] = 0xf8;
    }
    for (number, (name, content)) in files.iter().enumerate() {
        let slot = (ROOT * SECTOR) as usize + number * 32;
        bytes[slot..slot + 11].copy_from_slice(*name);
        bytes[slot + 11] = 0x20;
        bytes[slot + 26] = number as u8 + 2;
        bytes[slot + 28..slot + 30].copy_from_slice(&512_u16.to_le_bytes());
        let at = (DATA * SECTOR) as usize + number * 512;
        bytes[at..at + content.len()].copy_from_slice(content);
    }
    bytes
}

/// A medium with dead sectors.
struct Faulty(Vec<u8>, &'static [u64]);

impl ReadAt for Faulty {
    fn size(&self) -> u64 {
        crate::read::size(self.0.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let mut end = offset + crate::read::size(buffer.len());
        for dead in self.1.iter().map(|sector| Extent::new(sector * SECTOR, SECTOR)) {
            if (dead.offset..dead.end()).contains(&offset) {
                return Err(Unreadable::new(offset, dead.end() - offset, "bad sector"));
            }
            if dead.offset > offset {
                end = end.min(dead.offset);
            }
        }
        Memory(&self.0).read_at(offset, &mut buffer[..(end - offset) as usize])
    }
}

struct Nobody;

impl Sink for Nobody {
    fn send(&self, _: Event) -> bool {
        true
    }
}

/// Scans a medium whose survey is altered before its contents are examined.
fn scan(medium: Faulty, stopped: bool, alter: impl FnOnce(&mut Surveyed)) -> Coverage {
    let image = Image {
        format: "raw",
        medium: Arc::new(medium),
        stored: Digests::default(),
        notes: Vec::new(),
        problems: Vec::new(),
    };
    let stop = AtomicBool::new(stopped);
    let sets = KnownSets::new(Vec::new());
    let context = Context {
        sets: &sets,
        wanted: Algorithms::ALL,
        sink: &Nobody,
        stop: &stop,
        presence: Presence::default(),
        is_control: true,
    };
    let options =
        Options { threads: 1, open_files: 64, protection: Protection::default(), prior: Prior::default() };
    let mut surveyed = survey::survey(Decoded::Medium(image), &options, &context);
    alter(&mut surveyed);
    let examined = examine::examine(&surveyed, &options, &context);
    let coverage = settle(&surveyed, &examined);
    assert!(coverage.sums(), "{coverage:?}");
    coverage
}

fn entry<'a>(name: &'a [u8], content: Content, runs: &'a [Run]) -> NewEntry<'a> {
    NewEntry {
        parent: Parent::Root,
        name,
        kind: EntryKind::File,
        state: EntryState::Allocated,
        record: 1_000_000,
        stream: 0,
        size: runs.iter().map(|run| run.length).sum(),
        times: Times::default(),
        content,
        runs,
    }
}

const FILES: [(&[u8; 11], &[u8]); 4] = [
    (b"LETTER  TXT", b"dear all"),
    (b"HIDDEN  DOC", JPEG),
    (b"NOTES   JPG", b"text"),
    (b"BROKEN  JPG", JPEG),
];

#[test]
fn metadata_that_cannot_be_read_are_unreadable_and_not_examined() {
    let sound = scan(Faulty(volume(&FILES), &[]), false, |_| {});
    assert_eq!(sound.get(Bucket::Unreadable), 0);
    // The second FAT, of which only the part with clusters is read, and two sectors of the root directory.
    let dead = scan(Faulty(volume(&FILES), &[2, 4, 6]), false, |_| {});
    let fat = (195_u64 * 12).div_ceil(8);
    assert_eq!(dead.get(Bucket::Unreadable), fat + 2 * SECTOR, "{dead:?}");
    assert_eq!(dead.get(Bucket::Examined), sound.get(Bucket::Examined) - 2 * SECTOR - fat, "{dead:?}");
}

#[test]
fn contents_that_cannot_be_had_have_their_place_by_their_reason() {
    let before = scan(Faulty(volume(&FILES), &[]), false, |_| {});
    let place = |sector, count| Run::new(sector * SECTOR, count * SECTOR);
    // The damaged file claims a sector of an examined one, and does not get it.
    let damaged = [place(DATA, 1), place(60, 4)];
    let coverage = scan(Faulty(volume(&FILES), &[]), false, |surveyed| {
        for new in [
            entry(b"a.jpg", Content::Encrypted, &[place(40, 1)]),
            entry(b"b.mp4", Content::Unsupported, &[place(50, 2)]),
            entry(b"c.txt", Content::Lost, &damaged),
        ] {
            surveyed.table.push(0, 0, new).unwrap();
        }
    });
    assert_eq!(coverage.get(Bucket::Encrypted), SECTOR);
    assert_eq!(coverage.get(Bucket::Unsupported), 2 * SECTOR);
    assert_eq!(coverage.skipped.get(SkipRule::DamagedFile.label()), Some(&(4 * SECTOR)));
    assert_eq!(coverage.get(Bucket::Examined), before.get(Bucket::Examined));
    assert_eq!((coverage.files.total, coverage.files.not_examined), (7, 3));
    assert_eq!(coverage.media.not_examined, 2);
}

#[test]
fn media_are_counted_by_content_where_it_was_read_and_by_name_where_it_was_not() {
    let broken = DATA + 3;
    assert_eq!(broken, 10);
    let coverage = scan(Faulty(volume(&FILES), &[10]), false, |_| {});
    assert_eq!((coverage.files.examined, coverage.files.not_examined), (3, 1));
    // The hidden picture, and the one that cannot be read; the text with the name of a picture is none.
    assert_eq!((coverage.media.total, coverage.media.examined, coverage.media.not_examined), (2, 1, 1));
    assert_eq!(coverage.get(Bucket::Unreadable), SECTOR);
    // Nothing was read: two names are those of pictures.
    let stopped = scan(Faulty(volume(&FILES), &[]), true, |_| {});
    assert_eq!((stopped.files.not_reached, stopped.media.total, stopped.media.not_reached), (4, 2, 2));
}

#[test]
fn endings_are_in_order() {
    for name in ["a.jpg", "A.JPEG", "x.3g2", "x.wmv", "x.m2ts", "x.tiff"] {
        assert!(named_like_media(name.as_bytes()), "{name}");
    }
    assert!(!named_like_media(b"a.txt") && !named_like_media(b"jpg.doc"));
}
