//! Tables built here, tables that `sfdisk` makes, and damaged ones.

#![allow(clippy::arithmetic_side_effects)]

mod apple;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::read::Memory;

const SECTOR: usize = 512;

fn entry(kind: u8, start: u32, count: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[4] = kind;
    bytes[8..12].copy_from_slice(&start.to_le_bytes());
    bytes[12..].copy_from_slice(&count.to_le_bytes());
    bytes
}

fn record(medium: &mut [u8], sector: usize, entries: &[[u8; 16]]) {
    let at = sector * SECTOR;
    for (index, entry) in entries.iter().enumerate() {
        medium[at + 446 + 16 * index..][..16].copy_from_slice(entry);
    }
    medium[at + 510..at + 512].copy_from_slice(&[0x55, 0xaa]);
}

/// A medium with two primaries and an extended partition that holds two logical volumes.
fn divided() -> Vec<u8> {
    let mut medium = vec![0; 1000 * SECTOR];
    record(&mut medium, 0, &[entry(0x83, 10, 90), entry(0x0c, 100, 100), entry(0x05, 300, 600)]);
    record(&mut medium, 300, &[entry(0x83, 5, 95), entry(0x05, 200, 100)]);
    record(&mut medium, 500, &[entry(0x07, 5, 95)]);
    medium
}

