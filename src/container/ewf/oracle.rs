//! EWF images made by other tools.

#![allow(clippy::arithmetic_side_effects)]

use std::path::{Path, PathBuf};
use std::process::Command;

use md5::{Digest as _, Md5};

use super::tests::{CHUNK, content, read_all};
use super::*;
use crate::read::Memory;

pub(in crate::container) fn testdata() -> Option<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/testdata/filesystems/dfvfs");
    let deeper = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/testdata/filesystems/dfvfs");
    [root, deeper].into_iter().map(PathBuf::from).find(|folder| folder.is_dir())
}

fn tool(name: &str, arguments: &[&str], folder: &Path) -> Option<Vec<u8>> {
    match Command::new(name).args(arguments).current_dir(folder).output() {
        Ok(output) if output.status.success() => Some(output.stdout),
        Ok(output) => panic!("{name} failed: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => {
            eprintln!("skipped: {name} is not installed");
            None
        }
    }
}

fn opened(folder: &Path, stem: &str) -> Image {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_stem().is_some_and(|found| found == stem))
        .collect();
    paths.sort();
    let files: Vec<Arc<dyn ReadAt>> =
        paths.iter().map(|path| Arc::new(Memory(std::fs::read(path).unwrap())) as Arc<dyn ReadAt>).collect();
    assert_eq!(Ewf.probe(files[0].as_ref()), Confidence::Strong);
    crate::container::open(files).unwrap()
}

#[test]
fn images_of_every_kind_that_ewfacquire_makes_come_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let mut medium = content(40 * CHUNK);
    medium.extend(vec![0; 40 * CHUNK]);
    medium.extend(content(9 * CHUNK + 3 * 512));
    std::fs::write(folder.path().join("medium.raw"), &medium).unwrap();
    let kinds =
        ["ewf", "smart", "ftk", "encase1", "encase2", "encase3", "encase4", "encase5", "encase6", "encase7"];
    let more = ["linen5", "linen6", "linen7", "ewfx"];
    let levels = ["none", "empty-block", "fast", "best"];
    for (index, kind) in kinds.iter().chain(&more).filter(|kind| **kind != "encase1").enumerate() {
        let level = levels[index % 4];
        let per_chunk = if index % 3 == 2 { "128" } else { "64" };
        let stem = format!("{kind}-{level}");
        let arguments = [
            "-q",
            "-u",
            "-f",
            kind,
            "-c",
            level,
            "-b",
            per_chunk,
            "-S",
            "1M",
            "-d",
            "sha1",
            "-e",
            "A. Examiner",
            "-C",
            "case 7",
            "-t",
            &stem,
            "medium.raw",
        ];
        let Some(_) = tool("ewfacquire", &arguments, folder.path()) else {
            return;
        };
        let image = opened(folder.path(), &stem);
        assert_eq!(image.problems, [], "{stem}");
        let (bytes, missing) = read_all(image.medium.as_ref(), 1 << 20);
        assert!(missing.is_empty() && bytes == medium, "{stem}");
        assert_eq!(image.stored.md5, Digest::new(&Md5::digest(&medium)), "{stem}");
        let note =
            |name: &str| image.notes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!((note("case number"), note("examiner")), (Some("case 7"), Some("A. Examiner")), "{stem}");
    }
}

#[test]
fn images_of_the_test_data_have_the_digest_that_they_store() {
    let Some(folder) = testdata() else {
        eprintln!("skipped: no shared test data");
        return;
    };
    for stem in ["ext2", "ext2.split"] {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_stem().is_some_and(|found| found == stem))
            .filter(|path| path.extension().is_some_and(|ending| ending.to_string_lossy().starts_with("E0")))
            .collect();
        paths.sort();
        let files =
            paths.iter().map(|path| Arc::new(Memory(std::fs::read(path).unwrap())) as Arc<dyn ReadAt>);
        let image = crate::container::open(files.collect()).unwrap();
        let (bytes, missing) = read_all(image.medium.as_ref(), 1 << 20);
        assert!(missing.is_empty() && image.problems.is_empty());
        assert_eq!(image.stored.md5, Digest::new(&Md5::digest(&bytes)), "{stem}");
    }
}
