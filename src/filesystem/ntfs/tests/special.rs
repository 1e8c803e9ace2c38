//! What no common tool makes: records changed by hand, reparse points, CompactOS, encryption.

use super::*;
use crate::filesystem::ntfs::reparse::Packing;
use crate::filesystem::ntfs::wof::tests::{pack, sample};
use crate::filesystem::trial::{bytes, md5};
use crate::model::{Content, EntryKind, EntryState, ProblemKind, Run};

fn reparse(path: &Path, tag: u32, words: &[u32]) -> bool {
    let mut value = tag.to_le_bytes().to_vec();
    value.extend((words.len() as u32 * 4).to_le_bytes());
    value.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    let value = format!("0x{}", hex::encode(value));
    let arguments = ["-h", "-n", "system.ntfs_reparse_data", "-v", &value];
    let output = Command::new("setfattr").args(arguments).arg(path).output();
    output.is_ok_and(|output| output.status.success())
}

/// Makes the first plain stream of a record one with other sizes or flags.
fn set(volume: &mut [u8], record: u64, offset: usize, value: &[u8]) {
    patch(volume, record, |bytes| {
        let at = attribute(bytes, code::DATA, false) + offset;
        bytes[at..at + value.len()].copy_from_slice(value);
    });
}

#[test]
fn files_of_the_overlay_filter_are_unpacked_and_others_never_read_as_zeros() {
    let packings = [Packing::Xpress(12), Packing::Lzx, Packing::Xpress(13), Packing::Xpress(14)];
    let contents: Vec<Vec<u8>> =
        (0..4).map(|seed| sample(seed + 10, 260_000 + 999 * seed as usize)).collect();
    let packed: Option<Vec<_>> = packings.iter().zip(&contents).map(|(p, c)| pack(c, *p, 50)).collect();
    let Some(packed) = packed else { return };
    let mut done = true;
    let Some(made) = Made::new("-c 4096", 16_000, |root| {
        let mut put = |name: &str, size: usize, packed: Option<&[u8]>, tag, words: &[u32]| {
            let path = root.join(name);
            let file = std::fs::File::create(&path).unwrap();
            file.set_len(size as u64).unwrap();
            if let Some(packed) = packed {
                std::fs::write(root.join(format!("{name}:WofCompressedData")), packed).unwrap();
            }
            done &= reparse(&path, tag, words);
        };
        for (number, (content, packed)) in (0..).zip(contents.iter().zip(&packed)) {
            put(&format!("packed {number}"), content.len(), Some(packed), 0x8000_0017, &[1, 2, 1, number]);
        }
        put("of an unknown kind", 9000, Some(b"xyz"), 0x8000_0017, &[1, 2, 1, 9]);
        put("deduplicated", 70_000, None, 0x8000_0013, &[0; 20]);
        put("in the cloud", 80_000, None, 0x9000_301a, &[0; 20]);
        put("in the cloud too", 90_000, None, 0x9000_001a, &[0; 20]);
        put("mount point", 0, None, 0xa000_000c, &[0; 20]);
    }) else {
        return;
    };
    if !done {
        eprintln!("skipped: reparse points cannot be made");
        return;
    }
    let image = survey(made.bytes());
    let found = image.digests(EntryState::Allocated);
    for (number, content) in contents.iter().enumerate() {
        let path = format!("packed {number}");
        assert_eq!(found.get(&path), Some(&(content.len() as u64, md5(content))), "{path}");
        assert!(image.find(&path).runs.iter().any(|run| !run.is_hole()));
    }
    for (path, words) in [
        ("of an unknown kind", "compressed by Windows"),
        ("deduplicated", "deduplicated"),
        ("in the cloud", "content not on this disk"),
    ] {
        assert_eq!(image.find(path).content, Content::Unsupported);
        assert!(!found.contains_key(path));
        let problem = image.problem(ProblemKind::Unsupported, words);
        assert_eq!(problem.path, Some(path.into()));
    }
    assert_eq!(image.problem(ProblemKind::Unsupported, "content not on this disk").count, 2);
    assert_eq!(image.find("mount point").kind, EntryKind::Symlink);
}

#[test]
fn content_behind_a_link_is_a_file_and_a_second_main_stream_a_stream() {
    let content = bytes(3, 30_000);
    let mut done = true;
    let Some(made) = Made::new("-c 4096", 8000, |root| {
        std::fs::write(root.join("covered"), &content).unwrap();
        std::fs::write(root.join("double"), b"one").unwrap();
        std::fs::write(root.join("double:x"), b"two").unwrap();
        done &= reparse(&root.join("covered"), 0xa000_000c, &[0; 20]);
    }) else {
        return;
    };
    let mut volume = made.bytes();
    let record = survey(volume.clone()).find("double").record;
    // Without the length of its name the named stream is a second main one.
    patch(&mut volume, record, |bytes| {
        let at = attribute(bytes, code::DATA, true);
        bytes[at + 9] = 0;
    });
    let image = survey(volume);
    let found = image.digests(EntryState::Allocated);
    assert_eq!((&found["double"].1, &found["double:"].1), (&md5(b"one"), &md5(b"two")));
    assert_ne!(image.find("double").stream, image.find("double:").stream);
    if !done {
        eprintln!("skipped: reparse points cannot be made");
        return;
    }
    assert_eq!(image.find("covered").kind, EntryKind::File);
    assert_eq!(found["covered"], (30_000, md5(&content)));
}

