//! Volumes that are encrypted: what can be said of them, and which blocks are theirs.

use crate::model::{Bucket, Problem, ProblemKind, Survey};
use crate::read::{Fields, size};

use super::block::{Address, Blocks, Notes};
use super::map::ObjectMap;
use super::object::kind;
use super::tree::Tree;
use super::volume::Superblock;
use crate::filesystem::signatures::LOCKED;

const REFERENCES: Tree =
    Tree { name: "node of a tree of physical extents", holds: kind::EXTENT_REFERENCES, fixed: (0, 0) };

/// The problem of an encrypted volume.
pub(super) fn problem(volume: &Superblock, name: &str, blocks: &Blocks) -> Problem {
    let keys = if volume.has_one_key() { "one key for the whole volume" } else { "a key for each file" };
    let detail = format!("APFS volume {name}: encrypted (FileVault or the computer's own hardware), {keys}");
    Problem::new(ProblemKind::Encrypted, detail).at(blocks.extent(volume.block, 1)).advise(LOCKED)
}

/// Claims what belongs to an encrypted volume: the nodes of its tree and the extents of its files.
///
/// The tree of physical extents is not encrypted.
pub(super) fn claim(
    blocks: &Blocks,
    volume: &Superblock,
    map: Option<&ObjectMap>,
    transaction: u64,
    notes: &mut Notes,
    survey: &mut Survey<'_>,
) {
    let mut pieces: Vec<(u64, u64)> = Vec::new();
    let nodes = map.into_iter().flat_map(|map| map.at(transaction));
    pieces.extend(nodes.filter(|(_, encrypted)| *encrypted).map(|(address, _)| (address.block, 1)));
    let physical = |block| Some(Address::physical(block));
    REFERENCES.walk(blocks, Address::physical(volume.references), &physical, notes, &mut |node, _| {
        for pair in node.pairs().flatten() {
            let first = Fields(pair.key).u64(0).filter(|head| head >> 60 == 2);
            let count = Fields(pair.value).u64(0);
            pieces.extend(first.zip(count).map(|(first, count)| (first & LOW, count & LOW)));
        }
    });
    pieces.sort_unstable();
    let mut end = 0;
    for (first, count) in pieces {
        let last = first.saturating_add(count).min(blocks.count).min(whole_blocks(blocks));
        let first = first.max(end);
        if first < last {
            let place = blocks.extent(first, last.saturating_sub(first));
            survey.claim(place.offset, place.length, Bucket::Encrypted);
            end = last;
        }
    }
}

/// Highest four bits are a type, or a kind.
const LOW: u64 = 0x0fff_ffff_ffff_ffff;

/// What is there may be less than what the container says of itself.
fn whole_blocks(blocks: &Blocks) -> u64 {
    blocks.source.size().checked_div(size(blocks.length)).unwrap_or(0)
}
