//! The targets of symbolic links: in the inode, or in blocks of their own.

use super::Volume;
use super::inode::{Format, Inode};
use super::mapping::{Fork, Mapper};
use crate::read::{Error, Fields, Pieces, ReadAt, Result, size};

/// Longest target, as systems allow it, with its end. Source: XFS Algorithms and Data Structures, "Symbolic Links".
const MAX_TARGET: u64 = 1024;
/// Bytes of the header of a block of a target, from version 5 on.
const HEADER: usize = 56;

/// The target of a link.
pub(super) fn target(volume: &Volume, number: u64) -> Result<Vec<u8>> {
    let superblock = &volume.superblock;
    let place = superblock
        .inode_byte(number)
        .ok_or_else(|| Error::corrupt("inode number", 0, "one of the file system", number))?;
    let bytes = volume.source.read_vec(place, superblock.inode_size)?;
    let inode = Inode(&bytes);
    let less = |found: u64| Error::corrupt("target of a link", place, inode.size(), found);
    if inode.format() == Some(Format::Local) {
        return inode.local().map(<[u8]>::to_vec).ok_or_else(|| less(size(inode.fork().len())));
    }
    let length = usize::try_from(inode.size().min(MAX_TARGET)).unwrap_or(0);
    let blocks = MAX_TARGET.div_ceil(superblock.block_size.saturating_sub(size(HEADER)).max(1));
    let fork = Fork::of(inode, number, place, blocks).ok_or_else(|| less(0))?;
    let mapped = Mapper::new(volume).map(&fork);
    if let Some(damage) = mapped.damage {
        return Err(damage);
    }
    let stored = blocks.saturating_mul(superblock.block_size);
    let pieces = Pieces::new(volume.source.clone(), &mapped.runs, stored);
    let mut target = Vec::new();
    let mut at = 0_u64;
    while target.len() < length {
        let block = pieces.read_vec(at, superblock.block_len())?;
        let head = if Fields(&block).has(0, b"XSLM") { HEADER } else { 0 };
        let wanted = length.saturating_sub(target.len());
        target.extend(block.get(head..).unwrap_or_default().iter().take(wanted));
        at = at.saturating_add(superblock.block_size);
    }
    (size(target.len()) == inode.size()).then_some(target).ok_or_else(|| less(inode.size().min(MAX_TARGET)))
}
