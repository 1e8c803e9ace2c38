//! The names of all directories, gathered in the physical order of their blocks.

use std::collections::{BTreeMap, VecDeque};

use super::Volume;
use super::directory::{self, Heads, Rules};
use super::inodes::ShortDirectory;
use super::tables::Tables;
use crate::filesystem::tree::{Blocks, Claims, Names, mark};
use crate::model::{EntryKind, Extent, Problem, ProblemKind, Survey};
use crate::read::size;

/// Where hashes begin in a directory, in bytes. Source: XFS Algorithms and Data Structures, "Leaf Directories".
const LEAVES: u64 = 32 << 30;

/// Most bytes of directory blocks that are held until their other pieces come.
const MAX_HELD: usize = 64 << 20;

/// A directory block that lies in several pieces, until all are there.
struct Part {
    /// The pieces that came, by their places within.
    pieces: Vec<(usize, Box<[u8]>)>,
    /// Where its first piece was found.
    place: u64,
}

/// Directory blocks of which not all pieces are there, by directory and number of the block within it.
struct Parts {
    map: BTreeMap<(u64, u64), Part>,
    /// In the order in which they began; those that are whole by now are passed over.
    order: VecDeque<(u64, u64)>,
    /// Pieces of a block, and the bytes of one.
    pieces: usize,
    unit: usize,
    held: usize,
    most: usize,
}

impl Part {
    /// The block, with zeros where a piece is missing.
    fn whole(&self, length: usize) -> Vec<u8> {
        let mut whole = vec![0; length];
        for (start, piece) in &self.pieces {
            if let Some(target) = whole.get_mut(*start..start.saturating_add(piece.len())) {
                target.copy_from_slice(piece);
            }
        }
        whole
    }
}

impl Parts {
    /// None yet; of blocks that have that many pieces of `unit` bytes.
    const fn new(pieces: usize, unit: usize, most: usize) -> Self {
        Self { map: BTreeMap::new(), order: VecDeque::new(), pieces, unit, held: 0, most }
    }

    /// Adds a piece that was found at `place`. Returns a block when it is whole, or the oldest when too much is held.
    fn add(&mut self, key: (u64, u64), within: u64, place: u64, bytes: &[u8]) -> Option<((u64, u64), Part)> {
        let order = &mut self.order;
        let part = self.map.entry(key).or_insert_with(|| {
            order.push_back(key);
            Part { pieces: Vec::new(), place }
        });
        let start = usize::try_from(within).unwrap_or(usize::MAX).saturating_mul(self.unit);
        part.pieces.push((start, bytes.into()));
        self.held = self.held.saturating_add(bytes.len());
        let ready = if part.pieces.len() >= self.pieces { Some(key) } else { None };
        while self.order.front().is_some_and(|first| ready == Some(*first) || !self.map.contains_key(first)) {
            self.order.pop_front();
        }
        let key = ready.or_else(|| if self.held > self.most { self.order.pop_front() } else { None })?;
        let part = self.map.remove(&key)?;
        let bytes = part.pieces.iter().map(|(_, piece)| piece.len()).fold(0, usize::saturating_add);
        self.held = self.held.saturating_sub(bytes);
        Some((key, part))
    }
}

