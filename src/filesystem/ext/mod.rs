//! ext2, ext3 and ext4. The source of facts is the kernel's "ext4 Data Structures and Algorithms".
//!
//! `locate` finds a `superblock`, `group` the places of each group. A survey (`survey`) sweeps the inode tables
//! (`tables`, `inode`, `inodes`, `bitmap`), maps content (`mapping`), sweeps the directory blocks (`names`,
//! `directory`), and then lets the tree be built (`judge`). The journal is never replayed.
//!
//! What deletion leaves depends on the writer. ext2 and `debugfs` keep size and places, so content may come back.
//! Linux sets the size of a deleted ext3 or ext4 inode to 0 and clears its places: such entries are listed with
//! their name and times, and their content is lost. Since Linux 5.13 the removed name is wiped too.

mod bitmap;
mod checksum;
mod directory;
mod group;
mod inode;
mod inodes;
mod judge;
mod locate;
mod mapping;
mod names;
mod superblock;
mod survey;
mod tables;

use std::sync::Arc;

use super::{Filesystem, Format, Stream};
use crate::model::{Extent, FileEntry, Problem, Survey, TimeEncoding};
use crate::read::{Confidence, Error, Memory, ReadAt, Result, size};

use self::group::Groups;
use self::inode::Inode;
use self::superblock::Superblock;

/// The inode of the root directory.
const ROOT_INODE: u32 = 2;

/// ext2, ext3 and ext4.
pub(super) struct Ext;

impl Format for Ext {
    fn name(&self) -> &'static str {
        "ext"
    }

    fn description(&self) -> &'static str {
        "ext2, ext3, ext4 with deleted entries; journals are not replayed, encrypted and compressed files not read"
    }

    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        locate::probe(volume)
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        Ok(Box::new(Volume::open(volume)?))
    }
}

/// An opened volume.
struct Volume {
    source: Arc<dyn ReadAt>,
    superblock: Superblock,
    groups: Groups,
    /// What was wrong before the survey began.
    problems: Vec<Problem>,
}

impl Volume {
    fn open(source: Arc<dyn ReadAt>) -> Result<Self> {
        let (superblock, problems) = locate::find(&source)?;
        let groups = Groups::read(&source, &superblock);
        Ok(Self { source, superblock, groups, problems })
    }

    /// The bytes of a block.
    const fn block_extent(&self, block: u64) -> Extent {
        let length = self.superblock.block_size;
        Extent::new(block.saturating_mul(length), length)
    }

    /// The bytes of an inode; `None` when its table is not known.
    fn inode_extent(&self, number: u32) -> Option<Extent> {
        let index = number.checked_sub(1)?;
        let per_group = self.superblock.inodes_per_group;
        let group = self.groups.list.get(usize::try_from(index.checked_div(per_group)?).ok()?)?;
        let length = size(self.superblock.inode_size);
        let within = u64::from(index.checked_rem(per_group)?).checked_mul(length)?;
        let table = self.block_extent(group.inode_table).offset;
        (group.inode_table != 0).then(|| Extent::new(table.saturating_add(within), length))
    }

    fn read_inode(&self, number: u32) -> Result<Vec<u8>> {
        let place = self
            .inode_extent(number)
            .ok_or_else(|| Error::corrupt("inode number", 0, "one whose table is known", number))?;
        Ok(self.source.read_vec(place.offset, self.superblock.inode_size)?)
    }
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        self.superblock.variant().into()
    }

    fn label(&self) -> String {
        self.superblock.label.clone()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::Ext
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        survey::run(self, survey);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        let number = u32::try_from(entry.record()).unwrap_or(0);
        let bytes = self.read_inode(number)?;
        let inode = Inode(&bytes);
        let place = self.inode_extent(number).map_or(0, |place| place.offset);
        let content = inode
            .has(inode::flag::INLINE_DATA)
            .then(|| inode.inline_content(&self.superblock))
            .flatten()
            .ok_or_else(|| Error::corrupt("inline content of an inode", place, entry.size(), "less"))?;
        Ok(Box::new(Memory(content)))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
