//! VMDK images made by `qemu-img`, whose own reading is the second opinion.
#![allow(clippy::arithmetic_side_effects)]

use std::path::Path;

use crate::container::trial::{self, assert_equal, mixed, open, read_all, tool};
use crate::model::Extent;

/// What `qemu-img` makes of a raw medium with those options: the files of the image, sorted, and what it reads back.
fn made(folder: &Path, medium: &[u8], options: &str) -> Option<Vec<Vec<u8>>> {
    for old in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(old.unwrap().path()).unwrap();
    }
    std::fs::write(folder.join("raw"), medium).unwrap();
    let arguments = ["convert", "-f", "raw", "-O", "vmdk", "-o", options, "raw", "disk.vmdk"];
    if !tool("qemu-img", &arguments, folder) {
        return None;
    }
    std::fs::remove_file(folder.join("raw")).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort_by_key(|path| (!path.ends_with("disk.vmdk"), path.clone()));
    Some(names.iter().map(|path| std::fs::read(path).unwrap()).collect())
}

#[test]
fn the_image_of_the_test_data_is_the_raw_one() {
    trial::assert_shared("vmdk", "ext2.vmdk");
}

#[test]
fn images_of_every_kind_that_qemu_makes_come_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for (number, options) in [
        "subformat=monolithicSparse",
        "subformat=monolithicSparse,zeroed_grain=on",
        "subformat=monolithicSparse,compat6=on",
        "subformat=streamOptimized",
        "subformat=monolithicFlat",
        "subformat=twoGbMaxExtentSparse",
        "subformat=twoGbMaxExtentFlat",
    ]
    .into_iter()
    .enumerate()
    {
        let medium = mixed(number as u64 + 1, (3 << 20) + number * 512);
        let Some(files) = made(folder.path(), &medium, options) else {
            return;
        };
        let several = files.len() > 1;
        assert_eq!(several, options.contains("Flat") || options.contains("twoGb"), "{options}");
        let image = assert_equal("vmdk", files.clone(), &medium, options);
        assert!(image.notes.iter().any(|(_, value)| options.contains(value.as_str())), "{:?}", image.notes);
        if several {
            let error = open([files[0].clone()]).err().unwrap().to_string();
            assert!(error.contains("missing: disk-"), "{error}");
        } else {
            let parts = files[0].chunks(1 << 19).map(<[u8]>::to_vec).collect();
            assert_equal("vmdk", parts, &medium, options);
        }
    }
}

#[test]
fn disks_of_more_than_one_extent_are_put_together_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let create = ["create", "-q", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", "disk.vmdk", "5G"];
    if !tool("qemu-img", &create, folder.path()) {
        return;
    }
    let commands = ["write -P 1 2147399680 100k", "write -P 2 5242000k 64k", "write -P 3 0 1k"];
    let mut writes = vec!["-f", "vmdk", "disk.vmdk"];
    writes.extend(commands.iter().flat_map(|command| ["-c", command]));
    assert!(tool("qemu-io", &writes, folder.path()));
    let names = ["disk.vmdk", "disk-s001.vmdk", "disk-s002.vmdk", "disk-s003.vmdk"];
    let files = names.map(|name| std::fs::read(folder.path().join(name)).unwrap());
    let image = open(files.clone()).unwrap();
    assert_eq!((image.medium.size(), image.problems.as_slice()), (5 << 30, [].as_slice()));
    for (at, length, value) in
        [(2_147_399_680, 102_400, 1), (5_242_000 << 10, 65_536, 2), (0, 1024, 3), (1 << 30, 4096, 0)]
    {
        assert!(image.medium.read_vec(at, length).unwrap().iter().all(|byte| *byte == value), "{at}");
        assert_eq!(image.medium.read_vec(at + length as u64, 1).unwrap(), [0], "{at}");
    }
    let error = open(files[..3].to_vec()).err().unwrap().to_string();
    assert!(error.contains("missing: disk-s003.vmdk"), "{error}");
    let error = open([files[1].clone()]).err().unwrap().to_string();
    assert!(error.contains("one extent of a disk in several files"), "{error}");
}

