//! The names of all directories, gathered in the physical order of their blocks.

use std::collections::HashSet;

use crate::model::{EntryKind, Extent, Problem, ProblemKind, Survey};
use crate::read::{Error, Unreadable, size};

use super::directory::{self, Found, Heads, Rules};
use super::inode::{Inode, flag};
use super::inodes::{Inodes, Row, mark};
use super::superblock::incompat;
use super::sweep::{self, PIECE};
use super::tables::Tables;

/// Most names that are kept: as many as a table of entries can hold.
const MAX_NAMES: usize = super::MAX_INODES;

/// One name in one directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    /// Inode of the directory.
    pub directory: u32,
    /// Inode that it names; 0 when that is not known any more.
    pub target: u32,
    block: u32,
    /// The file type as stored.
    pub kind: u8,
    /// Whether it was removed.
    pub deleted: bool,
    /// Place in the arena of names, and in the lowest 16 bits its length.
    text: u64,
}

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

/// Every name.
#[derive(Default)]
pub(super) struct Names {
    list: Vec<Name>,
    text: Vec<u8>,
    parents: Vec<(u32, u32)>,
    /// Blocks that were read as directories, sorted and apart: none is read twice.
    covered: Vec<(u64, u64)>,
    /// Deleted directories whose first block still is their own.
    proven: HashSet<u32>,
    over_limit: bool,
    limit_told: bool,
}

/// Blocks that a directory says are its own.
#[derive(Clone, Copy, Debug)]
struct Claim {
    start: u64,
    end: u64,
    directory: u32,
    /// Place of the first block within the directory.
    logical: u64,
    row: usize,
}

impl Names {
    /// Reads the directories in use that were not read before.
    pub(super) fn sweep(&mut self, tables: &mut Tables<'_>, survey: &mut Survey<'_>) {
        self.sweep_some(tables, |row| row.has(mark::IN_USE), survey);
    }

    /// Reads what is left of the other directories: blocks that nothing else uses, below a first block that is
    /// still their own.
    pub(super) fn sweep_deleted(&mut self, tables: &mut Tables<'_>, survey: &mut Survey<'_>) {
        let before = self.list.len();
        self.sweep_some(tables, |row| !row.has(mark::IN_USE), survey);
        let rest = self.list.split_off(before);
        self.list.extend(rest.into_iter().filter(|name| self.proven.contains(&name.directory)));
    }

    /// Puts the names in the order of their directories' inodes, and within one as they stand there.
    pub(super) fn sort(&mut self) {
        self.list.sort_unstable_by_key(|name| (name.directory, name.block, name.text));
        self.parents.sort_unstable();
    }

    /// The names of a directory; names must be in order.
    pub(super) fn of(&self, directory: u32) -> &[Name] {
        let start = self.list.partition_point(|name| name.directory < directory);
        let rest = self.list.get(start..).unwrap_or_default();
        let end = rest.partition_point(|name| name.directory == directory);
        rest.get(..end).unwrap_or_default()
    }

    /// All names.
    pub(super) fn list(&self) -> &[Name] {
        &self.list
    }

    /// The bytes of a name. Separators and zero bytes, which no sound name holds, are escaped.
    pub(super) fn text(&self, name: &Name) -> &[u8] {
        let start = usize::try_from(name.text >> 16).unwrap_or(usize::MAX);
        let length = usize::try_from(name.text & 0xffff).unwrap_or(0);
        self.text.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// The inode that the `..` of a directory names; names must be in order.
    pub(super) fn parent(&self, directory: u32) -> Option<u32> {
        let at = self.parents.binary_search_by_key(&directory, |(directory, _)| *directory).ok()?;
        self.parents.get(at).map(|(_, parent)| *parent)
    }

    /// Inodes named by entries in use, and the root, which needs no name.
    pub(super) fn targets(&self) -> impl Iterator<Item = u32> + '_ {
        let named = self.list.iter().filter(|name| !name.deleted).map(|name| name.target);
        named.chain([super::ROOT_INODE])
    }

