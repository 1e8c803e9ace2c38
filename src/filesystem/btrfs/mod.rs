//! Btrfs on one device. The source of facts is "Btrfs on-disk format" of the kernel's documentation.
//!
//! `locate` finds a `superblock`; its `chunk`s lead from logical addresses to places, and `nodes` reads the nodes of
//! trees there, from the first copy whose checksum holds. The root tree (`roots`) names the subvolumes. A survey
//! (`survey`) goes through the leaves of all of them at once, level by level in physical order (`walk`), gathers inodes,
//! pieces of files and names (`gather`), puts them in order (`settle`, `runs`) and lets the tree be built (`judge`).
//!
//! A record number is the number of the subvolume's tree in the upper 24 bits and the inode number in the lower 40. An
//! inode of a snapshot whose facts and places of content are those of the inode of the same number in a related
//! subvolume has the record number of that one, so that its content is examined once.
//!
//! Files that are compressed or stand in a leaf are opened (`content`, `unpack`, `lzo`); the checksums of their data
//! are compared (`csum`), and another copy is used where there is one. The content of all other files is given as plain
//! runs on the first copy, and **the checksums of its data are not compared**.
//!
//! The superblock remembers up to three older states. What is in them and not in the last one is deleted; its content
//! is overwritten or likely, as the tree of extents in use says (`space`), and certain where a snapshot or a clone
//! still holds it. The log tree is not replayed. Attributes are not read.

mod checksum;
mod chunk;
mod content;
mod csum;
mod gather;
mod item;
mod judge;
mod locate;
mod lzo;
mod node;
mod nodes;
mod notes;
mod roots;
mod runs;
mod settle;
mod space;
mod superblock;
mod survey;
mod unpack;
mod views;
mod walk;
mod xxhash;

use std::sync::Arc;

use super::{Filesystem, Format, Stream};
use crate::model::{FileEntry, Survey, TimeEncoding};
use crate::read::{Confidence, Error, ReadAt, Result};

use self::nodes::Nodes;
use self::notes::Notes;
use self::roots::View;

/// Btrfs.
pub(super) struct Btrfs;

/// Bits of a record number that are the inode's.
const INODE_BITS: u32 = 40;
/// Bits of a record number that are the tree's.
const TREE_BITS: u32 = 24;
/// The inode's part of a record number.
const INODE_MASK: u64 = (1 << INODE_BITS) - 1;
/// Marks the record number of an empty directory that stands for a subvolume that is elsewhere.
const STUB: u64 = 1 << 39;

/// Marks of a row that only Btrfs knows.
mod own {
    use super::super::tree::mark::OWN;

    /// Its content must be made.
    pub const OPENED: u32 = OWN;
    /// A part of it is compressed.
    pub const PACKED: u32 = OWN << 1;
    /// It is encrypted.
    pub const ENCRYPTED: u32 = OWN << 2;
    /// A part of it is on another device, or in a profile that is not read.
    pub const ELSEWHERE: u32 = OWN << 3;
    /// It is stored in an unknown way.
    pub const UNKNOWN: u32 = OWN << 4;
    /// A part of it has an address that leads nowhere.
    pub const NOWHERE: u32 = OWN << 5;
    /// Deleted, and another file has its place.
    pub const TAKEN: u32 = OWN << 6;
    /// Deleted, and its extents are held by a snapshot or a clone.
    pub const HELD: u32 = OWN << 7;
    /// It stands partly in a leaf and partly in extents.
    pub const MIXED: u32 = OWN << 8;
}

const fn record(tree: u64, inode: u64) -> u64 {
    tree << INODE_BITS | inode & INODE_MASK
}

const fn tree_of(record: u64) -> u64 {
    record >> INODE_BITS
}

/// The record number of the empty directory that stands in `tree` for the subvolume `child`.
const fn stub(tree: u64, child: u64) -> u64 {
    record(tree, STUB | child & (STUB - 1))
}

impl Format for Btrfs {
    fn name(&self) -> &'static str {
        "btrfs"
    }

    fn description(&self) -> &'static str {
        "Btrfs on one device, subvolumes and snapshots, zlib, LZO and zstd, files of older states; no RAID5 or RAID6, \
         the log is not replayed"
    }

    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        locate::probe(volume)
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        Ok(Box::new(views::open(volume)?))
    }
}

/// What is needed to read from a volume.
struct State {
    nodes: Nodes,
    /// States of the volume, the last one first.
    views: Vec<View>,
}

/// An opened volume.
struct Volume {
    state: Arc<State>,
    /// Where the superblock was read, in bytes from the start of the volume.
    offset: u64,
    /// What was found before the survey began.
    notes: Notes,
}

impl std::ops::Deref for Volume {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        let superblock = &self.nodes.superblock;
        format!("Btrfs, nodes of {} KiB, {}", superblock.node >> 10, superblock.checksum.name())
    }

    fn label(&self) -> String {
        self.nodes.superblock.label.clone()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::UnixNanos
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        survey::run(self, survey);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        let record = entry.record();
        for (age, view) in self.views.iter().enumerate() {
            if let Some(root) = view.trees.get(&tree_of(record))
                && let Some(stream) = content::open(&self.state, root.pointer, record, entry.size(), age > 0)?
            {
                return Ok(stream);
            }
        }
        Err(Error::corrupt(
            "inode of an entry",
            0,
            format!("record {record} of {} bytes", entry.size()),
            "none",
        ))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