#[test]
fn a_snapshot_is_refused_with_the_name_of_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    if !tool("qemu-img", &["create", "-q", "-f", "vmdk", "base.vmdk", "1M"], folder.path()) {
        return;
    }
    let create = ["create", "-q", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", "child.vmdk"];
    assert!(tool("qemu-img", &create, folder.path()));
    let error = open([std::fs::read(folder.path().join("child.vmdk")).unwrap()]).err().unwrap().to_string();
    assert!(error.contains("base.vmdk") && error.contains("not supported"), "{error}");
}

#[test]
fn a_damaged_grain_of_a_stream_is_unreadable_and_never_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let medium = mixed(20, 2 << 20);
    let Some(files) = made(folder.path(), &medium, "subformat=streamOptimized") else {
        return;
    };
    // The grains lie between the overhead in front and the tables behind.
    let overhead = u64::from_le_bytes(files[0][64..72].try_into().unwrap()) * 512;
    let tables = files[0].len() as u64 - 20_000;
    trial::under_damage(&files, &[Extent::new(overhead, tables - overhead)], 150, |image, bytes, missing| {
        let lost =
            |at: usize| missing.iter().any(|extent| extent.offset <= at as u64 && (at as u64) < extent.end());
        let wrong = (0..medium.len()).find(|at| bytes[*at] != medium[*at] && !lost(*at));
        assert_eq!(wrong, None, "{:?}", image.problems);
    });
    // The same with its directory told by a footer, as streams have it.
    let mut stream = files[0].clone();
    let header = stream[..512].to_vec();
    stream[56..64].fill(0xFF);
    stream.resize(stream.len().next_multiple_of(512), 0);
    stream.extend([0; 8].iter().chain(&[0; 4]).chain(&[3, 0, 0, 0]));
    stream.resize(stream.len().next_multiple_of(512), 0);
    stream.extend(&header);
    stream.resize(stream.len() + 512, 0);
    assert_equal("vmdk", vec![stream.clone()], &medium, "footer");
    stream.truncate(stream.len() - 700);
    assert!(open([stream]).err().unwrap().to_string().contains("cut off"));
}

#[test]
fn damaged_images_never_panic_and_a_flip_in_a_doubled_table_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let medium: Vec<u8> = mixed(21, 1 << 20).iter().map(|byte| byte | 1).collect();
    let Some(files) = made(folder.path(), &medium, "subformat=monolithicSparse") else {
        return;
    };
    trial::under_damage(&files, &[], 40, |_, _, _| {});
    trial::under_damage(&files, &[Extent::new(0, 1024)], 150, |_, _, _| {});
    let sector = |at: usize| u64::from_le_bytes(files[0][at..at + 8].try_into().unwrap()) * 512;
    for directory in [sector(48), sector(56)] {
        let table =
            u64::from(u32::from_le_bytes(files[0][directory as usize..][..4].try_into().unwrap())) * 512;
        let places = [Extent::new(directory, 4), Extent::new(table, 4 * 64)];
        let sound = open(files.clone()).unwrap().problems.len();
        trial::under_damage(&files, &places, 100, |image, bytes, missing| {
            assert!(image.problems.len() > sound || (bytes == medium && missing.is_empty()));
        });
    }
    let mut text = made(folder.path(), &medium, "subformat=twoGbMaxExtentFlat").unwrap();
    trial::under_damage(&text, &[], 60, |_, _, _| {});
    text[1].truncate(1 << 18);
    let image = open(text).unwrap();
    assert_eq!(read_all(image.medium.as_ref(), 1 << 16).1, [Extent::new(1 << 18, 3 << 18)]);
    assert!(!image.problems.is_empty());
}
