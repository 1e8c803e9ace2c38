//! The checksums of data, sector by sector, for content that is opened.

use std::sync::{Mutex, PoisonError};

use super::State;
use super::item::kind;
use super::node::Key;
use super::roots::tree;
use super::walk::{self, Damage};

/// Owner of the items that hold checksums.
const OWNER: u64 = u64::MAX - 9;
/// Longest range that the checksums of one item can be for: those that a node has room for.
const MAX_SECTORS: u64 = 1 << 14;

/// Checksums from the item that was looked up last.
#[derive(Default)]
pub(super) struct Checksums(Mutex<Option<(u64, Vec<u8>)>>);

impl Checksums {
    /// Compares whole sectors that begin at a logical address with their checksums. Files may have been written
    /// without: sectors that have none are not compared.
    pub(super) fn check(&self, state: &State, logical: u64, bytes: &[u8]) -> Result<(), String> {
        let superblock = &state.nodes.superblock;
        let sector = usize::try_from(superblock.sector).unwrap_or(4096);
        if superblock.checksum.holds(&[0; 32], &[]).is_none() {
            return Ok(());
        }
        let mut at = logical;
        for content in bytes.chunks_exact(sector) {
            let stored = self.of(state, at);
            if stored.is_some_and(|stored| superblock.checksum.holds(&stored, content) == Some(false)) {
                return Err(format!("the checksum of the sector at logical byte {at} does not hold"));
            }
            at = at.saturating_add(superblock.sector);
        }
        Ok(())
    }

    /// The checksum of the sector at a logical address.
    fn of(&self, state: &State, logical: u64) -> Option<Vec<u8>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.as_ref().and_then(|(start, list)| pick(state, *start, list, logical)) {
            return Some(found);
        }
        let root = state.views.first()?.trees.get(&tree::CHECKSUM)?.pointer;
        let sector = state.nodes.superblock.sector;
        let from = logical.saturating_sub(sector.saturating_mul(MAX_SECTORS));
        let key = |offset| Key { objectid: OWNER, kind: kind::EXTENT_CSUM, offset };
        let mut best: Option<(u64, Vec<u8>)> = None;
        let mut show = |key: Key, data: &[u8]| best = Some((key.offset, data.to_vec()));
        // The last item that begins at or before the sector is the one that may hold it.
        walk::range(&state.nodes, root, (key(from), key(logical)), &mut show, Damage::Known).ok()?;
        let found = best.as_ref().and_then(|(start, list)| pick(state, *start, list, logical));
        *kept = best;
        found
    }
}

fn pick(state: &State, start: u64, list: &[u8], logical: u64) -> Option<Vec<u8>> {
    let superblock = &state.nodes.superblock;
    let number = logical.checked_sub(start)?.checked_div(superblock.sector)?;
    let length = superblock.checksum.length();
    let at = usize::try_from(number).ok()?.checked_mul(length)?;
    list.get(at..at.checked_add(length)?).map(<[u8]>::to_vec)
}
