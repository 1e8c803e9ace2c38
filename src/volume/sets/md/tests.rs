//! Arrays built here, looked at by `mdadm` as well, and damaged ones.

#![allow(clippy::arithmetic_side_effects)]

use std::process::Command;
use std::sync::Arc;

use super::*;
use crate::model::Extent;
use crate::read::{Memory, Placed};

const SECTOR: u64 = 512;
/// Bytes of one member, a whole number of blocks of 64 KiB and some more.
const SIZE: usize = (1 << 20) + 4096;
const CHUNK: u64 = 4096;
const ARRAY: [u8; 16] = *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";

/// What is written into a superblock.
#[derive(Clone, Copy)]
pub struct Plan {
    pub version: &'static str,
    pub big: bool,
    pub level: i32,
    pub layout: u32,
    pub devices: u32,
    /// Sectors that the array uses of each member.
    pub used: u64,
    pub events: u64,
    pub array: [u8; 16],
}

pub const PLAN: Plan = Plan {
    version: "1.2",
    big: false,
    level: 0,
    layout: 2,
    devices: 2,
    used: 1024,
    events: 20,
    array: ARRAY,
};
/// Where the data of version 1.1 and 1.2 begin.
const DATA: u64 = 128;

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// A member whose data differ in every 8 bytes, with the superblock of device `number`.
fn member(plan: Plan, number: u32, data_sectors: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..SIZE as u64 / 8).flat_map(|word| (word | u64::from(number + 1) << 56).to_le_bytes()).collect();
    stamp(&mut bytes, plan, number, data_sectors);
    bytes
}

/// Writes the superblock of device `number` onto a member.
pub fn stamp(bytes: &mut [u8], plan: Plan, number: u32, data_sectors: u64) {
    let size = bytes.len();
    if plan.version == "0.90" {
        let at = (size & !0xffff) - 0x1_0000;
        bytes[at..at + 4096].fill(0);
        let order = |value: u32| if plan.big { value.to_be_bytes() } else { value.to_le_bytes() };
        let word = |index| u32::from_be_bytes(plan.array[index..index + 4].try_into().unwrap());
        let fields = [
            (0, 0xa92b_4efc),
            (2, 90),
            (4, 992),
            (5, word(0)),
            (7, plan.level as u32),
            (8, (plan.used / 2) as u32),
            (9, plan.devices),
            (10, plan.devices),
            (13, word(4)),
            (14, word(8)),
            (15, word(12)),
            (33, 1),
            (34, plan.devices),
            (35, plan.devices),
            (64, plan.layout),
            (65, CHUNK as u32),
            (992, number),
            (995, number),
            (996, 6),
        ];
        for (index, value) in fields {
            put(bytes, at + 4 * index, &order(value));
        }
        for device in 0..plan.devices {
            for (index, value) in [(0, device), (3, device), (4, 6)] {
                put(bytes, at + 512 + 128 * device as usize + 4 * index, &order(value));
            }
        }
        let events = if plan.big { plan.events.to_be_bytes() } else { plan.events.to_le_bytes() };
        put(bytes, at + 156, &events);
        let words = bytes[at..at + 4096].chunks_exact(4).map(|word| word.try_into().unwrap());
        let sum: u64 = words
            .map(|word| u64::from(if plan.big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }))
            .sum();
        let folded = ((sum & 0xffff_ffff) + (sum >> 32)) as u32;
        put(bytes, at + 152, &order(folded));
        return;
    }
    let (at, data) = match plan.version {
        "1.0" => (((size as u64 / SECTOR - 16) & !7) * SECTOR, 0),
        "1.1" => (0, DATA),
        _ => (8 * SECTOR, DATA),
    };
    let mut head = vec![0; 256 + 2 * plan.devices as usize];
    put(&mut head, 0, &[0xa92b_4efc_u32, 1].map(u32::to_le_bytes).concat());
    put(&mut head, 16, &plan.array);
    put(&mut head, 32, b"host:fotos");
    put(&mut head, 72, &[plan.level as u32, plan.layout].map(u32::to_le_bytes).concat());
    put(&mut head, 80, &plan.used.to_le_bytes());
    put(&mut head, 88, &[(CHUNK / SECTOR) as u32, plan.devices].map(u32::to_le_bytes).concat());
    put(&mut head, 128, &[data, data_sectors, at / SECTOR].map(u64::to_le_bytes).concat());
    put(&mut head, 160, &number.to_le_bytes());
    put(&mut head, 168, &[number as u8 + 1; 16]);
    put(&mut head, 200, &[plan.events, u64::MAX].map(u64::to_le_bytes).concat());
    put(&mut head, 220, &plan.devices.to_le_bytes());
    for device in 0..plan.devices as u16 {
        put(&mut head, 256 + 2 * usize::from(device), &device.to_le_bytes());
    }
    let mut sum: u64 =
        head.chunks_exact(4).map(|word| u64::from(u32::from_le_bytes(word.try_into().unwrap()))).sum();
    if let [low, high] = head.chunks_exact(4).remainder() {
        sum += u64::from(u16::from_le_bytes([*low, *high]));
    }
    put(&mut head, 216, &(((sum & 0xffff_ffff) + (sum >> 32)) as u32).to_le_bytes());
    put(bytes, at as usize, &head);
}

