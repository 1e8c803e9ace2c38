//! EWF images built here and damaged on purpose.

#![allow(clippy::arithmetic_side_effects)]

use std::io::Write as _;

use md5::{Digest as _, Md5};

use super::*;
use crate::read::Memory;

pub(super) const CHUNK: usize = 32 * 1024;

fn open(files: Vec<Vec<u8>>) -> Result<Image> {
    Ewf.open(files.into_iter().map(|file| Arc::new(Memory(file)) as Arc<dyn ReadAt>).collect())
}

/// A medium of chunks that compress, do not compress, and are short, always the same.
pub(super) fn content(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    (0..length)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if (at / CHUNK).is_multiple_of(2) { (state >> 24) as u8 } else { (at / 100) as u8 }
        })
        .collect()
}

fn section(file: &mut Vec<u8>, name: &str, payload: &[u8]) {
    let start = file.len() as u64;
    let terminal = matches!(name, "next" | "done");
    let size = 76 + payload.len() as u64;
    let mut descriptor = vec![0; 16];
    descriptor[..name.len()].copy_from_slice(name.as_bytes());
    descriptor.extend((if terminal { start } else { start + size }).to_le_bytes());
    descriptor.extend(size.to_le_bytes());
    descriptor.resize(72, 0);
    summed(file, &descriptor);
    file.extend(payload);
}

fn summed(file: &mut Vec<u8>, bytes: &[u8]) {
    file.extend(bytes);
    file.extend(adler2::adler32_slice(bytes).to_le_bytes());
}

/// An image of `medium` with `per_segment` chunks a file, in the manner of EnCase 6.
fn image(medium: &[u8], per_segment: usize, bad: &[(u32, u32)]) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = medium.chunks(CHUNK).collect();
    let mut volume = vec![0; 1048];
    volume[0] = 1;
    volume[4..8].copy_from_slice(&(chunks.len() as u32).to_le_bytes());
    volume[8..12].copy_from_slice(&64_u32.to_le_bytes());
    volume[12..16].copy_from_slice(&512_u32.to_le_bytes());
    volume[16..24].copy_from_slice(&(medium.len() as u64 / 512).to_le_bytes());
    volume[64..80].copy_from_slice(&[9; 16]);
    let mut volume_section = Vec::new();
    summed(&mut volume_section, &volume);
    let count = chunks.len().div_ceil(per_segment);
    let mut files = Vec::new();
    for (index, part) in chunks.chunks(per_segment).enumerate() {
        let mut file = b"EVF\t\r\n\xff\0\x01".to_vec();
        file.extend((index as u16 + 1).to_le_bytes());
        file.extend([0; 2]);
        section(&mut file, if index == 0 { "volume" } else { "data" }, &volume_section);
        let base = file.len() as u64;
        let (mut sectors, mut entries) = (Vec::new(), Vec::new());
        for chunk in part {
            let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(chunk).unwrap();
            let packed = packer.finish().unwrap();
            let offset = 76 + sectors.len() as u32;
            if packed.len() < chunk.len() {
                entries.extend((offset | 1 << 31).to_le_bytes());
                sectors.extend(packed);
            } else {
                entries.extend(offset.to_le_bytes());
                summed(&mut sectors, chunk);
            }
        }
        section(&mut file, "sectors", &sectors);
        let mut head = (part.len() as u32).to_le_bytes().to_vec();
        head.extend([0; 4]);
        head.extend(base.to_le_bytes());
        head.extend([0; 4]);
        let mut table = Vec::new();
        summed(&mut table, &head);
        summed(&mut table, &entries);
        section(&mut file, "table", &table);
        section(&mut file, "table2", &table);
        if index + 1 == count {
            if !bad.is_empty() {
                let mut errors = Vec::new();
                let mut head = (bad.len() as u32).to_le_bytes().to_vec();
                head.resize(516, 0);
                summed(&mut errors, &head);
                let list: Vec<u8> =
                    bad.iter().flat_map(|(at, n)| [at.to_le_bytes(), n.to_le_bytes()].concat()).collect();
                summed(&mut errors, &list);
                section(&mut file, "error2", &errors);
            }
            let mut hash = Md5::digest(medium).to_vec();
            hash.extend([0; 16]);
            let mut payload = Vec::new();
            summed(&mut payload, &hash);
            section(&mut file, "hash", &payload);
        }
        section(&mut file, if index + 1 == count { "done" } else { "next" }, &[]);
        files.push(file);
    }
    files
}

