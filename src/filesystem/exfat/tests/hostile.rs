//! Volumes that no honest writer makes, and an honest one.

use std::sync::Arc;

use super::image::{Builder, Entry, FREE, LAST, ROOT, SECTOR, file, folder, place};
use super::survey;
use crate::filesystem::Format;
use crate::filesystem::exfat::Exfat;
use crate::filesystem::trial::{Image, run};
use crate::model::{Content, EntryKind, EntryState, ProblemKind, Run};
use crate::read::{Confidence, Memory, ReadAt, Unreadable};

fn honest() -> Builder {
    let mut image = Builder::new();
    image.directory(
        ROOT,
        &[file("Überweisung 😀/x.pdf", 10, 700), folder("DCIM", 12, 1), file("empty", 0, 0)],
    );
    image.used(10..=13).fill(10, 1).fill(11, 2).directory(12, &[file("chained", 20, 1100).chained()]);
    image.mark(13, false).chain(&[20, 25, 22]);
    image
}

#[test]
fn an_honest_volume_is_listed_without_a_problem() {
    let bytes = honest().seal();
    assert_eq!(Exfat.probe(&Memory(&bytes)), Confidence::Strong);
    let found = survey(bytes.clone());
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
    assert_eq!(
        (found.filesystem.label().as_str(), found.filesystem.variant().as_str()),
        ("MY STICK", "exFAT")
    );
    let bill = found.find("Überweisung 😀\u{f02f}x.pdf");
    assert_eq!(
        (bill.record, &bill.runs[..]),
        ((place(ROOT) as u64 + 96) / 32, &[Run::new(place(10) as u64, 700)][..])
    );
    let local = |text: &str| Some(text.to_owned());
    assert_eq!(
        bill.times,
        [local("2017-09-24T18:59:05"), local("2017-09-24T19:59:04"), None, local("2017-09-24T18:59:05")]
    );
    assert_eq!((found.find("DCIM").kind, found.find("DCIM").size), (EntryKind::Directory, 512));
    let runs = [20, 25, 22].map(|cluster| place(cluster) as u64).into_iter().zip([512, 512, 76]);
    assert_eq!(
        found.find("DCIM/chained").runs,
        runs.map(|(at, length)| Run::new(at, length)).collect::<Vec<_>>()
    );
    assert_eq!(found.entries.len(), 4);
    // Boot regions, the FAT up to the last cluster, bitmap, up-case table, two directories.
    let metadata: u64 = found.metadata.iter().map(|extent| extent.length).sum();
    assert_eq!(metadata, 24 * 512 + 242 * 4 + 30 + 60 + 2 * 512);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, bytes).unwrap();
    run("fsck.exfat", &["-n", path.to_str().unwrap()]);
}

#[test]
fn behind_its_valid_length_a_file_reads_as_zeros() {
    let mut image = Builder::new();
    image.directory(
        ROOT,
        &[
            Entry { valid: 700, ..file("tail", 10, 1400) },
            Entry { valid: 0, ..file("never written", 13, 513) },
            Entry { valid: 99, ..file("too long", 15, 98) },
        ],
    );
    image.used(10..=15);
    for cluster in 10..16 {
        image.fill(cluster, 7);
    }
    let found = survey(image.seal());
    let content = |name: &str| {
        let at = found.entries.iter().position(|entry| entry.path == name).unwrap();
        found.bytes(at)
    };
    assert_eq!(content("tail"), [vec![7; 700], vec![0; 700]].concat());
    assert_eq!(content("never written"), [0; 513]);
    assert_eq!(content("too long"), [7; 98]);
    assert_eq!(found.problem(ProblemKind::Corrupt, "valid length").path, Some("too long".into()));
    assert_eq!(found.problems.len(), 1, "{:#?}", found.problems);
}

