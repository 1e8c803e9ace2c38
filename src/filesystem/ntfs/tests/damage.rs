//! Damaged volumes: nothing panics, nothing hangs, and what is sound is still listed.

use std::sync::OnceLock;

use super::*;
use crate::filesystem::trial::{after_single_flips, bytes, effort, under_damage};
use crate::model::{EntryState, ProblemKind};
use crate::read::{Memory, Unreadable};

/// A small volume with two hundred files, with several parts and streams, and some deleted ones.
pub(super) fn small() -> Option<&'static [u8]> {
    static MADE: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let made = Made::new("-c 512", 8000, |root| {
            for number in 0..200_u64 {
                let place = root.join(format!("folder {}/picture {number:03}.jpg", number % 12));
                std::fs::create_dir_all(place.parent().unwrap()).unwrap();
                std::fs::write(place, bytes(number, 300 + 17 * number as usize)).unwrap();
            }
            for number in 0..20 {
                std::fs::write(root.join(format!("streams:{number:03}")), bytes(number, 50)).unwrap();
            }
            fill::sparse(&root.join("fragmented"), 150, 4096);
            std::fs::write(root.join("removed"), bytes(8, 8000)).unwrap();
        })?;
        made.change(|root| std::fs::remove_file(root.join("removed")).unwrap())?;
        Some(made.bytes())
    });
    made.as_deref()
}

/// The metadata that are read: the boot sector, $Bitmap, the $MFT and its copy.
fn places(volume: &[u8]) -> Vec<Extent> {
    let found = survey(volume.to_vec());
    let mut places = Vec::new();
    for extent in &found.metadata {
        // Each place is as likely to be hit as it is long.
        let pieces = extent.length.div_ceil(512);
        places.extend(
            (0..pieces).map(|n| Extent::new(extent.offset + n * 512, 512.min(extent.length - n * 512))),
        );
    }
    places
}

#[test]
fn after_a_single_flip_in_metadata_the_files_are_still_listed() {
    let Some(volume) = small() else { return };
    let effort = effort();
    let share = after_single_flips(&Ntfs, volume, &places(volume), 150 * effort);
    eprintln!("{:.2} % of the files survive a flip", share * 100.0);
    assert!(share >= 0.95, "{share}");
    // The few places on which everything hangs.
    let boot = [Extent::new(0, 512)];
    let first = survey(volume.to_vec()).find("$MFT").runs[0].offset;
    let record = [Extent::new(first, 1024)];
    for (name, places) in [("boot sector", boot), ("first record", record)] {
        let share = after_single_flips(&Ntfs, volume, &places, 100 * effort);
        eprintln!("{:.2} % of the files survive a flip in the {name}", share * 100.0);
        assert!(share >= 0.95, "{name}: {share}");
    }
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang() {
    let Some(volume) = small() else { return };
    under_damage(&Ntfs, volume, &places(volume), 200);
}

#[test]
fn a_backup_stands_in_for_the_boot_sector_and_the_copy_for_the_first_record() {
    let Some(sound) = small() else { return };
    let expected = survey(sound.to_vec()).digests(EntryState::Allocated);
    let compare = |volume: Vec<u8>, words: &str| {
        let image = survey(volume);
        image.problem(ProblemKind::Corrupt, words);
        let mut found = image.digests(EntryState::Allocated);
        // The damaged places themselves are files too.
        let mut expected = expected.clone();
        for own in ["$Boot", "$MFT", "$MFTMirr"] {
            found.remove(own);
            expected.remove(own);
        }
        assert!(found == expected);
    };
    let mut volume = sound.to_vec();
    volume[..512].fill(0);
    assert_eq!(Ntfs.probe(&Memory(&volume)), Confidence::Weak);
    compare(volume.clone(), "its backup at byte");
    // Where Windows NT 3 kept it.
    let (end, middle) = (volume.len() - 512, volume.len() / 1024 * 512);
    let backup = volume[end..].to_vec();
    volume[end..].fill(0);
    assert_eq!(Ntfs.probe(&Memory(&volume)), Confidence::No);
    volume[middle..middle + 512].copy_from_slice(&backup);
    assert_eq!(Ntfs.probe(&Memory(&volume)), Confidence::Weak);
    volume[3..11].copy_from_slice(b"-FVE-FS-");
    assert_eq!(Ntfs.probe(&Memory(&volume)), Confidence::No);
    let first = survey(sound.to_vec()).find("$MFT").runs[0].offset as usize;
    for damage in [0, 0x100] {
        let mut volume = sound.to_vec();
        volume[first + damage..first + damage + 0x100].fill(0x5a);
        compare(volume, "its copy at byte");
    }
}

#[test]
fn damaged_records_are_named_and_cost_no_more_than_themselves() {
    let Some(sound) = small() else { return };
    let before = survey(sound.to_vec());
    let opened = Volume::open(Arc::new(Memory(sound.to_vec()))).unwrap();
    let place = |path: &str| opened.mft.place(before.find(path).record) as usize;
    let mut volume = sound.to_vec();
    let (torn, bad, gone) =
        ("folder 1/picture 001.jpg", "folder 2/picture 002.jpg", "folder 3/picture 003.jpg");
    volume[place(torn) + 510] ^= 1;
    volume[place(bad)..place(bad) + 4].copy_from_slice(b"BAAD");
    volume[place(gone)..place(gone) + 64].fill(0x77);
    let after = survey(volume);
    for (words, path) in [("update sequence", torn), ("signature", bad)] {
        let problem = after.problem(ProblemKind::Corrupt, words);
        assert_eq!(problem.record, Some(before.find(path).record));
    }
    let problem = after.problem(ProblemKind::Corrupt, "without a signature");
    assert_eq!(problem.extent, Some(Extent::new(place(gone) as u64, 1024)));
    let mut expected = before.digests(EntryState::Allocated);
    let mut found = after.digests(EntryState::Allocated);
    for own in [gone, "$MFT"] {
        expected.remove(own);
        found.remove(own);
    }
    assert_eq!(found, expected);
}

#[test]
fn sectors_that_cannot_be_read_cost_no_more_than_their_records() {
    struct Faulty(Vec<u8>, Extent);
    impl ReadAt for Faulty {
        fn size(&self) -> u64 {
            size(self.0.len())
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
            if (self.1.offset..self.1.end()).contains(&offset) {
                return Err(Unreadable::new(offset, self.1.end() - offset, "bad sector"));
            }
            let before =
                self.1.offset.checked_sub(offset).map_or(buffer.len(), |n| buffer.len().min(n as usize));
            Memory(&self.0).read_at(offset, &mut buffer[..before])
        }
    }
    let Some(sound) = small() else { return };
    let before = survey(sound.to_vec());
    let opened = Volume::open(Arc::new(Memory(sound.to_vec()))).unwrap();
    let lost = ["folder 5/picture 005.jpg", "folder 6/picture 006.jpg"];
    let places = lost.map(|path| opened.mft.place(before.find(path).record));
    let bad = Extent::new(places[0], places[1] + 1024 - places[0]);
    let after = Image::of(&Ntfs, Arc::new(Faulty(sound.to_vec(), bad))).unwrap();
    assert_eq!(after.problem(ProblemKind::Unreadable, "cannot be read").extent, Some(bad));
    assert_eq!(before.entries.len() - after.entries.len(), bad.length as usize / 1024);
}
