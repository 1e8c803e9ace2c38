//! Volumes as an honest writer makes them: everything is found again, also by The Sleuth Kit.

use std::collections::BTreeMap;

use super::HfsPlus;
use super::image::{BLOCK, File, Image, wrap};
use super::pack::pack;
use super::samples::compare;
use crate::filesystem::Format;
use crate::filesystem::trial::{self, bytes, dfxml, md5, run};
use crate::model::{Content, EntryKind, EntryState, ProblemKind};
use crate::read::{Confidence, Memory};

/// A volume with what HFS+ can have, and the content of each file by path.
pub(super) fn everything() -> (Image, BTreeMap<String, Vec<u8>>) {
    let mut image = Image::new();
    let mut expected = BTreeMap::new();
    let mut keep = |path: &str, content: &[u8]| drop(expected.insert(path.to_owned(), content.to_vec()));
    let links = image.folder(2, "\0\0\0\0HFS+ Private Data");
    let folder_links = image.folder(2, ".HFS+ Private Directory Data\r");
    let many = image.folder(2, "many");
    for number in 0..120 {
        let (name, content) = (format!("IMG_{number:04}.jpg"), bytes(number, 100 + number as usize));
        image.plain(many, &name, &content);
        keep(&format!("many/{name}"), &content);
    }
    for (pieces, length) in [(3, 9000), (9, 20 * BLOCK), (40, 100 * BLOCK + 7)] {
        let (name, data) = (format!("in {pieces} pieces"), bytes(pieces as u64, length));
        image.file(2, &name, &File { data: &data, pieces, ..File::default() });
        keep(&name, &data);
    }
    image.plain(2, "empty", b"");
    keep("empty", b"");
    let both = File { data: b"data", pieces: 1, resource: b"resources", ..File::default() };
    let number = image.file(2, "cafe\u{301} a/b", &both);
    keep("cafe\u{301} a:b", b"data");
    keep("cafe\u{301} a:b:rsrc", b"resources");
    image.attribute(number, "com.apple.quarantine", b"0081;00000000;");
    keep("cafe\u{301} a:b:com.apple.quarantine", b"0081;00000000;");
    let large = bytes(77, 20_000);
    image.large_attribute(number, "large", &large, 12);
    keep("cafe\u{301} a:b:large", &large);
    // macOS names what links lead to by its own number, and The Sleuth Kit relies on that.
    let special = image.next_number();
    image.plain(links, &format!("iNode{special}"), b"linked content");
    keep(&format!("\0\0\0\0HFS+ Private Data/iNode{special}"), b"linked content");
    let link = File { finder: b"hlnkhfs+", special, ..File::default() };
    for name in ["one name", "other name"] {
        image.file(2, name, &link);
        keep(name, b"linked content");
    }
    let special = image.next_number();
    let folder = image.folder(folder_links, &format!("dir_{special}"));
    image.plain(folder, "inside", b"in a linked folder");
    let link = File { finder: b"fdrpMACS", special, flags: 0x20, ..File::default() };
    image.file(many, "first link", &link);
    image.file(many, "second link", &link);
    keep("many/first link/inside", b"in a linked folder");
    let symlink = File { data: b"many/IMG_0001.jpg", pieces: 1, mode: 0o120_755, ..File::default() };
    image.file(2, "symlink", &symlink);
    image.file(2, "device", &File { mode: 0o20_666, special: 5, ..File::default() });
    let text = b"content that is compressed, compressed ".repeat(40);
    let long: Vec<u8> = (0..9000_u32).flat_map(|n| format!("{n:>8},{}\n", n % 13).into_bytes()).collect();
    for kind in [1, 3, 4, 7, 8, 9, 10, 11, 12] {
        let content = if kind % 2 == 1 { &text } else { &long };
        let (value, fork) = pack(kind, content);
        let name = format!("compressed {kind}");
        let number = image.file(2, &name, &File { resource: &fork, owner_flags: 0x20, ..File::default() });
        image.attribute(number, "com.apple.decmpfs", &value);
        keep(&name, content);
    }
    (image, expected)
}

