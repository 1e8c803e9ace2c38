//! Damaged and hostile volumes: nothing panics, nothing hangs, and what is sound is still listed.

use std::collections::BTreeSet;

use super::*;
use crate::filesystem::trial::{after_single_flips, under_damage};

/// A small image with a few hundred files, without a mount.
fn small(options: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..300_u64 {
        let place = folder.path().join(format!("folder_{}/picture_{number:03}.jpg", number % 6));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes(number, 300 + number as usize)).unwrap();
    }
    std::os::unix::fs::symlink("t/".repeat(300), folder.path().join("link")).unwrap();
    let (path, _folder) = prototype(&format!("-d agcount=2 {options}"), 33, folder.path())?;
    Some(std::fs::read(path).unwrap())
}

const VARIANTS: [&str; 3] = ["", "-m crc=0", "-b size=1024 -m crc=0"];

#[test]
fn after_a_single_flip_in_metadata_the_files_are_still_listed() {
    for options in VARIANTS {
        let Some(image) = small(options) else { return };
        let places = Image::survey(&Xfs, image.clone()).unwrap().metadata;
        let share = after_single_flips(&Xfs, &image, &places, 100);
        eprintln!("{options}: {:.2} % of files listed whole", share * 100.0);
        assert!(share >= 0.95, "{options}: {share}");
    }
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang() {
    for options in VARIANTS {
        let Some(image) = small(options) else { return };
        let places = Image::survey(&Xfs, image.clone()).unwrap().metadata;
        under_damage(&Xfs, &image, &places, 100);
    }
}

#[test]
fn a_backup_stands_in_for_the_first_superblock() {
    for options in ["", "-m crc=0"] {
        let Some(mut content) = small(options) else { return };
        let expected = Image::survey(&Xfs, content.clone()).unwrap().digests(EntryState::Allocated);
        assert_eq!(Xfs.probe(&Memory(&content)), Confidence::Strong);
        content[..512].fill(0);
        assert_eq!(Xfs.probe(&Memory(&content)), Confidence::Weak, "{options}");
        let image = Image::survey(&Xfs, content.clone()).unwrap();
        image.problem(ProblemKind::Corrupt, "is used instead");
        assert_eq!(image.digests(EntryState::Allocated), expected, "{options}");
        // The other headers of the first group too: its inodes are searched for.
        content[..4096].fill(0);
        let image = Image::survey(&Xfs, content).unwrap();
        image.problem(ProblemKind::Corrupt, "the group was searched");
        assert_eq!(image.digests(EntryState::Allocated), expected, "{options}");
    }
}

#[test]
fn each_metadata_block_that_is_wiped_costs_no_more_than_itself() {
    for options in VARIANTS {
        let Some(image) = small(options) else { return };
        let before = Image::survey(&Xfs, image.clone()).unwrap();
        let expected = before.digests(EntryState::Allocated);
        let blocks: BTreeSet<u64> = before
            .metadata
            .iter()
            .flat_map(|extent| extent.offset / 4096..extent.end().div_ceil(4096))
            .collect();
        let (mut kept, mut rounds) = (0, 0);
        for block in blocks.iter().step_by(3) {
            let mut damaged = image.clone();
            damaged[*block as usize * 4096..][..4096].fill(0x5a);
            let found = Image::survey(&Xfs, damaged).unwrap();
            let digests: BTreeSet<_> = found.digests(EntryState::Allocated).into_values().collect();
            let whole = expected.values().filter(|digest| digests.contains(digest)).count();
            // What is lost is said.
            assert!(whole == expected.len() || !found.problems.is_empty(), "{options}: block {block}");
            kept += whole;
            rounds += 1;
        }
        let share = kept as f64 / (rounds * expected.len()) as f64;
        eprintln!("{options}: {rounds} blocks wiped, {:.2} % of files listed whole", share * 100.0);
        assert!(share >= 0.9, "{options}: {share}");
    }
}

/// The place of the inode of a file.
fn inode_of(image: &Image, path: &str) -> usize {
    let superblock = locate::find(&image.source).unwrap().0;
    superblock.inode_byte(image.find(path).record).unwrap() as usize
}

#[test]
fn a_name_in_use_does_not_make_the_remains_of_a_free_inode_certain() {
    let Some(mut content) = small("-m crc=0") else { return };
    let before = Image::survey(&Xfs, content.clone()).unwrap();
    let path = "folder_3/picture_003.jpg";
    let inode = inode_of(&before, path);
    // Mode, links, size and number of extents go when an inode is freed; its blocks are in use again.
    for place in [2..4, 16..20, 56..64, 76..80] {
        content[inode..][place].fill(0);
    }
    let image = Image::survey(&Xfs, content).unwrap();
    let file = image.find(path);
    assert_eq!((file.content, file.runs.len()), (Content::Overwritten, 0));
    image.problem(ProblemKind::Corrupt, "is named by a directory and not in use");
}

/// The places of the headers of inodes of all groups.
fn inode_headers(image: &Image) -> Vec<usize> {
    let superblock = locate::find(&image.source).unwrap().0;
    (0..superblock.groups)
        .map(|group| superblock.group_start(group) as usize + 2 * superblock.sector_size)
        .collect()
}

#[test]
fn a_count_of_inodes_that_differs_costs_no_search_where_the_tree_is_whole() {
    let Some(mut content) = small("") else { return };
    let before = Image::survey(&Xfs, content.clone()).unwrap();
    content[inode_headers(&before)[0] + 19] ^= 64;
    let image = Image::survey(&Xfs, content).unwrap();
    image.problem(ProblemKind::Ambiguous, "was not searched for further inodes");
    assert!(!image.complains("the group was searched"));
    assert_eq!(image.digests(EntryState::Allocated), before.digests(EntryState::Allocated));
}

#[test]
fn inodes_that_only_a_search_finds_and_nothing_names_are_no_files_in_use() {
    let Some(mut content) = small("") else { return };
    let before = Image::survey(&Xfs, content.clone()).unwrap();
    let directory = before.find("folder_3").runs[0];
    content[directory.offset as usize..][..directory.length as usize].fill(0);
    for header in inode_headers(&before) {
        content[header..][..512].fill(0);
    }
    let image = Image::survey(&Xfs, content).unwrap();
    image.problem(ProblemKind::Corrupt, "the group was searched where no known inodes lie");
    let named = image.find("folder_2/picture_002.jpg");
    assert_eq!((named.state, named.content), (EntryState::Allocated, Content::Runs));
    let record = before.find("folder_3/picture_003.jpg").record;
    let nameless = image.find(&format!("$OrphanFiles/OrphanFile-{record}"));
    assert_eq!((nameless.state, nameless.content), (EntryState::Orphan, Content::Likely));
}

#[test]
fn a_damaged_type_does_not_hide_content_and_attributes_that_are_not_read_are_said() {
    let Some(mut content) = small("-m crc=0") else { return };
    let before = Image::survey(&Xfs, content.clone()).unwrap();
    let path = "folder_3/picture_003.jpg";
    let inode = inode_of(&before, path);
    content[inode + 2] = 0x11;
    // One extent of attributes.
    content[inode + 80..inode + 84].copy_from_slice(&[0, 1, 12, 2]);
    let image = Image::survey(&Xfs, content).unwrap();
    assert_eq!((image.find(path).kind, image.find(path).content), (EntryKind::File, Content::Runs));
    assert_eq!(image.digests(EntryState::Allocated), before.digests(EntryState::Allocated));
    image.problem(ProblemKind::Corrupt, "it is taken for a file");
    assert_eq!(image.problem(ProblemKind::Unsupported, "extended attributes").count, 1);
}

#[test]
fn inodes_that_cannot_be_read_cost_no_more_than_themselves() {
    struct Faulty(Vec<u8>, Extent);
    impl ReadAt for Faulty {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
            if self.1.offset <= offset && offset < self.1.end() {
                return Err(Unreadable::new(offset, self.1.end() - offset, "bad sector"));
            }
            let before =
                self.1.offset.checked_sub(offset).map_or(buffer.len(), |n| buffer.len().min(n as usize));
            Memory(&self.0).read_at(offset, &mut buffer[..before])
        }
    }
    let Some(content) = small("") else { return };
    let expected = Image::survey(&Xfs, content.clone()).unwrap();
    let victim = expected.find("folder_3/picture_003.jpg");
    let superblock = locate::find(&(Arc::new(Memory(content.clone())) as Arc<dyn ReadAt>)).unwrap().0;
    let bad = Extent::new(superblock.inode_byte(victim.record).unwrap(), 512);
    let image = Image::of(&Xfs, Arc::new(Faulty(content, bad))).unwrap();
    assert_eq!(image.problem(ProblemKind::Unreadable, "inodes").extent, Some(bad));
    assert_eq!(image.find("folder_3/picture_003.jpg").content, Content::Lost);
    let whole = expected.digests(EntryState::Allocated).len();
    assert_eq!(image.digests(EntryState::Allocated).len(), whole - 1);
}
