//! Sets on sets, and tables in volumes, through the whole division.

#![allow(clippy::arithmetic_side_effects)]

use super::lvm::tests::{EXTENT, MIB, linear, physical, text};
use super::md::tests::{PLAN, Plan, stamp};
use super::*;
use crate::read::{Memory, Placed};
use crate::volume::{Division, Look, divide};

const SECTOR: usize = 512;

/// Writes an MBR with partitions given as first sector and count.
fn record(bytes: &mut [u8], partitions: &[(usize, usize)]) {
    for (index, (start, count)) in partitions.iter().enumerate() {
        let at = 446 + 16 * index;
        bytes[at + 4] = 0x83;
        bytes[at + 8..at + 12].copy_from_slice(&(*start as u32).to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&(*count as u32).to_le_bytes());
    }
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
}

fn divided(medium: Vec<u8>) -> (Arc<dyn ReadAt>, Division) {
    let medium: Arc<dyn ReadAt> = Arc::new(Memory(medium));
    let look = |volume: &dyn ReadAt| {
        let known = volume.read_vec(0, 4).is_ok_and(|front| front == b"KNOW");
        if known { Look::Filesystem } else { Look::Unknown }
    };
    let division = divide(&medium, &look);
    (medium, division)
}

/// A partition table on a logical volume of a group on a mirror of two partitions.
fn stack() -> Vec<u8> {
    let logical = [linear(0, 1, 0, 1)];
    let mut group = physical(1, &text(3, 1, &[("disk", true, &logical)]), 2, false);
    let inner = MIB + EXTENT;
    group[inner..inner + SECTOR].fill(0);
    record(&mut group[inner..], &[(8, 100), (108, 200)]);
    group[inner + 8 * SECTOR..][..4].copy_from_slice(b"KNOW");
    let data = group.len();
    // The superblock of version 1.0 stands behind the data.
    group.resize(data + 128 * SECTOR, 0);
    let mut medium = vec![0; 64 * SECTOR];
    let count = group.len() / SECTOR;
    record(&mut medium, &[(64, count), (64 + count, count)]);
    for number in 0..2 {
        let plan = Plan { version: "1.0", level: 1, used: (data / SECTOR) as u64, ..PLAN };
        stamp(&mut group, plan, number, plan.used);
        medium.extend(&group);
    }
    medium
}

#[test]
fn a_table_on_a_logical_volume_on_a_mirror_of_partitions_is_looked_into() {
    let (medium, division) = divided(stack());
    assert!(division.problems.is_empty(), "{:?}", division.problems);
    let told: Vec<(u16, &str, &[u16], bool)> = division
        .volumes
        .iter()
        .map(|volume| (volume.number, volume.kind.as_str(), volume.on.as_slice(), volume.holds.is_some()))
        .collect();
    let array = "Linux RAID 1 \"host:fotos\" (00112233:44556677:8899aabb:ccddeeff)";
    let expected: [(u16, &str, &[u16], bool); 6] = [
        (1, "Linux", &[], true),
        (2, "Linux", &[], true),
        (3, array, &[1], true),
        (4, "LVM2 logical volume", &[3], true),
        (5, "Linux", &[4], false),
        (6, "Linux", &[4], false),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        division.volumes[3].holds.as_deref(),
        Some("a mbr partition table of its own, with volumes 5 to 6")
    );
    // Everything lies in one piece after all, and is said so.
    let start = (64 * SECTOR + MIB + EXTENT + 8 * SECTOR) as u64;
    assert_eq!(division.volumes[4].placement.as_piece(), Some(Extent::new(start, 100 * 512)));
    let volume = Placed::new(medium, division.volumes[4].placement.clone());
    assert_eq!(volume.read_vec(0, 4).unwrap(), b"KNOW");
    let copied: u64 = division.copies.iter().map(|place| place.length).sum();
    assert_eq!(copied, (MIB + 2 * EXTENT) as u64);
}

#[test]
fn old_tables_in_front_of_file_systems_and_tables_that_hold_themselves_are_not_followed() {
    let mut medium = vec![0; 400 * SECTOR];
    record(&mut medium, &[(10, 100), (200, 100)]);
    record(&mut medium[10 * SECTOR..], &[(8, 50)]);
    medium[10 * SECTOR..][..4].copy_from_slice(b"KNOW");
    record(&mut medium[200 * SECTOR..], &[(8, 50)]);
    let (_, division) = divided(medium);
    let numbers: Vec<(u16, bool)> =
        division.volumes.iter().map(|volume| (volume.number, volume.holds.is_some())).collect();
    assert_eq!(numbers, [(1, false), (2, true), (3, false)]);
    let mut itself = vec![0; 400 * SECTOR];
    record(&mut itself, &[(0, 400), (10, 100)]);
    let (_, division) = divided(itself);
    let numbers: Vec<(u16, bool)> =
        division.volumes.iter().map(|volume| (volume.number, volume.holds.is_some())).collect();
    assert_eq!(numbers, [(1, true), (2, false)]);
}