fn digests(expected: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, (u64, String)> {
    expected.iter().map(|(path, content)| (path.clone(), (content.len() as u64, md5(content)))).collect()
}

fn survey(bytes: Vec<u8>) -> trial::Image {
    trial::Image::survey(&HfsPlus, bytes).unwrap()
}

#[test]
fn everything_is_given_back_without_a_problem_and_as_the_sleuth_kit_reads_it() {
    let (mut image, mut expected) = everything();
    image.journal(false);
    expected.insert("$StartupFile".into(), b"a loader".to_vec());
    let bytes = image.finish();
    assert_eq!(HfsPlus.probe(&Memory(&bytes)), Confidence::Strong);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("volume");
    std::fs::write(&file, &bytes).unwrap();
    let image = survey(bytes);
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.filesystem.label(), "Volume");
    assert_eq!(image.digests(EntryState::Allocated), digests(&expected));
    let linked = [image.find("one name"), image.find("other name")].map(|entry| (entry.record, entry.stream));
    assert_eq!(linked[0], linked[1]);
    let path = format!("\0\0\0\0HFS+ Private Data/iNode{}", linked[0].0);
    assert_eq!((image.find(&path).record, image.find(&path).stream), linked[0]);
    assert_eq!(image.find("many/second link").record, image.find("many/first link").record);
    assert_eq!(image.find("symlink").kind, EntryKind::Symlink);
    assert_eq!(image.find("device").kind, EntryKind::Other);
    let packed = image.find("compressed 4");
    assert_eq!(packed.content, Content::Opened);
    assert!(!packed.runs.is_empty());
    let Some(xml) = run("fiwalk", &["-x", file.to_str().unwrap()]) else { return };
    let mut theirs = dfxml(&String::from_utf8_lossy(&xml));
    // The tool does not know types above 8, does not follow links to folders, and takes decomposed names apart.
    let unknown = ["compressed 9", "compressed 1", "many/first link/", "many/second link/"];
    theirs.retain(|file| !unknown.iter().any(|start| file.path.starts_with(start)));
    theirs.retain(|file| !file.path.contains("/dir_"));
    let equal = compare(&image, &theirs);
    eprintln!("{equal} of {} entries with equal digests", theirs.len());
    assert!(equal >= 125, "{equal}");
}

#[test]
fn a_volume_in_a_wrapper_is_read_through_it() {
    let (image, expected) = everything();
    let image = survey(wrap(&image.finish()));
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.filesystem.variant(), "HFS+ in an HFS wrapper");
    let found = image.digests(EntryState::Allocated);
    assert!(digests(&expected).iter().all(|(path, file)| found.get(path) == Some(file)));
}

#[test]
fn a_catalog_in_many_pieces_is_found_by_the_extents_overflow_file() {
    let (mut image, expected) = everything();
    image.catalog_pieces = 30;
    image.extended = true;
    let image = survey(image.finish());
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.filesystem.variant(), "HFSX");
    let found = image.digests(EntryState::Allocated);
    assert!(digests(&expected).iter().all(|(path, file)| found.get(path) == Some(file)));
}

#[test]
fn the_state_of_the_journal_is_said() {
    let mut image = Image::new();
    image.journal(true);
    survey(image.finish()).problem(ProblemKind::Ambiguous, "what is only in it was not read");
    let mut image = Image::new();
    image.flags = 0;
    survey(image.finish()).problem(ProblemKind::Ambiguous, "was not unmounted");
    let mut image = Image::new();
    image.journal(false);
    image.journal = 1 << 20;
    survey(image.finish()).problem(ProblemKind::Corrupt, "no such block");
}

#[test]
fn types_of_compression_that_are_not_read_are_counted_once() {
    let mut image = Image::new();
    for name in ["one", "two"] {
        let number = image.file(2, name, &File { owner_flags: 0x20, ..File::default() });
        image.attribute(number, "com.apple.decmpfs", b"fpmc\x0d\0\0\0\x05\0\0\0\0\0\0\0Zbm..");
    }
    let image = survey(image.finish());
    let problem = image.problem(ProblemKind::Unsupported, "decmpfs type 13");
    assert_eq!((problem.count, image.problems.len()), (2, 1));
    assert_eq!((image.find("two").content, image.find("two").size), (Content::Unsupported, 5));
}
