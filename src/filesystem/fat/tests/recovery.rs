//! Deleted and orphaned entries of hand-built volumes.

use std::sync::Arc;

use super::image::{Image, file, folder, place, utf16};
use super::survey;
use crate::filesystem::fat::Fat;
use crate::filesystem::trial;
use crate::model::{Content, EntryState, Extent, ProblemKind};
use crate::read::{Memory, ReadAt, Unreadable};

/// A volume with unreadable sectors.
struct Dying {
    bytes: Vec<u8>,
    dead: Vec<u64>,
}

impl ReadAt for Dying {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let sectors = offset / 512..(offset + buffer.len() as u64).div_ceil(512);
        match self.dead.iter().find(|dead| sectors.contains(dead)) {
            Some(dead) if *dead == offset / 512 => Err(Unreadable::new(offset, 512, "dead sector")),
            Some(dead) => Memory(&self.bytes).read_at(offset, &mut buffer[..(dead * 512 - offset) as usize]),
            None => Memory(&self.bytes).read_at(offset, buffer),
        }
    }
}

#[test]
fn an_unreadable_sector_costs_what_it_holds_and_no_more() {
    let mut image = Image::new();
    image.root(0, folder(b"WIDE       ", 5)).chain(&[5, 6, 7]).dots(5, 0);
    for slot in 2..16 {
        image.put(5, slot, file(b"FRONT      ", 0, 0));
    }
    for slot in 0..16 {
        image.put(6, slot, file(b"LOST       ", 0, 0)).put(7, slot, file(b"BACK       ", 0, 0));
    }
    image.root(1, file(b"FILE       ", 20, 1500)).chain(&[20, 30, 40]);
    // The first FAT and the middle cluster of the directory.
    let dead = vec![1, place(6) as u64 / 512];
    let found = trial::Image::of(&Fat, Arc::new(Dying { bytes: image.0, dead })).unwrap();
    let count = |name: &[u8]| found.table.iter().filter(|entry| entry.name() == name).count();
    assert_eq!((count(b"FRONT"), count(b"LOST"), count(b"BACK")), (14, 0, 16));
    assert_eq!(found.find("FILE").runs.len(), 3);
    let unreadable = found.problems.iter().filter(|problem| problem.kind == ProblemKind::Unreadable);
    let places: Vec<_> = unreadable.map(|problem| problem.extent.unwrap()).collect();
    assert!(places.contains(&Extent::new(place(6) as u64, 512)), "{places:?}");
    assert!(places.iter().any(|extent| extent.offset == 512), "{places:?}");
}

#[test]
fn a_deleted_file_is_looked_for_in_the_free_clusters_from_its_first_on() {
    let mut image = Image::new();
    image.root(0, file(b"LIVING     ", 6, 100)).chain(&[6]);
    image.root(1, file(b"GONE       ", 5, 1000).deleted()).fill(5, 1).fill(6, 2).fill(7, 3);
    image.root(2, file(b"PASTEND    ", 194, 1000).deleted());
    image.root(3, file(b"NOFIRST    ", 0, 1000).deleted());
    let found = survey(image.0).unwrap();
    let gone = found.find("_ONE");
    assert_eq!(gone.state, EntryState::Deleted);
    let content = found.content_of(gone).unwrap();
    assert_eq!((content[0], content[511], content[512], content[999]), (1, 1, 3, 3));
    assert_eq!(gone.content, Content::Likely);
    assert_eq!(found.find("_ASTEND").content, Content::Overwritten);
    assert_eq!(found.find("_OFIRST").content, Content::Lost);
    assert!(found.problems.is_empty());
}

#[test]
fn a_cluster_that_two_deleted_files_ask_for_is_nobodys_for_certain() {
    let mut image = Image::new();
    image.root(0, file(b"EARLIER    ", 5, 100).deleted());
    image.root(1, file(b"LATER      ", 5, 200).deleted());
    image.root(2, file(b"ALONE      ", 9, 300).deleted());
    let found = survey(image.0).unwrap();
    for (name, content) in
        [("_ARLIER", Content::Likely), ("_ATER", Content::Likely), ("_LONE", Content::Runs)]
    {
        assert_eq!(found.find(name).content, content, "{name}");
    }
}

/// A FAT32 volume of 69,999 clusters of a sector, with one deleted file of one cluster.
fn wide(first: u32) -> Vec<u8> {
    let (reserved, table) = (32_u32, 547_u32);
    let data = (reserved + 2 * table) as usize * 512;
    let mut bytes = vec![0; data + 69_999 * 512];
    let sectors = u32::try_from(bytes.len() / 512).unwrap();
    bytes[..3].copy_from_slice(&[0xeb, 0x58, 0x90]);
    bytes[11..24].copy_from_slice(&[0, 2, 1, 32, 0, 2, 0, 0, 0, 0, 0xf8, 0, 0]);
    bytes[32..36].copy_from_slice(&sectors.to_le_bytes());
    bytes[36..40].copy_from_slice(&table.to_le_bytes());
    bytes[44..48].copy_from_slice(&2_u32.to_le_bytes());
    bytes[66] = 0x29;
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    for copy in 0..2 {
        let at = (reserved + copy * table) as usize * 512;
        for (index, value) in [0x0fff_fff8_u32, 0x0fff_ffff, 0x0fff_ffff].into_iter().enumerate() {
            bytes[at + index * 4..][..4].copy_from_slice(&value.to_le_bytes());
        }
    }
    let slot = &mut bytes[data..data + 32];
    slot[..12].copy_from_slice(b"\xe5ONE    JPG\x20");
    slot[22..26].copy_from_slice(&[0x62, 0x9f, 0x38, 0x4b]);
    slot[20..22].copy_from_slice(&first.to_le_bytes()[2..]);
    slot[26..28].copy_from_slice(&first.to_le_bytes()[..2]);
    slot[28..32].copy_from_slice(&100_u32.to_le_bytes());
    bytes
}

