//! VHDX images made by `qemu-img`, whose own reading is the second opinion, and logs built here.
#![allow(clippy::arithmetic_side_effects)]

use std::path::Path;

use super::checksum;
use crate::container::trial::{self, assert_equal, mixed, open, read_all, tool};
use crate::model::Extent;

const MIB: usize = 1 << 20;

/// What `qemu-img` makes of a raw medium with those options.
fn made(folder: &Path, medium: &[u8], options: &str) -> Option<Vec<u8>> {
    std::fs::write(folder.join("raw"), medium).unwrap();
    let arguments = ["convert", "-f", "raw", "-O", "vhdx", "-o", options, "raw", "image"];
    tool("qemu-img", &arguments, folder).then(|| std::fs::read(folder.join("image")).unwrap())
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn sum(bytes: &mut [u8]) {
    let sum = checksum(bytes, 4);
    put(bytes, 4, &sum.to_le_bytes());
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Place of the region whose identifier begins so.
fn region(image: &[u8], first: u8) -> usize {
    let entry = (0..2).map(|entry| (192 << 10) + 16 + 32 * entry).find(|at| image[*at] == first).unwrap();
    long(image, entry + 16) as usize
}

/// The image with the first sector of its table only in the log, in two entries; the first one stands `before_end` bytes before
/// the end of the log, the second one after it, and at the start of the log when there is no room.
fn logged(image: &[u8], before_end: usize) -> Vec<u8> {
    let mut dirty = image.to_vec();
    let table = region(image, 0x66);
    let newer = if long(image, (64 << 10) + 8) > long(image, (128 << 10) + 8) { 64 << 10 } else { 128 << 10 };
    let log = long(image, newer + 72) as usize;
    let length = u32::from_le_bytes(image[newer + 68..newer + 72].try_into().unwrap()) as usize;
    put(&mut dirty, newer + 48, &[7; 16]);
    let header = &mut dirty[newer..newer + 4096];
    sum(header);
    let sector = image[table..table + 4096].to_vec();
    dirty[table..table + 4096].fill(0xA5);
    let entry = |sequence: u64, tail: usize, descriptors: &[(&[u8; 4], u64, u64)]| {
        let mut bytes = vec![0; 4096];
        put(&mut bytes, 0, b"loge");
        put(&mut bytes, 12, &(tail as u32).to_le_bytes());
        put(&mut bytes, 16, &sequence.to_le_bytes());
        put(&mut bytes, 24, &(descriptors.len() as u32).to_le_bytes());
        put(&mut bytes, 32, &[7; 16]);
        put(&mut bytes, 48, &(image.len() as u64).to_le_bytes());
        put(&mut bytes, 56, &(image.len() as u64).to_le_bytes());
        for (number, (kind, place, count)) in descriptors.iter().enumerate() {
            let at = 64 + 32 * number;
            put(&mut bytes, at, *kind);
            put(&mut bytes, at + 16, &place.to_le_bytes());
            put(&mut bytes, at + 24, &sequence.to_le_bytes());
            if *kind == b"zero" {
                put(&mut bytes, at + 8, &count.to_le_bytes());
                continue;
            }
            put(&mut bytes, at + 4, &sector[4092..]);
            put(&mut bytes, at + 8, &sector[..8]);
            let mut data = sector.clone();
            put(&mut data, 0, b"data");
            put(&mut data, 4, &((sequence >> 32) as u32).to_le_bytes());
            put(&mut data, 4092, &(sequence as u32).to_le_bytes());
            bytes.extend(data);
        }
        let length = (bytes.len() as u32).to_le_bytes();
        put(&mut bytes, 8, &length);
        sum(&mut bytes);
        bytes
    };
    let tail = length - before_end;
    let zeros = (b"zero", (table + 4096) as u64, 4096);
    let first = entry(5 << 32 | 9, tail, &[(b"zero", table as u64, 4096), (b"desc", table as u64, 0)]);
    let second = entry(5 << 32 | 10, tail, &[zeros]);
    assert_eq!((first.len(), second.len()), (8192, 4096));
    put(&mut dirty, log + tail, &first);
    put(&mut dirty, log + (tail + 8192) % length, &second);
    // An older entry with the same identifier that no longer counts.
    let older = (tail + 16_384) % length;
    put(&mut dirty, log + older, &entry(3, older, &[zeros]));
    dirty
}

#[test]
fn the_checksum_is_the_castagnoli_one() {
    assert_eq!(checksum(b"123456789", 100), 0xe306_9283);
}

#[test]
fn images_of_every_kind_that_qemu_makes_come_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for (number, options) in [
        "subformat=dynamic",
        "subformat=fixed",
        "subformat=dynamic,block_size=1M",
        "subformat=dynamic,block_size=32M",
    ]
    .into_iter()
    .enumerate()
    {
        let mut medium = mixed(number as u64 + 1, 5 * MIB + number * 512);
        medium[MIB..3 * MIB].fill(0);
        let Some(image) = made(folder.path(), &medium, options) else {
            return;
        };
        // The disk is as long as the image says; qemu rounds it up.
        medium.resize(medium.len().next_multiple_of(MIB), 0);
        let size = open([image.clone()]).unwrap().medium.size() as usize;
        medium.truncate(size);
        let opened = assert_equal("vhdx", vec![image.clone()], &medium, options);
        assert!(
            opened.notes.iter().any(|(name, value)| name == "creator" && value.starts_with("QEMU")),
            "{:?}",
            opened.notes
        );
        let parts = image.chunks(3 * MIB).map(<[u8]>::to_vec).collect();
        assert_equal("vhdx", parts, &medium, options);
    }
}

#[test]
fn a_log_is_replayed_in_memory_as_qemu_replays_it_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let medium = mixed(6, 4 * MIB);
    let Some(image) = made(folder.path(), &medium, "subformat=dynamic,block_size=1M") else {
        return;
    };
    for before_end in [8192, MIB] {
        let dirty = logged(&image, before_end);
        let opened = open([dirty.clone()]).unwrap();
        assert!(
            opened.problems.len() == 1 && opened.problems[0].detail.contains("2 log entries"),
            "{:?}",
            opened.problems
        );
        assert!(read_all(opened.medium.as_ref(), MIB) == (medium.clone(), vec![]));
        std::fs::write(folder.path().join("image"), &dirty).unwrap();
    }
    // The other tool replays when it opens for writing; it follows no entry from the end of the log to its start.
    assert!(tool("qemu-img", &["check", "-q", "-r", "all", "image"], folder.path()));
    assert!(tool("qemu-img", &["convert", "-O", "raw", "image", "back"], folder.path()));
    assert!(std::fs::read(folder.path().join("back")).unwrap() == medium);
    let dirty = logged(&image, 8192);
    // Without the older of two entries nothing is shown.
    let newer = if dirty[(64 << 10) + 48] == 7 { 64 << 10 } else { 128 << 10 };
    let mut broken = dirty;
    let log = long(&broken, newer + 72) as usize;
    let flip = log + MIB - 8192 + 5000;
    broken[flip] ^= 1;
    let error = open([broken]).err().unwrap().to_string();
    assert!(error.contains("not closed cleanly"), "{error}");
}

