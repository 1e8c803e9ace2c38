//! Volumes that no honest writer makes.

use super::image::{END, Entry, Image, file, folder, place, utf16};
use super::{survey, trial};
use crate::filesystem::Format;
use crate::filesystem::fat::Fat;
use crate::model::{Content, EntryKind, ProblemKind, Run};
use crate::read::{Confidence, Memory};

#[test]
fn an_honest_volume_is_listed_without_a_problem() {
    let mut image = Image::new();
    image.root(0, Entry { attributes: 0x08, ..file(b"MY STICK   ", 0, 0) });
    let slot = image.long(1, &utf16("Holiday pictures 2017.jpeg"), b"HOLIDA~1JPE", false);
    image.root(slot, file(b"HOLIDA~1JPE", 5, 1100)).chain(&[5, 7, 8]).fill(5, 1).fill(7, 2).fill(8, 3);
    image.root(slot + 1, folder(b"DCIM       ", 3)).chain(&[3, 4]).dots(3, 0);
    image.put(4, 0, file(b"EMPTY   TXT", 0, 0));
    for filler in 2..16 {
        image.put(3, filler, file(b"A          ", 0, 0).deleted());
    }
    assert_eq!(Fat.probe(&Memory(&image.0)), Confidence::Strong);
    let found = survey(image.0).unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert_eq!(
        (found.filesystem.label().as_str(), found.filesystem.variant().as_str()),
        ("MY STICK", "FAT12")
    );
    let picture = found.find("Holiday pictures 2017.jpeg");
    assert_eq!(picture.runs, [Run::new(place(5) as u64, 512), Run::new(place(7) as u64, 588)]);
    assert_eq!(picture.record, (3 * 512 + slot as u64 * 32) / 32);
    assert_eq!(picture.times, [Some("2017-09-24T19:59:04".into()), None, None, None]);
    let folder = found.find("DCIM");
    assert_eq!((folder.kind, folder.size), (EntryKind::Directory, 1024));
    assert_eq!(found.find("DCIM/EMPTY.TXT").size, 0);
    // Boot sector, two FATs up to the last cluster, root directory, two clusters of a directory.
    assert_eq!(metadata(&found), 512 + 2 * (195_u64 * 12).div_ceil(8) + 4 * 512 + 2 * 512);
}

#[test]
fn a_long_name_that_is_not_of_its_entry_is_not_used() {
    let mut image = Image::new();
    let slot = image.long(0, &utf16("innocent.txt"), b"OTHER   TXT", false);
    image.root(slot, file(b"REAL    TXT", 0, 0));
    // Too many slots, and one with a number out of order.
    let slot = image.long(slot + 1, &utf16(&"x".repeat(13 * 22)), b"LONG       ", false);
    image.root(slot, file(b"LONG       ", 0, 0));
    assert_eq!(survey(image.0).unwrap().paths(), ["LONG", "REAL.TXT"]);
}

#[test]
fn names_with_lone_surrogates_and_separators_stay_distinct_and_inside_their_directory() {
    let mut image = Image::new();
    let mut slot = 0;
    for (units, short) in [
        (vec![0xd800, u16::from(b'x')], b"A1         "),
        (vec![0xdfff, u16::from(b'x')], b"A2         "),
        (utf16("../etc/x"), b"A3         "),
        (utf16(".."), b"A4         "),
    ] {
        slot = image.long(slot, &units, short, false);
        image.root(slot, file(short, 0, 0));
        slot += 1;
    }
    let found = survey(image.0).unwrap();
    let names: Vec<&[u8]> = found.table.iter().map(|entry| entry.name()).collect();
    assert_eq!(names, [&b"\xed\xa0\x80x"[..], b"\xed\xbf\xbfx", "..\u{f02f}etc\u{f02f}x".as_bytes(), b".."]);
}

#[test]
fn dot_entries_hide_nothing() {
    let mut image = Image::new();
    // A directory named `.` in the root, and one whose own `.` leads to a hidden directory.
    image.root(0, folder(b".          ", 10)).chain(&[10]).dots(10, 0).put(10, 2, file(b"ONE        ", 0, 0));
    image.root(1, folder(b"OPEN       ", 11)).chain(&[11]).dots(11, 0).put(11, 0, folder(b".          ", 12));
    image.chain(&[12]).dots(12, 11).put(12, 2, file(b"TWO        ", 0, 0));
    image.put(11, 2, file(b".          ", 0, 0));
    let paths = survey(image.0).unwrap().paths();
    assert_eq!(paths, [".", "./ONE", "OPEN", "OPEN/.", "OPEN/.", "OPEN/./TWO"]);
}