#[test]
fn a_first_cluster_whose_upper_half_may_be_erased_is_not_certain() {
    for (first, content) in [(4_464, Content::Likely), (69_000, Content::Runs)] {
        let found = survey(wide(first)).unwrap();
        assert_eq!(found.find("_ONE.JPG").content, content, "{first}: {:#?}", found.problems);
    }
}

#[test]
fn a_deleted_long_name_is_used_when_its_checksum_can_be_met() {
    let mut image = Image::new();
    let slot = image.long(0, &utf16("Überweisung an die Bank 😀.pdf"), b"\x9aBERWE~1PDF", true);
    image.root(slot, file(b"\x9aBERWE~1PDF", 0, 0).deleted());
    // Exactly 13 characters have no terminator.
    let slot = image.long(slot + 1, &utf16("thirteen.jpeg"), b"THIRTE~1JPE", true);
    image.root(slot, file(b"THIRTE~1JPE", 0, 0).deleted());
    // These slots would ask for a first byte that no name has.
    let slot = image.long(slot + 1, &utf16("foreign.txt"), b"\x01OREIGN TXT", true);
    image.root(slot, file(b"FOREIGN TXT", 0, 0).deleted());
    let paths = survey(image.0).unwrap().paths();
    assert_eq!(paths, ["*_OREIGN.TXT", "*thirteen.jpeg", "*Überweisung an die Bank 😀.pdf"]);
}

#[test]
fn deleted_directories_are_read_as_long_as_they_look_like_ones() {
    let mut image = Image::new();
    image.root(0, folder(b"GONE       ", 5).deleted()).dots(5, 0);
    image.put(5, 2, file(b"ONE     TXT", 20, 512).deleted()).put(5, 3, folder(b"DEEPER     ", 30));
    for slot in 4..16 {
        image.put(5, slot, file(b"FULL       ", 0, 0));
    }
    image.put(6, 0, file(b"MORE       ", 0, 0));
    image.dots(30, 5).put(30, 2, file(b"TWO     TXT", 21, 512)).fill(21, 7);
    // Its cluster belongs to a file now.
    image.root(1, folder(b"REUSED     ", 40).deleted()).dots(40, 0);
    image.root(2, file(b"LIVING     ", 40, 512)).chain(&[40]);
    let found = survey(image.0).unwrap();
    assert_eq!(found.find("_ONE").size, 1024);
    assert_eq!(found.find("_ONE/DEEPER/TWO.TXT").state, EntryState::Deleted);
    assert_eq!(found.content_of(found.find("_ONE/DEEPER/TWO.TXT")).unwrap(), [7; 512]);
    assert!(found.paths().contains(&"*_ONE/MORE".into()) && found.paths().contains(&"*_ONE/_NE.TXT".into()));
    assert_eq!(found.find("_EUSED").content, Content::Lost);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

#[test]
fn directories_that_nothing_leads_to_are_found_with_their_tree() {
    let mut image = Image::new();
    // An outer one after its inner one, and a pair that hold each other.
    image.dots(50, 60).put(50, 2, file(b"LEAF       ", 0, 0));
    image.dots(60, 9).put(60, 2, folder(b"INNER      ", 50));
    image.dots(70, 71).put(70, 2, folder(b"SEVENONE   ", 71));
    image.dots(71, 70).put(71, 2, folder(b"SEVENTY    ", 70));
    // A chain that is still whole, of a directory whose entry is gone.
    image.chain(&[80, 90]).dots(80, 0).put(80, 2, file(b"CHAINED    ", 82, 600)).chain(&[82, 84]);
    image.put(90, 0, file(b"SECOND     ", 0, 0)).fill(84, 4);
    let found = survey(image.0).unwrap();
    let names = ["CHAINED", "INNER", "INNER/LEAF", "SECOND", "SEVENONE", "SEVENONE/SEVENTY"];
    assert_eq!(found.paths(), names.map(|name| format!("*$OrphanFiles/{name}")));
    assert_eq!(found.content_of(found.find("$OrphanFiles/CHAINED")).unwrap()[512..], [4; 88]);
    assert!(found.entries.iter().all(|entry| entry.state == EntryState::Orphan));
    assert!(
        found.complains("clusters that the FAT calls used and that no living entry has, the first is 80")
    );
}
