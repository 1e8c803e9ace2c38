//! Damaged and hostile volumes: nothing panics, nothing hangs, and what is sound is still listed.

use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::filesystem::trial::effort;

/// A small image with a few hundred files.
fn small(options: &str, kib: u64) -> Option<(PathBuf, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for number in 0..200_u64 {
        let place = root.join(format!("folder {}/picture {number:03}.jpg", number % 12));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes(number, 300 + 17 * number as usize)).unwrap();
    }
    std::fs::write(root.join("large.bin"), bytes(1, 400_000)).unwrap();
    // Too many extents for an inode, and pointers on two levels.
    let mut holes = std::fs::File::create(root.join("holes.bin")).unwrap();
    for number in 0..60 {
        holes.seek(SeekFrom::Start(number * 8192)).unwrap();
        holes.write_all(&bytes(number, 1000)).unwrap();
    }
    let path = folder.path().join("image");
    make(&path, options, kib, &root)?;
    Some((path, folder))
}

fn whole(image: &Image) -> Vec<(u64, u64, &[Run])> {
    let files =
        image.entries.iter().filter(|e| e.kind == EntryKind::File && e.state == EntryState::Allocated);
    let mut files: Vec<_> = files.map(|e| (e.record, e.size, e.runs.as_slice())).collect();
    files.sort_by_key(|(record, ..)| *record);
    files
}

#[test]
fn a_damaged_type_does_not_hide_content_and_attributes_that_are_not_read_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("picture.jpg"), bytes(3, 5000)).unwrap();
    let path = folder.path().join("image");
    let Some(()) = make(&path, "-t ext4 -b 1024 -O ^metadata_csum", 8_000, &root) else { return };
    std::fs::write(folder.path().join("value"), bytes(4, 700)).unwrap();
    let value = folder.path().join("value");
    let commands = [
        "sif /picture.jpg mode 0010644".into(),
        format!("ea_set -f {} /picture.jpg user.hidden", value.display()),
    ];
    let Some(()) = debugfs(&path, &commands) else { return };
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    let file = image.find("picture.jpg");
    assert_eq!((file.kind, file.content, file.size), (EntryKind::File, Content::Runs, 5000));
    assert_eq!(image.content_of(file).unwrap(), bytes(3, 5000));
    image.problem(ProblemKind::Corrupt, "it is taken for a file");
    assert_eq!(image.problem(ProblemKind::Unsupported, "extended attributes").count, 1);
}

