//! Comparison with The Sleuth Kit and with the FUSE driver, on staged volumes and on volumes that they fill.

use std::collections::BTreeMap;
use std::path::Path;

use crate::filesystem::Format;
use crate::filesystem::exfat::Exfat;
use crate::filesystem::trial::{Image, Listed, dfxml, shared};
use crate::model::{Content, EntryKind, EntryState};
use crate::read::{Confidence, Memory};

/// What The Sleuth Kit lists and this reader does not, by the end of its path, with the reason.
const ONLY_THERE: &[(&str, &str)] = &[
    ("(Volume Label Entry)", "the label is a property of the volume"),
    ("$ALLOC_BITMAP", "metadata, claimed as such"),
    ("$UPCASE_TABLE", "metadata, claimed as such"),
    ("(Volume GUID Entry)", "a property of the volume"),
    ("$MBR", "metadata, claimed as such"),
    ("$FAT1", "metadata, claimed as such"),
    ("$OrphanFiles", "a virtual directory"),
];

/// Number of the directory entry that The Sleuth Kit calls inode 3: the first of the cluster heap.
fn first_slot(bytes: &[u8]) -> u64 {
    let heap = u32::from_le_bytes(bytes[88..92].try_into().unwrap());
    (u64::from(heap) << bytes[108]) / 32 - 3
}

fn is_only_there(path: &str) -> bool {
    ONLY_THERE.iter().any(|(end, _)| path.ends_with(end))
}

/// Compares with a listing of `fiwalk`. Returns how many allocated and how many other entries were compared.
fn compare(name: &str, xml: &str, image: &Image, first: u64) -> (usize, usize) {
    let by_record: BTreeMap<u64, (usize, &Listed)> = image
        .entries
        .iter()
        .enumerate()
        .filter(|(_, e)| e.stream == 0)
        .map(|(at, e)| (e.record, (at, e)))
        .collect();
    let (mut living, mut deleted) = (0, 0);
    for theirs in dfxml(xml).iter().filter(|theirs| !is_only_there(&theirs.path)) {
        let (at, ours) = *by_record
            .get(&(theirs.inode + first))
            .unwrap_or_else(|| panic!("{name}: {theirs:?} is not listed"));
        assert_eq!(ours.state == EntryState::Allocated, theirs.allocated, "{name}: {theirs:?} {ours:?}");
        assert_eq!(ours.path, theirs.path, "{name}");
        if ours.kind == EntryKind::Directory && !theirs.allocated {
            deleted += 1;
            continue;
        }
        assert_eq!(ours.size, theirs.size, "{name}: {theirs:?}");
        let digest = ours.content.is_had().then(|| crate::filesystem::trial::md5(&image.bytes(at)));
        if theirs.allocated {
            living += 1;
            assert!(ours.content.is_had(), "{name}: {ours:?}");
        } else {
            deleted += 1;
        }
        if let (EntryKind::File, Some(digest), Some(md5)) = (ours.kind, digest, &theirs.md5) {
            assert_eq!(digest, *md5, "{name}: {ours:?}");
        }
        if ours.content == Content::Overwritten {
            assert!(!theirs.allocated, "{name}: {ours:?}");
        }
    }
    let ours = image.entries.iter().filter(|e| e.state == EntryState::Allocated && e.stream == 0).count();
    assert_eq!(ours, living, "{name}");
    (living, deleted)
}

#[test]
fn the_staged_volume_is_read_as_both_oracles_say() {
    let Some(path) = shared("testdata/filesystems/go-exfat/test.exfat") else { return };
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(Exfat.probe(&Memory(&bytes)), Confidence::Strong);
    let first = first_slot(&bytes);
    let image = Image::survey(&Exfat, bytes).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.filesystem.label(), "testvolumelabel");
    let Some(oracle) = shared("testdata/oracle/goexfat.dfxml.gz") else { return };
    let xml = unpack(&oracle);
    let (living, deleted) = compare("go-exfat", &xml, &image, first);
    assert_eq!((living, deleted), (10, 3));
}

fn unpack(path: &Path) -> String {
    use std::io::Read;
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}
