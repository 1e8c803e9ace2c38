//! The image of another project, as The Sleuth Kit reads it.

use std::io::Read;

use super::HfsPlus;
use crate::filesystem::Format;
use crate::filesystem::trial::{Expected, Image, dfxml, md5, shared};
use crate::model::EntryKind;
use crate::read::{Confidence, Memory};

/// Compares every allocated entry that another tool lists; returns how many digests were equal.
pub(super) fn compare(image: &Image, expected: &[Expected]) -> usize {
    let mut equal = 0;
    // The tool lists the files of the file system itself too, which have no name on the volume.
    for file in expected.iter().filter(|file| file.allocated && !file.path.starts_with('$')) {
        // It shows control characters in its own ways.
        let shown = |path: &str| path.replace('\0', "^").replace('\r', "\\x0D") == file.path;
        let found = image.entries.iter().enumerate().find(|(_, entry)| shown(&entry.path));
        let (at, entry) = found.unwrap_or_else(|| panic!("{file:?} is not listed"));
        assert_eq!((entry.record, entry.size), (file.inode, file.size), "{file:?}");
        for (ours, theirs) in entry.times.iter().zip(&file.times).filter(|(_, theirs)| theirs.is_some()) {
            assert_eq!(ours, theirs, "{file:?}");
        }
        if let (EntryKind::File, Some(digest)) = (entry.kind, &file.md5) {
            assert_eq!(&md5(&image.bytes(at)), digest, "{file:?}");
            equal += 1;
        }
    }
    equal
}

#[test]
fn the_image_of_another_project_is_read_as_the_oracle_reads_it() {
    let (Some(path), Some(oracle)) =
        (shared("testdata/filesystems/dfvfs/hfsplus.raw"), shared("testdata/oracle/dfvfs-hfsplus.dfxml.gz"))
    else {
        return;
    };
    let mut xml = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(oracle).unwrap()).read_to_string(&mut xml).unwrap();
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(HfsPlus.probe(&Memory(&bytes)), Confidence::Strong);
    let image = Image::survey(&HfsPlus, bytes).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(
        (image.filesystem.variant(), image.filesystem.label()),
        ("HFS+".to_owned(), "hfsplus_test".to_owned())
    );
    assert_eq!(compare(&image, &dfxml(&xml)), 6);
    let streams: Vec<_> = image.entries.iter().enumerate().filter(|(_, entry)| entry.stream > 0).collect();
    let streams: Vec<_> = streams.iter().map(|(at, entry)| (entry.path.as_str(), image.bytes(*at))).collect();
    assert_eq!(
        streams,
        [
            ("a_directory/a_file:myxattr", b"My extended attribute".to_vec()),
            ("a_directory/a_resourcefork:rsrc", b"My resource fork\n".to_vec())
        ]
    );
}
