//! XFS, versions 4 and 5. The source of facts is "XFS Algorithms and Data Structures".
//!
//! `locate` finds a `superblock`. A survey (`survey`) goes through the allocation groups (`tables`): headers and inode
//! chunks (`group`, `btree`), inodes (`inode`, `inodes`) and their content (`mapping`); then through the directory
//! blocks (`names`, `directory`), and lets the tree be built (`judge`). The log is looked at (`log`) and never
//! replayed. Attributes (counted where they have blocks), quotas and the realtime device are not read.
//!
//! A record number is the inode number.
//!
//! Deletion clears mode, size and the number of extents of an inode and leaves the extents of those that had a list:
//! their content, as far as its blocks are free (`free`), is likely, and its size that of whole blocks. A removed name
//! loses the upper half of its inode number, which is taken to be that of its directory.

mod btree;
mod directory;
mod free;
mod group;
mod inode;
mod inodes;
mod judge;
mod locate;
mod log;
mod mapping;
mod names;
mod superblock;
mod survey;
mod symlink;
mod tables;

use std::sync::Arc;

use super::{Filesystem, Format, Stream};
use crate::model::{FileEntry, Problem, Survey, TimeEncoding};
use crate::read::{Confidence, Memory, ReadAt, Result};

use self::superblock::Superblock;

/// XFS.
pub(super) struct Xfs;

impl Format for Xfs {
    fn name(&self) -> &'static str {
        "xfs"
    }

    fn description(&self) -> &'static str {
        "XFS, versions 4 and 5, with what deletion leaves; logs are not replayed, realtime files not read"
    }

    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        locate::probe(volume)
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        let (superblock, offset, problems) = locate::find(&volume)?;
        Ok(Box::new(Volume { source: volume, superblock, offset, problems }))
    }
}

/// An opened volume.
struct Volume {
    source: Arc<dyn ReadAt>,
    superblock: Superblock,
    /// Where the superblock was read, in bytes from the start of the volume.
    offset: u64,
    /// What was wrong before the survey began.
    problems: Vec<Problem>,
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        let folded = if self.superblock.folded { ", names without case" } else { "" };
        format!("XFS version {}{folded}", self.superblock.version)
    }

    fn label(&self) -> String {
        self.superblock.label.clone()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::UnixNanos
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        survey::run(self, survey);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Memory(symlink::target(self, entry.record())?)))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