    fn sweep_some(&mut self, tables: &mut Tables<'_>, which: impl Fn(&Row) -> bool, survey: &mut Survey<'_>) {
        let chosen: Vec<usize> = (0_usize..)
            .zip(tables.inodes.rows())
            .filter(|(_, row)| row.kind == EntryKind::Directory && which(row) && !row.has(mark::READ))
            .map(|(at, _)| at)
            .collect();
        for at in &chosen {
            tables.inodes.mark(*at, mark::READ);
        }
        self.inline(tables, &which, survey);
        let mut claims: Vec<Claim> = chosen
            .iter()
            .flat_map(|at| claims(&tables.inodes, *at, tables.volume.superblock.block_size))
            .collect();
        claims.sort_unstable_by_key(|claim| (claim.start, claim.directory, claim.logical));
        let claims = self.disjoint(claims, &tables.inodes, survey);
        let mut rest = claims.as_slice();
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(adjacent(rest, tables.volume.superblock.block_size));
            self.batch(batch, tables, survey);
            rest = after;
        }
    }

    fn inline(&mut self, tables: &mut Tables<'_>, which: &impl Fn(&Row) -> bool, survey: &mut Survey<'_>) {
        let all = std::mem::take(&mut tables.inline);
        let (now, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|directory| {
            tables.inodes.find(directory.number).and_then(|at| tables.inodes.get(at)).is_some_and(which)
        });
        tables.inline = later;
        for InlineDirectory { number, parts: [front, rest] } in now {
            let Some(at) = tables.inodes.find(number) else { continue };
            let Some(rules) = tables.inodes.get(at).map(|row| rules(tables, row, false)) else { continue };
            let (parent, front) = front.split_first_chunk().unwrap_or((&[0; 4], &[]));
            self.parents.push((number, u32::from_le_bytes(*parent)));
            self.proven.insert(number);
            for (part, bytes) in (0_u64..).zip([front, rest.as_slice()]) {
                if let Some(damage) = self.block(number, part, bytes, &rules).damage {
                    let place = tables.volume.inode_extent(number).unwrap_or(Extent::new(0, 0));
                    broken(number, place, size(damage), survey);
                }
            }
        }
    }

    /// Cuts claims, which are sorted, so that no block is read twice, and notes the blocks.
    fn disjoint(&mut self, claims: Vec<Claim>, inodes: &Inodes, survey: &mut Survey<'_>) -> Vec<Claim> {
        let mut kept: Vec<Claim> = Vec::with_capacity(claims.len());
        let mut before = self.covered.iter().copied().peekable();
        let mut reached = 0;
        for claim in claims {
            let mut start = claim.start.max(reached);
            while start < claim.end {
                while before.next_if(|(_, end)| *end <= start).is_some() {}
                let (stop, next) = match before.peek() {
                    Some((from, to)) if *from < claim.end => ((*from).max(start), *to),
                    _ => (claim.end, claim.end),
                };
                if start < stop {
                    let logical = claim.logical.saturating_add(start.saturating_sub(claim.start));
                    kept.push(Claim { start, end: stop, logical, ..claim });
                }
                start = next;
            }
            let in_use = inodes.get(claim.row).is_some_and(|row| row.has(mark::IN_USE));
            if in_use && claim.start < reached {
                let detail = format!(
                    "directory inode {}: block {} belongs to another directory too, and was read for that",
                    claim.directory, claim.start
                );
                survey.problem(Problem::new(ProblemKind::Corrupt, detail));
            }
            reached = reached.max(claim.end);
        }
        self.covered.extend(kept.iter().map(|claim| (claim.start, claim.end)));
        self.covered.sort_unstable();
        kept
    }

    /// Reads claims that follow each other on the medium.
    fn batch(&mut self, claims: &[Claim], tables: &mut Tables<'_>, survey: &mut Survey<'_>) {
        let (Some(first), Some(last)) = (claims.first(), claims.last()) else { return };
        let volume = tables.volume;
        let unit = volume.superblock.block_size.max(1);
        let offset = first.start.saturating_mul(unit);
        let end = last.end.saturating_mul(unit);
        // A truncated volume ends earlier than its directories.
        let held = volume.source.size().saturating_sub(offset).checked_div(unit).unwrap_or(0);
        let length = end.saturating_sub(offset).min(held.saturating_mul(unit));
        if let Some(missing) = end.checked_sub(offset.saturating_add(length)).filter(|missing| *missing > 0) {
            let at = end.saturating_sub(missing);
            tables.places.failed(
                "directory",
                at,
                missing,
                &Unreadable::new(at, missing, "the volume ends here"),
            );
        }
        let mut claims = claims.iter().peekable();
        let mut buffer = std::mem::take(&mut tables.buffer);
        sweep::units(
            &*volume.source,
            offset,
            length,
            volume.superblock.block_len(),
            &mut buffer,
            |offset, bytes| {
                let block = offset.checked_div(unit).unwrap_or(0);
                while claims.next_if(|claim| claim.end <= block).is_some() {}
                let Some(claim) = claims.peek() else { return };
                match bytes {
                    Ok(bytes) => {
                        tables.places.read(offset, unit);
                        self.claimed(claim, block, bytes, tables, survey);
                    }
                    Err(unreadable) => tables.places.failed("directory", offset, unit, &unreadable),
                }
            },
        );
        tables.buffer = buffer;
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
        let Some(row) = tables.inodes.get(claim.row) else { return };
        let logical = claim.logical.saturating_add(block.saturating_sub(claim.start));
        let place = tables.volume.block_extent(block);
        let in_use = row.has(mark::IN_USE);
        if !in_use && !row.has(mark::LINKED) {
            let run = crate::model::Run::new(place.offset, place.length);
            if !tables.blocks.is_free(tables.volume, run) {
                return;
            }
        }
        let heads = self.block(claim.directory, logical, bytes, &rules(tables, row, logical == 0));
        if logical == 0 {
            if heads.own == Some(claim.directory) {
                self.proven.insert(claim.directory);
            } else if in_use {
                let found = heads.own.map_or_else(|| "nothing".into(), |own| own.to_string());
                let expected = format!("`.` naming inode {}", claim.directory);
                let error = Error::corrupt("first block of a directory", place.offset, expected, found);
                survey.problem(error.into_problem());
            }
            self.parents.extend(heads.parent.map(|parent| (claim.directory, parent)));
        }
        if let Some(damage) = heads.damage.filter(|_| in_use) {
            broken(claim.directory, place, size(damage), survey);
        }
        if self.over_limit && !std::mem::replace(&mut self.limit_told, true) {
            let detail = format!("more than {MAX_NAMES} names: further ones are not listed");
            survey.problem(Problem::new(ProblemKind::Limit, detail));
        }
    }

    /// Takes over the names of a block.
    fn block(&mut self, directory: u32, logical: u64, bytes: &[u8], rules: &Rules) -> Heads {
        directory::parse(bytes, rules, &mut |found| self.push(directory, logical, found))
    }

    fn push(&mut self, directory: u32, logical: u64, found: Found<'_>) {
        if self.list.len() >= MAX_NAMES {
            self.over_limit = true;
            return;
        }
        let start = size(self.text.len());
        for byte in found.name {
            match byte {
                b'/' => self.text.extend(b"%2F"),
                0 => self.text.extend(b"%00"),
                byte => self.text.push(*byte),
            }
        }
        let length = size(self.text.len()).saturating_sub(start);
        self.list.push(Name {
            directory,
            target: found.target,
            block: u32::try_from(logical).unwrap_or(u32::MAX),
            kind: found.kind,
            deleted: found.deleted,
            text: start << 16 | length,
        });
    }
}

