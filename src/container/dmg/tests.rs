//! DMG images built here; `qemu-img` reads those of the kinds that it knows.
#![allow(clippy::arithmetic_side_effects)]

use std::io::Write as _;

use crate::container::trial::{self, assert_equal, mixed, open, read_all, tool};
use crate::model::Extent;

const CHUNK: usize = 32 << 10;

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (number, three) in bytes.chunks(3).enumerate() {
        let value =
            three.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter =
                if place > three.len() { b'=' } else { LETTERS[(value >> (18 - 6 * place) & 63) as usize] };
            text.push(char::from(letter));
        }
        if number % 13 == 12 {
            text.push_str("\n\t\t");
        }
    }
    text
}

/// Literals only, and a copy now and then.
fn adc(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut at = 0;
    while at < plain.len() {
        let alike = plain[at..].iter().take(67).take_while(|byte| at > 0 && **byte == plain[at - 1]).count();
        if alike >= 4 {
            packed.extend([0x40 | (alike - 4) as u8, 0, 0]);
            at += alike;
        } else {
            let length = (plain.len() - at).min(5);
            packed.push(0x80 | (length - 1) as u8);
            packed.extend(&plain[at..at + length]);
            at += length;
        }
    }
    packed
}

/// LZMA2 without compression in an xz stream, as `xz` would read it.
fn xz(plain: &[u8]) -> Vec<u8> {
    let mut stream = b"\xfd7zXZ\0\0\x01".to_vec();
    stream.extend(crc32fast::hash(&[0, 1]).to_le_bytes());
    let header = [2, 0, 0x21, 1, 0x16, 0, 0, 0];
    stream.extend(header);
    stream.extend(crc32fast::hash(&header).to_le_bytes());
    for (number, part) in plain.chunks(1 << 16).enumerate() {
        stream.push(if number == 0 { 1 } else { 2 });
        stream.extend(((part.len() - 1) as u16).to_be_bytes());
        stream.extend(part);
    }
    stream.push(0);
    stream.resize(stream.len().next_multiple_of(4), 0);
    stream.extend(crc32fast::hash(plain).to_le_bytes());
    stream.push(0);
    stream
}

fn pack(kind: u32, plain: &[u8]) -> Vec<u8> {
    match kind {
        1 => plain.to_vec(),
        0x8000_0004 => adc(plain),
        0x8000_0005 => {
            let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(plain).unwrap();
            packer.finish().unwrap()
        }
        0x8000_0006 => {
            let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            packer.write_all(plain).unwrap();
            packer.finish().unwrap()
        }
        0x8000_0007 => {
            let mut packed = Vec::new();
            lzfse_rust::LzfseRingEncoder::default().encode_bytes(plain, &mut packed).unwrap();
            packed
        }
        0x8000_0008 => xz(plain),
        _ => Vec::new(),
    }
}

/// An image of two partitions whose chunks take turns through those kinds; zeros where a chunk is of the kinds 0 and 2.
fn image(medium: &[u8], kinds: &[u32]) -> (Vec<u8>, Vec<u8>) {
    let mut shown = medium.to_vec();
    let (mut data, mut list, mut sums) = (vec![0xEE; 16], String::new(), Vec::new());
    let middle = medium.len() / 2 / CHUNK * CHUNK;
    for (name, from, to) in [("first", 0, middle), ("second", middle, medium.len())] {
        let mut table = vec![0; 204];
        let mut hasher = crc32fast::Hasher::new();
        let mut count = 0_u32;
        for (number, start) in (from..to).step_by(CHUNK).enumerate() {
            let end = to.min(start + CHUNK);
            let kind = kinds[number % kinds.len()];
            if matches!(kind, 0 | 2) {
                shown[start..end].fill(0);
            }
            if kind != 2 {
                hasher.update(&shown[start..end]);
            }
            let packed = pack(kind, &medium[start..end]);
            let words = [(start - from) / 512, (end - start) / 512, data.len() - 16, packed.len()];
            table.extend(kind.to_be_bytes().iter().chain(&[0; 4]));
            table.extend(words.iter().flat_map(|word| (*word as u64).to_be_bytes()));
            data.extend(packed);
            count += 1;
        }
        table.extend(0xffff_ffff_u32.to_be_bytes().iter().chain(&[0; 36]));
        put(&mut table, 0, b"mish\0\0\0\x01");
        put(&mut table, 8, &(from as u64 / 512).to_be_bytes());
        put(&mut table, 16, &((to - from) as u64 / 512).to_be_bytes());
        let sum = hasher.finalize().to_be_bytes();
        put(&mut table, 64, &[0, 0, 0, 2, 0, 0, 0, 32]);
        put(&mut table, 72, &sum);
        put(&mut table, 200, &(count + 1).to_be_bytes());
        sums.extend(sum);
        list.push_str(&format!("<dict><key>Attributes</key><string>0x0050</string><key>CFName</key><string>{name}</string><key>Data</key>\n<data>\n{}\n</data><key>ID</key><string>0</string><key>Name</key><string>{name}</string></dict>", base64(&table)));
    }
    let list = format!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>resource-fork</key><dict><key>blkx</key><array>{list}</array><key>plst</key><array/></dict></dict></plist>"
    );
    let mut trailer = vec![0; 512];
    put(&mut trailer, 0, b"koly\0\0\0\x04\0\0\x02\0");
    put(&mut trailer, 24, &16_u64.to_be_bytes());
    put(&mut trailer, 32, &(data.len() as u64 - 16).to_be_bytes());
    put(&mut trailer, 56, &[0, 0, 0, 1, 0, 0, 0, 1]);
    put(&mut trailer, 80, &[0, 0, 0, 2, 0, 0, 0, 32]);
    put(&mut trailer, 88, &crc32fast::hash(&data[16..]).to_be_bytes());
    put(&mut trailer, 216, &(data.len() as u64).to_be_bytes());
    put(&mut trailer, 224, &(list.len() as u64).to_be_bytes());
    put(&mut trailer, 352, &[0, 0, 0, 2, 0, 0, 0, 32]);
    put(&mut trailer, 360, &crc32fast::hash(&sums).to_be_bytes());
    put(&mut trailer, 488, &1_u32.to_be_bytes());
    put(&mut trailer, 492, &(medium.len() as u64 / 512).to_be_bytes());
    ([data, list.into_bytes(), trailer].concat(), shown)
}

