//! Content that a volume's writer hid, and sizes that no volume has: listed all the same, within bounds.

use super::HfsPlus;
use super::image::{File, Image, utf16};
use super::pack::pack;
use crate::filesystem::trial::{self, bytes, md5};
use crate::model::{EntryKind, EntryState, ProblemKind};

fn survey(bytes: Vec<u8>) -> trial::Image {
    trial::Image::survey(&HfsPlus, bytes).unwrap()
}

#[test]
fn a_file_with_content_is_read_whatever_its_type_says() {
    let mut image = Image::new();
    let content = bytes(1, 5000);
    let hidden = File { data: &content, pieces: 1, ..File::default() };
    image.file(2, "like a link", &File { finder: b"hlnkhfs+", ..hidden });
    image.file(2, "like a link to a folder", &File { finder: b"fdrpMACS", flags: 0x20, ..hidden });
    image.file(2, "like a symbolic link", &File { finder: b"slnkrhap", ..hidden });
    image.file(2, "too long a target", &File { mode: 0o120_755, ..hidden });
    image.file(2, "like a pipe", &File { mode: 0o10_644, ..hidden });
    let image = survey(image.finish());
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    let found = image.digests(EntryState::Allocated);
    let expected = (5000, md5(&content));
    for path in
        ["like a link", "like a link to a folder", "like a symbolic link", "too long a target", "like a pipe"]
    {
        assert_eq!(found.get(path), Some(&expected), "{path}");
        assert_eq!(image.find(path).kind, EntryKind::File);
    }
}

#[test]
fn forks_beside_the_content_of_a_compressed_file_are_listed() {
    let mut image = Image::new();
    let text = b"content that is compressed, compressed ".repeat(40);
    let (value, _) = pack(3, &text);
    let beside =
        File { data: b"data", pieces: 1, resource: b"resources", owner_flags: 0x20, ..File::default() };
    let number = image.file(2, "both", &beside);
    image.attribute(number, "com.apple.decmpfs", &value);
    let image = survey(image.finish());
    let found = image.digests(EntryState::Allocated);
    for (path, content) in [("both", &text[..]), ("both:rsrc", b"resources"), ("both:data", b"data")] {
        assert_eq!(found.get(path), Some(&(content.len() as u64, md5(content))), "{path}");
    }
    let streams: std::collections::BTreeSet<u16> = image
        .entries
        .iter()
        .filter(|entry| entry.path.starts_with("both"))
        .map(|entry| entry.stream)
        .collect();
    assert_eq!(streams.len(), 3);
}

#[test]
fn two_files_with_one_number_are_two_contents() {
    let mut image = Image::new();
    let first = image.plain(2, "first file", b"one content");
    image.plain(2, "other file", b"two content");
    let mut volume = image.finish();
    let name = utf16("other file");
    // The thread bears the name behind its number, the file's own key before its record.
    let at = volume.windows(name.len()).position(|bytes| bytes == name).unwrap() + name.len() + 8;
    volume[at..at + 4].copy_from_slice(&first.to_be_bytes());
    let image = survey(volume);
    let (one, two) = (image.find("first file"), image.find("other file"));
    assert_ne!((one.record, one.stream), (two.record, two.stream));
    let found = image.digests(EntryState::Allocated);
    assert_eq!(found["first file"].1, md5(b"one content"));
    assert_eq!(found["other file"].1, md5(b"two content"));
    image.problem(ProblemKind::Corrupt, "whose number another one has");
}

#[test]
fn a_catalog_that_says_it_is_larger_than_its_volume_takes_no_more_than_that() {
    let mut image = Image::new();
    image.plain(2, "file", b"content");
    let mut volume = image.finish();
    let end = volume.len();
    for header in [1024, end - 1024] {
        volume[header + 44..header + 48].fill(0xff);
        for place in [272 + 12, 272 + 16 + 4] {
            volume[header + place..header + place + 4].copy_from_slice(&0xfff0_0000_u32.to_be_bytes());
        }
    }
    let image = survey(volume);
    assert_eq!(image.digests(EntryState::Allocated)["file"].1, md5(b"content"));
    image.problem(ProblemKind::Corrupt, "more than the volume has room for");
}