/// Members one after the other on one medium, put together.
fn assembled(members: &[Vec<u8>]) -> (Arc<dyn ReadAt>, Assembly) {
    let medium: Arc<dyn ReadAt> = Arc::new(Memory(members.concat()));
    let place = |index: usize| Extent::new((index * SIZE) as u64, SIZE as u64);
    let found = (0..members.len()).filter_map(|index| {
        let placement = Placement::piece(place(index));
        let volume: Arc<dyn ReadAt> = Arc::new(Placed::new(Arc::clone(&medium), placement.clone()));
        Md.probe(&volume).then_some(Member { number: index as u16 + 1, placement, volume })
    });
    let found: Vec<Member> = found.collect();
    let assembly = Md.assemble(&found);
    (medium, assembly)
}

fn content(medium: &Arc<dyn ReadAt>, assembly: &Assembly) -> Vec<u8> {
    let [volume] = assembly.volumes.as_slice() else {
        panic!("{} volumes, {:?}", assembly.volumes.len(), assembly.problems);
    };
    let placed = Placed::new(Arc::clone(medium), volume.placement.clone());
    placed.read_vec(0, placed.size() as usize).unwrap()
}

fn data_of(member: &[u8], version: &str, from: u64, length: u64) -> Vec<u8> {
    let start = if matches!(version, "1.1" | "1.2") { DATA * SECTOR } else { 0 } + from;
    member[start as usize..(start + length) as usize].to_vec()
}

const VERSIONS: [(&str, bool); 5] =
    [("0.90", false), ("0.90", true), ("1.0", false), ("1.1", false), ("1.2", false)];

#[test]
fn linear_striped_and_mirrored_arrays_of_every_version_are_put_together() {
    for (version, big) in VERSIONS {
        for level in [-1, 0, 1] {
            let plan = Plan { version, big, level, ..PLAN };
            let members: Vec<Vec<u8>> = (0..2).map(|number| member(plan, number, plan.used)).collect();
            let (medium, assembly) = assembled(&members);
            assert!(assembly.problems.is_empty(), "{version} {level}: {:?}", assembly.problems);
            let found = content(&medium, &assembly);
            // Version 0.90 states no length of members that are not copies: they reach up to the superblock.
            let each = if version == "0.90" && level < 1 { 15 * 65536 } else { plan.used * SECTOR };
            let data =
                |number: usize, from: u64, length: u64| data_of(&members[number], version, from, length);
            let expected = match level {
                -1 => [data(0, 0, each), data(1, 0, each)].concat(),
                0 => (0..each / CHUNK)
                    .flat_map(|row| [data(0, row * CHUNK, CHUNK), data(1, row * CHUNK, CHUNK)].concat())
                    .collect(),
                _ => data(0, 0, each),
            };
            assert!(found == expected, "{version} {level}: {} of {} bytes", found.len(), expected.len());
            let on: &[u16] = if level == 1 { &[1] } else { &[1, 2] };
            assert_eq!(assembly.volumes[0].on, on);
            assert_eq!((assembly.members.len(), assembly.copies.len()), (2, usize::from(level == 1)));
            assert!(
                assembly.members[1].1.contains("(00112233:44556677:8899aabb:ccddeeff)"),
                "{:?}",
                assembly.members
            );
        }
    }
}

#[test]
fn mdadm_reads_the_built_superblocks_in_the_same_way() {
    for (version, big) in VERSIONS {
        let plan = Plan { version, big, level: 1, ..PLAN };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), member(plan, 1, plan.used)).unwrap();
        let output = Command::new("/usr/sbin/mdadm").arg("--examine").arg(file.path()).output();
        let Ok(output) = output else {
            eprintln!("skipped: mdadm is not installed");
            return;
        };
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        // The other byte order it does not read without being told.
        if big {
            assert!(text.contains("wrong") || text.contains("swap") || !output.status.success(), "{text}");
            continue;
        }
        assert!(
            text.contains("00112233:44556677:8899aabb:ccddeeff") && text.contains("raid1"),
            "{version}: {text}"
        );
        assert!(
            text.contains("correct") && text.contains("Events : 20") || text.contains("Events : 0.20"),
            "{version}: {text}"
        );
    }
}

