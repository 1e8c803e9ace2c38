//! Sound volumes: everything that the kernel mounts is listed, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::time::{Duration, SystemTime};

use rustix::fs::{FallocateFlags, fallocate};

use super::*;
use crate::filesystem::trial::{compare_allocated, walk};

/// What is on a mounted volume besides the content of its files.
#[derive(Default)]
struct Expected {
    files: BTreeMap<String, (u64, String)>,
    /// Number of names and inode by path.
    links: BTreeMap<String, (u64, u64)>,
    targets: BTreeMap<String, Vec<u8>>,
    directories: BTreeSet<String>,
    times: BTreeMap<String, String>,
}

/// Files of every kind in directories of every kind. `many` is the number of names in the largest directory.
fn fill(root: &Path, many: usize) {
    for (folder, count) in [("short", 3), ("block", 40), ("leaf", 300), ("node", many)] {
        std::fs::create_dir(root.join(folder)).unwrap();
        for number in 0..count {
            let length = if number % 50 == 0 { 3000 + number } else { 0 };
            let name = format!("{folder}/a name that fills its directory {number:05}");
            std::fs::write(root.join(name), bytes(number as u64, length)).unwrap();
        }
    }
    // Holes in a file, punched so that each block is an extent of its own.
    let unit = 4096;
    let fragmented = File::create_new(root.join("fragmented")).unwrap();
    fragmented.write_all_at(&bytes(1, 600 * unit), 0).unwrap();
    fragmented.sync_all().unwrap();
    for number in (0..600).step_by(2) {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&fragmented, hole, (number * unit) as u64, unit as u64).unwrap();
    }
    let unwritten = File::create_new(root.join("unwritten")).unwrap();
    fallocate(&unwritten, FallocateFlags::empty(), 0, 500_001).unwrap();
    unwritten.write_all_at(&bytes(2, 70_000), 130_000).unwrap();
    let reserved = File::create_new(root.join("reserved")).unwrap();
    reserved.write_all_at(&bytes(3, 5000), 0).unwrap();
    fallocate(&reserved, FallocateFlags::KEEP_SIZE, 0, 400_000).unwrap();
    let sparse = File::create_new(root.join("sparse")).unwrap();
    sparse.write_all_at(b"the end", 30 << 20).unwrap();
    std::fs::create_dir_all(root.join("deep/er/still")).unwrap();
    std::fs::write(root.join("deep/er/still/file"), bytes(4, 1)).unwrap();
    std::fs::write(root.join("empty"), b"").unwrap();
    std::fs::write(root.join(OsStr::from_bytes(b"\xff\xfe not text \x01\n")), bytes(5, 99)).unwrap();
    std::fs::write(root.join("n".repeat(255)), bytes(6, 4096)).unwrap();
    std::fs::hard_link(root.join("reserved"), root.join("deep/er/another name")).unwrap();
    std::fs::hard_link(root.join("reserved"), root.join("a third name")).unwrap();
    symlink("short/target", root.join("link")).unwrap();
    symlink("t/".repeat(450), root.join("long link")).unwrap();
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(600_000_000);
    let late = SystemTime::UNIX_EPOCH + Duration::new(1_900_000_000, 123_456_789);
    for (name, time) in [("empty", early), ("sparse", late)] {
        let file = File::options().write(true).open(root.join(name)).unwrap();
        file.set_modified(time).unwrap();
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
}

fn expected(root: &Path) -> Expected {
    let mut expected = Expected { files: walk(root), ..Expected::default() };
    for entry in walkdir::WalkDir::new(root).min_depth(1).into_iter().map(std::result::Result::unwrap) {
        let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let metadata = entry.metadata().unwrap();
        expected.links.insert(path.clone(), (metadata.nlink(), metadata.ino()));
        if entry.file_type().is_symlink() {
            let target = std::fs::read_link(entry.path()).unwrap();
            expected.targets.insert(path.clone(), target.as_os_str().as_bytes().to_vec());
        }
        if entry.file_type().is_dir() {
            expected.directories.insert(path.clone());
        }
        let nanos = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        let time = jiff::Timestamp::from_nanosecond(nanos).unwrap().to_string();
        expected.times.insert(path, time[..19].to_owned());
    }
    expected
}

fn compare(options: &str, image: &Image, expected: &Expected) {
    assert!(image.problems.is_empty(), "{options}: {:#?}", image.problems);
    let count = compare_allocated(image, &expected.files, &[]);
    let allocated: Vec<_> = image.entries.iter().filter(|e| e.state == EntryState::Allocated).collect();
    let directories = allocated.iter().filter(|e| e.kind == EntryKind::Directory);
    assert_eq!(
        directories.map(|e| e.path.clone()).collect::<BTreeSet<_>>(),
        expected.directories,
        "{options}"
    );
    assert_eq!(allocated.len(), expected.links.len(), "{options}");
    let mut names = BTreeMap::<u64, u64>::new();
    allocated.iter().for_each(|entry| *names.entry(entry.record).or_default() += 1);
    for entry in &allocated {
        let (links, inode) = expected.links[&entry.path];
        assert_eq!(entry.record, inode, "{options}: {}", entry.path);
        assert_eq!(entry.times[0].as_ref(), expected.times.get(&entry.path), "{options}: {}", entry.path);
        if entry.kind == EntryKind::File {
            assert_eq!(names[&entry.record], links, "{options}: {}", entry.path);
        }
    }
    for (at, entry) in image.entries.iter().enumerate().filter(|(_, e)| e.kind == EntryKind::Symlink) {
        assert_eq!(image.bytes(at), expected.targets[&entry.path], "{options}: {}", entry.path);
    }
    eprintln!("{options}: {count} files, {} entries as mounted", allocated.len());
}

