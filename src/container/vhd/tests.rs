//! VHD images made by `qemu-img` and built here.
#![allow(clippy::arithmetic_side_effects)]

use crate::container::trial::{self, Random, assert_equal, mixed, open, read_all, tool};

use super::footer::checksum;

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn footer(kind: u32, size: u64, data_offset: u64) -> Vec<u8> {
    let mut footer = vec![0; 512];
    put(&mut footer, 0, b"conectix");
    put(&mut footer, 12, &0x0001_0000_u32.to_be_bytes());
    put(&mut footer, 16, &data_offset.to_be_bytes());
    put(&mut footer, 28, b"test");
    put(&mut footer, 40, &size.to_be_bytes());
    put(&mut footer, 48, &size.to_be_bytes());
    put(&mut footer, 60, &kind.to_be_bytes());
    let sum = checksum(&footer, 64);
    put(&mut footer, 64, &sum.to_be_bytes());
    footer
}

/// A dynamic disk with blocks of 4096 bytes, of which every third is not there and of the others only odd sectors are marked.
fn dynamic(kind: u32, medium: &[u8]) -> (Vec<u8>, Vec<u8>) {
    const BLOCK: usize = 4096;
    let count = medium.len().div_ceil(BLOCK);
    let mut header = vec![0; 1024];
    put(&mut header, 0, b"cxsparse");
    put(&mut header, 16, &1536_u64.to_be_bytes());
    put(&mut header, 28, &(count as u32).to_be_bytes());
    put(&mut header, 32, &(BLOCK as u32).to_be_bytes());
    let name: Vec<u8> = "parent.vhd".encode_utf16().flat_map(u16::to_be_bytes).collect();
    put(&mut header, 64, &name);
    let sum = checksum(&header, 36);
    put(&mut header, 36, &sum.to_be_bytes());
    let footer = footer(kind, medium.len() as u64, 512);
    let mut file = [footer.clone(), header].concat();
    let table = file.len();
    file.resize((table + 4 * count).next_multiple_of(512), 0xFF);
    let mut shown = vec![0; medium.len()];
    for (number, block) in medium.chunks(BLOCK).enumerate().filter(|(number, _)| number % 3 != 0) {
        let sector = (file.len() / 512) as u32;
        put(&mut file, table + 4 * number, &sector.to_be_bytes());
        file.push(0b0101_0101);
        file.resize(file.len() + 511, 0);
        file.extend(block);
        file.resize(file.len().next_multiple_of(512), 0);
        for odd in (1..8).step_by(2).filter(|odd| odd * 512 < block.len()) {
            let part = &block[odd * 512..block.len().min(odd * 512 + 512)];
            put(&mut shown, number * BLOCK + odd * 512, part);
        }
    }
    file.extend(footer);
    (file, shown)
}

#[test]
fn the_image_of_the_test_data_is_the_raw_one() {
    trial::assert_shared("vhd", "ext2.vhd");
}

#[test]
fn images_that_qemu_makes_come_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for (length, seed) in [(5 << 20, 1), (7_340_544, 2), (1 << 20, 3)] {
        std::fs::write(folder.path().join("raw"), mixed(seed, length)).unwrap();
        for options in [
            "subformat=fixed",
            "subformat=dynamic",
            "subformat=fixed,force_size=on",
            "subformat=dynamic,force_size=on",
        ] {
            let arguments = ["convert", "-f", "raw", "-O", "vpc", "-o", options, "raw", "image"];
            if !tool("qemu-img", &arguments, folder.path()) {
                return;
            }
            assert!(tool("qemu-img", &["convert", "-f", "vpc", "-O", "raw", "image", "back"], folder.path()));
            let [image, mut back] =
                ["image", "back"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
            // Other readers show the disk in whole cylinders or in its current size, as its creator would have it.
            let size = u64::from_be_bytes(image[image.len() - 512 + 48..][..8].try_into().unwrap()) as usize;
            assert!(back.len() >= length && size >= length);
            back.resize(size, 0);
            let image = assert_equal("vhd", vec![image], &back, options);
            assert!(
                image
                    .notes
                    .iter()
                    .any(|(name, value)| name == "creator application" && value.starts_with("qem"))
            );
        }
    }
}

