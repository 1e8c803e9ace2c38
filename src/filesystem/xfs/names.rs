//! The names of all directories, gathered in the physical order of their blocks.

use std::collections::BTreeMap;

use super::Volume;
use super::directory::{self, Heads, Rules};
use super::inodes::ShortDirectory;
use super::tables::Tables;
use crate::filesystem::tree::{Blocks, Claims, Names, mark};
use crate::model::{EntryKind, Extent, Problem, ProblemKind, Survey};
use crate::read::size;

/// Where hashes begin in a directory, in bytes. Source: XFS Algorithms and Data Structures, "Leaf Directories".
const LEAVES: u64 = 32 << 30;

/// A directory block that lies in several pieces, until all are there.
struct Part {
    bytes: Vec<u8>,
    missing: u32,
    /// Where its first piece was found.
    place: u64,
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
    let mut parts: BTreeMap<(u64, u64), Part> = BTreeMap::new();
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
            let all = 1_u32.checked_shl(log).unwrap_or(1);
            let part = parts.entry((directory, index)).or_insert_with(|| Part {
                bytes: vec![0; whole],
                missing: all,
                place,
            });
            let within = logical.saturating_sub(index.checked_shl(log).unwrap_or(0));
            let start = usize::try_from(within.saturating_mul(unit)).unwrap_or(usize::MAX);
            let target = part.bytes.get_mut(start..start.saturating_add(bytes.len()));
            if let Some(target) = target {
                target.copy_from_slice(bytes);
                part.missing = part.missing.saturating_sub(1);
            }
            if part.missing == 0
                && let Some(part) = parts.remove(&(directory, index))
            {
                read(volume, directory, logical, part.place, &part.bytes, &mut names, survey);
            }
        },
    );
    // Blocks of which a piece could not be read.
    for ((directory, index), part) in parts {
        let logical = index.checked_shl(log).unwrap_or(0);
        read(volume, directory, logical, part.place, &part.bytes, &mut names, survey);
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