/// Reads the directories in use.
pub(super) fn gather(tables: &mut Tables<'_>, survey: &mut Survey<'_>) -> Names {
    let mut names = Names::default();
    let volume = tables.volume;
    let short = std::mem::take(&mut tables.inodes.short);
    for ShortDirectory { number, fork } in short {
        let rules = rules(volume, number);
        let heads = directory::short_form(&fork, &rules, &mut |found| names.push(number, 0, &found, survey));
        let place = volume.superblock.inode_byte(number).unwrap_or(0);
        note(number, place, size(volume.superblock.inode_size), heads, &mut names, survey);
    }
    let wanted = |at: &usize| {
        let row = tables.inodes.rows.get(*at);
        row.is_some_and(|row| row.kind == EntryKind::Directory && row.has(mark::IN_USE))
    };
    let chosen: Vec<usize> = (0..tables.inodes.rows.list().len()).filter(wanted).collect();
    let superblock = &volume.superblock;
    let unit = superblock.block_size;
    let blocks = Blocks {
        source: &*volume.source,
        length: superblock.block_len(),
        end: LEAVES.checked_div(unit).unwrap_or(0),
    };
    let log = superblock.directory_log;
    let whole = usize::try_from(superblock.directory_block()).unwrap_or(65536);
    let pieces = 1_usize.checked_shl(log).unwrap_or(1);
    let mut parts = Parts::new(pieces, superblock.block_len(), MAX_HELD);
    Claims::default().sweep(
        &blocks,
        &chosen,
        &tables.inodes.rows,
        &mut tables.places,
        survey,
        |claim, block, bytes, survey| {
            let (directory, logical) = (claim.directory, claim.logical(block));
            let place = block.saturating_mul(unit);
            if log == 0 {
                return read(volume, directory, logical, place, bytes, &mut names, survey);
            }
            let index = logical.checked_shr(log).unwrap_or(0);
            let within = logical.saturating_sub(index.checked_shl(log).unwrap_or(0));
            if let Some((key, part)) = parts.add((directory, index), within, place, bytes) {
                let logical = key.1.checked_shl(log).unwrap_or(0);
                read(volume, key.0, logical, part.place, &part.whole(whole), &mut names, survey);
            }
        },
    );
    // Blocks of which a piece could not be read.
    for ((directory, index), part) in parts.map {
        let logical = index.checked_shl(log).unwrap_or(0);
        read(volume, directory, logical, part.place, &part.whole(whole), &mut names, survey);
    }
    names.sort();
    names
}

/// Reads one directory block.
fn read(
    volume: &Volume,
    directory: u64,
    logical: u64,
    place: u64,
    bytes: &[u8],
    names: &mut Names,
    survey: &mut Survey<'_>,
) {
    let rules = rules(volume, directory);
    let heads = directory::block(bytes, &rules, &mut |found| names.push(directory, logical, &found, survey));
    note(directory, place, size(bytes.len()), heads, names, survey);
}

fn rules(volume: &Volume, directory: u64) -> Rules {
    let superblock = &volume.superblock;
    Rules { directory, typed: superblock.typed, is_v5: superblock.is_v5(), last: superblock.last_inode() }
}

/// Notes what else a directory says.
fn note(number: u64, place: u64, length: u64, heads: Heads, names: &mut Names, survey: &mut Survey<'_>) {
    if let Some(parent) = heads.parent {
        names.add_parent(number, parent);
    }
    if let Some((at, what)) = heads.damage {
        let offset = place.saturating_add(size(at));
        let detail = format!(
            "directory inode {number} at byte {offset}: expected a sound directory, found {what}; names may be missing"
        );
        survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(place, length)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_in_pieces_are_put_together_and_the_oldest_goes_when_too_much_is_held() {
        let mut parts = Parts::new(2, 2, 4);
        assert!(parts.add((1, 0), 1, 10, b"cd").is_none());
        assert!(parts.add((2, 0), 0, 20, b"xx").is_none());
        let (key, part) = parts.add((1, 0), 0, 30, b"ab").unwrap();
        assert_eq!((key, part.place, part.whole(4).as_slice()), ((1, 0), 10, b"abcd".as_slice()));
        assert!(parts.add((3, 0), 0, 40, b"yy").is_none());
        let (key, part) = parts.add((4, 0), 1, 50, b"zz").unwrap();
        assert_eq!((key, part.whole(4).as_slice()), ((2, 0), b"xx\0\0".as_slice()));
        assert_eq!((parts.held, parts.map.len()), (4, 2));
    }
}