#[test]
fn states_of_blocks_and_a_parent_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let medium: Vec<u8> = mixed(7, 6 * MIB).iter().map(|byte| byte | 1).collect();
    let Some(image) = made(folder.path(), &medium, "subformat=dynamic,block_size=1M") else {
        return;
    };
    let table = region(&image, 0x66);
    let mut states = image.clone();
    for (block, state) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 7)] {
        states[table + 8 * block] = states[table + 8 * block] & !7 | state;
    }
    let opened = open([states]).unwrap();
    let (bytes, missing) = read_all(opened.medium.as_ref(), 1 << 16);
    let mib = MIB as u64;
    assert_eq!(missing, [Extent::new(mib, mib), Extent::new(4 * mib, mib)]);
    assert_eq!(opened.problems.len(), 2, "{:?}", opened.problems);
    assert!([0, 2, 3].iter().all(|block| bytes[block * MIB..][..MIB].iter().all(|byte| *byte == 0)));
    assert!(bytes[5 * MIB..] == medium[5 * MIB..]);
    let mut child = image;
    let metadata = region(&child, 0x06);
    let parameters = metadata + (64 << 10);
    child[parameters + 4] |= 2;
    let error = open([child]).err().unwrap().to_string();
    assert!(error.contains("differencing") && error.contains("not supported"), "{error}");
}

#[test]
fn damaged_images_never_panic_and_a_flip_in_header_or_region_table_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let medium = mixed(8, 2 * MIB);
    let Some(image) = made(folder.path(), &medium, "subformat=dynamic,block_size=1M") else {
        return;
    };
    let (table, metadata) = (region(&image, 0x66) as u64, region(&image, 0x06) as u64);
    let tables = [Extent::new(table, 64), Extent::new(metadata, 320), Extent::new(metadata + (64 << 10), 64)];
    trial::under_damage(std::slice::from_ref(&image), &tables, 100, |_, _, _| {});
    let summed: Vec<Extent> = [(64 << 10, 4096), (128 << 10, 4096), (192 << 10, 65_536), (256 << 10, 65_536)]
        .map(|(at, length)| Extent::new(at, length))
        .into();
    trial::under_damage(std::slice::from_ref(&image), &summed, 100, |image, _, _| {
        assert!(!image.problems.is_empty());
    });
    let dirty = logged(&image, 8192);
    let newer = if dirty[(64 << 10) + 48] == 7 { 64 << 10 } else { 128 << 10 };
    let log = long(&dirty, newer + 72);
    let places = [Extent::new(log, 4096), Extent::new(log + (1 << 20) - 8192, 8192)];
    trial::under_damage(std::slice::from_ref(&dirty), &places, 100, |image, bytes, missing| {
        // The whole log counts, or the image is refused, or an older state is shown and said to be one.
        let lost = |at: u64| missing.iter().any(|extent| extent.offset <= at && at < extent.end());
        let wrong = (0..medium.len()).find(|at| bytes[*at] != medium[*at] && !lost(*at as u64));
        let said = image.problems.iter().any(|problem| problem.detail.contains("older state"));
        assert!(wrong.is_none() || said, "{:?}", image.problems);
    });
}
