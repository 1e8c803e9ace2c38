//! Comparison with The Sleuth Kit, on volumes that mkfs.fat and mtools make and on staged ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{survey, trial};
use crate::filesystem::Format;
use crate::filesystem::fat::Fat;
use crate::filesystem::trial::{attempt, dfxml, md5, shared, unpacked};
use crate::model::{EntryKind, EntryState};
use crate::read::{Confidence, Memory};

/// The volumes that are made: name, size in KiB, arguments of mkfs.fat.
const MADE: [(&str, &str, &[&str]); 4] = [
    ("fat12", "2048", &["-F", "12", "-s", "1"]),
    ("fat16", "20480", &["-F", "16", "-s", "2"]),
    ("fat32", "40960", &["-F", "32", "-s", "1"]),
    ("fat16-4096", "65536", &["-F", "16", "-S", "4096", "-s", "1"]),
];

/// Makes a volume with long names, nested directories, fragments and deleted entries.
pub(super) fn make(folder: &Path, name: &str, kib: &str, arguments: &[&str]) -> Option<PathBuf> {
    let image = folder.join(name);
    let path = image.to_str().unwrap();
    let mkfs: Vec<&str> =
        arguments.iter().copied().chain(["-n", "EVIDENCE", "-i", "12345678", "-C", path, kib]).collect();
    attempt("mkfs.fat", &mkfs)?;
    let content = folder.join("content");
    let put = |target: &str, bytes: usize, seed: u64| {
        std::fs::write(&content, trial::bytes(seed, bytes)).unwrap();
        attempt("mcopy", &["-i", path, content.to_str().unwrap(), target])
    };
    let run = |name: &str, target: &str| attempt(name, &["-i", path, target]);
    for folder in [
        "::DCIM",
        "::DCIM/100CANON",
        "::A long directory name",
        "::A long directory name/deeper",
        "::gone",
        "::gone/inner",
    ] {
        run("mmd", folder)?;
    }
    for number in 0..40_u64 {
        put(&format!("::DCIM/100CANON/IMG_{number:04}.JPG"), 700 + number as usize * 300, number)?;
    }
    for (seed, name) in
        (100..).zip(["gone/a file that will go.txt", "gone/SHORT.TXT", "gone/inner/last one here.bin"])
    {
        put(&format!("::{name}"), 3000, seed)?;
    }
    for number in (0..40).step_by(3) {
        run("mdel", &format!("::DCIM/100CANON/IMG_{number:04}.JPG"))?;
    }
    // Written into the gaps: fragments, and clusters that deleted entries had.
    put("::A long directory name/deeper/Ein Bericht über alles.docx", 30_000, 7)?;
    put("::lower.txt", 10, 8)?;
    put("::MiXed Case", 0, 9)?;
    put("::A long directory name/zuletzt gelöscht.mp4", 20_000, 10)?;
    run("mdel", "::A long directory name/zuletzt gelöscht.mp4")?;
    run("mdeltree", "::gone")?;
    Some(image)
}

/// Checks every line of `fls -r -p` and the content that `icat` gives against the survey. Returns how many lines
/// were compared, and of how many deleted ones the content was.
fn compare(image: &Path, found: &trial::Image, first_slot: u64) -> Option<(usize, usize)> {
    let listing = String::from_utf8(attempt("fls", &["-r", "-p", image.to_str().unwrap()])?).unwrap();
    let by_record: BTreeMap<u64, _> = found.entries.iter().map(|entry| (entry.record, entry)).collect();
    let (mut compared, mut recovered, mut living) = (0, 0, 0);
    for line in listing.lines().filter(|line| !line.starts_with(['v', 'V'])) {
        let (head, path) = line.split_once(":\t").unwrap();
        if path.contains("(Volume Label Entry)") {
            continue;
        }
        let deleted = head.contains('*');
        let inode: u64 = head.rsplit(' ').next().unwrap().trim_end_matches("(realloc)").parse().unwrap();
        let entry = by_record
            .get(&(inode - 3 + first_slot))
            .unwrap_or_else(|| panic!("{line} is not among {:?}", found.paths()));
        assert_eq!(entry.path, path, "{line}");
        assert_eq!(entry.state != EntryState::Allocated, deleted, "{line}");
        assert_eq!(entry.kind == EntryKind::Directory, head.contains("d "), "{line}");
        compared += 1;
        living += usize::from(!deleted);
        if entry.kind == EntryKind::Directory {
            continue;
        }
        let theirs = attempt("icat", &["-r", image.to_str().unwrap(), &inode.to_string()])?;
        if !deleted {
            assert_eq!(found.content_of(entry), Some(theirs), "{line}");
        } else if let Some(ours) = found.content_of(entry) {
            assert_eq!(ours, theirs, "{line}");
            recovered += 1;
        }
        // Where the first cluster has a new owner, icat gives that owner's bytes; ours are lost.
    }
    let ours = found.entries.iter().filter(|entry| entry.state == EntryState::Allocated).count();
    assert_eq!(ours, living);
    Some((compared, recovered))
}

