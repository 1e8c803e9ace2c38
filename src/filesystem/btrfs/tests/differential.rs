//! Sound volumes: everything that went in, or that the kernel mounts, is listed, and nothing else.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};

use rustix::fs::{FallocateFlags, fallocate};

use super::*;
use crate::filesystem::trial::{compare_allocated, walk};

#[test]
fn every_variant_that_is_made_without_a_mount_is_listed_as_it_went_in() {
    let folder = folder();
    let files = walk(folder.path());
    for (options, mib) in [
        ("", 116),
        ("-m single", 48),
        ("-m single -n 4096", 48),
        ("-m single -n 65536", 60),
        ("-m single --csum xxhash -n 32768", 48),
        ("-m single --csum sha256", 48),
        ("-m single --csum blake2", 48),
        ("-m single -O ^no-holes,^skinny-metadata,^extref", 48),
        ("-M -n 4096", 40),
        ("-M -m single -d single -n 4096", 40),
        ("-m dup -d dup", 260),
    ] {
        let options = format!("{options} -L evidence --rootdir {}", folder.path().display());
        let Some((path, _folder)) = format(&options, mib) else { return };
        let image = survey(&path);
        let unsaid = |problem: &&Problem| !problem.detail.contains("BLAKE2b");
        assert_eq!(image.problems.iter().filter(unsaid).count(), 0, "{options}: {:#?}", image.problems);
        assert_eq!(image.filesystem.label(), "evidence");
        let count = compare_allocated(&image, &files, &[]);
        let at = image.entries.iter().position(|entry| entry.path == "link").unwrap();
        assert_eq!(image.bytes(at), b"folder 1/target");
        eprintln!("{options}: {count} files, {}", image.filesystem.variant());
    }
}

/// Files of every kind; what is compressible depends on the options of the mount.
fn fill(root: &Path) {
    let text = |length: usize| -> Vec<u8> {
        let line = |number: usize| format!("line {number} of some text that can be packed\n").into_bytes();
        (0..).flat_map(line).take(length).collect()
    };
    for (name, length) in
        [("tiny", 100), ("inline", 2000), ("sector", 4096), ("odd", 5001), ("large", 1_500_001)]
    {
        std::fs::write(root.join(format!("{name}.txt")), text(length)).unwrap();
        std::fs::write(root.join(format!("{name}.bin")), bytes(length as u64, length)).unwrap();
    }
    let mixed: Vec<u8> = (0..20).flat_map(|part| [text(60_000), bytes(part, 50_000)].concat()).collect();
    std::fs::write(root.join("mixed"), mixed).unwrap();
    // A part of a compressed extent is written again: the rest is referred to from its middle.
    let patched = File::options().write(true).read(true).create_new(true).open(root.join("patched")).unwrap();
    patched.write_all_at(&text(400_000), 0).unwrap();
    patched.sync_all().unwrap();
    for place in [20_480, 131_072, 250_001] {
        patched.write_all_at(b"something else", place).unwrap();
        patched.sync_all().unwrap();
    }
    let punched = File::create_new(root.join("punched")).unwrap();
    punched.write_all_at(&text(600_000), 0).unwrap();
    punched.sync_all().unwrap();
    for number in (0..140).step_by(3) {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&punched, hole, number * 4096, 4096).unwrap();
    }
    let unwritten = File::create_new(root.join("unwritten")).unwrap();
    fallocate(&unwritten, FallocateFlags::empty(), 0, 500_001).unwrap();
    unwritten.write_all_at(&bytes(2, 70_000), 130_000).unwrap();
    let reserved = File::create_new(root.join("reserved")).unwrap();
    reserved.write_all_at(&bytes(3, 5000), 0).unwrap();
    fallocate(&reserved, FallocateFlags::KEEP_SIZE, 0, 400_000).unwrap();
    let sparse = File::create_new(root.join("sparse")).unwrap();
    sparse.write_all_at(b"the end", 30 << 20).unwrap();
    sparse.write_all_at(&text(50_000), 1 << 20).unwrap();
    let grown = File::create_new(root.join("grown from inline")).unwrap();
    grown.write_all_at(b"small", 0).unwrap();
    grown.sync_all().unwrap();
    grown.set_len(100_000).unwrap();
    std::fs::create_dir_all(root.join("deep/er/still")).unwrap();
    std::fs::write(root.join("empty"), b"").unwrap();
    std::fs::write(root.join(OsStr::from_bytes(b"\xff\xfe not text \x01\n")), bytes(5, 99)).unwrap();
    std::fs::write(root.join("n".repeat(255)), bytes(6, 4096)).unwrap();
    std::fs::hard_link(root.join("reserved"), root.join("deep/er/another name")).unwrap();
    // Many names in one directory do not fit the usual item.
    std::fs::create_dir(root.join("many")).unwrap();
    for number in 0..600 {
        std::fs::write(root.join(format!("many/a rather long name for a file {number:060}")), b"").unwrap();
    }
    for number in 0..200 {
        let name = format!("many/a rather long name for a link {number:060}");
        std::fs::hard_link(root.join("odd.bin"), root.join(name)).unwrap();
    }
    symlink("t/".repeat(450), root.join("long link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
}

#[test]
fn what_the_kernel_wrote_is_listed_as_it_mounts_it() {
    for (format_options, mount_options) in [
        ("-m single", ""),
        ("-m single", "compress-force=zlib"),
        ("-m single", "compress-force=lzo"),
        ("-m single -n 4096", "compress-force=zstd"),
        ("-m single -O ^no-holes", "compress=zstd"),
        ("-m single --csum xxhash", "compress-force=lzo,max_inline=4095"),
        ("-m single", "nodatacow"),
        ("-M -n 4096", "compress=lzo"),
    ] {
        let Some((path, _folder)) = format(format_options, 116) else { return };
        let Some(mount) = Mounted::new(&path, mount_options) else { return };
        fill(&mount.0.0);
        mount.sync();
        for (from, to) in [("mixed", "clone"), ("large.txt", "clone of text")] {
            run("cp", &["--reflink=always", &mount.at(from), &mount.at(to)]);
        }
        let clone = File::options().write(true).open(mount.at("clone")).unwrap();
        clone.write_all_at(&bytes(9, 10_000), 50_000).unwrap();
        drop(clone);
        mount.sync();
        let files = walk(&mount.0.0);
        let mut links = BTreeMap::new();
        let mut times = BTreeMap::new();
        for entry in
            walkdir::WalkDir::new(&mount.0.0).min_depth(1).into_iter().map(std::result::Result::unwrap)
        {
            let path = entry.path().strip_prefix(&mount.0.0).unwrap().to_string_lossy().into_owned();
            let metadata = entry.metadata().unwrap();
            let nanos = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
            let time = jiff::Timestamp::from_nanosecond(nanos).unwrap().to_string();
            times.insert(path.clone(), time[..19].to_owned());
            links.insert(path, metadata.ino());
        }
        drop(mount);
        let image = survey(&path);
        let what = format!("{format_options}, {mount_options}");
        assert!(image.problems.is_empty(), "{what}: {:#?}", image.problems);
        compare_allocated(&image, &files, &[]);
        let allocated = image.entries.iter().filter(|entry| entry.state == EntryState::Allocated);
        let listed: BTreeMap<_, _> = allocated.map(|entry| (entry.path.clone(), entry)).collect();
        assert_eq!(listed.len(), links.len(), "{what}");
        for (path, entry) in listed {
            assert_eq!(entry.record, record(5, links[&path]), "{what}: {path}");
            assert_eq!(entry.times[0].as_ref(), times.get(&path), "{what}: {path}");
        }
        let at = image.entries.iter().position(|entry| entry.path == "long link").unwrap();
        assert_eq!(image.bytes(at), "t/".repeat(450).as_bytes());
        let is_packed = image.find("large.txt").content == Content::Opened;
        assert_eq!(is_packed, mount_options.contains("compress"), "{what}");
        eprintln!("{what}: {} files as mounted", files.len());
    }
}

#[test]
fn compressed_bytes_whose_checksum_does_not_hold_are_unreadable() {
    let Some((path, _folder)) = format("-m single", 116) else { return };
    let Some(mount) = Mounted::new(&path, "compress-force=lzo") else { return };
    std::fs::write(mount.at("file"), vec![b'x'; 400_000]).unwrap();
    drop(mount);
    let run = survey(&path).find("file").runs[1];
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"not that", run.offset + 300).unwrap();
    let image = survey(&path);
    let at = image.entries.iter().position(|entry| entry.path == "file").unwrap();
    let error = image.content(at).unwrap_err();
    assert!(error.to_string().contains("checksum of the sector"), "{error}");
    assert_eq!(error.offset(), 131_072);
}

