//! From an inode's mapping area to the runs of its content: extent trees and block maps.

use std::collections::HashSet;

use crate::filesystem::tree::Mapped;
use crate::model::Extent;
use crate::read::{Error, Fields, ReadAt};

use super::inode::MapArea;
use super::superblock::Superblock;

/// Deepest extent tree that a writer makes. Source: ext4 Data Structures, "Extent Tree".
const MAX_DEPTH: u16 = 5;
/// An extent longer than this is unwritten, and shorter by this.
const UNWRITTEN: u16 = 32768;

/// Reads mapping blocks, each at most once in a volume: a second claim of the same block is damage or malice.
pub(super) struct Mapper<'a> {
    volume: &'a dyn ReadAt,
    superblock: &'a Superblock,
    seen: HashSet<u64>,
    /// Mapping blocks that were read.
    pub places: Vec<Extent>,
}

/// How the mapping area is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The root of an extent tree.
    Extents,
    /// Twelve pointers to blocks, and three to blocks of pointers.
    Pointers,
}

impl<'a> Mapper<'a> {
    /// For one survey of one volume.
    pub(super) fn new(volume: &'a dyn ReadAt, superblock: &'a Superblock) -> Self {
        Self { volume, superblock, seen: HashSet::new(), places: Vec::new() }
    }

    /// The first block that has to be read to follow the mapping; `None` when the area says everything.
    pub(super) fn first_node(area: &MapArea, shape: Shape) -> Option<u64> {
        let fields = Fields(area);
        match shape {
            Shape::Extents => (fields.u16(6)? > 0).then(|| node_block(fields, 12)).flatten(),
            Shape::Pointers => {
                [48, 52, 56].into_iter().filter_map(|at| fields.u32(at)).find(|p| *p != 0).map(u64::from)
            }
        }
    }

    /// Follows the mapping up to `end` blocks of content (`u64::MAX`: as far as it goes).
    ///
    /// `home` is where the area stands, in bytes from the start of the volume.
    pub(super) fn map(&mut self, area: &MapArea, home: u64, shape: Shape, end: u64) -> Mapped {
        let mut mapped = Mapped::default();
        match shape {
            Shape::Extents => self.node(area, home, None, end, &mut mapped),
            Shape::Pointers => self.pointers(area, end, &mut mapped),
        }
        if end != u64::MAX && mapped.next < end {
            mapped.fill(end, self.superblock.block_size);
        }
        mapped
    }

    /// One node of an extent tree; `depth` is what its parent demands.
    fn node(&mut self, node: &[u8], offset: u64, depth: Option<u16>, end: u64, mapped: &mut Mapped) {
        let fields = Fields(node);
        let header = (fields.u16(0), fields.u16(2), fields.u16(6));
        let (Some(magic), Some(count), Some(found)) = header else { return };
        if magic != 0xf30a {
            // An inode whose size is 0 may never have got a root.
            if depth.is_some() || node.iter().any(|byte| *byte != 0) {
                mapped.damaged(Error::corrupt("extent node magic", offset, 0xf30a, magic));
            }
            return;
        }
        if found > MAX_DEPTH || depth.is_some_and(|depth| depth != found) {
            let expected = depth.map_or_else(|| format!("at most {MAX_DEPTH}"), |depth| depth.to_string());
            mapped.damaged(Error::corrupt("extent node depth", offset, expected, found));
            return;
        }
        let room = node.len().saturating_sub(12) / 12;
        if usize::from(count) > room {
            mapped.damaged(Error::corrupt("extent node", offset, format!("at most {room} entries"), count));
        }
        for at in (12_usize..).step_by(12).take(usize::from(count).min(room)) {
            if mapped.next >= end && end != u64::MAX {
                return;
            }
            if found == 0 {
                self.extent(fields, at, offset, end, mapped);
            } else if let Some(block) = node_block(fields, at)
                && let Some((child, place)) = self.block("extent node", block, mapped)
            {
                self.node(&child, place, found.checked_sub(1), end, mapped);
            }
        }
    }