#[test]
fn bytes_that_were_never_written_are_zeros_and_encrypted_ones_are_not_read() {
    let plain = bytes(1, 100_000);
    let Some(made) = Made::new("-c 4096", 8000, |root| {
        for name in ["half", "none", "secret"] {
            std::fs::write(root.join(name), &plain).unwrap();
        }
        std::fs::create_dir(root.join("folder")).unwrap();
        std::fs::write(root.join("folder/inside"), b"inside").unwrap();
    }) else {
        return;
    };
    let mut volume = made.bytes();
    let before = survey(volume.clone());
    let record = |path: &str| before.find(path).record;
    set(&mut volume, record("half"), 56, &50_001_u64.to_le_bytes());
    set(&mut volume, record("none"), 56, &0_u64.to_le_bytes());
    set(&mut volume, record("secret"), 12, &0x4000_u16.to_le_bytes());
    let after = survey(volume.clone());
    let found = after.digests(EntryState::Allocated);
    let mut half = plain.clone();
    half[50_001..].fill(0);
    assert_eq!(found["half"], (100_000, md5(&half)));
    assert_eq!(
        (found["none"].clone(), after.find("none").runs.as_slice()),
        ((100_000, md5(&[0; 100_000])), &[Run::hole(100_000)][..])
    );
    let secret = after.find("secret");
    assert_eq!(
        (secret.content, secret.runs[0].offset),
        (Content::Encrypted, before.find("secret").runs[0].offset)
    );
    assert_eq!(after.problem(ProblemKind::Encrypted, "EFS").count, 1);
    // A directory that does not hold what says so: a later one in its place.
    patch(&mut volume, record("folder"), |bytes| bytes[0x10] += 1);
    patch(&mut volume, 3, |bytes| {
        let at = attribute(bytes, code::VOLUME_INFORMATION, false);
        bytes[at + 0x18 + 10] |= 1;
    });
    let after = survey(volume);
    assert_eq!(after.find("$OrphanFiles/inside").state, EntryState::Allocated);
    after.problem(ProblemKind::Corrupt, "the directory that should hold it is not there");
    after.problem(ProblemKind::Ambiguous, "its journal was not replayed");
}

#[test]
fn directories_that_hold_each_other_are_listed_once_each() {
    let Some(made) = Made::new("-c 4096", 8000, |root| {
        for name in ["one/x", "two/y"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
    }) else {
        return;
    };
    let mut volume = made.bytes();
    let before = survey(volume.clone());
    let reference = |path: &str| {
        let record = before.find(path).record;
        let opened = Volume::open(Arc::new(crate::read::Memory(volume.clone()))).unwrap();
        let bytes = opened.mft.record(record).unwrap();
        u64::from(bytes[0x10]) << 48 | record
    };
    let (one, two) = (reference("one"), reference("two"));
    for (record, parent) in [(one, two), (two, one)] {
        patch(&mut volume, record & 0xffff_ffff, |bytes| {
            let at = attribute(bytes, code::FILE_NAME, false) + 0x18;
            bytes[at..at + 8].copy_from_slice(&parent.to_le_bytes());
        });
    }
    let after = survey(volume);
    assert_eq!(after.entries.len(), before.entries.len());
    assert!(
        after
            .entries
            .iter()
            .any(|entry| entry.path.starts_with("$OrphanFiles/") && entry.path.ends_with("/x"))
    );
    after.problem(ProblemKind::Corrupt, "the directory that should hold it is not there");
}

#[test]
fn clusters_marked_as_bad_are_listed_and_the_hole_around_them_is_not() {
    let Some(made) = Made::new("-c 4096", 8000, |_| ()) else { return };
    let mut volume = made.bytes();
    assert_eq!(survey(volume.clone()).find("$BadClus:$Bad").size, 0);
    // A hole of 1 cluster, 2 bad ones at cluster 1000, a hole.
    patch(&mut volume, 8, |bytes| {
        let at = attribute(bytes, code::DATA, true);
        let pairs = at + usize::from(u16::from_le_bytes([bytes[at + 32], bytes[at + 33]]));
        bytes[pairs..pairs + 8].copy_from_slice(&[0x01, 1, 0x21, 2, 0xe8, 0x03, 0, 0]);
        bytes[at + 24..at + 32].copy_from_slice(&2_u64.to_le_bytes());
    });
    let image = survey(volume);
    let bad = image.find("$BadClus:$Bad");
    assert_eq!((bad.size, bad.runs.as_slice()), (8192, &[Run::new(1000 * 4096, 8192)][..]));
    image.problem(ProblemKind::Ambiguous, "marked as bad");
}
