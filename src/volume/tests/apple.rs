//! Apple partition maps and hybrid tables, built here and made by the usual tools.

#![allow(clippy::arithmetic_side_effects)]

use super::*;

fn map_entry(count: u32, start: u32, length: u32, name: &str, kind: &str) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..2].copy_from_slice(b"PM");
    for (at, value) in [(4, count), (8, start), (12, length)] {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes[16..16 + name.len()].copy_from_slice(name.as_bytes());
    bytes[48..48 + kind.len()].copy_from_slice(kind.as_bytes());
    bytes
}

/// A medium of 400 blocks with a map of itself, two volumes and free space.
pub(super) fn mapped(block: usize) -> Vec<u8> {
    let mut medium = vec![0; 400 * block];
    medium[..2].copy_from_slice(b"ER");
    medium[2..4].copy_from_slice(&(block as u16).to_be_bytes());
    let entries = [
        map_entry(4, 1, 63, "Apple", "Apple_partition_map"),
        map_entry(4, 64, 100, "Fotos", "Apple_HFS"),
        map_entry(4, 164, 36, "Extra", "Apple_Free"),
        map_entry(4, 200, 100, "", "Strange"),
    ];
    for (index, entry) in (1..).zip(entries) {
        medium[index * block..][..512].copy_from_slice(&entry);
    }
    medium
}

#[test]
fn maps_are_read_with_any_block_size_and_with_damaged_entries() {
    for block in [512, 1024, 2048, 4096] {
        let found = table(&mapped(block));
        assert_eq!((found.name, found.confidence), ("apm", Confidence::Strong));
        assert_eq!(places(&found.layout, block as u64), [(2, 64, 100), (4, 200, 100)]);
        let kinds: Vec<&str> =
            found.layout.partitions.iter().map(|partition| partition.kind.as_str()).collect();
        assert_eq!(kinds, ["Apple HFS or HFS+", "type Strange"]);
        assert_eq!((found.layout.partitions[0].label.as_str(), found.layout.problems.len()), ("Fotos", 0));
        let mut damaged = mapped(block);
        damaged[..4].fill(0);
        damaged[block..block + 2].fill(0);
        let found = table(&damaged);
        assert_eq!(places(&found.layout, block as u64), [(2, 64, 100), (4, 200, 100)], "{block}");
        assert!(
            says(&found.layout, "driver descriptor")
                && says(&found.layout, "entry 1 of the Apple partition map")
        );
    }
    let mut endless = mapped(512);
    for number in 1..5 {
        endless[number * 512 + 4..number * 512 + 8].copy_from_slice(&u32::MAX.to_be_bytes());
    }
    assert!(says(&table(&endless).layout, "states 4294967295 entries: 4096 are looked at"));
}

#[test]
fn a_map_beside_another_table_adds_what_only_it_holds() {
    let mut both = mapped(512);
    record(&mut both, 0, &[entry(0x0c, 64, 100)]);
    let found = table(&both);
    assert_eq!(found.name, "mbr");
    assert_eq!(places(&found.layout, 512), [(1, 64, 100), (2, 200, 100)]);
    assert!(says(&found.layout, "volume 2 stands only in the Apple partition map (there number 4)"));
}

#[test]
fn volumes_that_stand_only_in_the_mbr_of_a_hybrid_are_listed() {
    let mut hybrid = guids(512, 60);
    record(&mut hybrid, 0, &[entry(0xee, 1, 9), entry(0x0c, 20, 20), entry(0x83, 35, 20)]);
    let found = table(&hybrid);
    assert_eq!(found.name, "gpt");
    assert_eq!(places(&found.layout, 512), [(1, 10, 10), (3, 20, 20), (4, 35, 20)]);
    assert!(says(&found.layout, "holds 2 volumes of its own"));
    assert!(says(
        &found.layout,
        "volume 4 stands only in the MBR in front of the GPT (there number 3), against volume 3"
    ));
}

#[test]
fn maps_that_parted_makes_and_hybrids_that_sgdisk_makes_are_read_as_they_list_them() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("mac");
    std::fs::File::create(&image).unwrap().set_len(20 << 20).unwrap();
    let path = image.to_str().unwrap();
    let make = [
        "-s", path, "mklabel", "mac", "mkpart", "Fotos", "hfs+", "1MiB", "5MiB", "mkpart", "Daten", "ext2",
        "5MiB", "12MiB",
    ];
    let list = ["-sm", path, "unit", "B", "print"];
    let parted = |arguments: &[&str]| Command::new("/usr/sbin/parted").args(arguments).output();
    match parted(&make) {
        Ok(output) if output.status.success() => {
            let told = String::from_utf8(parted(&list).unwrap().stdout).unwrap();
            let number = |text: &str| text.trim_end_matches('B').parse::<u64>().unwrap();
            let rows = told.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
            let rows: Vec<Vec<&str>> = rows.map(|line| line.split(':').collect()).collect();
            let expected: Vec<(u64, u64)> =
                rows.iter().skip(1).map(|row| (number(row[1]), number(row[3]))).collect();
            let found = table(&std::fs::read(&image).unwrap());
            let own: Vec<(u64, u64)> =
                places(&found.layout, 1).iter().map(|(_, start, length)| (*start, *length)).collect();
            assert_eq!((own, found.layout.problems), (expected, Vec::new()));
        }
        other => eprintln!("skipped: parted: {other:?}"),
    }
    let image = folder.path().join("hybrid");
    std::fs::File::create(&image).unwrap().set_len(20 << 20).unwrap();
    let make = ["-n", "1:2048:+4M", "-n", "2:0:+4M", "-n", "3:0:+2M", "-h", "1:2"];
    let Ok(output) = Command::new("/usr/sbin/sgdisk").args(make).arg(&image).output() else {
        eprintln!("skipped: sgdisk is not installed");
        return;
    };
    assert!(output.status.success());
    let found = table(&std::fs::read(&image).unwrap());
    assert_eq!(Some(places(&found.layout, 1)), listed(&image));
    assert!(says(&found.layout, "holds 2 volumes of its own") && found.layout.problems.len() == 1);
}
