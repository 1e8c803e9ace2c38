//! Whole images: made with btrfs-progs, filled by the kernel, compared with what it mounts, then damaged.

mod damage;
mod deleted;
mod differential;
mod subvolumes;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::filesystem::trial::{Image, Mount, bytes, run};
use crate::model::{Content, EntryKind, EntryState, Problem, ProblemKind};
use crate::read::{Memory, Unreadable};

/// A sparse file of that many MiB, formatted with those options.
fn format(options: &str, mib: u64) -> Option<(PathBuf, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::File::create(&path).unwrap().set_len(mib << 20).unwrap();
    let mut arguments = vec!["-q", "-K"];
    arguments.extend(options.split_whitespace());
    arguments.push(path.to_str()?);
    run("mkfs.btrfs", &arguments)?;
    Some((path, folder))
}

/// A mounted image, for `btrfs` commands.
struct Mounted(Mount);

impl Mounted {
    fn new(image: &Path, options: &str) -> Option<Self> {
        Mount::new("btrfs", image, options).map(Self)
    }

    /// Path of something in it.
    fn at(&self, path: &str) -> String {
        self.0.0.join(path).to_str().unwrap().to_owned()
    }

    /// Has everything written.
    fn sync(&self) {
        run("btrfs", &["filesystem", "sync", &self.at("")]);
    }
}

/// A file as a volume: images are sparse and larger than what is on them.
struct Sparse(std::fs::File);

impl ReadAt for Sparse {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset)
            .map_err(|error| Unreadable::new(offset, buffer.len() as u64, error))
    }
}

fn survey(path: &Path) -> Image {
    Image::of(&Btrfs, Arc::new(Sparse(std::fs::File::open(path).unwrap()))).unwrap()
}

/// A folder of small and middling files.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..300_u64 {
        let place = folder.path().join(format!("folder {}/picture {number:03}.jpg", number % 6));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        let length = if number % 10 == 0 { 9000 + number as usize } else { 300 + number as usize };
        std::fs::write(place, bytes(number, length)).unwrap();
    }
    std::fs::write(folder.path().join("large"), bytes(1, 2_000_000)).unwrap();
    std::os::unix::fs::symlink("folder 1/target", folder.path().join("link")).unwrap();
    folder
}