#[test]
fn of_two_fats_and_bitmaps_the_active_ones_are_followed() {
    let mut image = honest();
    image.mark(3, true).raw(110, &[2]).raw(106, &[1]);
    let mut second = [0; 32];
    second[..2].copy_from_slice(&[0x81, 1]);
    second[20] = 3;
    second[24] = 30;
    // The second bitmap stands in a later cluster of the root directory.
    let first = image.0[place(2)..place(3)].to_vec();
    image.raw(place(3), &first).raw(place(FREE), &second);
    let fat = image.0[24 * SECTOR..26 * SECTOR].to_vec();
    image.raw(26 * SECTOR, &fat).raw(26 * SECTOR + ROOT as usize * 4, &FREE.to_le_bytes());
    for cluster in [3, FREE] {
        image.raw(26 * SECTOR + cluster as usize * 4, &[0xff; 4]);
    }
    image.raw(place(3), &[image.0[place(3)] | 0x12]);
    image.raw(24 * SECTOR + 8, &[0; 900]);
    image.full(ROOT);
    let found = survey(image.seal());
    assert_eq!(found.filesystem.variant(), "TexFAT");
    assert_eq!(found.find("DCIM/chained").runs.len(), 3);
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
}

#[test]
fn the_backup_stands_in_for_a_damaged_boot_region_and_other_formats_go_first() {
    let sound = honest().seal();
    for (at, value) in [(3, 0), (80, 99), (108, 77), (11 * 512, 1), (96, 200), (510, 0)] {
        let mut bytes = sound.clone();
        bytes[at] ^= value | 1;
        assert_eq!(Exfat.probe(&Memory(&bytes)), Confidence::Weak, "{at}");
        let found = survey(bytes.clone());
        assert_eq!(found.entries.len(), 4, "{at}");
        found.problem(ProblemKind::Corrupt, "its backup was used (byte 6144)");
        // Both damaged: the main one, if it can be.
        bytes[6144 + 11 * 512] ^= 1;
        assert_eq!(Image::survey(&Exfat, bytes).is_ok(), !matches!(at, 3 | 80 | 108), "{at}");
    }
    let mut bytes = sound.clone();
    bytes[..4096].fill(0);
    assert_eq!(survey(bytes.clone()).entries.len(), 4);
    bytes[3..11].copy_from_slice(b"ReFS\0\0\0\0");
    assert_eq!(Exfat.probe(&Memory(&bytes)), Confidence::No);
    let mut bytes = sound.clone();
    bytes[6144 + 80] = 99;
    survey(bytes).problem(ProblemKind::Ambiguous, "describes another layout");
    let mut newer = honest();
    newer.raw(105, &[2]);
    assert!(matches!(
        Exfat.open(Arc::new(Memory(newer.seal()))),
        Err(crate::read::Error::Unsupported { .. })
    ));
    assert_eq!(Exfat.probe(&Memory([0; 100])), Confidence::No);
}

#[test]
fn damaged_sets_are_listed_and_said() {
    let sound = honest().seal();
    let start = place(ROOT) + 96;
    // Types, count, name length, hash, first cluster's upper byte, a character.
    for (at, mask, words) in [
        (0, 0x01, "damaged type"),
        (0, 0x80, "damaged type"),
        (0, 0x40, "damaged type"),
        (32, 0x80, ""),
        (32, 0x08, "damaged type"),
        (64, 0x20, "damaged type"),
        (1, 0x01, "checksum"),
        (1, 0x20, "checksum"),
        (2, 0x01, "checksum"),
        (36, 0x01, "checksum"),
        (70, 0x01, "checksum"),
    ] {
        let mut bytes = sound.clone();
        bytes[start + at] ^= mask;
        let found = survey(bytes);
        let bill = found.entries.iter().find(|entry| entry.record == start as u64 / 32);
        let bill = bill.unwrap_or_else(|| panic!("{at} {mask:x}: {:#?}", found.entries));
        assert_eq!(
            (bill.state, bill.size, bill.content),
            (EntryState::Allocated, 700, Content::Runs),
            "{at} {mask:x}"
        );
        assert!(
            found.problems.iter().any(|problem| problem.detail.contains(words)) || words.is_empty(),
            "{at} {mask:x}: {:#?}",
            found.problems
        );
        assert_eq!(found.entries.len(), 4, "{at} {mask:x}");
    }
}