#[test]
fn a_mirror_of_whole_media_with_a_table_in_it_is_both() {
    let mut medium = vec![0; 4000 * SECTOR];
    record(&mut medium, &[(64, 1000), (1064, 500)]);
    let plan = Plan { version: "1.0", level: 1, used: 3900, ..PLAN };
    stamp(&mut medium, plan, 1, plan.used);
    let (_, division) = divided(medium);
    let told: Vec<(u16, Option<&str>)> =
        division.volumes.iter().map(|volume| (volume.number, volume.holds.as_deref())).collect();
    let member = "device 1 of Linux RAID 1 \"host:fotos\" (00112233:44556677:8899aabb:ccddeeff)";
    let table = "the partition table in front of it, whose volumes are listed already";
    assert_eq!(told, [(0, Some(member)), (1, None), (2, None), (3, Some(table))]);
    let details: Vec<&str> = division.problems.iter().map(|problem| problem.detail.as_str()).collect();
    assert!(
        details[0].contains("as a whole it is a member of a set (md) as well")
            && details[1].contains("number 0"),
        "{details:?}"
    );
}

#[test]
fn a_file_system_over_the_sign_of_a_set_is_read_as_well() {
    let mut medium = vec![0; 64 * SECTOR];
    record(&mut medium, &[(64, 3000), (3064, 3000)]);
    let mut old = vec![0; 3000 * SECTOR];
    stamp(&mut old, Plan { level: 5, devices: 3, ..PLAN }, 1, 2000);
    old[..4].copy_from_slice(b"KNOW");
    let mut mirror = vec![0; 3000 * SECTOR];
    mirror[..4].copy_from_slice(b"KNOW");
    let plan = Plan { version: "1.0", level: 1, used: 2900, devices: 1, array: [7; 16], ..PLAN };
    stamp(&mut mirror, plan, 0, plan.used);
    medium.extend([old, mirror].concat());
    let (_, division) = divided(medium);
    assert!(division.volumes[1].holds.is_some() && division.volumes.len() == 3);
    let first = &division.volumes[0];
    assert_eq!((first.holds.as_deref(), division.unread.len()), (None, 0), "{:?}", division.problems);
    assert!(
        division
            .problems
            .iter()
            .any(|problem| problem.detail.contains("both are read, one of them is left over"))
    );
}

#[test]
fn a_disc_that_is_a_file_system_as_a_whole_is_not_read_twice() {
    let mut disc = vec![0; 400 * SECTOR];
    disc[..4].copy_from_slice(b"KNOW");
    record(&mut disc, &[(0, 300), (300, 100)]);
    let (_, division) = divided(disc);
    let numbers: Vec<(u16, bool)> =
        division.volumes.iter().map(|volume| (volume.number, volume.holds.is_some())).collect();
    assert_eq!(numbers, [(0, false), (1, true), (2, false)]);
    assert!(
        division
            .problems
            .iter()
            .any(|problem| problem.detail.contains("is a file system as a whole as well"))
    );
}

#[test]
fn tables_in_tables_end_at_a_depth() {
    let mut medium = vec![0; 4000 * SECTOR];
    for level in 0..30 {
        record(&mut medium[level * 8 * SECTOR..], &[(8, 3000)]);
    }
    let (_, division) = divided(medium);
    assert!(division.volumes.len() < 20, "{}", division.volumes.len());
    assert!(
        division.problems.iter().any(|problem| problem.detail.starts_with("volumes in volumes: 8 times"))
    );
}

#[test]
fn mutated_stacks_never_panic_and_stay_within_the_medium() {
    let whole = stack();
    let heads = [0, 64 * SECTOR, 64 * SECTOR + 4096, 64 * SECTOR + 4608, 64 * SECTOR + MIB + EXTENT];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..40 {
        let mut medium = whole.clone();
        for _ in 0..=random(6) {
            medium[heads[random(heads.len())] + random(600)] ^= 1 << random(8);
        }
        if round % 5 == 0 {
            medium.truncate(random(whole.len()));
        }
        let (medium, division) = divided(medium);
        let size = medium.size();
        assert!(division.volumes.iter().any(|volume| volume.placement.length() > 0) || size == 0);
        let places = division.metadata.iter().chain(&division.copies).chain(&division.unread);
        assert!(places.into_iter().all(|place| place.end() <= size));
        for volume in &division.volumes {
            assert!(volume.placement.places(0, u64::MAX).iter().all(|place| place.end() <= size));
        }
    }
}
