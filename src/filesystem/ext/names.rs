//! The names of all directories, gathered in the physical order of their blocks.

use std::collections::HashSet;

use crate::model::{EntryKind, Extent, Survey};
use crate::read::{Error, size};

use super::directory::{self, Heads, Rules};
use super::inode::{Inode, flag};
use super::inodes::{low, own};
use super::superblock::incompat;
use super::tables::Tables;
use crate::filesystem::tree::{Blocks, Claim, Claims, Names, Row, mark};

/// A directory small enough to stand in its inode.
pub(super) struct InlineDirectory {
    number: u32,
    parts: [Vec<u8>; 2],
}

impl InlineDirectory {
    /// The directory in that inode, if it is one.
    pub(super) fn of(number: u32, inode: Inode<'_>) -> Option<Self> {
        let (front, rest) = inode.inline_parts();
        (inode.kind() == EntryKind::Directory && inode.has(flag::INLINE_DATA))
            .then(|| Self { number, parts: [front.to_vec(), rest.to_vec()] })
    }
}

/// Reads the blocks of all directories, and gathers the names.
#[derive(Default)]
pub(super) struct DirectorySweep {
    /// Every name.
    pub names: Names,
    /// The blocks that were read.
    claims: Claims,
    /// Deleted directories whose first block still is their own.
    proven: HashSet<u32>,
}

impl DirectorySweep {
    /// Reads the directories in use that were not read before.
    pub(super) fn sweep(&mut self, tables: &mut Tables<'_>, survey: &mut Survey<'_>) {
        self.sweep_some(tables, |row| row.has(mark::IN_USE), survey);
    }

    /// Reads what is left of the other directories: blocks that nothing else uses, below a first block that is
    /// still their own.
    pub(super) fn sweep_deleted(&mut self, tables: &mut Tables<'_>, survey: &mut Survey<'_>) {
        let before = self.names.len();
        self.sweep_some(tables, |row| !row.has(mark::IN_USE), survey);
        self.names.retain_behind(before, |name| self.proven.contains(&low(name.directory)));
    }

    /// Inodes named by entries in use, and the root, which needs no name.
    pub(super) fn targets(&self) -> impl Iterator<Item = u64> + '_ {
        let named = self.names.list().iter().filter(|name| !name.deleted).map(|name| name.target);
        named.chain([super::ROOT_INODE.into()])
    }

    fn sweep_some(&mut self, tables: &mut Tables<'_>, which: impl Fn(&Row) -> bool, survey: &mut Survey<'_>) {
        let chosen: Vec<usize> = (0_usize..)
            .zip(tables.inodes.rows.list())
            .filter(|(_, row)| row.kind == EntryKind::Directory && which(row) && !row.has(own::READ))
            .map(|(at, _)| at)
            .collect();
        for at in &chosen {
            tables.inodes.rows.mark(*at, own::READ);
        }
        self.inline(tables, &which, survey);
        let blocks = Blocks {
            source: &*tables.volume.source,
            length: tables.volume.superblock.block_len(),
            end: u64::MAX,
        };
        let (mut places, mut claims) = (std::mem::take(&mut tables.places), std::mem::take(&mut self.claims));
        claims.sweep(
            &blocks,
            &chosen,
            &tables.inodes.rows,
            &mut places,
            survey,
            |claim, block, bytes, survey| self.claimed(claim, block, bytes, tables, survey),
        );
        (tables.places, self.claims) = (places, claims);
    }

    fn inline(&mut self, tables: &mut Tables<'_>, which: &impl Fn(&Row) -> bool, survey: &mut Survey<'_>) {
        let all = std::mem::take(&mut tables.inline);
        let (now, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|directory| {
            tables
                .inodes
                .rows
                .find(directory.number.into())
                .and_then(|at| tables.inodes.rows.get(at))
                .is_some_and(which)
        });
        tables.inline = later;
        for InlineDirectory { number, parts: [front, rest] } in now {
            let Some(at) = tables.inodes.rows.find(number.into()) else { continue };
            let Some(rules) = tables.inodes.rows.get(at).map(|row| rules(tables, row, false)) else {
                continue;
            };
            let (parent, front) = front.split_first_chunk().unwrap_or((&[0; 4], &[]));
            self.names.add_parent(number.into(), u32::from_le_bytes(*parent).into());
            self.proven.insert(number);
            for (part, bytes) in (0_u64..).zip([front, rest.as_slice()]) {
                if let Some(damage) = self.block(number, part, bytes, &rules, survey).damage {
                    let place = tables.volume.inode_extent(number).unwrap_or(Extent::new(0, 0));
                    broken(number, place, size(damage), survey);
                }
            }
        }
    }

    /// Reads one block of a directory.
    fn claimed(
        &mut self,
        claim: &Claim,
        block: u64,
        bytes: &[u8],
        tables: &Tables<'_>,
        survey: &mut Survey<'_>,
    ) {
        let Some(row) = tables.inodes.rows.get(claim.row) else { return };
        let logical = claim.logical(block);
        let directory = low(claim.directory);
        let place = tables.volume.block_extent(block);
        let in_use = row.has(mark::IN_USE);
        if !in_use && !row.has(mark::LINKED) {
            let run = crate::model::Run::new(place.offset, place.length);
            if !tables.blocks.is_free(tables.volume, run) {
                return;
            }
        }
        let heads = self.block(directory, logical, bytes, &rules(tables, row, logical == 0), survey);
        if logical == 0 {
            if heads.own == Some(directory) {
                self.proven.insert(directory);
            } else if in_use {
                let found = heads.own.map_or_else(|| "nothing".into(), |own| own.to_string());
                let expected = format!("`.` naming inode {}", directory);
                let error = Error::corrupt("first block of a directory", place.offset, expected, found);
                survey.problem(error.into_problem());
            }
            if let Some(parent) = heads.parent {
                self.names.add_parent(directory.into(), parent.into());
            }
        }
        if let Some(damage) = heads.damage.filter(|_| in_use) {
            broken(directory, place, size(damage), survey);
        }
    }

    /// Takes over the names of a block.
    fn block(
        &mut self,
        directory: u32,
        logical: u64,
        bytes: &[u8],
        rules: &Rules,
        survey: &mut Survey<'_>,
    ) -> Heads {
        directory::parse(bytes, rules, &mut |found| {
            self.names.push(directory.into(), logical, &found, survey)
        })
    }
}

fn rules(tables: &Tables<'_>, row: &Row, first: bool) -> Rules {
    Rules {
        inodes: tables.volume.superblock.inodes,
        typed: tables.volume.superblock.has_incompat(incompat::FILETYPE),
        extra: if row.has(own::HASHED_NAMES) { 8 } else { 0 },
        indexed: row.has(own::INDEXED),
        first,
    }
}

fn broken(directory: u32, place: Extent, within: u64, survey: &mut Survey<'_>) {
    let offset = place.offset.saturating_add(within);
    let error = Error::corrupt("directory entry", offset, "a length and an inode that fit", "otherwise");
    let mut problem = error.into_problem();
    problem.detail =
        format!("directory inode {directory}: {}; entries behind it may be missing", problem.detail);
    survey.problem(problem.at(place));
}
