//! Further sessions on the same medium: each begins with a set of descriptors of its own.

use super::descriptor::{self, SECTOR, SYSTEM_AREA, Set};
use crate::read::ReadAt;

/// Sectors between places at which a session is looked for.
const STEP: u64 = 16;
/// Places that are looked at from the start of the volume, and from the end of each session found: 32 MiB.
const PLACES: u64 = 1024;
/// Most sessions that are read.
pub(super) const MOST: usize = 64;

/// The other sessions, by place: first those within 32 MiB from the start, then those behind the end of each one known.
///
/// A set none of whose root directories is new is a copy.
pub(super) fn find(volume: &dyn ReadAt, first: &Set) -> Vec<Set> {
    let mut known = roots(first);
    let mut found: Vec<Set> = Vec::new();
    let mut starts = vec![0, first.end() / SECTOR];
    let mut looked = 0_u64;
    while let Some(start) = starts.pop() {
        let start = start & !(STEP - 1);
        for place in 0..PLACES {
            let sector = start.saturating_add(place.saturating_mul(STEP)).saturating_add(SYSTEM_AREA);
            let at = sector.saturating_mul(SECTOR);
            looked = looked.saturating_add(1);
            if at >= volume.size() || found.len() >= MOST || looked > PLACES.saturating_mul(8) {
                break;
            }
            if volume.read_vec(at.saturating_add(1), 5).ok().as_deref() != Some(b"CD001") {
                continue;
            }
            let set = descriptor::read(volume, at);
            let own = roots(&set);
            if own.iter().all(|root| known.contains(root)) {
                continue;
            }
            known.extend(own);
            starts.push(set.end() / SECTOR);
            found.push(set);
        }
    }
    found.sort_by_key(|set| set.at);
    found
}

/// Blocks of the root directories, with the length of a block.
fn roots(set: &Set) -> Vec<(u32, u64)> {
    set.trees.iter().map(|tree| (tree.root.0.little, tree.block)).collect()
}

/// Block of the root directory of the first tree: later sessions have later ones.
pub(super) fn root(set: &Set) -> Option<u32> {
    set.trees.first().map(|tree| tree.root.0.little)
}