#[test]
fn labels_with_content_attribute_bits_and_erased_first_bytes_hide_nothing() {
    let mut image = Image::new();
    image.chain(&[5]).chain(&[6]).chain(&[7]).chain(&[8]);
    image.root(0, Entry { attributes: 0x08, ..file(b"LABEL      ", 5, 9) });
    image.root(1, Entry { attributes: 0xe0, ..file(b"BITS       ", 6, 9) });
    let mut erased = file(b"ERASED     ", 7, 9);
    erased.name[0] = 0;
    image.root(2, erased).root(3, file(b"BEHIND     ", 8, 9));
    let found = survey(image.0).unwrap();
    assert_eq!(found.paths(), ["*BEHIND", "*_RASED", "BITS", "LABEL"]);
    // Nobody else has the clusters: the chain is followed.
    assert!(found.entries.iter().all(|entry| found.content_of(entry).is_some()));
}

#[test]
fn directory_loops_and_shared_directories_are_walked_once() {
    let mut image = Image::new();
    image.root(0, folder(b"A          ", 5)).chain(&[5]).dots(5, 0);
    image.root(1, folder(b"B          ", 5));
    image.put(5, 2, folder(b"UP         ", 5)).put(5, 3, file(b"F          ", 0, 0));
    // C shares its first cluster with A and has one of its own.
    image.root(2, folder(b"C          ", 20)).chain(&[20, 21]).link(21, 20).dots(20, 0);
    for slot in 2..16 {
        image.put(20, slot, file(b"X          ", 0, 0).deleted());
    }
    image.put(21, 0, file(b"G          ", 0, 0));
    let found = survey(image.0).unwrap();
    let living: Vec<_> = found.paths().into_iter().filter(|path| !path.starts_with('*')).collect();
    assert_eq!(living, ["A", "A/F", "A/UP", "B", "C", "C/G"]);
    assert!(found.complains("cluster 5 is also in the chain of an earlier entry"));
    assert!(found.complains("cluster 21 leads back to cluster 20"));
}

#[test]
fn broken_chains_are_reported_and_followed_as_far_as_they_go() {
    let mut image = Image::new();
    image.root(0, file(b"SHORT      ", 5, 1500)).chain(&[5, 6]);
    image.root(1, file(b"LONG       ", 7, 10)).chain(&[7, 8]);
    image.root(2, file(b"LOOP       ", 9, 5000)).chain(&[9, 10]).link(10, 9);
    image.root(3, file(b"FREE       ", 11, 1000)).link(11, 12);
    image.root(4, file(b"BAD        ", 13, 1000)).link(13, 0xff7);
    image.root(5, file(b"RANGE      ", 14, 1000)).link(14, 0xabc);
    image.root(6, file(b"FIRST1     ", 1, 1000));
    image.root(7, file(b"FIRST0     ", 0, 1000));
    image.root(8, file(b"BEYOND     ", 0xfff, 1000));
    image.root(9, file(b"ZERO       ", 15, 0)).chain(&[15]);
    image.root(10, file(b"CROSS      ", 16, 1000)).chain(&[16]).link(16, 6);
    image.root(11, folder(b"NOWHERE    ", 0));
    let found = survey(image.0).unwrap();
    let lengths: Vec<u64> =
        found.entries.iter().map(|entry| entry.runs.iter().map(|run| run.length).sum()).collect();
    assert_eq!(lengths, [1024, 10, 1024, 1000, 512, 512, 0, 0, 0, 0, 1000, 0]);
    for words in [
        "ends after 2 clusters (cluster 6), its size needs 3",
        "has 2 clusters, its size needs 1",
        "cluster 10 leads back to cluster 9",
        "after cluster 12 comes a free cluster",
        "after cluster 13 comes a bad cluster",
        "after cluster 14 comes the invalid value 0xabc",
        "found the invalid value 0x1",
        "found the invalid value 0x0",
        "found the invalid value 0xfff",
        "has 1 clusters, its size needs 0",
        "cluster 6 is also in the chain",
    ] {
        assert!(found.complains(words), "{words}: {:?}", found.problems);
    }
    let nameless: Vec<_> = found.problems.iter().filter(|problem| problem.path.is_none()).collect();
    assert!(matches!(nameless[..], [bad] if bad.detail.contains("marks as bad")));
}

