//! Whether the extents of deleted files are in use by something else now.

use super::gather::Piece;
use super::item::{Stored, kind};
use super::node::Key;
use super::nodes::Nodes;
use super::notes::Notes;
use super::own;
use super::roots::{View, tree};
use super::settle::Settled;
use super::walk::Sweep;
use crate::filesystem::tree::mark;
use crate::model::{Problem, ProblemKind};
use crate::read::{Fields, size};

/// An extent in use.
#[derive(Clone, Copy)]
struct Extent {
    start: u64,
    length: u64,
    /// Transaction that wrote it.
    generation: u64,
}

/// What has become of an extent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Free,
    /// The same extent is in use: by a snapshot or a clone.
    Held,
    Taken,
}

/// Marks rows of deleted files by what has become of their extents. The extent tree is read only if there are any.
pub(super) fn judge(nodes: &Nodes, view: &View, settled: &mut Settled, notes: &mut Notes) {
    if !settled.deleted.iter().any(Piece::has_place) {
        return;
    }
    let (used, whole) = extents(nodes, view, notes);
    if !whole {
        let detail =
            "the tree of extents in use could not be read: deleted content may belong to other files by now";
        notes.problem(Problem::new(ProblemKind::Ambiguous, detail));
    }
    for pieces in settled.deleted.chunk_by(|one, next| one.record == next.record) {
        let Some(at) = pieces.first().and_then(|piece| settled.rows.find(piece.record)) else { continue };
        if settled.rows.get(at).is_none_or(|row| row.has(mark::IN_USE)) {
            continue;
        }
        let stored = pieces.iter().filter(|piece| piece.stored == Stored::Plain);
        let fates: Vec<Fate> = stored.map(|piece| fate(&used, piece)).collect();
        if fates.contains(&Fate::Taken) {
            settled.rows.mark(at, own::TAKEN);
        } else if whole && fates.iter().all(|fate| *fate == Fate::Held) {
            settled.rows.mark(at, own::HELD);
        }
    }
}

fn extents(nodes: &Nodes, view: &View, notes: &mut Notes) -> (Vec<Extent>, bool) {
    let Some(root) = view.trees.get(&tree::EXTENT) else { return (Vec::new(), false) };
    let mut used = Vec::new();
    let mut own = Notes::default();
    let sweep = Sweep { nodes, roots: vec![(tree::EXTENT, root.pointer)], known: None };
    sweep.run(&mut own, |_, node| {
        used.extend(node.items().filter_map(|(key, data)| extent(nodes, key, data)));
    });
    used.sort_unstable_by_key(|extent| (extent.start, extent.length));
    let whole = !own.damaged;
    notes.take_places(own);
    (used, whole)
}

/// Source: Btrfs on-disk format, `btrfs_extent_item`.
fn extent(nodes: &Nodes, key: Key, data: &[u8]) -> Option<Extent> {
    let length = match key.kind {
        kind::EXTENT => key.offset,
        kind::METADATA => size(nodes.superblock.node),
        _ => return None,
    };
    Some(Extent { start: key.objectid, length, generation: Fields(data).u64(8)? })
}

fn fate(used: &[Extent], piece: &Piece) -> Fate {
    let end = piece.start.saturating_add(piece.stored_bytes);
    // Extents do not overlap each other: only the last one before the end matters, and those that begin inside.
    let behind = used.partition_point(|extent| extent.start < end);
    let last = behind.checked_sub(1).and_then(|at| used.get(at));
    match last {
        Some(extent) if extent.start.saturating_add(extent.length) <= piece.start => Fate::Free,
        None => Fate::Free,
        Some(extent) => {
            let same = (extent.start, extent.length, extent.generation)
                == (piece.start, piece.stored_bytes, piece.generation);
            if same { Fate::Held } else { Fate::Taken }
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn piece(start: u64, stored_bytes: u64) -> Piece {
        Piece {
            record: 1,
            view: 1,
            stored: Stored::Plain,
            compression: 0,
            encrypted: false,
            reserved: false,
            offset: 0,
            start,
            stored_bytes,
            within: 0,
            length: stored_bytes,
            generation: 7,
        }
    }

    #[test]
    fn extents_are_free_or_held_or_taken() {
        let extent = |start, length, generation| Extent { start, length, generation };
        let used = [extent(1000, 100, 5), extent(2000, 100, 7), extent(3000, 100, 8)];
        for (start, length, expected) in [
            (0, 1000, Fate::Free),
            (1100, 900, Fate::Free),
            (4000, 10, Fate::Free),
            (2000, 100, Fate::Held),
            // The same place, written again by a later transaction.
            (3000, 100, Fate::Taken),
            (1050, 10, Fate::Taken),
            (900, 101, Fate::Taken),
            (2000, 50, Fate::Taken),
            (0, 5000, Fate::Taken),
        ] {
            assert!(fate(&used, &piece(start, length)) == expected, "{start} {length}");
        }
        assert!(fate(&[], &piece(5, 5)) == Fate::Free);
    }
}
