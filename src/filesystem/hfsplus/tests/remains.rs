//! Deleted files and folders, and links that lead nowhere.

use super::HfsPlus;
use super::image::{CATALOG_NODE, File, Image};
use super::tree::key;
use crate::filesystem::trial;
use crate::model::{Content, EntryState, ProblemKind};

/// Writes records behind the last record of the first leaf of the catalog, as deletion leaves them.
fn leave(bytes: &mut [u8], records: &[Vec<u8>]) {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let leaf = word(1024 + 272 + 16) * super::image::BLOCK + CATALOG_NODE;
    let half = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let free = half(leaf + CATALOG_NODE - 2 * (half(leaf + 10) + 1));
    let left = records.concat();
    assert!(free + left.len() + 40 < CATALOG_NODE);
    bytes[leaf + free..leaf + free + left.len()].copy_from_slice(&left);
}

#[test]
fn records_in_the_unused_part_of_a_leaf_are_deleted_entries_graded_by_the_bitmap() {
    let mut image = Image::new();
    let folder = image.folder(2, "folder");
    image.plain(folder, "alive", b"alive");
    let mut record = |name: &str, parent: u32, number: u32, free: bool| {
        let data = b"deleted content";
        let file = File { data, pieces: 1, resource: b"fork", ..File::default() };
        let record = image.file_record(number, &file);
        if free {
            image.free(&record[88..168]);
        }
        [key(parent, name), record].concat()
    };
    let records = [
        record("free", folder, 40, true),
        record("taken", folder, 41, false),
        record("homeless", 90, 42, true),
        // A copy of what is in use is no deleted file.
        record("alive", folder, folder + 1, true),
    ];
    let mut bytes = image.finish();
    leave(&mut bytes, &records);
    let image = trial::Image::survey(&HfsPlus, bytes).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    let deleted = |path: &str| (image.find(path).state, image.find(path).content, image.find(path).size);
    assert_eq!(deleted("folder/free"), (EntryState::Deleted, Content::Runs, 15));
    assert_eq!(deleted("folder/free:rsrc"), (EntryState::Deleted, Content::Overwritten, 4));
    assert_eq!(deleted("folder/taken"), (EntryState::Deleted, Content::Overwritten, 15));
    assert_eq!(deleted("$OrphanFiles/homeless"), (EntryState::Orphan, Content::Runs, 15));
    assert_eq!(image.find("folder/alive").size, 5);
    assert_eq!(image.entries.iter().filter(|entry| entry.path.contains("alive")).count(), 1);
    let at = image.entries.iter().position(|entry| entry.path == "folder/free").unwrap();
    assert_eq!(image.bytes(at), b"deleted content");
}

#[test]
fn a_link_without_its_file_and_a_file_without_its_folder_are_listed_and_said() {
    let mut image = Image::new();
    image.file(2, "link", &File { finder: b"hlnkhfs+", special: 5, ..File::default() });
    image.plain(700, "lost", b"content");
    let short =
        image.file(2, "short", &File { data: b"12345", pieces: 1, owner_flags: 0x20, ..File::default() });
    let mut bytes = image.finish();
    let record = [key(2, "short"), vec![0, 2]].concat();
    let at = bytes.windows(record.len()).position(|part| part == record).unwrap() + record.len();
    // The size of the data fork becomes greater than its blocks.
    bytes[at + 86..at + 94].copy_from_slice(&2304_u64.to_be_bytes());
    let image = trial::Image::survey(&HfsPlus, bytes).unwrap();
    assert_eq!(image.find("link").content, Content::Lost);
    assert_eq!(image.find("$OrphanFiles/lost").state, EntryState::Allocated);
    assert_eq!(image.find("short").content, Content::Lost);
    assert_eq!(image.find("short").record, u64::from(short));
    image.problem(ProblemKind::Corrupt, "hard link leads to is missing");
    image.problem(ProblemKind::Corrupt, "whose own folder is missing");
    image.problem(ProblemKind::Corrupt, "give the place of");
}
