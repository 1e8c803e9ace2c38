//! File systems: a volume in, its entries, metadata and problems out.
//!
//! Adding one is a new file here with a [`Format`] and its line in [`FORMATS`].
#![deny(clippy::arithmetic_side_effects)]

mod apfs;
mod btrfs;
mod compression;
mod exfat;
mod ext;
mod fat;
pub mod folder;
mod hfsplus;
mod iso9660;
mod ntfs;
mod remarks;
pub mod signatures;
mod sweep;
mod tree;
#[cfg(test)]
pub(crate) mod trial;
mod udf;
mod utf16;
mod xfs;

use std::sync::Arc;

use crate::model::{FileEntry, Problem, Survey, TimeEncoding, Times};
use crate::read::{Confidence, Memory, Pieces, ReadAt, Result, strongest};

/// A kind of file system.
pub trait Format: Sync {
    /// Its name in options, tables and reports.
    fn name(&self) -> &'static str;

    /// What a reader of `onscene formats` needs to know beyond the name: variants read and not read.
    fn description(&self) -> &'static str;

    /// How sure it is that the volume is its own. Reads a bounded number of bytes; offsets count from the
    /// start of the volume. An unreadable volume is `No`.
    fn probe(&self, volume: &dyn ReadAt) -> Confidence;

    /// Opens a volume.
    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>>;
}

/// An opened file system. Several threads may read from it at once.
pub trait Filesystem: Send + Sync {
    /// The variant: `FAT32`, `ext4`.
    fn variant(&self) -> String;

    /// The name that the file system gives itself, if any; possibly hostile text.
    fn label(&self) -> String;

    /// How its raw time stamps are stored.
    fn times(&self) -> TimeEncoding;

    /// Lists every entry, allocated and deleted, the places of its metadata, and what could not be listed.
    ///
    /// Metadata are read in as few sequential sweeps as the format allows. An error means that nothing more can
    /// be listed; what was added before it stays. The same volume gives the same entries in the same order.
    fn survey(&self, survey: &mut Survey<'_>) -> Result<()>;

    /// Asked after the last entry was read: what a report must say of the reading itself. Problems that each
    /// entry had are not repeated.
    fn remarks(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// The content of an entry whose [`crate::model::Content`] is `Opened`.
    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>>;
}

/// The content of one entry, opened to be read.
pub trait Stream: ReadAt {
    /// What the open handle says of itself, where that is surer than the survey: a file of a mounted folder.
    fn facts(&self) -> Option<Facts> {
        None
    }

    /// Asked after the last byte was read: what has changed since it was opened, in words.
    fn changed(&self) -> Option<String> {
        None
    }
}

/// Size and raw time stamps as an open handle gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Size in bytes.
    pub size: u64,
    /// Raw time stamps in the encoding of the file system.
    pub times: Times,
}

impl<B: AsRef<[u8]> + Send + Sync> Stream for Memory<B> {}
impl Stream for Pieces {}

/// Every kind, alphabetical.
pub static FORMATS: &[&dyn Format] = &[
    &apfs::Apfs,
    &btrfs::Btrfs,
    &exfat::Exfat,
    &ext::Ext,
    &fat::Fat,
    &hfsplus::HfsPlus,
    &iso9660::Iso9660,
    &ntfs::Ntfs,
    &udf::Udf,
    &xfs::Xfs,
];

/// The file system that a volume carries.
pub struct Detected {
    /// The surest kind; absent when no kind claims the volume.
    pub format: Option<&'static dyn Format>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Names of all kinds that are equally sure; more than one is reported.
    pub tied: Vec<&'static str>,
}

/// Asks every kind whether a volume is its own.
pub fn detect(volume: &dyn ReadAt) -> Detected {
    let (confidence, surest) = strongest(FORMATS.iter().map(|format| (*format, format.probe(volume))));
    let tied = surest.iter().map(|format| format.name()).collect();
    Detected { format: surest.first().copied(), confidence, tied }
}
