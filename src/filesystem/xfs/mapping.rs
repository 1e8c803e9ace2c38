//! From an inode's data fork to the runs of its content: extents, and B-trees of extents.

use std::collections::HashSet;

use super::inode::{Format, Inode};
use super::{Volume, btree};
use crate::filesystem::tree::Mapped;
use crate::model::Extent;
use crate::read::{Error, Fields};

/// Deepest tree of extents that is followed.
const MAX_LEVEL: u16 = 12;

/// Reads blocks of extent trees, each at most once in a volume: a second claim of the same block is damage or malice.
pub(super) struct Mapper<'v> {
    volume: &'v Volume,
    seen: HashSet<u64>,
    /// Blocks that were read.
    pub places: Vec<Extent>,
}

/// Whose data fork is followed, and how far.
#[derive(Clone, Copy)]
pub(super) struct Fork<'a> {
    /// Inode number.
    pub number: u64,
    /// Where the fork stands, in bytes from the start of the volume.
    pub home: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Number of extents in it, where it is a list.
    pub count: u64,
    /// Whether it is the root of a tree.
    pub is_tree: bool,
    /// Blocks of content to be mapped; `u64::MAX`: as far as it goes.
    pub end: u64,
}

impl<'a> Fork<'a> {
    /// The data fork of an inode; `None` when it maps nothing.
    pub(super) fn of(inode: Inode<'a>, number: u64, place: u64, end: u64) -> Option<Self> {
        let is_tree = match inode.format()? {
            Format::Extents => false,
            Format::Tree => true,
            Format::Device | Format::Local => return None,
        };
        let home = place.saturating_add(crate::read::size(inode.fork_start()));
        Some(Self { number, home, bytes: inode.fork(), count: inode.extents(), is_tree, end })
    }

    /// The first block of the tree, if it is one.
    pub(super) fn first_node(&self) -> Option<u64> {
        self.is_tree.then(|| Fields(self.bytes).u64_be(self.pointers())).flatten()
    }

    /// Where the pointers of the root begin: behind room for as many keys as pointers.
    fn pointers(&self) -> usize {
        (self.bytes.len().saturating_sub(4) / 16).saturating_mul(8).saturating_add(4)
    }
}

/// One extent as stored. Source: XFS Algorithms and Data Structures, "Data Extents".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// First block of content.
    pub logical: u64,
    /// First block of the file system.
    pub start: u64,
    /// Number of blocks.
    pub length: u64,
    /// Allocated, and never written: it reads as zeros.
    pub unwritten: bool,
}

impl Stored {
    /// The extent in a record of 16 bytes.
    pub(super) fn read(record: &[u8]) -> Option<Self> {
        let fields = Fields(record);
        let (high, low) = (fields.u64_be(0)?, fields.u64_be(8)?);
        Some(Self {
            logical: (high & (u64::MAX >> 1)) >> 9,
            start: (high & 0x1ff) << 43 | low >> 21,
            length: low & 0x1f_ffff,
            unwritten: high >> 63 == 1,
        })
    }

    /// First byte of the volume; `None` when the extent does not lie within one group.
    pub(super) fn place(&self, volume: &Volume) -> Option<u64> {
        let superblock = &volume.superblock;
        let (group, block) = superblock.split(self.start)?;
        let end = u64::from(block).checked_add(self.length)?;
        (self.length > 0 && block > 0 && end <= superblock.blocks_of(group).into())
            .then(|| superblock.byte(group, block))
    }
}

impl<'v> Mapper<'v> {
    /// For one survey of one volume.
    pub(super) fn new(volume: &'v Volume) -> Self {
        Self { volume, seen: HashSet::new(), places: Vec::new() }
    }

    /// Follows a data fork.
    pub(super) fn map(&mut self, fork: &Fork<'_>) -> Mapped {
        let mut mapped = Mapped::default();
        if fork.is_tree {
            self.root(fork, &mut mapped);
        } else {
            let room = crate::read::size(fork.bytes.len()) / 16;
            if fork.count > room {
                let expected = format!("at most {room} extents");
                mapped.damaged(Error::corrupt("data fork", fork.home, expected, fork.count));
            }
            let count = usize::try_from(fork.count.min(room)).unwrap_or(0);
            self.records(fork, fork.bytes, count, fork.home, &mut mapped);
        }
        if fork.end != u64::MAX {
            mapped.fill(fork.end, self.volume.superblock.block_size);
        }
        mapped
    }

