//! Bridges, deleted files, streams, links, and damage.

use super::*;
use crate::filesystem::iso9660::Iso9660;
use crate::filesystem::trial::{after_single_flips, compare_allocated, under_damage};
use crate::filesystem::{Format, detect};
use crate::model::{Content, EntryKind, ProblemKind};
use crate::read::Confidence;

#[test]
fn of_a_bridge_the_udf_part_is_read_and_files_that_only_the_other_has_are_listed_beside() {
    let folder = folder_of(30);
    let Some(image) = genisoimage(folder.path(), &["-J", "-R"]) else { return };
    let detected = detect(&Memory(image.clone()));
    assert_eq!((detected.tied, detected.confidence), (vec!["udf"], Confidence::Strong));
    assert_eq!(Iso9660.probe(&Memory(image.clone())), Confidence::Weak);
    let found = survey(image.clone());
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
    let expected = walk(folder.path());
    assert_eq!(compare_allocated(&found, &expected, &[]), 30);
    if let Some(theirs) = extracted(&image) {
        assert_eq!(theirs, expected);
    }
    fs::write(folder.path().join("only iso"), bytes(77, 6000)).unwrap();
    let Some(mut image) = genisoimage(folder.path(), &["-R"]) else { return };
    let names = [&b"\x08only iso"[..], b"\x10\0o\0n\0l\0y\0 \0i\0s\0o"];
    let at =
        (38..image.len()).find(|at| names.iter().any(|name| image[*at..].starts_with(name))).unwrap() - 38;
    image[at + 18] = 4;
    let length = 16 + usize::from(u16::from_le_bytes([image[at + 10], image[at + 11]]));
    let location = u32::from_le_bytes(image[at + 12..at + 16].try_into().unwrap());
    super::build::seal(&mut image[at..], 257, location, length);
    let found = survey(image);
    let hidden = allocated(&found).remove(".iso9660/only iso");
    assert_eq!(hidden, Some((6000, md5(&bytes(77, 6000)))), "{:#?}", found.entries.last());
    assert_eq!(found.find("only iso").state, EntryState::Deleted);
    assert_eq!(found.entries.len(), 30 + 3 + 3);
    found.problem(ProblemKind::Ambiguous, "an ISO 9660 tree on the same disc");
}

#[test]
fn deleted_files_are_graded_by_the_bitmap() {
    let Some(image) = mkudffs("hd", 2048, "0x0201") else { return };
    let mut builder = Builder::new(image);
    let root = builder.logical.file_sets(&mut Vec::new())[0].root;
    let mut free = Vec::new();
    let content = bytes(1, 5000);
    let gone = builder.file(&content, Stored::Short, None);
    let first = 300;
    free.push(gone);
    free.extend((first..first + 8).map(|block| Address { partition: 0, block }));
    let taken = builder.file(&bytes(2, 5000), Stored::Short, None);
    free.push(taken);
    let living = builder.file(&bytes(3, 100), Stored::Embedded, None);
    let inside = builder.file(&bytes(4, 90), Stored::Embedded, None);
    let folder = builder.directory(4, root, &[("inside", 0, inside)]);
    free.extend([inside, folder]);
    for (name, characteristics, icb) in [
        ("gone", 4, gone),
        ("taken", 4, taken),
        ("old name", 4, living),
        ("living", 0, living),
        ("old folder", 6, folder),
        ("nowhere", 4, Address { partition: 0, block: 900 }),
    ] {
        builder.name(name, characteristics, icb);
    }
    let found = survey(builder.finish(&free));
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
    let content_of = |path: &str| (found.find(path).state, found.find(path).content);
    assert_eq!(content_of("living"), (EntryState::Allocated, Content::Opened));
    for (path, content) in [
        ("gone", Content::Runs),
        ("taken", Content::Overwritten),
        ("old name", Content::Overwritten),
        ("old folder/inside", Content::Opened),
        ("nowhere", Content::Lost),
    ] {
        assert_eq!(content_of(path), (EntryState::Deleted, content), "{path}");
    }
    assert_eq!(found.digests(EntryState::Deleted)["gone"], (5000, md5(&content)));
    assert_eq!(found.digests(EntryState::Deleted)["old folder/inside"], (90, md5(&bytes(4, 90))));
}