    fn extent(&self, fields: Fields<'_>, at: usize, offset: u64, end: u64, mapped: &mut Mapped) {
        let field = |more: usize| at.saturating_add(more);
        let parts = (fields.u32(at), fields.u16(field(4)), fields.u16(field(6)), fields.u32(field(8)));
        let (Some(logical), Some(length), Some(high), Some(low)) = parts else { return };
        let start = u64::from(high) << 32 | u64::from(low);
        let (length, written) = match length.checked_sub(UNWRITTEN) {
            Some(more) if more > 0 => (more, false),
            _ => (length, true),
        };
        if length == 0 || u64::from(logical) < mapped.next {
            let expected = format!("blocks from {} on", mapped.next);
            mapped.damaged(Error::corrupt(
                "extent",
                offset,
                expected,
                format!("{length} from block {logical}"),
            ));
            return;
        }
        self.push(logical.into(), length.into(), written.then_some(start), end, mapped);
    }

    fn pointers(&mut self, area: &MapArea, end: u64, mapped: &mut Mapped) {
        let fields = Fields(area);
        let mut logical = 0_u64;
        for (index, at) in (0_u32..15).zip((0_usize..).step_by(4)) {
            let pointer = fields.u32(at).unwrap_or_default();
            let level = index.saturating_sub(11);
            logical = self.pointer(pointer, level, logical, end, mapped);
        }
    }

    /// One pointer at `level` levels above content; returns the first block of content after it.
    fn pointer(&mut self, pointer: u32, level: u32, logical: u64, end: u64, mapped: &mut Mapped) -> u64 {
        let fan = self.superblock.block_size / 4;
        let after = logical.saturating_add(fan.saturating_pow(level));
        if pointer == 0 || logical >= end {
            return after;
        }
        let Some(below) = level.checked_sub(1) else {
            self.push(logical, 1, Some(pointer.into()), end, mapped);
            return after;
        };
        if let Some((table, _)) = self.block("block of pointers", pointer.into(), mapped) {
            let mut logical = logical;
            for bytes in table.as_chunks::<4>().0 {
                logical = self.pointer(u32::from_le_bytes(*bytes), below, logical, end, mapped);
                if logical >= end {
                    break;
                }
            }
        }
        after
    }

    fn push(&self, logical: u64, length: u64, start: Option<u64>, end: u64, mapped: &mut Mapped) {
        let Some(length) = end.checked_sub(logical).map(|most| length.min(most)).filter(|length| *length > 0)
        else {
            return;
        };
        let unit = self.superblock.block_size;
        if let Some(start) = start
            && (start <= self.superblock.first_block || start.saturating_add(length) > self.superblock.blocks)
        {
            let expected = format!("blocks below {}", self.superblock.blocks);
            let found = format!("{length} blocks from block {start} on");
            mapped.damaged(Error::corrupt("content of a file", start.saturating_mul(unit), expected, found));
            return;
        }
        mapped.push(logical, length, start.map(|start| start.saturating_mul(unit)), unit);
    }

    /// A mapping block and where it stands in bytes.
    fn block(&mut self, what: &'static str, block: u64, mapped: &mut Mapped) -> Option<(Vec<u8>, u64)> {
        let place = block.saturating_mul(self.superblock.block_size);
        if block <= self.superblock.first_block || block >= self.superblock.blocks {
            let expected = format!("a block below {}", self.superblock.blocks);
            mapped.damaged(Error::corrupt(what, place, expected, block));
            return None;
        }
        if !self.seen.insert(block) {
            mapped.damaged(Error::corrupt(what, place, "one owner", "several"));
            return None;
        }
        match self.volume.read_vec(place, self.superblock.block_len()) {
            Ok(bytes) => {
                self.places.push(Extent::new(place, self.superblock.block_size));
                Some((bytes, place))
            }
            Err(unreadable) => {
                mapped.damaged(unreadable.into());
                None
            }
        }
    }
}

fn node_block(fields: Fields<'_>, at: usize) -> Option<u64> {
    let low = fields.u32(at.checked_add(4)?)?;
    let high = fields.u16(at.checked_add(8)?)?;
    Some(u64::from(high) << 32 | u64::from(low))
}
