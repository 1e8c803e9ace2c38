//! The staged image and the made ones, as other tools read them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::filesystem::trial::{compare_allocated, run, shared};
use crate::model::{EntryKind, EntryState};

/// Regular files of a volume whose superblock is in `block`, as The Sleuth Kit reads them.
fn sleuth_kit(image: &Path, block: usize) -> Option<Expected> {
    let (place, image) = (block.to_string(), image.to_str().unwrap());
    let list = run("fls", &["-P", "apfs", "-B", &place, "-r", "-p", image])?;
    let list = String::from_utf8(list).unwrap();
    let lines = list.lines().filter_map(|line| line.strip_prefix("r/r ")?.split_once(":\t"));
    // What it cannot read is left out; it fails on every empty file.
    let read = |(number, path): (&str, &str)| {
        let output = Command::new("icat").args(["-P", "apfs", "-B", &place, image, number]).output().ok()?;
        let content = output.stdout;
        output.status.success().then(|| (path.to_owned(), (content.len() as u64, md5(&content))))
    };
    // Other streams than the first have longer numbers.
    Some(lines.filter(|(number, _)| !number.contains('-')).filter_map(read).collect())
}

/// A volume that libfsapfs mounts; unmounted at the end, whatever happens.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, volume: &str, place: PathBuf) -> Option<Self> {
        std::fs::create_dir(&place).unwrap();
        let mut command = Command::new("fsapfsmount");
        command.args(["-f", volume]).arg(image).arg(&place).stdin(Stdio::null());
        match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Some(Self(place)),
            other => {
                eprintln!("skipped: fsapfsmount: {other:?}");
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("fusermount").arg("-u").arg(&self.0).status();
    }
}

#[test]
fn the_staged_image_is_read_as_the_oracle_and_the_sleuth_kit_read_it() {
    let staged = ["testdata/filesystems/dfvfs/apfs.raw", "testdata/oracle/dfvfs-apfs.jsonl.gz"].map(shared);
    let [Some(path), Some(oracle)] = staged else { return };
    let image = Image::survey(&Apfs, std::fs::read(&path).unwrap()).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(
        (image.filesystem.variant().as_str(), image.filesystem.label().as_str()),
        ("APFS (case-insensitive)", "apfs_test")
    );
    let mut lines = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(oracle).unwrap()).read_to_string(&mut lines).unwrap();
    let mut expected = Expected::new();
    for line in lines.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = format!("apfs_test{}", row["path"].as_str().unwrap());
        if row["type"] == "file" {
            let digest = row["md5"].as_str().unwrap().to_owned();
            expected.insert(path.clone(), (row["size"].as_u64().unwrap(), digest));
            let modified = image.find(&path).times[0].clone().unwrap();
            assert!(modified.starts_with("2022-01-14T07:19:41"), "{modified}");
        }
    }
    let explained = [("apfs_test/a_directory/a_resourcefork:rsrc", "the other reader lists no streams")];
    assert_eq!(compare_allocated(&image, &expected, &explained), 7);
    if let Some(theirs) = sleuth_kit(&path, 107) {
        assert_eq!(same(&image, "apfs_test", &theirs), 6);
    }
    let at = image.entries.iter().position(|entry| entry.kind == EntryKind::Symlink).unwrap();
    assert_eq!(image.bytes(at), b"a_directory/another_file");
}

#[test]
fn a_made_volume_is_read_as_the_sleuth_kit_and_libfsapfs_read_it() {
    let (builder, _) = sample();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, &builder.image).unwrap();
    let block = builder.image.chunks(BLOCK).position(|block| &block[32..36] == b"APSB").unwrap();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    if let Some(mut theirs) = sleuth_kit(&path, block) {
        // The Sleuth Kit leaves a gap without a record out.
        theirs.remove("gap.bin");
        // Without the empty one, and the one that is stored plainly behind its header.
        assert_eq!(same(&image, "Data", &theirs), 197);
    }
    for (volume, number, count) in [("Data", "1", 195), ("Data (2)", "2", 20)] {
        let Some(mount) = Mount::new(&path, number, folder.path().join(number)) else { continue };
        let mut theirs = readable(&mount.0);
        // libfsapfs takes a hole for bytes of the container from block 0 on.
        theirs.remove("sparse.bin");
        assert!(same(&image, volume, &theirs) >= count, "{volume}");
    }
}

/// Size and digest of every file below a folder that can be read; those that cannot are said aloud.
fn readable(root: &Path) -> Expected {
    let files = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    let digest = |file: walkdir::DirEntry| match std::fs::read(file.path()) {
        Ok(content) => {
            let path = file.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
            Some((path, (content.len() as u64, md5(&content))))
        }
        Err(error) => {
            eprintln!("libfsapfs does not read {:?}: {error}", file.file_name());
            None
        }
    };
    files.filter(|file| file.file_type().is_file()).filter_map(digest).collect()
}

/// How many files of a volume another reader gives the same bytes; fails on any other bytes.
fn same(image: &Image, volume: &str, theirs: &Expected) -> usize {
    let ours = image.digests(EntryState::Allocated);
    for (path, content) in theirs {
        assert_eq!(ours.get(&format!("{volume}/{path}")), Some(content), "{volume}/{path}");
    }
    eprintln!("{volume}: {} files with equal digests", theirs.len());
    theirs.len()
}