#[test]
fn every_variant_is_listed_as_the_kernel_mounts_it() {
    for (options, mib, many) in [
        ("", 40, 3000),
        ("-b size=1024 -i size=512", 40, 4000),
        ("-b size=1024 -n size=4096 -m reflink=0", 40, 3000),
        ("-b size=2048 -i size=1024,sparse=0", 60, 2000),
        ("-m bigtime=0,rmapbt=1 -i nrext64=1 -n size=65536", 60, 2000),
        ("-b size=65536 -m reflink=0", 160, 3000),
        ("-s size=4096 -d agcount=7 -i size=2048", 140, 2000),
    ] {
        let make = |root: &Path| {
            fill(root, many);
            if !options.contains("reflink=0") {
                run(
                    "cp",
                    &["--reflink=always", root.join("fragmented").to_str()?, root.join("shared").to_str()?],
                );
                let shared = File::options().write(true).open(root.join("shared")).unwrap();
                shared.write_all_at(&bytes(9, 10_000), 50_000).unwrap();
            }
            Some(expected(root))
        };
        let Some((expected, path, _folder)) = filled(options, mib, make) else { continue };
        compare(options, &survey(&path), &expected.unwrap());
    }
}

#[test]
fn version_4_and_what_the_kernel_does_not_mount_any_more_is_listed_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    for (name, count) in [("short", 3), ("block", 30), ("leaf", 200), ("node", 2500)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        for number in 0..count {
            let path = folder.path().join(format!("{name}/a_name_that_fills_its_directory_{number:05}"));
            std::fs::write(path, bytes(number, 7 * (number as usize % 400))).unwrap();
        }
    }
    std::fs::write(folder.path().join("large"), bytes(1, 3_000_000)).unwrap();
    symlink("short/target", folder.path().join("link")).unwrap();
    symlink("t/".repeat(350), folder.path().join("long_link")).unwrap();
    let files = walk(folder.path());
    let mut listed = 0;
    for (options, mib) in [
        ("-m crc=0 -n ftype=0", 40),
        ("-m crc=0 -n ftype=1 -i size=256", 40),
        ("-m crc=0 -b size=512", 40),
        ("-m crc=0 -b size=1024 -n size=8192", 40),
        ("-m crc=0 -b size=65536", 300),
        ("-m crc=0 -n version=ci -i attr=1", 40),
    ] {
        let Some((path, _image)) = prototype(options, mib, folder.path()) else { return };
        let image = survey(&path);
        assert!(image.problems.is_empty(), "{options}: {:#?}", image.problems);
        listed += compare_allocated(&image, &files, &[]);
        let at = image.entries.iter().position(|entry| entry.path == "long_link").unwrap();
        assert_eq!(image.content(at).unwrap(), "t/".repeat(350).as_bytes(), "{options}");
        assert_eq!(image.find("link").kind, EntryKind::Symlink, "{options}");
    }
    eprintln!("{listed} files listed as they went in");
}

#[test]
fn inode_numbers_beyond_32_bits_are_followed() {
    let make = |root: &Path| {
        for number in 0..40 {
            let folder = root.join(format!("folder {number}"));
            std::fs::create_dir(&folder).unwrap();
            for inner in 0..60 {
                std::fs::write(folder.join(format!("file {inner}")), bytes(number * 100 + inner, 500))
                    .unwrap();
            }
        }
    };
    let Some(((), path, _folder)) = filled("-d agcount=12 -l size=64m", 8 << 20, make) else { return };
    let Some(mount) = Mount::new("xfs", &path, "") else { return };
    std::fs::remove_file(mount.0.join("folder 7/file 30")).unwrap();
    let expected = expected(&mount.0);
    drop(mount);
    let source = Arc::new(Sparse(std::fs::File::open(&path).unwrap()));
    let image = Image::of(&Xfs, source).unwrap();
    assert!(image.entries.iter().any(|entry| entry.record > 1 << 32));
    let unsized_one = |problem: &&Problem| problem.kind != ProblemKind::Lost;
    assert_eq!(image.problems.iter().filter(unsized_one).count(), 0, "{:#?}", image.problems);
    compare_allocated(&image, &expected.files, &[]);
    let removed = image.find("folder 7/file 30");
    assert_eq!((removed.state, removed.content), (EntryState::Deleted, Content::Likely));
}