#[test]
fn sectors_that_are_not_marked_read_as_zeros() {
    let medium = mixed(4, 100_000 / 512 * 512);
    let (file, shown) = dynamic(3, &medium);
    assert_equal("vhd", vec![file.clone()], &shown, "built");
    // The same file in parts, as a split of it would be named.
    let parts = file.chunks(30_000).map(<[u8]>::to_vec).collect();
    assert_equal("vhd", parts, &shown, "split");
}

#[test]
fn fixed_disks_are_told_by_the_footer_at_their_end_also_an_old_or_split_one() {
    let medium = mixed(5, 64 * 512);
    let mut file = [medium.clone(), footer(2, medium.len() as u64, u64::MAX)].concat();
    assert_equal("vhd", vec![file.clone()], &medium, "fixed");
    assert_equal("vhd", file.chunks(10_000).map(<[u8]>::to_vec).collect(), &medium, "split");
    file.truncate(file.len() - 1);
    assert_equal("vhd", vec![file], &medium, "511 bytes of footer");
}

#[test]
fn a_differencing_disk_is_refused_with_the_name_of_its_parent() {
    let (file, _) = dynamic(4, &mixed(6, 20 * 512));
    let error = open([file]).err().unwrap().to_string();
    assert!(error.contains("parent.vhd") && error.contains("not supported"), "{error}");
}

#[test]
fn a_footer_that_is_cut_off_or_damaged_is_told_and_its_copy_serves() {
    let medium = mixed(7, 100 * 512);
    let (file, shown) = dynamic(3, &medium);
    let mut cut = file.clone();
    cut.truncate(file.len() - 512);
    let mut flipped = file.clone();
    let last = flipped.len() - 512;
    flipped[last + 50] ^= 1;
    let mut front = file.clone();
    front[50] ^= 1;
    for damaged in [cut, flipped, front] {
        let image = open([damaged]).unwrap();
        assert!(!image.problems.is_empty());
        assert!(read_all(image.medium.as_ref(), 4096) == (shown.clone(), vec![]));
    }
    let mut short = file;
    short.truncate(20_000);
    let image = open([short]).unwrap();
    let (bytes, missing) = read_all(image.medium.as_ref(), 4096);
    assert!(!missing.is_empty() && image.problems.len() > 1, "{:?}", image.problems);
    assert!(bytes.iter().zip(&shown).all(|(one, other)| one == other || *one == 0xEE));
}

#[test]
fn damaged_images_never_panic_and_a_flip_in_footer_or_header_is_told() {
    let medium = mixed(8, 40 * 4096);
    let (file, shown) = dynamic(3, &medium);
    trial::under_damage(std::slice::from_ref(&file), &[], 300, |_, _, _| {});
    let structures = [crate::model::Extent::new(0, 3072)];
    trial::under_damage(std::slice::from_ref(&file), &structures, 300, |_, _, _| {});
    let mut random = Random(3);
    for _ in 0..trial::rounds(200) {
        let mut damaged = file.clone();
        let last = damaged.len() as u64 - 512;
        let at =
            [random.below(512), 512 + random.below(1024), last + random.below(512)][random.below(3) as usize];
        damaged[at as usize] ^= 1 << random.below(8);
        match open([damaged]) {
            Ok(image) if image.problems.is_empty() => {
                // The 427 reserved bytes of a footer are summed as well, so nothing may pass.
                panic!("a flip at byte {at} passed, {}", image.format);
            }
            Ok(image) if image.medium.size() == shown.len() as u64 => {
                drop(read_all(image.medium.as_ref(), 65_536))
            }
            _ => {}
        }
    }
}