const ALL: [u32; 9] = [0x8000_0005, 0, 1, 0x8000_0004, 2, 0x8000_0006, 0x8000_0007, 0x8000_0008, 1];

#[test]
fn chunks_of_every_kind_come_back_exactly() {
    let medium = mixed(1, 40 * CHUNK + 7 * 512);
    let (file, shown) = image(&medium, &ALL);
    let opened = assert_equal("dmg", vec![file.clone()], &shown, "all kinds");
    assert!(opened.notes.contains(&("partition".into(), "second".into())), "{:?}", opened.notes);
    let parts = file.chunks(300_000).map(<[u8]>::to_vec).collect();
    assert_equal("dmg", parts, &shown, "split");
}

#[test]
fn another_reader_sees_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (file, shown) = image(&mixed(2, 30 * CHUNK), &[0x8000_0005, 1, 0x8000_0005, 0, 2]);
    std::fs::write(folder.path().join("image.dmg"), &file).unwrap();
    if tool("qemu-img", &["convert", "-f", "dmg", "-O", "raw", "image.dmg", "back"], folder.path()) {
        assert!(std::fs::read(folder.path().join("back")).unwrap() == shown);
    }
}

#[test]
fn every_flip_in_the_stored_data_is_told_and_damaged_chunks_are_unreadable() {
    let medium = mixed(3, 27 * CHUNK);
    let (file, shown) = image(&medium, &ALL);
    let list = file.windows(5).position(|window| window == b"<?xml").unwrap() as u64;
    trial::under_damage(std::slice::from_ref(&file), &[Extent::new(16, list - 16)], 100, |image, _, _| {
        assert!(!image.problems.is_empty());
    });
    let (file, whole) = image_of_summed(&medium);
    let list = file.windows(5).position(|window| window == b"<?xml").unwrap() as u64;
    trial::under_damage(
        std::slice::from_ref(&file),
        &[Extent::new(16, list - 16)],
        60,
        |_, bytes, missing| {
            let lost = |at: u64| missing.iter().any(|extent| extent.offset <= at && at < extent.end());
            let wrong = (0..whole.len()).find(|at| bytes[*at] != whole[*at] && !lost(*at as u64));
            assert_eq!(wrong, None);
        },
    );
    drop(shown);
}

/// Chunks that have their own checksum.
fn image_of_summed(medium: &[u8]) -> (Vec<u8>, Vec<u8>) {
    image(medium, &[0x8000_0005, 0x8000_0008, 0])
}

#[test]
fn damaged_images_never_panic() {
    let (file, shown) = image(&mixed(4, 27 * CHUNK), &ALL);
    trial::under_damage(std::slice::from_ref(&file), &[], 60, |_, _, _| {});
    let list = file.windows(5).position(|window| window == b"<?xml").unwrap() as u64;
    let end = file.len() as u64;
    trial::under_damage(std::slice::from_ref(&file), &[Extent::new(list, end - list)], 200, |_, _, _| {});
    let mut flipped = file.clone();
    let at = flipped.len() - 512;
    flipped[at] ^= 1;
    let image = open([flipped]).unwrap();
    assert_eq!(image.problems.len(), 1);
    assert!(read_all(image.medium.as_ref(), 1 << 20).0 == shown);
}

#[test]
fn a_chunk_of_a_stated_size_beyond_belief_takes_no_memory() {
    let (mut file, _) = image(&vec![7; CHUNK * 2], &[0x8000_0005]);
    let at = file.len() - 512 + 492;
    put(&mut file, at, &(1_u64 << 40).to_be_bytes());
    let image = open([file]).unwrap();
    assert_eq!(image.medium.size(), 1 << 49);
    assert!(image.medium.read_at(1 << 40, &mut [0; 512]).is_err());
    assert!(!image.problems.is_empty());
}