/// Where both copies of an extent are, each with a sector overwritten.
fn damaged_twins(path: &Path, sectors: [u64; 2]) {
    let image = survey(path);
    let first = image.find("file").runs[0];
    let held = image.source.read_vec(first.offset, first.length as usize).unwrap();
    let whole = std::fs::read(path).unwrap();
    let same = |at: &usize| whole[*at..].starts_with(&held);
    let twin = (0..whole.len() - held.len()).step_by(4096).filter(same).find(|at| *at as u64 != first.offset);
    let file = File::options().write(true).open(path).unwrap();
    for (place, sector) in [first.offset, twin.unwrap() as u64].into_iter().zip(sectors) {
        file.write_all_at(&[0xff; 4096], place + sector * 4096).unwrap();
    }
}

#[test]
fn copies_of_compressed_data_make_good_for_each_other_sector_by_sector() {
    for (content, sectors, is_whole) in [(7, [0, 1], true), (8, [1, 1], false)] {
        let Some((path, _folder)) = format("-m dup -d dup", 260) else { return };
        let Some(mount) = Mounted::new(&path, "compress-force=zstd") else { return };
        // Packs to some sectors, because half of it cannot be packed.
        let content: Vec<u8> = bytes(content, 40_000).into_iter().flat_map(|byte| [byte, b'x']).collect();
        std::fs::write(mount.at("file"), &content).unwrap();
        drop(mount);
        damaged_twins(&path, sectors);
        let image = survey(&path);
        let at = image.entries.iter().position(|entry| entry.path == "file").unwrap();
        assert_eq!(image.entries[at].content, Content::Opened);
        assert_eq!(image.content(at).ok() == Some(content), is_whole);
        assert_eq!(image.content(at).is_ok(), is_whole);
    }
}