/// Number of the slot that The Sleuth Kit calls inode 3: the first of the root region, or of the clusters.
fn first_slot(bytes: &[u8]) -> u64 {
    let short = |at: usize| u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let fat = if short(22) == 0 { short(36) } else { short(22) };
    (short(14) + u64::from(bytes[16]) * fat) * short(11) / 32
}

#[test]
fn made_volumes_are_listed_and_read_as_the_sleuth_kit_does() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kib, arguments) in MADE {
        let Some(image) = make(folder.path(), name, kib, arguments) else { return };
        let bytes = std::fs::read(&image).unwrap();
        assert_eq!(Fat.probe(&Memory(&bytes)), Confidence::Strong, "{name}");
        let start = first_slot(&bytes);
        let found = survey(bytes).unwrap();
        assert!(found.problems.is_empty(), "{name}: {:?}", found.problems);
        assert_eq!(found.filesystem.label(), "EVIDENCE", "{name}");
        assert!(name.contains(&found.filesystem.variant().to_lowercase()), "{name}");
        let Some((compared, recovered)) = compare(&image, &found, start) else { return };
        orphans(&image, name, start);
        eprintln!("{name}: {compared} lines equal, content of {recovered} deleted files equal");
        assert!(compared >= 50 && recovered >= 5, "{name}");
    }
}

/// Erases the entry of a directory, so that only its clusters are left, and compares again.
fn orphans(image: &Path, name: &str, start: u64) {
    let mut bytes = std::fs::read(image).unwrap();
    let place = survey(bytes.clone()).unwrap().find("A long directory name").record as usize * 32;
    // The slot and those of its long name.
    bytes[place - 64..place + 32].fill(0xe5);
    std::fs::write(image, &bytes).unwrap();
    let found = survey(bytes).unwrap();
    let lost = found.find("$OrphanFiles/deeper/Ein Bericht über alles.docx");
    assert_eq!(found.content_of(lost).unwrap().len(), 30_000, "{name}");
    let listing = attempt("fls", &["-r", "-p", image.to_str().unwrap()]).unwrap_or_default();
    for line in String::from_utf8(listing).unwrap().lines().filter(|line| !line.starts_with(['v', 'V'])) {
        let (head, path) = line.split_once(":\t").unwrap();
        let inode: u64 = head.rsplit(' ').next().unwrap().trim_end_matches("(realloc)").parse().unwrap();
        let ours = found.entries.iter().find(|entry| entry.record == inode - 3 + start);
        assert!(ours.is_some() || path.contains("(Volume Label"), "{name}: {line} of {:?}", found.paths());
    }
}

#[test]
fn a_fat32_layout_with_few_clusters_is_fat32() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("small");
    let path = image.to_str().unwrap();
    let made = attempt("mkfs.fat", &["-F", "32", "-s", "1", "-n", "SMALL", "-C", path, "8192"]);
    if made.is_none() {
        return;
    }
    let mut bytes = std::fs::read(&image).unwrap();
    assert_eq!(Fat.probe(&Memory(&bytes)), Confidence::Strong);
    let found = survey(bytes.clone()).unwrap();
    assert_eq!((found.filesystem.variant().as_str(), found.filesystem.label().as_str()), ("FAT32", "SMALL"));
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    // The backup takes over where the first boot sector is damaged or leads astray.
    for (at, value) in [(12, 0), (14, 99), (13, 3)] {
        let whole = std::mem::replace(&mut bytes[at], value);
        assert_eq!(Fat.probe(&Memory(&bytes)), Confidence::Weak);
        let found = survey(bytes.clone()).unwrap();
        assert_eq!(found.filesystem.label(), "SMALL");
        assert!(found.complains("its backup at byte 3072 was used"), "{:?}", found.problems);
        bytes[at] = whole;
    }
    bytes[36] = 1;
    assert!(survey(bytes).unwrap().complains("describe different layouts"));
}

#[test]
fn staged_volumes_are_listed_with_the_digests_that_the_oracle_has() {
    for name in ["fat12", "fat16"] {
        let Some(path) = shared(&format!("testdata/filesystems/rust-fatfs/{name}.img")) else { return };
        let Some(xml) = unpacked(&format!("testdata/oracle/rustfatfs-{name}.dfxml.gz")) else { return };
        let found = survey(std::fs::read(path).unwrap()).unwrap();
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        assert_eq!(found.filesystem.label(), "Test!");
        let mut compared = 0;
        let known = |path: &str| path.starts_with('$') || path.contains("(Volume Label");
        for theirs in dfxml(&xml).iter().filter(|theirs| !known(&theirs.path)) {
            let entry = found.find(&theirs.path);
            assert_eq!((entry.size, &entry.times[0]), (theirs.size, &theirs.times[0]), "{}", theirs.path);
            let content = found.content_of(entry).unwrap();
            assert_eq!(Some(md5(&content)), theirs.md5, "{}", theirs.path);
            compared += 1;
        }
        assert_eq!((compared, found.entries.len()), (8, 8), "{name}");
    }
}