#[test]
fn stripes_over_members_of_different_lengths_go_on_in_zones() {
    for layout in [1, 2] {
        let plan = Plan { devices: 3, layout, ..PLAN };
        let sectors = [40_u64, 64, 88];
        let members: Vec<Vec<u8>> =
            (0..3).map(|number| member(plan, number, sectors[number as usize])).collect();
        let (medium, assembly) = assembled(&members);
        let found = content(&medium, &assembly);
        // The rule as the kernel follows it, one chunk after the other.
        let chunks = sectors.map(|sectors| sectors * SECTOR / CHUNK);
        let mut expected = Vec::new();
        let (mut before, mut zone_start) = (0, 0);
        for end in chunks {
            let zone: Vec<usize> = (0..3).filter(|device| chunks[*device] > before).collect();
            let count = zone.len() as u64;
            for chunk in 0..(end - before) * count {
                let turn = if layout == 1 { zone_start + chunk } else { chunk };
                let device = zone[(turn % count) as usize];
                expected.extend(data_of(&members[device], "1.2", (before + chunk / count) * CHUNK, CHUNK));
            }
            zone_start += (end - before) * count;
            before = end;
        }
        assert!(found == expected, "layout {layout}");
    }
    let unclear = Plan { layout: 0, ..PLAN };
    let (_, assembly) = assembled(&[member(unclear, 0, 40), member(unclear, 1, 64)]);
    assert!(assembly.volumes.is_empty() && assembly.problems[0].detail.contains("how the stripes go on"));
}

#[test]
fn mirrored_stripes_are_put_together_from_the_newest_of_each_pair() {
    let plan = Plan { level: 10, layout: 0x102, devices: 4, ..PLAN };
    let mut members: Vec<Vec<u8>> = (0..4).map(|number| member(plan, number, plan.used)).collect();
    members[0] = member(Plan { events: 3, ..plan }, 0, plan.used);
    let (medium, assembly) = assembled(&members);
    let found = content(&medium, &assembly);
    let rows = plan.used * SECTOR / CHUNK;
    let row = |row| [1, 2].map(|member: usize| data_of(&members[member], "1.2", row * CHUNK, CHUNK)).concat();
    assert!(found == (0..rows).flat_map(row).collect::<Vec<u8>>());
    assert_eq!((assembly.volumes[0].on.as_slice(), assembly.copies.len()), (&[2, 3][..], 2));
    assert!(
        assembly.problems[0].detail.contains("volume 2 (20 changes) is read, volume 1 (3 changes) is not")
    );
}

#[test]
fn missing_members_and_levels_that_are_not_read_are_named() {
    let mirror = Plan { level: 1, ..PLAN };
    let (_, assembly) = assembled(&[member(mirror, 1, mirror.used)]);
    assert_eq!(assembly.volumes.len(), 1);
    let detail = &assembly.problems[0].detail;
    assert!(detail.contains("Linux RAID 1 \"host:fotos\" (00112233:44556677:8899aabb:ccddeeff): 1 of its 2 devices are not on this source: number 0"), "{detail}");
    let (_, assembly) = assembled(&[member(PLAN, 1, PLAN.used)]);
    assert!(assembly.volumes.is_empty() && assembly.problems[0].detail.contains("number 0"));
    assert_eq!(assembly.unread, [Extent::new(DATA * SECTOR, PLAN.used * SECTOR)]);
    for (level, words) in
        [(5, "RAID 5 is not read"), (6, "RAID 6"), (10, "RAID 10 with layout 0x2"), (-4, "multipath")]
    {
        let plan = Plan { level, ..PLAN };
        let (_, assembly) = assembled(&[member(plan, 0, 1024), member(plan, 1, 1024)]);
        let detail = &assembly.problems[0].detail;
        assert!(assembly.volumes.is_empty() && detail.contains(words), "{detail}");
    }
}

#[test]
fn mutated_superblocks_never_panic_and_stay_within_the_medium() {
    let mut state = 0x1234_5678_9ABC_DEF1_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for (version, big) in VERSIONS {
        for level in [-1, 0, 1, 10] {
            let plan = Plan { version, big, level, layout: if level == 10 { 0x102 } else { 2 }, ..PLAN };
            let whole: Vec<Vec<u8>> = (0..2).map(|number| member(plan, number, plan.used)).collect();
            let at = match version {
                "0.90" => (SIZE & !0xffff) - 0x1_0000,
                "1.0" => (SIZE / 512 - 16) / 8 * 4096,
                "1.1" => 0,
                _ => 4096,
            };
            let length = if version == "0.90" { 4096 } else { 260 };
            for _ in 0..60 {
                let mut members = whole.clone();
                for _ in 0..=random(5) {
                    members[random(2)][at + random(length)] ^= 1 << random(8);
                }
                let (medium, assembly) = assembled(&members);
                let size = medium.size();
                let places = assembly.metadata.iter().chain(&assembly.copies).chain(&assembly.unread);
                assert!(places.into_iter().all(|place| place.end() <= size));
                for volume in &assembly.volumes {
                    let placed = Placed::new(Arc::clone(&medium), volume.placement.clone());
                    let _ = placed.read_vec(placed.size() / 2, 4096.min(placed.size() as usize / 2));
                    assert!(volume.placement.places(0, u64::MAX).iter().all(|place| place.end() <= size));
                }
            }
        }
    }
}