/// A GPT of four entries, two of them used, with its copy at the end.
fn guids(sector: usize, sectors: usize) -> Vec<u8> {
    let mut medium = vec![0; sector * sectors];
    record(&mut medium, 0, &[entry(0xee, 1, u32::MAX)]);
    let mut array = vec![0; 4 * 128];
    let kind = *b"\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4";
    for (slot, first, last) in [(0, 10_u64, 19_u64), (2, 20, 39)] {
        let entry = &mut array[slot * 128..][..128];
        entry[..16].copy_from_slice(&kind);
        entry[16] = 1;
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
        entry[56..60].copy_from_slice(&[b'\xc4', 0, b'b', 0]);
    }
    let end = sectors - 1;
    for (own, other, table) in [(1, end, 2), (end, 1, end - 1)] {
        let mut header = vec![0; 92];
        header[..12].copy_from_slice(b"EFI PART\0\0\x01\0");
        header[12..16].copy_from_slice(&92_u32.to_le_bytes());
        header[24..32].copy_from_slice(&(own as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(other as u64).to_le_bytes());
        header[72..80].copy_from_slice(&(table as u64).to_le_bytes());
        header[80..84].copy_from_slice(&4_u32.to_le_bytes());
        header[84..88].copy_from_slice(&128_u32.to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&array).to_le_bytes());
        let sum = crc32fast::hash(&header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        medium[own * sector..][..92].copy_from_slice(&header);
        medium[table * sector..][..512].copy_from_slice(&array);
    }
    medium
}

fn table(medium: &[u8]) -> Table {
    read(&Memory(medium)).unwrap().unwrap()
}

fn places(layout: &Layout, sector: u64) -> Vec<(u16, u64, u64)> {
    let of =
        |volume: &Partition| (volume.number, volume.extent.offset / sector, volume.extent.length / sector);
    layout.partitions.iter().map(of).collect()
}

fn says(layout: &Layout, text: &str) -> bool {
    layout.problems.iter().any(|problem| problem.detail.contains(text))
}

#[test]
fn primary_and_logical_volumes_have_their_numbers_places_and_kinds() {
    let found = table(&divided());
    assert_eq!((found.name, found.confidence), ("mbr", Confidence::Strong));
    assert_eq!(places(&found.layout, 512), [(1, 10, 90), (2, 100, 100), (5, 305, 95), (6, 505, 95)]);
    let kinds: Vec<&str> = found.layout.partitions.iter().map(|volume| volume.kind.as_str()).collect();
    assert_eq!(kinds, ["Linux", "FAT32 (LBA)", "Linux", "NTFS, exFAT or HPFS"]);
    assert_eq!(found.layout.metadata, [0, 300, 500].map(|sector| Extent::new(sector * 512, 512)));
    assert_eq!(found.layout.problems, []);
}

#[test]
fn loops_overlaps_and_volumes_beyond_the_end_are_problems_and_the_rest_is_still_given() {
    let mut medium = divided();
    record(&mut medium, 500, &[entry(0x07, 5, 95), entry(0x05, 0, 100)]);
    record(
        &mut medium,
        0,
        &[entry(0x83, 10, 95), entry(0x0c, 100, 100), entry(0x05, 300, 600), entry(7, 950, 100)],
    );
    let layout = table(&medium).layout;
    assert_eq!(places(&layout, 512), [(1, 10, 95), (2, 100, 100), (4, 950, 50), (5, 305, 95), (6, 505, 95)]);
    assert!(says(&layout, "comes back") && says(&layout, "volumes 1 and 2 share 2560 bytes"));
    assert!(says(&layout, "volume 4 is stated"));
    medium[300 * SECTOR + 510] = 0;
    let layout = table(&medium).layout;
    assert!(says(&layout, "does not end in 55 AA") && layout.partitions.len() == 3);
}

#[test]
fn a_boot_sector_is_not_taken_for_a_table() {
    let mut fat = vec![0; 512 * 100];
    fat[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
    fat[11..22].copy_from_slice(&[0, 2, 4, 1, 0, 2, 0, 2, 0, 0, 0xf8]);
    fat[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(mbr::Mbr.probe(&Memory(&fat)), Confidence::No);
    fat[446..510].fill(b'x');
    assert_eq!(mbr::Mbr.probe(&Memory(&fat)), Confidence::No);
    fat[446..510].fill(0);
    record(&mut fat, 0, &[entry(0x0c, 10, 50)]);
    assert_eq!(mbr::Mbr.probe(&Memory(&fat)), Confidence::Weak);
    assert_eq!(mbr::Mbr.probe(&Memory(vec![0; 5120])), Confidence::No);
    assert_eq!(mbr::Mbr.probe(&Memory(divided())), Confidence::Strong);
}

#[test]
fn sectors_of_4096_bytes_are_assumed_when_only_they_make_sense() {
    let mut medium = vec![0; 4096 * 1000];
    record(&mut medium, 0, &[entry(0x83, 100, 200)]);
    assert_eq!(places(&table(&medium).layout, 1), [(1, 51200, 102_400)]);
    medium[100 * 4096 + 1080..][..2].copy_from_slice(&[0x53, 0xef]);
    assert_eq!(places(&table(&medium).layout, 4096), [(1, 100, 200)]);
}

#[test]
fn a_guid_table_is_read_with_either_sector_size() {
    for sector in SECTOR_SIZES {
        let medium = guids(sector, 60);
        let found = table(&medium);
        assert_eq!((found.name, found.confidence), ("gpt", Confidence::Strong));
        assert_eq!(places(&found.layout, sector as u64), [(1, 10, 10), (3, 20, 20)]);
        let volume = &found.layout.partitions[0];
        assert_eq!((volume.kind.as_str(), volume.label.as_str()), ("Linux file system", "Äb"));
        assert_eq!(found.layout.problems, []);
        let sum: u64 = found.layout.metadata.iter().map(|extent| extent.length).sum();
        assert_eq!(sum, 3 * sector as u64 + 2 * 512);
    }
}

const SECTOR_SIZES: [usize; 2] = [512, 4096];

#[test]
fn the_copy_at_the_end_stands_in_for_a_damaged_guid_table() {
    for sector in SECTOR_SIZES {
        let whole = guids(sector, 60);
        let expected = table(&whole).layout.partitions;
        // The header is gone; one of its bits is; the entries are damaged; sector 0 is gone with the header.
        for damage in 0..4 {
            let mut medium = whole.clone();
            match damage {
                0 => medium[sector..2 * sector].fill(0),
                1 => medium[sector + 40] ^= 1,
                2 => medium[2 * sector + 33] ^= 1,
                _ => medium[..2 * sector].fill(0),
            }
            let found = table(&medium);
            assert_eq!((found.name, &found.layout.partitions), ("gpt", &expected), "{sector} {damage}");
            assert!(says(&found.layout, "the copy at byte"), "{:?}", found.layout.problems);
        }
        let mut medium = whole.clone();
        medium.truncate(50 * sector);
        let found = table(&medium);
        assert_eq!(found.layout.partitions, expected);
        assert!(says(&found.layout, "the backup GPT cannot be used"));
        // Both entry arrays are damaged: what is there is still given.
        let mut medium = whole;
        medium[2 * sector + 56] ^= 1;
        medium[58 * sector + 56] ^= 1;
        assert_eq!(places(&table(&medium).layout, sector as u64), [(1, 10, 10), (3, 20, 20)]);
    }
}

#[test]
fn leftover_and_hybrid_tables_are_ambiguous_and_the_right_one_is_read() {
    let mut hybrid = guids(512, 60);
    record(&mut hybrid, 0, &[entry(0xee, 1, 59), entry(0x0c, 20, 20)]);
    let found = table(&hybrid);
    assert!(found.name == "gpt" && says(&found.layout, "holds 1 volumes of its own"));
    let mut leftover = guids(512, 60);
    record(&mut leftover, 0, &[entry(0x83, 5, 50)]);
    let found = table(&leftover);
    assert!(found.name == "mbr" && says(&found.layout, "also carries a gpt"));
}

#[test]
fn nothing_is_found_where_nothing_is() {
    for length in [0, 1, 511, 512, 100_000] {
        assert_eq!(read(&Memory(vec![0; length])), Ok(None));
    }
}

#[test]
fn mutated_tables_never_panic_and_stay_within_the_medium() {
    let mut state = 0x1234_5678_9ABC_DEF1_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for original in [divided(), guids(512, 60), guids(4096, 60), apple::mapped(512), apple::mapped(2048)] {
        for round in 0..2000 {
            let mut medium = original.clone();
            for _ in 0..=random(6) {
                let at = match random(3) {
                    0 => random(medium.len()),
                    1 => 440 + random(72),
                    _ => random(medium.len().min(9000)),
                };
                medium[at] = if random(2) == 0 { random(256) as u8 } else { medium[at] ^ (1 << random(8)) };
            }
            if round % 4 == 0 {
                medium.truncate(random(original.len()));
            }
            for format in FORMATS {
                let memory = Memory(&medium);
                format.probe(&memory);
                if let Ok(layout) = format.read(&memory) {
                    let size = memory.size();
                    assert!(layout.partitions.iter().all(|volume| volume.extent.end() <= size));
                    let noted = layout.problems.iter().filter_map(|problem| problem.extent);
                    assert!(noted.chain(layout.metadata.iter().copied()).all(|extent| extent.end() <= size));
                    assert!(layout.partitions.len() <= 10_000 && layout.problems.len() <= 30_000);
                }
            }
        }
    }
}

fn tool(name: &str, arguments: &[&str], image: &Path, input: &str) -> Option<String> {
    let paths = std::env::var("PATH").unwrap_or_default() + ":/sbin:/usr/sbin";
    let command = Command::new(name)
        .args(arguments)
        .arg(image)
        .env("PATH", paths)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = command else {
        eprintln!("skipped: {name} is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Number, first byte and length of every volume that `sfdisk` lists, extended partitions left out.
fn listed(image: &Path) -> Option<Vec<(u16, u64, u64)>> {
    let json: serde_json::Value = serde_json::from_str(&tool("sfdisk", &["-J"], image, "")?).unwrap();
    let table = &json["partitiontable"];
    let sector = table["sectorsize"].as_u64().unwrap_or(512);
    let stem = image.to_str().unwrap();
    let volumes = table["partitions"].as_array().unwrap().iter();
    let plain = volumes.filter(|volume| !matches!(volume["type"].as_str(), Some("5" | "f" | "85")));
    let of = |volume: &serde_json::Value| {
        let number = volume["node"].as_str().unwrap().strip_prefix(stem).unwrap();
        let number = number.trim_start_matches('p').parse().unwrap();
        (number, volume["start"].as_u64().unwrap() * sector, volume["size"].as_u64().unwrap() * sector)
    };
    Some(plain.map(of).collect())
}

/// First sector and length of every volume that `mmls` lists, in order.
fn listed_by_mmls(image: &Path) -> Option<Vec<(u64, u64)>> {
    let text = tool("mmls", &["-a"], image, "")?;
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let volumes = rows.filter(|row| row.len() >= 5 && row[0].ends_with(':') && row[0].len() == 4);
    Some(volumes.map(|row| (row[2].parse().unwrap(), row[4].parse().unwrap())).collect())
}

#[test]
fn tables_that_sfdisk_makes_are_read_as_sfdisk_and_mmls_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let dos = "label: dos\nsize=5M,type=83\nsize=7M,type=c\nsize=9M,type=7\ntype=5\n\
               size=3M,type=83\nsize=4M,type=82\nsize=5M,type=83\nsize=1M,type=7\n";
    let primaries = "label: dos\nsize=5M,type=83\nsize=7M,type=c\nsize=9M,type=7\nsize=10M,type=ef\n";
    let gpt = "label: gpt\nsize=5M,type=L,name=\"Fotos \u{e4}\"\nsize=7M,type=U\nsize=9M\nsize=8M,type=S\n";
    for (index, script) in [dos, primaries, gpt].into_iter().enumerate() {
        let image = folder.path().join(format!("disk{index}x"));
        std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        if tool("sfdisk", &["-q", "--no-reread"], &image, script).is_none() {
            return;
        }
        let found = table(&std::fs::read(&image).unwrap());
        assert_eq!(found.confidence, Confidence::Strong);
        assert_eq!(found.layout.problems, []);
        assert_eq!(Some(places(&found.layout, 1)), listed(&image));
        if let Some(expected) = listed_by_mmls(&image) {
            let mut own: Vec<(u64, u64)> =
                places(&found.layout, 512).into_iter().map(|(_, start, length)| (start, length)).collect();
            own.sort_unstable();
            assert_eq!(own, expected);
        }
        if found.name == "gpt" {
            assert_eq!(found.layout.partitions[0].label, "Fotos \u{e4}");
        }
    }
}
