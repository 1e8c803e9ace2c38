//! Blocks of B-trees: those within an allocation group with short pointers, those of files with long ones.

use std::collections::HashSet;

use super::Volume;
use super::superblock::checksum_holds;
use crate::filesystem::sweep::Places;
use crate::read::{Error, Fields, Result, size};

/// Deepest tree that is followed.
const MAX_LEVEL: u16 = 12;

/// A kind of tree within an allocation group.
pub(super) struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// Its magic before version 5, and from then on.
    pub magic: [&'static [u8; 4]; 2],
    /// Bytes of a record in a leaf.
    pub record: usize,
    /// Bytes of a key in a node.
    pub key: usize,
}

/// The inodes of a group. Source: XFS Algorithms and Data Structures, "Inode B+tree".
pub(super) static INODES: Kind = Kind { name: "inode B-tree", magic: [b"IABT", b"IAB3"], record: 16, key: 4 };
/// The free space of a group, by block. Source: the same, "AG Free Space B+trees".
pub(super) static FREE_SPACE: Kind =
    Kind { name: "free space B-tree", magic: [b"ABTB", b"AB3B"], record: 8, key: 8 };

/// One walk over a tree within an allocation group.
pub(super) struct Walk<'v> {
    /// The volume.
    pub volume: &'v Volume,
    /// The kind of tree.
    pub kind: &'static Kind,
    /// The group.
    pub group: u32,
    /// What is wrong, the first first.
    pub damage: Vec<Error>,
    /// Whether something is missing or may be wrong.
    pub broken: bool,
    seen: HashSet<u32>,
}

impl<'v> Walk<'v> {
    /// Nothing walked yet.
    pub(super) fn new(volume: &'v Volume, kind: &'static Kind, group: u32) -> Self {
        Self { volume, kind, group, damage: Vec::new(), broken: false, seen: HashSet::new() }
    }

    /// Shows every record below a block at that level (0 is a leaf), in the order of the tree.
    pub(super) fn walk(&mut self, block: u32, level: u16, places: &mut Places, show: &mut impl FnMut(&[u8])) {
        if level > MAX_LEVEL {
            return self.wrong(Error::corrupt(
                self.kind.name,
                0,
                format!("at most {MAX_LEVEL} levels"),
                level,
            ));
        }
        let superblock = &self.volume.superblock;
        let place = superblock.byte(self.group, block);
        if block == 0 || block >= superblock.blocks_of(self.group) || !self.seen.insert(block) {
            let expected = "a block of its group, once";
            return self.wrong(Error::corrupt(self.kind.name, place, expected, block));
        }
        let bytes = match self.volume.source.read_vec(place, superblock.block_len()) {
            Ok(bytes) => bytes,
            Err(unreadable) => {
                places.failed(self.kind.name, place, superblock.block_size, &unreadable);
                self.broken = true;
                return;
            }
        };
        places.read(place, superblock.block_size);
        let count = match self.check(&bytes, place, level) {
            Ok(count) => count,
            Err(error) => return self.wrong(error),
        };
        let head = self.head();
        if level == 0 {
            let records = bytes.get(head..).unwrap_or_default().chunks_exact(self.kind.record);
            return records.take(count).for_each(show);
        }
        let room = self.room(bytes.len(), level);
        let pointers = head.saturating_add(room.saturating_mul(self.kind.key));
        for at in (pointers..).step_by(4).take(count) {
            let Some(child) = Fields(&bytes).u32_be(at) else { break };
            self.walk(child, level.saturating_sub(1), places, show);
        }
    }

    const fn head(&self) -> usize {
        if self.volume.superblock.is_v5() { 56 } else { 16 }
    }

    /// Most records of a block.
    fn room(&self, block: usize, level: u16) -> usize {
        let each = if level == 0 { self.kind.record } else { self.kind.key.saturating_add(4) };
        block.saturating_sub(self.head()).checked_div(each).unwrap_or(0)
    }

    /// The number of records in a block. A checksum that does not hold is noted; what is plausible is used.
    fn check(&mut self, bytes: &[u8], place: u64, level: u16) -> Result<usize> {
        let superblock = &self.volume.superblock;
        let fields = Fields(bytes);
        let [old, new] = self.kind.magic;
        let magic = if superblock.is_v5() { new } else { old };
        if !fields.has(0, magic) {
            let found = fields.u32_be(0).unwrap_or_default();
            let expected = String::from_utf8_lossy(magic).into_owned();
            return Err(Error::corrupt(self.kind.name, place, expected, format!("{found:08x}")));
        }
        let found = fields.u16_be(4).unwrap_or_default();
        if found != level {
            return Err(Error::corrupt(self.kind.name, place, format!("level {level}"), found));
        }
        if superblock.is_v5() && !checksum_holds(bytes, 52) {
            self.wrong(Error::corrupt(self.kind.name, place, "a checksum that holds", "otherwise"));
        }
        let count = usize::from(fields.u16_be(6).unwrap_or_default());
        let room = self.room(bytes.len(), level);
        if count > room {
            self.wrong(Error::corrupt(self.kind.name, place, format!("at most {room} records"), count));
        }
        Ok(count.min(room))
    }

    fn wrong(&mut self, error: Error) {
        self.broken = true;
        if self.damage.len() < 16 {
            self.damage.push(error);
        }
    }
}

/// A block of a file's extent tree, checked: its records, how many there are, and its bytes from the header on.
pub(super) fn file_block(
    volume: &Volume,
    bytes: &[u8],
    place: u64,
    owner: u64,
    level: u16,
) -> Result<(usize, usize, Option<Error>)> {
    let name = "extent B-tree";
    let fields = Fields(bytes);
    let five = volume.superblock.is_v5();
    let magic: &[u8; 4] = if five { b"BMA3" } else { b"BMAP" };
    if !fields.has(0, magic) {
        let found = fields.u32_be(0).unwrap_or_default();
        let expected = String::from_utf8_lossy(magic).into_owned();
        return Err(Error::corrupt(name, place, expected, format!("{found:08x}")));
    }
    let found = fields.u16_be(4).unwrap_or_default();
    if found != level {
        return Err(Error::corrupt(name, place, format!("level {level}"), found));
    }
    let mut doubt = None;
    if five && fields.u64_be(56) != Some(owner) {
        let found = fields.u64_be(56).unwrap_or_default();
        return Err(Error::corrupt(name, place, format!("owner {owner}"), found));
    }
    if five && !checksum_holds(bytes, 64) {
        doubt = Some(Error::corrupt(name, place, "a checksum that holds", "otherwise"));
    }
    let head = if five { 72 } else { 24 };
    let room = bytes.len().saturating_sub(head) / 16;
    let count = usize::from(fields.u16_be(6).unwrap_or_default());
    if count > room {
        let expected = format!("at most {} records in {} bytes", room, size(bytes.len()));
        return Err(Error::corrupt(name, place, expected, count));
    }
    Ok((head, count, doubt))
}