/// The bytes that can be read, and the ranges that cannot.
pub(super) fn read_all(medium: &dyn ReadAt, step: usize) -> (Vec<u8>, Vec<Extent>) {
    let (mut bytes, mut missing) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; step];
    while size(bytes.len()) < medium.size() {
        let at = size(bytes.len());
        match medium.read_at(at, &mut buffer) {
            Ok(read) => {
                assert!(read > 0);
                bytes.extend(&buffer[..read]);
            }
            Err(error) => {
                assert!(error.offset == at && error.length > 0 && at + error.length <= medium.size());
                missing.push(Extent::new(error.offset, error.length));
                bytes.resize(bytes.len() + error.length as usize, 0xEE);
            }
        }
    }
    (bytes, merged(missing, medium.size()))
}

/// Nothing outside of the unreadable ranges differs from the medium.
fn assert_faithful(image: &Image, medium: &[u8]) -> Vec<Extent> {
    let (bytes, missing) = read_all(image.medium.as_ref(), 100_000);
    assert_eq!(bytes.len(), medium.len());
    let lost =
        |at: usize| missing.iter().any(|extent| extent.offset <= at as u64 && (at as u64) < extent.end());
    for (index, (one, other)) in bytes.chunks(512).zip(medium.chunks(512)).enumerate() {
        assert!(one == other || lost(index * 512), "sector {index} is wrong and nothing says so");
    }
    missing
}

#[test]
fn a_medium_comes_back_whole_whatever_the_size_of_the_reads() {
    let medium = content(10 * CHUNK + 5 * 512);
    for per_segment in [3, 100] {
        let image = open(image(&medium, per_segment, &[])).unwrap();
        assert_eq!(image.problems, []);
        assert_eq!(image.stored.md5, Digest::new(&Md5::digest(&medium)));
        for step in [512, 1000, CHUNK, 3 * CHUNK + 17, 1 << 20] {
            let (bytes, missing) = read_all(image.medium.as_ref(), step);
            assert!(bytes == medium && missing.is_empty());
        }
        assert_eq!(image.medium.read_at(image.medium.size(), &mut [0; 8]), Ok(0));
        assert_eq!(image.medium.read_at(u64::MAX, &mut [0; 8]), Ok(0));
    }
}

#[test]
fn a_damaged_chunk_is_unreadable_and_nothing_else_is() {
    let medium = content(6 * CHUNK);
    let mut files = image(&medium, 100, &[]);
    // Inside the first chunk, which is stored, and the second, which is compressed.
    let first = 13 + 76 + 1052 + 76;
    for (at, chunk) in [(first + 100, 0), (first + CHUNK + 2, 0), (first + CHUNK + 4 + 50, 1)] {
        files[0][at] ^= 1;
        let image = open(files.clone()).unwrap();
        let extent = Extent::new(chunk * CHUNK as u64, CHUNK as u64);
        assert_eq!(assert_faithful(&image, &medium), [extent], "byte {at}");
        // Asked for a part of it, again and again, and over its border.
        for _ in 0..2 {
            let error = image.medium.read_at(extent.offset + 10, &mut [0; 4]).unwrap_err();
            assert_eq!((error.offset, error.length), (extent.offset + 10, CHUNK as u64 - 10));
        }
        files[0][at] ^= 1;
    }
}

#[test]
fn the_adler_checksum_at_the_end_of_a_compressed_chunk_counts() {
    let medium = content(2 * CHUNK);
    let mut files = image(&medium, 100, &[]);
    let end = 13
        + 76
        + 1052
        + u64::from_le_bytes(files[0][13 + 76 + 1052 + 24..][..8].try_into().unwrap()) as usize;
    files[0][end - 1] ^= 0x80;
    let image = open(files).unwrap();
    assert_eq!(assert_faithful(&image, &medium), [Extent::new(CHUNK as u64, CHUNK as u64)]);
}

#[test]
fn a_missing_segment_costs_its_own_chunks_only() {
    let medium = content(9 * CHUNK + 512);
    for (missing, extent) in [
        (0, Extent::new(0, 3 * CHUNK as u64)),
        (1, Extent::new(3 * CHUNK as u64, 3 * CHUNK as u64)),
        (2, Extent::new(6 * CHUNK as u64, 3 * CHUNK as u64)),
        (3, Extent::new(9 * CHUNK as u64, 512)),
    ] {
        let mut files = image(&medium, 3, &[]);
        files.remove(missing);
        let image = open(files).unwrap();
        assert_eq!(assert_faithful(&image, &medium), [extent]);
        let found = image.problems.iter().find(|problem| problem.extent == Some(extent)).unwrap();
        assert!(found.detail.contains("missing"), "{}", found.detail);
    }
}

