//! Whole images: made with mkntfs and ntfs-3g, compared with what went in and with The Sleuth Kit, then damaged.

mod damage;
mod deleted;
mod differential;
mod fill;
mod special;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::filesystem::trial::{Image, run};

/// An empty volume of that many KiB, made by `mkntfs` with those options.
fn make(image: &Path, options: &str, kib: u64) -> Option<()> {
    let file = std::fs::File::create(image).unwrap();
    file.set_len(kib << 10).unwrap();
    let mut arguments: Vec<&str> = "-F -Q -q -L Proben".split(' ').collect();
    arguments.extend(options.split_whitespace());
    arguments.push(image.to_str()?);
    run("mkntfs", &arguments).map(|_| ())
}

/// A volume mounted by ntfs-3g until it is dropped.
struct Mounted {
    folder: tempfile::TempDir,
}

impl Mounted {
    /// `None`, said aloud, where that is not possible.
    fn new(image: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = "streams_interface=windows,compression,noatime";
        let output = Command::new("ntfs-3g").arg(image).arg(folder.path()).args(["-o", options]).output();
        match output {
            Ok(output) if output.status.success() => Some(Self { folder }),
            other => {
                eprintln!("skipped: ntfs-3g does not mount: {other:?}");
                None
            }
        }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.folder.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
        }
        // The driver ends a moment after its mount: what it still holds must be on the disk before it is read.
        let _ = Command::new("sync").status();
    }
}

/// A volume that was made and filled; gone when dropped.
struct Made {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Made {
    /// Makes a volume and lets `fill` put something on it.
    fn new(options: &str, kib: u64, fill: impl FnOnce(&Path)) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        make(&path, options, kib)?;
        let made = Self { _folder: folder, path };
        made.change(fill)?;
        Some(made)
    }

    /// Mounts it once more.
    fn change(&self, change: impl FnOnce(&Path)) -> Option<()> {
        let mounted = Mounted::new(&self.path)?;
        change(mounted.root());
        drop(mounted);
        Some(())
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }
}

/// Surveys a volume.
fn survey(bytes: Vec<u8>) -> Image {
    Image::survey(&Ntfs, bytes).unwrap()
}

/// Changes a record of a volume in place, beneath its update sequence.
fn patch(volume: &mut [u8], number: u64, change: impl FnOnce(&mut [u8])) {
    let opened = Volume::open(Arc::new(crate::read::Memory(volume.to_vec()))).unwrap();
    let mut bytes = opened.mft.record(number).unwrap();
    assert_eq!(Record::open(&mut bytes, number).unwrap().flaw, None);
    change(&mut bytes);
    let start = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
    for stride in 0..bytes.len() / 512 {
        let (end, saved) = (stride * 512 + 510, start + 2 + stride * 2);
        let original = [bytes[end], bytes[end + 1]];
        bytes[saved..saved + 2].copy_from_slice(&original);
        let sequence = [bytes[start], bytes[start + 1]];
        bytes[end..end + 2].copy_from_slice(&sequence);
    }
    let place = opened.mft.place(number) as usize;
    volume[place..place + bytes.len()].copy_from_slice(&bytes);
}

/// Where an attribute of a record begins: the first of that code with a name or without one.
fn attribute(record: &[u8], code: u32, named: bool) -> usize {
    let mut at = usize::from(u16::from_le_bytes([record[0x14], record[0x15]]));
    loop {
        let number =
            |offset: usize| u32::from_le_bytes(record[at + offset..at + offset + 4].try_into().unwrap());
        assert_ne!(number(0), 0xffff_ffff, "no attribute {code:#x}");
        if number(0) == code && (record[at + 9] > 0) == named {
            return at;
        }
        at += number(4) as usize;
    }
}