#[test]
fn fats_that_differ_are_counted_and_the_second_mends_the_first() {
    let mut image = Image::new();
    image.root(0, file(b"FILE       ", 5, 1500)).chain(&[5, 6, 7]).fill(7, 9);
    image.link_in(0, 6, 0).link_in(1, 100, END);
    let found = survey(image.0).unwrap();
    assert!(found.complains("differ in 2 entries, first in that of cluster 6"), "{:?}", found.problems);
    assert!(found.complains("breaks the chain off at cluster 6"));
    assert_eq!(found.content_of(found.find("FILE")).unwrap()[1024..], [9; 476]);
}

#[test]
fn a_directory_entry_that_leads_to_a_file_lists_no_rubbish() {
    let mut image = Image::new();
    image.root(0, folder(b"FAKE       ", 5)).chain(&[5]).fill(5, 0x5a);
    image.put(5, 3, file(b"HIDDEN     ", 0, 0));
    let found = survey(image.0).unwrap();
    assert_eq!(found.paths(), ["FAKE", "FAKE/HIDDEN"]);
    assert!(found.complains("does not begin with . and .."));
    let left_out = found.problems.iter().find(|problem| problem.detail.contains("left out")).unwrap();
    assert_eq!(left_out.count, 15);
}

#[test]
fn entries_that_all_lead_to_one_long_chain_cost_bounded_work() {
    let mut image = Image::new();
    let chain: Vec<u16> = (40..190).collect();
    image.chain(&chain);
    for slot in 0..64 {
        image.root(slot, file(b"SAME       ", 40, 150 * 512));
    }
    let found = survey(image.0).unwrap();
    assert_eq!(found.entries.len(), 64);
    assert!(found.entries.iter().all(|entry| found.content_of(entry).is_some()));
}

#[test]
fn other_boot_sectors_are_not_fat() {
    let honest = Image::new().0;
    for (offset, value) in [(3, *b"NTFS    "), (3, *b"EXFAT   "), (3, *b"-FVE-FS-"), (11, [0; 8])] {
        let mut bytes = honest.clone();
        bytes[offset..offset + 8].copy_from_slice(&value);
        assert_eq!(Fat.probe(&Memory(bytes)), Confidence::No);
    }
    // The boot code of a partition table: a jump, instructions, and a signature.
    let mut code = vec![0; 4096];
    code[..16].copy_from_slice(b"\xeb\x63\x90\x10\x8e\xd0\xbc\x00\xb0\xb8\x00\x00\x8e\xd8\x8e\xc0");
    code[16..24].copy_from_slice(b"\xfb\xbe\x00\x7c\xbf\x00\x06\xb9");
    code[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(Fat.probe(&Memory(code)), Confidence::No);
    let mut unsigned = honest;
    unsigned[510] = 0;
    assert_eq!(Fat.probe(&Memory(&unsigned)), Confidence::Weak);
    assert!(survey(unsigned).unwrap().complains("signature 55 aa"));
    assert_eq!(Fat.probe(&Memory([0; 100])), Confidence::No);
}

#[test]
fn content_of_a_deleted_entry_whose_cluster_lives_on_in_another_is_overwritten() {
    let mut image = Image::new();
    image.root(0, file(b"LIVING     ", 5, 100)).chain(&[5]);
    image.root(1, file(b"GONE       ", 5, 100).deleted());
    let found = survey(image.0).unwrap();
    assert_eq!(found.find("_ONE").content, Content::Overwritten);
    assert!(found.problems.is_empty());
}

#[test]
fn what_only_claims_to_be_a_directory_is_not_examined_metadata() {
    let mut image = Image::new();
    image.root(0, folder(b"REAL       ", 3)).chain(&[3]).dots(3, 0);
    let before = survey(image.0.clone()).unwrap();
    image.root(1, folder(b"FALSE      ", 5)).chain(&[5, 6]).fill(5, 0x41).fill(6, 0x42);
    let found = survey(image.0).unwrap();
    assert!(found.complains("does not begin with . and .."));
    assert_eq!(metadata(&found), metadata(&before));
}

#[test]
fn lost_and_bad_clusters_are_damage_with_a_count_and_advice() {
    let mut image = Image::new();
    image.chain(&[9, 10]).link(20, 0xff7).link(22, 0xff7);
    let found = survey(image.0).unwrap();
    for (words, count) in [("no living entry has", 2), ("marks as bad", 2)] {
        let problem = found.problems.iter().find(|problem| problem.detail.contains(words)).unwrap();
        assert_eq!((problem.kind, problem.count), (ProblemKind::Corrupt, count), "{problem:?}");
        assert!(!problem.advice.is_empty());
    }
}

fn metadata(image: &trial::Image) -> u64 {
    image.metadata.iter().map(|extent| extent.length).sum()
}