    fn root(&mut self, fork: &Fork<'_>, mapped: &mut Mapped) {
        let fields = Fields(fork.bytes);
        let (Some(level), Some(count)) = (fields.u16_be(0), fields.u16_be(2)) else {
            return mapped.damaged(Error::corrupt(
                "data fork",
                fork.home,
                "the root of a tree",
                "no room for one",
            ));
        };
        let room = fork.bytes.len().saturating_sub(4) / 16;
        if level == 0 || level > MAX_LEVEL || usize::from(count) > room || count == 0 {
            let expected = format!("level 1 to {MAX_LEVEL} and 1 to {room} pointers");
            let found = format!("level {level} and {count} pointers");
            return mapped.damaged(Error::corrupt("data fork", fork.home, expected, found));
        }
        for at in (fork.pointers()..).step_by(8).take(count.into()) {
            if let Some(child) = fields.u64_be(at) {
                self.node(fork, child, level.saturating_sub(1), mapped);
            }
        }
    }

    fn node(&mut self, fork: &Fork<'_>, block: u64, level: u16, mapped: &mut Mapped) {
        if fork.end != u64::MAX && mapped.next >= fork.end {
            return;
        }
        let superblock = &self.volume.superblock;
        let Some((group, within)) = superblock.split(block).filter(|(_, within)| *within > 0) else {
            let expected = "a block of the file system";
            return mapped.damaged(Error::corrupt("extent B-tree", fork.home, expected, block));
        };
        let place = superblock.byte(group, within);
        if !self.seen.insert(block) {
            return mapped.damaged(Error::corrupt("extent B-tree", place, "one owner", "several"));
        }
        let bytes = match self.volume.source.read_vec(place, superblock.block_len()) {
            Ok(bytes) => bytes,
            Err(unreadable) => return mapped.damaged(unreadable.into()),
        };
        self.places.push(Extent::new(place, superblock.block_size));
        let (head, count, doubt) = match btree::file_block(self.volume, &bytes, place, fork.number, level) {
            Ok(checked) => checked,
            Err(error) => return mapped.damaged(error),
        };
        if let Some(doubt) = doubt {
            mapped.doubted(doubt);
        }
        let records = bytes.get(head..).unwrap_or_default();
        if level == 0 {
            return self.records(fork, records, count, place, mapped);
        }
        let pointers = (records.len() / 16).saturating_mul(8);
        for at in (pointers..).step_by(8).take(count) {
            if let Some(child) = Fields(records).u64_be(at) {
                self.node(fork, child, level.saturating_sub(1), mapped);
            }
        }
    }

    /// Takes over a list of extents, up to the end of the content.
    fn records(&self, fork: &Fork<'_>, bytes: &[u8], count: usize, place: u64, mapped: &mut Mapped) {
        for record in bytes.as_chunks::<16>().0.iter().take(count) {
            if fork.end != u64::MAX && mapped.next >= fork.end {
                return;
            }
            let Some(extent) = Stored::read(record) else { return };
            let start = extent.place(self.volume);
            if extent.logical < mapped.next || start.is_none() {
                let expected = format!("content from block {} on, within one group", mapped.next);
                mapped.damaged(Error::corrupt("extent", place, expected, format!("{extent:?}")));
                continue;
            }
            let room = fork.end.saturating_sub(extent.logical);
            let length = extent.length.min(room);
            if length > 0 {
                let start = start.filter(|_| !extent.unwritten);
                mapped.push(extent.logical, length, start, self.volume.superblock.block_size);
            }
        }
    }

    /// The extents that are left in a free inode: as many as are plausible.
    pub(super) fn remains(&self, area: &[u8]) -> Mapped {
        /// No file that a person has reaches this block.
        const MOST: u64 = 1 << 35;
        let mut mapped = Mapped::default();
        for record in area.as_chunks::<16>().0 {
            let Some(extent) = Stored::read(record) else { break };
            let Some(start) = extent.place(self.volume) else { break };
            let end = extent.logical.saturating_add(extent.length);
            if extent.logical < mapped.next || end > MOST {
                break;
            }
            let start = (!extent.unwritten).then_some(start);
            mapped.push(extent.logical, extent.length, start, self.volume.superblock.block_size);
        }
        mapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_an_extent_are_taken_apart() {
        let mut record = (1_u64 << 63 | 0x1234_5678_9abc << 9 | 0x155).to_be_bytes().to_vec();
        record.extend((0x7_1234_5678 << 21 | 0x1f_fffe_u64).to_be_bytes());
        let extent = Stored::read(&record).unwrap();
        assert_eq!((extent.logical, extent.length, extent.unwritten), (0x1234_5678_9abc, 0x1f_fffe, true));
        assert_eq!(extent.start, 0x155 << 43 | 0x7_1234_5678);
        assert_eq!(Stored::read(&record[1..]), None);
    }
}