#[test]
fn streams_links_and_an_unclosed_volume_are_told() {
    let Some(mut image) = mkudffs("hd", 2048, "0x0201") else { return };
    let integrity = (0..image.len()).step_by(2048).find(|at| image[*at..].starts_with(&[9, 0])).unwrap();
    image[integrity + 28] = 0;
    let mut builder = Builder::new(image);
    let root = builder.logical.file_sets(&mut Vec::new())[0].root;
    let secret = builder.file(&bytes(9, 4000), Stored::Short, None);
    let streams = builder.directory(13, root, &[("secret", 0, secret)]);
    let main = builder.file(&bytes(8, 3000), Stored::Short, Some(streams));
    builder.name("main", 0, main);
    let path = b"\x05\x04\0\0\x08usr\x03\0\0\0\x05\x02\0\0\x08x";
    let link = builder.entry(12, 3, path.len(), path, None);
    builder.name("link", 0, link);
    let found = survey(builder.finish(&[]));
    let stream = found.find("main:secret");
    assert_eq!((stream.stream, stream.size, stream.kind), (1, 4000, EntryKind::File));
    assert_eq!(allocated(&found)["main:secret"].1, md5(&bytes(9, 4000)));
    let at = found.entries.iter().position(|entry| entry.path == "link").unwrap();
    assert_eq!((found.entries[at].kind, found.table.len()), (EntryKind::Symlink, 4 - 1));
    let entry = found.table.get(at as u32).unwrap();
    let target = found.filesystem.open(entry).unwrap();
    assert_eq!(crate::read::ReadAt::read_vec(&*target, 0, 8).unwrap(), b"usr/../x");
    found.problem(ProblemKind::Corrupt, "not closed");
}

#[test]
fn directories_that_lead_to_themselves_are_entered_once() {
    let Some(image) = mkudffs("hd", 2048, "0x0201") else { return };
    let mut builder = Builder::new(image);
    let root = builder.logical.file_sets(&mut Vec::new())[0].root;
    let at = builder.directory(4, root, &[("up", 2, root)]);
    builder.name("loop", 2, at);
    builder.name("same", 2, at);
    let found = survey(builder.finish(&[]));
    found.problem(ProblemKind::Corrupt, "a directory that another one is");
    assert_eq!(found.entries.len(), 4 - 1);
}

#[test]
fn a_volume_without_anchors_is_found_by_its_descriptors() {
    let Some(empty) = mkudffs("hd", 2048, "0x0201") else { return };
    let (mut image, expected) = fill(empty);
    for at in (0..image.len()).step_by(2048) {
        if image[at..].starts_with(&[2, 0]) {
            image[at..at + 512].fill(0);
        }
    }
    assert_eq!(Udf.probe(&Memory(image.clone())), Confidence::Weak);
    let found = survey(image);
    assert_eq!(allocated(&found), expected);
    found.problem(ProblemKind::Corrupt, "no anchor can be used");
    assert_eq!(Udf.probe(&Memory(vec![0; 3 << 20])), Confidence::No);
}

#[test]
fn one_flipped_bit_costs_hardly_a_file() {
    let folder = folder_of(120);
    let Some(image) = genisoimage(folder.path(), &[]) else { return };
    let places = survey(image.clone()).metadata;
    let kept = after_single_flips(&Udf, &image, &places, 200);
    eprintln!("bridge: {:.2} % of the files are kept after a flipped bit", kept * 100.0);
    assert!(kept >= 0.95, "{kept}");
    let Some(empty) = mkudffs("hd", 512, "0x0201") else { return };
    let (image, _) = fill(empty);
    let places = survey(image.clone()).metadata;
    let kept = after_single_flips(&Udf, &image, &places, 300);
    eprintln!("hd: {:.2} % of the files are kept after a flipped bit", kept * 100.0);
    assert!(kept >= 0.95, "{kept}");
}

#[test]
fn nothing_panics_or_hangs_under_damage() {
    for (media, block) in [("hd", 512), ("cdrw", 2048), ("cdr", 2048)] {
        let Some(image) = mkudffs(media, block, "0x0201") else { return };
        let image = if media == "cdr" { image } else { fill(image).0 };
        let places = survey(image.clone()).metadata;
        under_damage(&Udf, &image, &places, 150);
    }
}