/// The blocks of a directory.
fn claims(inodes: &Inodes, at: usize, block_size: u64) -> Vec<Claim> {
    let Some(row) = inodes.get(at) else { return Vec::new() };
    let block = |bytes: u64| bytes.checked_div(block_size).unwrap_or(0);
    let mut logical = 0_u64;
    let mut claims = Vec::new();
    for run in inodes.runs(row) {
        if !run.is_hole() {
            let start = block(run.offset);
            let end = start.saturating_add(block(run.length));
            claims.push(Claim { start, end, directory: row.number, logical, row: at });
        }
        logical = logical.saturating_add(block(run.length));
    }
    claims
}

/// How many claims at the front follow each other without a gap and can be read together.
fn adjacent(claims: &[Claim], block_size: u64) -> usize {
    let most = size(PIECE).checked_div(block_size).unwrap_or(1);
    let first = claims.first().map_or(0, |claim| claim.start);
    let joined = claims.windows(2).take_while(|pair| match pair {
        [one, two] => one.end == two.start && two.end.saturating_sub(first) <= most,
        _ => false,
    });
    joined.count().saturating_add(1)
}

fn rules(tables: &Tables<'_>, row: &Row, first: bool) -> Rules {
    Rules {
        inodes: tables.volume.superblock.inodes,
        typed: tables.volume.superblock.has_incompat(incompat::FILETYPE),
        extra: if row.has(mark::HASHED_NAMES) { 8 } else { 0 },
        indexed: row.has(mark::INDEXED),
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