#[test]
fn segments_of_another_image_and_swapped_ones_are_left_out() {
    let medium = content(9 * CHUNK);
    let mut files = image(&medium, 3, &[]);
    files.swap(1, 2);
    let swapped = open(files).unwrap();
    assert!(!swapped.problems.is_empty() && !assert_faithful(&swapped, &medium).is_empty());
    let mut files = image(&medium, 3, &[]);
    let other: Vec<u8> = medium.iter().map(|byte| !byte).collect();
    files[1] = image(&other, 3, &[])[1].clone();
    let guid = 13 + 76 + 64;
    files[1][guid..guid + 16].copy_from_slice(&[5; 16]);
    let sum = adler2::adler32_slice(&files[1][13 + 76..][..1048]);
    files[1][13 + 76 + 1048..][..4].copy_from_slice(&sum.to_le_bytes());
    let mixed = open(files).unwrap();
    assert_eq!(assert_faithful(&mixed, &medium), [Extent::new(3 * CHUNK as u64, 3 * CHUNK as u64)]);
}

#[test]
fn sectors_that_the_imaging_tool_could_not_read_are_unreadable() {
    let medium = content(4 * CHUNK);
    let image = open(image(&medium, 100, &[(70, 3), (72, 4), (250, 1000), (u32::MAX, u32::MAX)])).unwrap();
    let expected = [Extent::new(70 * 512, 6 * 512), Extent::new(250 * 512, 6 * 512)];
    assert_eq!(assert_faithful(&image, &medium), expected);
    assert_eq!(image.problems.len(), 2);
    assert_eq!(image.medium.read_at(69 * 512, &mut [0; 2048]), Ok(512));
}

#[test]
fn a_truncated_image_opens_and_says_what_is_missing() {
    let medium = content(6 * CHUNK);
    let files = image(&medium, 3, &[]);
    for keep in [0, 5, 13, 80, 2000, files[1].len() / 2, files[1].len() - 100] {
        let (mut files, end) = (files.clone(), files[1].len() - 100);
        files[1].truncate(keep);
        let image = open(files).unwrap();
        let missing = assert_faithful(&image, &medium);
        assert!(!image.problems.is_empty());
        // Only the digest and the end mark are cut off in the last case.
        assert_eq!(missing.is_empty(), keep == end, "{keep}: {missing:?}");
    }
    let mut files = files;
    files[0].truncate(500);
    assert!(open(files[..1].to_vec()).is_err(), "no volume section at all");
}

#[test]
fn a_size_that_no_file_could_hold_takes_no_memory() {
    let mut files = image(&content(CHUNK), 100, &[]);
    let volume = 13 + 76;
    files[0][volume + 16..volume + 24].copy_from_slice(&(1_u64 << 54).to_le_bytes());
    let sum = adler2::adler32_slice(&files[0][volume..volume + 1048]);
    files[0][volume + 1048..volume + 1052].copy_from_slice(&sum.to_le_bytes());
    let image = open(files).unwrap();
    assert_eq!(image.medium.size(), 1 << 63);
    let error = image.medium.read_at(1 << 40, &mut [0; 512]).unwrap_err();
    assert_eq!(error.offset + error.length, 1 << 63);
    assert!(image.medium.read_at(0, &mut [0; 512]).is_ok());
}

#[test]
fn mutated_images_never_panic_and_never_show_a_wrong_byte_in_silence() {
    let medium = content(7 * CHUNK + 512);
    let original = image(&medium, 3, &[(3, 1)]);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut opened, mut refused) = (0, 0);
    for round in 0..1500 {
        let mut files = original.clone();
        let which = random(files.len());
        let length = files[which].len();
        // The structures are small beside the chunks: hit them more often than chance would.
        let sectors = 13 + 76 + 1052 + 76;
        for _ in 0..=random(4) {
            let at = match random(3) {
                0 => random(length),
                1 => random(sectors),
                _ => length - 1 - random(1000.min(length)),
            };
            files[which][at] ^= 1 << random(8);
        }
        if round % 5 == 0 {
            files[which].truncate(random(length));
        }
        match open(files) {
            Ok(image) if image.medium.size() == size(medium.len()) => {
                opened += 1;
                assert_faithful(&image, &medium);
            }
            Ok(image) => {
                let _ = image.medium.read_at(0, &mut [0; 4096]);
                refused += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(opened > 1400, "{opened} opened, {refused} not");
}