#[test]
fn wrong_hashes_are_counted_and_not_judged_by_a_damaged_table() {
    let mut image = honest();
    let wrong = file("wrong", 0, 0);
    let slot = image.put(12, 3, &wrong);
    // The hash of another name, under a checksum that holds.
    let mut other = wrong.slots();
    other[1][4] ^= 1;
    let sum = other
        .concat()
        .iter()
        .enumerate()
        .filter(|(at, _)| !matches!(at, 2 | 3))
        .fold(0_u16, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u16::from(*byte)));
    other[0][2..4].copy_from_slice(&sum.to_le_bytes());
    image.raw(place(12) + slot * 32, &other.concat());
    let found = survey(image.seal());
    assert_eq!(found.problem(ProblemKind::Corrupt, "names whose hash").count, 1);
    assert_eq!(found.problems.len(), 1);
    image.raw(place(4) + 10, &[0]);
    let found = survey(image.seal());
    found.problem(ProblemKind::Corrupt, "up-case table at cluster 4: expected checksum");
    assert_eq!(found.problems.len(), 1, "{:#?}", found.problems);
}

#[test]
fn what_a_vendor_attached_is_a_stream_and_other_entries_are_tolerated() {
    let mut image = Builder::new();
    let mut extension = [0; 32];
    extension[0] = 0xe0;
    let mut allocation = [0; 32];
    allocation[..2].copy_from_slice(&[0xe1, 3]);
    allocation[2..18]
        .copy_from_slice(&[0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 8, 9, 10, 11, 12, 13, 14, 15]);
    allocation[20] = 30;
    allocation[24] = 200;
    let living = Entry { more: vec![extension, allocation], ..file("file", 10, 5) };
    let gone = Entry { more: vec![allocation], ..file("gone", 11, 5) }.deleted();
    image.directory(ROOT, &[living, gone]).used(10..=10).used(30..=30).fill(30, 9);
    let mut guid = [0; 32];
    guid[0] = 0xa0;
    image.raw(place(ROOT) + 15 * 32, &guid);
    let found = survey(image.seal());
    let stream = found.find("file:{00112233-4455-6677-0809-0a0b0c0d0e0f}");
    assert_eq!((stream.stream, stream.size, stream.record), (1, 200, found.find("file").record));
    assert_eq!(found.find("gone:{00112233-4455-6677-0809-0a0b0c0d0e0f}").content, Content::Overwritten);
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
}

#[test]
fn behind_the_longest_name_there_is_room_for_what_a_vendor_attached() {
    let mut image = Builder::new();
    let mut allocation = [0; 32];
    allocation[..2].copy_from_slice(&[0xe1, 3]);
    allocation[20] = 30;
    allocation[24] = 200;
    let name = "x".repeat(255);
    let long = Entry { more: vec![allocation], ..file(&name, 10, 5) };
    let inner = folder("inner", 40, 2);
    image.put(40, 0, &long);
    image.directory(ROOT, &[inner]).used(10..=10).used(30..=30).used(40..=41);
    let found = survey(image.seal());
    let stream = found.find(&format!("inner/{name}:{{00000000-0000-0000-0000-000000000000}}"));
    assert_eq!((stream.stream, stream.size, stream.content), (1, 200, Content::Runs));
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
}

