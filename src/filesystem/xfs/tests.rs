//! Whole images: made with xfsprogs, filled by the kernel, compared with what it mounts, then damaged.

mod damage;
mod deleted;
mod differential;

use std::path::{Path, PathBuf};

use super::*;
use crate::filesystem::trial::{Image, Mount, bytes, md5, run};
use crate::model::{Content, EntryKind, EntryState, Extent, ProblemKind};
use crate::read::Unreadable;

/// A file of that many MiB, formatted with those options.
fn format(options: &str, mib: u64) -> Option<(PathBuf, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::File::create(&path).unwrap().set_len(mib << 20).unwrap();
    let mut arguments: Vec<&str> = vec!["-q", "-K"];
    if mib < 300 {
        arguments.push("--unsupported");
    }
    arguments.extend(options.split_whitespace());
    arguments.push(path.to_str()?);
    run("mkfs.xfs", &arguments)?;
    Some((path, folder))
}

/// Formats, fills through the kernel, and gives the image back.
fn filled<T>(
    options: &str,
    mib: u64,
    fill: impl FnOnce(&Path) -> T,
) -> Option<(T, PathBuf, tempfile::TempDir)> {
    let (path, folder) = format(options, mib)?;
    let mount = Mount::new("xfs", &path, "")?;
    let filled = fill(&mount.0);
    drop(mount);
    Some((filled, path, folder))
}

/// Formats and fills without a mount, by a prototype that lists a folder. Only what is sound UTF-8 and has no spaces.
fn prototype(options: &str, mib: u64, source: &Path) -> Option<(PathBuf, tempfile::TempDir)> {
    fn list(folder: &Path, text: &mut String) {
        let mut entries: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(std::result::Result::unwrap).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (name, path) = (entry.file_name().into_string().unwrap(), entry.path());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                *text += &format!("{name} d--755 0 0\n");
                list(&path, text);
                *text += "$\n";
            } else if kind.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                *text += &format!("{name} l--777 0 0 {}\n", target.display());
            } else {
                *text += &format!("{name} ---644 0 0 {}\n", path.display());
            }
        }
    }
    let mut text = String::from("/\n0 0\nd--755 0 0\n");
    list(source, &mut text);
    text += "$\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    format(&format!("{options} -p {}", file.path().display()), mib)
}

/// An image of some MiB in memory.
fn survey(path: &Path) -> Image {
    Image::survey(&Xfs, std::fs::read(path).unwrap()).unwrap()
}

/// A file as a volume, for images that are larger than memory.
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
