//! Which blocks of a container are free.
//!
//! Apple File System Reference, section "Space Manager". Blocks that were freed lately wait in a queue: they are still
//! marked as used, and nothing has taken them yet.

use std::collections::{HashMap, HashSet};

use crate::model::Extent;
use crate::read::Fields;

use super::block::{Address, Blocks, Notes};
use super::object::{Header, is_sound, kind};
use super::tree::Tree;

const QUEUE: Tree = Tree { name: "queue of free blocks", holds: kind::FREE_QUEUE, fixed: (16, 8) };

/// Most blocks of one bitmap: as many as a block of the greatest length has bits.
const CHUNK: u64 = 65_536 * 8;
/// Most blocks of the space manager itself.
const OWN: u64 = 64;

/// The bitmaps of the main device.
#[derive(Default)]
pub(super) struct Space {
    /// In the order of their first blocks.
    chunks: Vec<Chunk>,
    /// Freed lately: first block and number, in order.
    waiting: Vec<(u64, u64)>,
}

struct Chunk {
    first: u64,
    count: u64,
    /// A bit for each block, set when it is used; none when all are free.
    bits: Option<Vec<u8>>,
}

impl Space {
    /// Reads the bitmaps; what cannot be read counts as used.
    pub(super) fn read(
        blocks: &Blocks,
        manager: u64,
        ephemeral: &HashMap<u64, u64>,
        notes: &mut Notes,
    ) -> Option<Self> {
        let block = *ephemeral.get(&manager)?;
        let bytes = whole(blocks, block)?;
        let fields = Fields(&bytes);
        let mut space = Self::default();
        let length = crate::read::size(bytes.len());
        notes.read(Extent::new(blocks.extent(block, 1).offset, length));
        let addresses = |at: Option<u32>, count: u32| -> Vec<u64> {
            let start = at.and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX);
            let places = bytes.get(start..).unwrap_or_default().as_chunks::<8>().0.iter();
            places.take(usize::try_from(count).unwrap_or(0)).map(|word| u64::from_le_bytes(*word)).collect()
        };
        let (groups, tables) = (fields.u32(68)?, fields.u32(64)?);
        let mut seen = HashSet::new();
        let mut listed = addresses(fields.u32(80), if groups > 0 { groups } else { tables });
        listed.retain(|block| seen.insert(*block));
        let mut chunks: Vec<u64> = match groups {
            0 => listed,
            _ => listed
                .iter()
                .flat_map(|block| cells(blocks, *block, kind::CHUNK_ADDRESSES, 8, notes))
                .flat_map(word)
                .collect(),
        };
        chunks.retain(|block| groups == 0 || seen.insert(*block));
        let most = most_chunks(blocks);
        for table in chunks {
            for cell in cells(blocks, table, kind::CHUNKS, 32, notes) {
                if crate::read::size(space.chunks.len()) < most {
                    space.chunk(blocks, &cell, notes);
                }
            }
        }
        space.chunks.sort_by_key(|chunk| chunk.first);
        space.queue(blocks, fields.u64(248), ephemeral, notes);
        Some(space)
    }

    fn chunk(&mut self, blocks: &Blocks, cell: &[u8], notes: &mut Notes) {
        let fields = Fields(cell);
        let place = fields.u64(8).zip(fields.u32(16)).zip(fields.u64(24));
        let Some(((first, count), bitmap)) = place else { return };
        let count = u64::from(count).min(CHUNK);
        if bitmap == 0 {
            return self.chunks.push(Chunk { first, count, bits: None });
        }
        if let Some(bits) = blocks.has(bitmap, 1).then(|| blocks.read(bitmap).ok()).flatten() {
            notes.read(blocks.extent(bitmap, 1));
            self.chunks.push(Chunk { first, count, bits: Some(bits) });
        }
    }

    /// The main device's queue is the second of three; a value that is not there stands for one block.
    fn queue(
        &mut self,
        blocks: &Blocks,
        root: Option<u64>,
        ephemeral: &HashMap<u64, u64>,
        notes: &mut Notes,
    ) {
        let resolve = |id: u64| ephemeral.get(&id).map(|block| Address { block: *block, id, bare: false });
        let Some(root) = root.and_then(resolve) else { return };
        QUEUE.walk(blocks, root, &resolve, notes, &mut |node, _| {
            for pair in node.pairs().flatten() {
                if let Some(first) = Fields(pair.key).u64(8) {
                    self.waiting.push((first, Fields(pair.value).u64(0).unwrap_or(1)));
                }
            }
        });
        self.waiting.sort_unstable();
    }

    /// Whether nothing has taken any of those blocks.
    pub(super) fn is_free(&self, first: u64, count: u64) -> bool {
        let mut at = first;
        let end = first.saturating_add(count);
        while at < end {
            let next = self.free_until(at, end).or_else(|| self.waits_until(at));
            match next.filter(|next| *next > at) {
                Some(next) => at = next,
                None => return false,
            }
        }
        true
    }

    /// The end of the free blocks from `at` on, within its chunk and as far as `end`.
    fn free_until(&self, at: u64, end: u64) -> Option<u64> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= at);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        let within = at.checked_sub(chunk.first).filter(|within| *within < chunk.count)?;
        let Some(bits) = &chunk.bits else { return chunk.first.checked_add(chunk.count) };
        let stop = chunk.count.min(within.saturating_add(end.saturating_sub(at)));
        let mut bit = within;
        while bit < stop {
            let rest = usize::try_from(bit / 8).ok().and_then(|byte| bits.get(byte..)).unwrap_or_default();
            let Some(byte) = rest.first() else { break };
            if bit % 8 == 0 && *byte == 0 {
                // Many at once: streams may name the same blocks again and again.
                let most = usize::try_from(stop.saturating_sub(bit).div_ceil(8)).unwrap_or(usize::MAX);
                let zeros = rest.iter().take(most).take_while(|byte| **byte == 0).count();
                bit = bit.saturating_add(crate::read::size(zeros).saturating_mul(8));
            } else if byte & (1 << (bit % 8)) == 0 {
                bit = bit.saturating_add(1);
            } else {
                break;
            }
        }
        at.checked_add(bit.min(stop).saturating_sub(within)).filter(|end| *end > at)
    }

    /// How many chunks are known.
    #[cfg(test)]
    pub(super) const fn length(&self) -> usize {
        self.chunks.len()
    }

    fn waits_until(&self, at: u64) -> Option<u64> {
        let after = self.waiting.partition_point(|(first, _)| *first <= at);
        let (first, count) = self.waiting.get(after.checked_sub(1)?)?;
        first.checked_add(*count).filter(|end| *end > at)
    }
}