#[test]
fn broken_chains_loops_and_shared_clusters_are_reported() {
    let mut image = Builder::new();
    let mut slot = Builder::TAKEN;
    let root: Vec<u32> = std::iter::once(ROOT).chain(100..110).collect();
    image.chain(&root).chain(&[20, 21]).chain(&[30]).link(40, 41).link(41, 40).used(40..=41);
    let mut put = |entry: &Entry| {
        let (cluster, within) = (root[slot / 16], slot % 16);
        // A set that would cross stands in the next cluster.
        slot = if within + entry.slots().len() > 16 { (slot / 16 + 1) * 16 } else { slot };
        let cluster = if slot.is_multiple_of(16) { root[slot / 16] } else { cluster };
        image.put(cluster, slot % 16, entry);
        slot += entry.slots().len();
    };
    put(&file("short", 20, 1500).chained());
    put(&file("long", 30, 5).chained());
    put(&file("loop", 40, 5000).chained());
    put(&file("past the end", LAST, 1000));
    put(&file("no first", 1, 1000));
    put(&file("huge", 50, u64::MAX));
    put(&file("one", 60, 512));
    put(&file("same", 60, 512));
    put(&folder("up", ROOT, 1));
    put(&folder("rubbish", 70, 1));
    image.used(50..=70).fill(70, 0x9a);
    for cluster in root {
        image.full(cluster);
    }
    let found = survey(image.seal());
    for (name, content) in [
        ("short", Content::Lost),
        ("long", Content::Runs),
        ("loop", Content::Lost),
        ("past the end", Content::Lost),
        ("no first", Content::Lost),
        ("huge", Content::Lost),
        ("one", Content::Runs),
        ("same", Content::Runs),
    ] {
        assert_eq!(found.find(name).content, content, "{name}");
    }
    for words in [
        "ends after 2 clusters (cluster 21), its size needs 3",
        "cluster 41 leads back to cluster 40",
        "after cluster 241 comes the invalid value 0xf2",
        "found the invalid value 0x1",
        "cluster 60 is also in the chain of an earlier entry",
        "does not begin with an entry of a file",
        "left out",
    ] {
        assert!(
            found.problems.iter().any(|problem| problem.detail.contains(words)),
            "{words}: {:#?}",
            found.problems
        );
    }
}

#[test]
fn what_stands_behind_the_end_of_a_directory_is_deleted() {
    let mut image = Builder::new();
    image.put(ROOT, 5, &file("hidden", 20, 10));
    image.put(ROOT, 9, &file("erased", 21, 10));
    image.raw(place(ROOT) + 9 * 32, &[0]);
    let found = survey(image.seal());
    for name in ["hidden", "erased"] {
        let file = found.find(name);
        assert_eq!((file.state, file.content), (EntryState::Deleted, Content::Runs));
    }
}

#[test]
fn entries_that_all_ask_for_the_same_clusters_cost_bounded_work() {
    let mut image = Builder::new();
    let clusters: Vec<u32> = std::iter::once(ROOT).chain(100..200).collect();
    image.chain(&clusters);
    for cluster in &clusters[1..] {
        image.directory(*cluster, &(0..5).map(|_| file("same", FREE, 90 * 512)).collect::<Vec<_>>());
        image.full(*cluster);
    }
    image.put(ROOT, Builder::TAKEN, &file(&"x".repeat(160), 0, 0));
    image.full(ROOT);
    let found = survey(image.seal());
    assert_eq!(found.entries.len(), 501);
}

#[test]
fn an_unreadable_sector_costs_what_it_holds_and_no_more() {
    struct Dying(Vec<u8>, u64);
    impl ReadAt for Dying {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
            if offset / 512 == self.1 {
                return Err(Unreadable::new(offset, 512, "dead sector"));
            }
            let dead = (self.1 * 512).checked_sub(offset).map_or(buffer.len(), |rest| rest as usize);
            let length = buffer.len().min(dead);
            Memory(&self.0).read_at(offset, &mut buffer[..length])
        }
    }
    let sound = honest().seal();
    let sectors = (sound.len() / 512) as u64;
    for sector in 0..sectors {
        let Ok(found) = Image::of(&Exfat, Arc::new(Dying(sound.clone(), sector))) else { panic!("{sector}") };
        let expected = match sector {
            s if s == place(ROOT) as u64 / 512 => 1,
            s if s == place(12) as u64 / 512 => 3,
            _ => 4,
        };
        assert_eq!(found.entries.len(), expected, "{sector}");
    }
}
