//! Finding the newest state of a container that can be trusted, and the older ones.
//!
//! Apple File System Reference, section "Mounting an Apple File System Partition". A clean container has a copy of its
//! newest superblock in block 0; the descriptor area is a ring of superblocks and of maps of ephemeral objects.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result, size};

use super::block::{Address, Blocks, Notes};
use super::container::Container;
use super::object::{Header, is_sound, kind};
use super::tree::Tree;

/// Bytes at the start that are searched when block 0 says nothing.
const SEARCHED: usize = 8 << 20;
/// Most blocks of the descriptor area that are looked at; the usual ones have some hundred.
const MOST: u64 = 65_536;
/// The descriptor area is described by a tree, not by its first block.
const IS_TREE: u32 = 0x8000_0000;

const EXTENTS: Tree =
    Tree { name: "tree of the descriptor area", holds: kind::DESCRIPTOR_EXTENTS, fixed: (8, 16) };

/// How sure it is that the volume holds a container.
pub(super) fn probe(source: &dyn ReadAt) -> Confidence {
    match Container::read(source, 0) {
        Some(first) if first.sound => Confidence::Strong,
        // Without block 0, a sound copy where the descriptor area usually begins.
        first => {
            let copies = (1..=16).flat_map(|block| (12..=16).map(move |log| block << log));
            let found = copies.filter_map(|offset| Container::read(source, offset));
            match found.filter(|copy| copy.sound).count() {
                0 if first.is_none() => Confidence::No,
                0 => Confidence::Weak,
                _ if first.is_some() => Confidence::Strong,
                _ => Confidence::Weak,
            }
        }
    }
}

/// The states of a container that the descriptor area still holds.
pub(super) struct Checkpoints {
    /// The state that is read.
    pub newest: Container,
    /// Older ones whose checksum holds, newest first.
    pub older: Vec<Container>,
    /// Blocks of the descriptor area in the order of the ring.
    ring: Vec<u64>,
}

impl Checkpoints {
    /// Looks for superblocks. An error means that there is none at all.
    pub(super) fn find(source: &Arc<dyn ReadAt>, notes: &mut Notes) -> Result<Self> {
        let first = Container::read(source, 0);
        let start = match first.clone().filter(|first| first.sound) {
            Some(first) => first,
            None => {
                let found = search(source).or_else(|| first.clone()).ok_or_else(|| {
                    Error::corrupt("APFS container superblock", 0, "a copy of it", "none in the first 8 MiB")
                })?;
                let place = Extent::new(0, size(found.block));
                let copy = format!("a copy at byte {} is used", found.offset);
                notes.corrupt("superblock in block 0", place, "a checksum that holds", &copy);
                found
            }
        };
        let blocks = start.blocks(source);
        let ring = ring(&blocks, &start, notes);
        let places: Vec<Address> = ring.iter().map(|block| Address::physical(*block)).collect();
        let mut copies = Vec::new();
        let mut sorted = places;
        sorted.sort_unstable();
        blocks.sweep(&sorted, &mut |address, bytes| {
            let place = blocks.extent(address.block, 1);
            match bytes {
                Ok(bytes) => {
                    notes.read(place);
                    copies.extend(Container::parse(bytes, place.offset));
                }
                Err(why) => notes.unreadable("checkpoint descriptor area", place, &why),
            }
        });
        copies.extend(first);
        copies.push(start.clone());
        Ok(Self::choose(copies, ring, start, notes))
    }

    fn choose(mut copies: Vec<Container>, ring: Vec<u64>, start: Container, notes: &mut Notes) -> Self {
        copies.retain(|copy| copy.block == start.block);
        copies.sort_by_key(|copy| std::cmp::Reverse((copy.sound, copy.transaction)));
        copies.dedup_by_key(|copy| (copy.sound, copy.transaction, copy.offset));
        let newest = copies.first().cloned().unwrap_or(start);
        for damaged in copies.iter().filter(|copy| !copy.sound && copy.offset != 0) {
            let place = Extent::new(damaged.offset, size(damaged.block));
            let used = format!("another one: that of transaction {} is used", newest.transaction);
            notes.corrupt("superblock of a checkpoint", place, "a checksum that holds", &used);
        }
        if !newest.sound {
            let detail = "no superblock has a checksum that holds: one is used as it is";
            notes.problem(Problem::new(ProblemKind::Corrupt, detail));
        }
        let mut older: Vec<Container> =
            copies.into_iter().filter(|copy| copy.sound && copy.transaction < newest.transaction).collect();
        older.dedup_by_key(|copy| copy.transaction);
        Self { newest, older, ring }
    }

    /// The ephemeral objects of the newest state: block of each.
    pub(super) fn ephemeral(&self, blocks: &Blocks) -> HashMap<u64, u64> {
        let (first, count) = self.newest.own;
        let mut found = HashMap::new();
        let length = size(self.ring.len());
        for step in 0..u64::from(count).min(length) {
            let index = u64::from(first).saturating_add(step).checked_rem(length).unwrap_or(0);
            let block = usize::try_from(index).ok().and_then(|index| self.ring.get(index));
            let Some(bytes) = block.and_then(|block| blocks.read(*block).ok()) else { continue };
            let is_map = Header::parse(&bytes).is_some_and(|header| header.kind == kind::CHECKPOINT_MAP);
            if !is_map || !is_sound(&bytes) {
                continue;
            }
            let entries = bytes.get(40..).unwrap_or_default().chunks_exact(40);
            let count = Fields(&bytes).u32(36).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
            for entry in entries.take(count) {
                let (id, block) = (Fields(entry).u64(24), Fields(entry).u64(32));
                found.extend(id.zip(block));
            }
        }
        found
    }
}

impl Container {
    /// The blocks of the container.
    pub(super) fn blocks(&self, source: &Arc<dyn ReadAt>) -> Blocks {
        Blocks { source: Arc::clone(source), length: self.block, count: self.blocks, until: self.transaction }
    }
}

/// The newest sound copy near the start, where the descriptor area usually is.
fn search(source: &dyn ReadAt) -> Option<Container> {
    let length = usize::try_from(source.size()).unwrap_or(SEARCHED).min(SEARCHED);
    let found = (0..size(length)).step_by(4096).filter_map(|offset| {
        let mut magic = [0; 4];
        source.read_exact_at(offset.checked_add(32)?, &mut magic).ok()?;
        (magic == *b"NXSB").then(|| Container::read(source, offset)).flatten()
    });
    found.filter(|copy| copy.sound).max_by_key(|copy| copy.transaction)
}

/// The blocks of the descriptor area.
fn ring(blocks: &Blocks, container: &Container, notes: &mut Notes) -> Vec<u64> {
    let (base, length) = container.descriptors;
    let count = u64::from(length & !IS_TREE).min(MOST);
    if length & IS_TREE == 0 {
        return (base..base.saturating_add(count)).filter(|block| blocks.has(*block, 1)).collect();
    }
    let mut pieces = Vec::new();
    let physical = |block| Some(Address::physical(block));
    EXTENTS.walk(blocks, Address::physical(base), &physical, notes, &mut |node, _| {
        for pair in node.pairs().flatten() {
            let (key, value) = (Fields(pair.key), Fields(pair.value));
            pieces.extend(key.u64(0).zip(value.u64(0)).zip(value.u64(8)));
        }
    });
    pieces.sort_unstable();
    let all = pieces.into_iter().flat_map(|((_, start), count)| start..start.saturating_add(count.min(MOST)));
    all.filter(|block| blocks.has(*block, 1)).take(usize::try_from(MOST).unwrap_or(0)).collect()
}