/// As many chunks as the medium has blocks for.
fn most_chunks(blocks: &Blocks) -> u64 {
    let length = crate::read::size(blocks.length);
    let there = blocks.source.size().checked_div(length).unwrap_or(0).min(blocks.count);
    there.checked_div(length.saturating_mul(8)).unwrap_or(0).saturating_add(1)
}

fn word(cell: Vec<u8>) -> Option<u64> {
    Fields(&cell).u64(0)
}

/// The space manager may be longer than a block: its checksum says how long it is.
fn whole(blocks: &Blocks, block: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for step in 0..OWN {
        let next = block.checked_add(step).filter(|next| blocks.has(*next, 1))?;
        bytes.extend_from_slice(&blocks.read(next).ok()?);
        if Header::parse(&bytes)?.kind != kind::SPACE_MANAGER {
            return None;
        }
        if is_sound(&bytes) {
            return Some(bytes);
        }
    }
    None
}

/// The cells of a table of the space manager: their number at 36, themselves from 40 on.
fn cells(blocks: &Blocks, block: u64, kind: u32, length: usize, notes: &mut Notes) -> Vec<Vec<u8>> {
    let bytes = blocks.has(block, 1).then(|| blocks.read(block).ok()).flatten().unwrap_or_default();
    let is_one = Header::parse(&bytes).is_some_and(|header| header.kind == kind) && is_sound(&bytes);
    let count = Fields(&bytes).u32(36).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    if !is_one {
        let found = format!("type {:#x}", Header::parse(&bytes).map_or(0, |header| header.kind));
        notes.corrupt("table of the space manager", blocks.extent(block, 1), "a sound one", &found);
        return Vec::new();
    }
    notes.read(blocks.extent(block, 1));
    let cells = bytes.get(40..).unwrap_or_default().chunks_exact(length);
    cells.take(count).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn free_blocks_are_those_that_the_bits_say_and_those_that_wait() {
        let mut bits = vec![0; 64];
        for used in [3_usize, 40, 41, 300] {
            bits[used / 8] |= 1 << (used % 8);
        }
        let chunks = vec![
            Chunk { first: 0, count: 500, bits: Some(bits) },
            Chunk { first: 500, count: 100, bits: None },
            Chunk { first: 600, count: 5000, bits: Some(vec![0; 64]) },
        ];
        let space = Space { chunks, waiting: vec![(41, 1)] };
        let is_free = |block: u64| ![3, 40, 300].contains(&block) && block < 600 + 512;
        for first in 0..1200 {
            for count in [1, 2, 7, 8, 9, 60, 250, 520] {
                let expected = (first..first + count).all(is_free);
                assert_eq!(space.is_free(first, count), expected, "{first} {count}");
            }
        }
    }
}