#[test]
fn after_a_single_flip_in_metadata_the_files_are_still_listed() {
    for (options, kib) in [("-t ext2 -b 1024 -N 512", 3000), ("-t ext4 -b 1024 -N 512 -J size=1", 3000)] {
        let Some((path, _folder)) = small(options, kib) else { return };
        let sound = std::fs::read(&path).unwrap();
        let before = Image::survey(&Ext, sound.clone()).unwrap();
        let expected = whole(&before);
        let places: Vec<u64> =
            before.metadata.iter().flat_map(|extent| extent.offset..extent.end()).collect();
        let mut random = Random(7);
        let (mut kept, mut opened, rounds) = (0, 0, 1000 * effort());
        for _ in 0..rounds {
            let mut damaged = sound.clone();
            let at = places[random.below(places.len() as u64) as usize];
            damaged[at as usize] ^= 1 << random.below(8);
            let Ok(image) = Image::survey(&Ext, damaged) else { continue };
            opened += 1;
            let found = whole(&image);
            kept += expected
                .iter()
                .filter(|file| {
                    found.binary_search_by_key(&file.0, |f| f.0).is_ok_and(|at| found[at] == **file)
                })
                .count();
        }
        let share = kept as f64 / (rounds as f64 * expected.len() as f64);
        eprintln!("{options}: {opened} of {rounds} opened, {:.2} % of files listed whole", share * 100.0);
        assert!(share >= 0.95, "{options}: {share}");
    }
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang() {
    for options in [
        "-t ext2 -b 1024 -N 256",
        "-t ext4 -b 1024 -N 256 -J size=1 -O inline_data",
        "-t ext4 -b 4096 -N 256 -J size=4",
    ] {
        let Some((path, _folder)) = small(options, if options.contains("4096") { 8000 } else { 2600 }) else {
            return;
        };
        let sound = std::fs::read(&path).unwrap();
        let before = Image::survey(&Ext, sound.clone()).unwrap();
        let places: Vec<u64> =
            before.metadata.iter().flat_map(|extent| extent.offset..extent.end()).collect();
        let mut random = Random(11);
        for round in 0..300 * effort() {
            let mut damaged = sound.clone();
            for _ in 0..=random.below(64) {
                let at = places[random.below(places.len() as u64) as usize] as usize;
                damaged[at] = if random.below(4) == 0 {
                    random.next() as u8
                } else {
                    damaged[at] ^ (1 << random.below(8))
                };
            }
            if round % 8 == 0 {
                damaged.truncate(random.below(sound.len() as u64) as usize);
            }
            if let Ok(image) = Image::survey(&Ext, damaged) {
                assert!(image.entries.len() < 20_000, "{} entries", image.entries.len());
                assert!(image.table.memory() < 64 << 20);
            }
        }
    }
}

#[test]
fn a_backup_stands_in_for_the_first_superblock_and_its_descriptors() {
    for (options, kib) in [
        ("-t ext4 -b 1024", 20_000),
        ("-t ext2 -b 1024", 20_000),
        ("-t ext4 -b 4096 -O ^has_journal", 140_000),
    ] {
        let Some((path, _folder)) = small(options, kib) else { return };
        let mut content = std::fs::read(&path).unwrap();
        let before = Image::survey(&Ext, content.clone()).unwrap();
        let expected = before.digests(EntryState::Allocated);
        content[..4096].fill(0);
        content[4096..8192].fill(0xff);
        assert_eq!(Ext.probe(&Memory(&content)), Confidence::Weak, "{options}");
        let image = Image::survey(&Ext, content).unwrap();
        image.problem(ProblemKind::Corrupt, "is used instead");
        assert_eq!(image.digests(EntryState::Allocated), expected, "{options}");
    }
}

#[test]
fn flags_do_not_hide_inodes_that_directories_name() {
    let Some((path, _folder)) = small("-t ext4 -b 1024", 20_000) else { return };
    let expected = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap().digests(EntryState::Allocated);
    let hide = ["set_bg 0 flags 0x5", "set_bg 0 checksum calc"].map(String::from);
    let Some(()) = debugfs(&path, &hide) else { return };
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    image.problem(ProblemKind::Corrupt, "were never used; they were read");
    assert_eq!(image.digests(EntryState::Allocated), expected);
    let unused =
        ["set_bg 0 flags 0x4", "set_bg 0 itable_unused 1900", "set_bg 0 checksum calc"].map(String::from);
    let Some(()) = debugfs(&path, &unused) else { return };
    let image = Image::survey(&Ext, std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(image.digests(EntryState::Allocated), expected);
}

#[test]
fn states_and_features_that_matter_are_said() {
    let Some((path, _folder)) = small("-t ext4 -b 1024 -O ^metadata_csum", 20_000) else { return };
    let commands = [
        "feature needs_recovery",
        "sif \"/folder 1/picture 001.jpg\" flags 0x80800",
        "sif \"/folder 2/picture 002.jpg\" size 0x1000000000000000",
        "ln \"/folder 3\" \"/folder 4/loop\"",
        "sif \"/folder 5/picture 005.jpg\" flags 0x80004",
    ];
    let Some(()) = debugfs(&path, &commands.map(String::from)) else { return };
    let mut content = std::fs::read(&path).unwrap();
    let image = Image::survey(&Ext, content.clone()).unwrap();
    image.problem(ProblemKind::Ambiguous, "the journal was not replayed");
    let encrypted = image.problem(ProblemKind::Encrypted, "its content is encrypted");
    assert_eq!(encrypted.path, Some("folder 1/picture 001.jpg".into()));
    for (path, content) in
        [("folder 1/picture 001.jpg", Content::Encrypted), ("folder 5/picture 005.jpg", Content::Unsupported)]
    {
        let file = image.find(path);
        let covered: u64 = file.runs.iter().map(|run| run.length).sum();
        assert_eq!(file.content, content);
        assert!(covered >= file.size && file.size > 0, "{path} keeps its place");
    }
    image.problem(ProblemKind::Unsupported, "its content is compressed");
    let huge = image.find("folder 2/picture 002.jpg");
    assert_eq!((huge.size, huge.content), (1 << 42, Content::Lost));
    image.problem(ProblemKind::Corrupt, "another place in the tree");
    assert_eq!(image.find("folder 4/loop").kind, EntryKind::Directory);
    assert_eq!(image.entries.iter().filter(|entry| entry.path.contains("picture 003")).count(), 1);
    // A feature that nobody knows: bit 30 of the incompatible ones.
    content[1024 + 0x63] |= 0x40;
    let image = Image::survey(&Ext, content).unwrap();
    image.problem(ProblemKind::Unsupported, "bits 30");
    assert_eq!(image.entries.iter().filter(|entry| entry.path.contains("/picture ")).count(), 200);
}

#[test]
fn blocks_that_cannot_be_read_cost_no_more_than_themselves() {
    struct Faulty(Vec<u8>, Extent);
    impl ReadAt for Faulty {
        fn size(&self) -> u64 {
            size(self.0.len())
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
    let Some((path, _folder)) = small("-t ext4 -b 1024", 20_000) else { return };
    let content = std::fs::read(&path).unwrap();
    let before = Image::survey(&Ext, content.clone()).unwrap();
    let directory = before.find("folder 7").runs[0];
    let bad = Extent::new(directory.offset, 1024);
    let image = Image::of(&Ext, Arc::new(Faulty(content, bad))).unwrap();
    assert_eq!(image.problem(ProblemKind::Unreadable, "directory").extent, Some(bad));
    let expected = before.digests(EntryState::Allocated);
    let found = image.digests(EntryState::Allocated);
    assert_eq!(found.len(), expected.len());
    let orphans = found.keys().filter(|path| path.starts_with("$OrphanFiles")).count();
    assert_eq!(orphans, expected.keys().filter(|path| path.starts_with("folder 7/")).count());
}
