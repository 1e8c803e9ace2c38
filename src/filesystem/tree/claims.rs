//! Reading the blocks of all directories in physical order, none of them twice.

use crate::filesystem::sweep::{self, PIECE, Places};
use crate::model::{EntryKind, Problem, ProblemKind, Survey};
use crate::read::{ReadAt, Unreadable, size};

use super::{Rows, mark};

/// Blocks that a directory says are its own. Blocks count from the start of the volume.
#[derive(Clone, Copy, Debug)]
pub(in crate::filesystem) struct Claim {
    start: u64,
    end: u64,
    /// Inode of the directory.
    pub directory: u64,
    /// Place of the first block within the directory.
    logical: u64,
    /// Position of its row.
    pub row: usize,
}

impl Claim {
    /// Place within the directory of a block of the claim.
    pub(in crate::filesystem) const fn logical(&self, block: u64) -> u64 {
        self.logical.saturating_add(block.saturating_sub(self.start))
    }
}

/// Blocks that were read as directories.
#[derive(Default)]
pub(in crate::filesystem) struct Claims {
    /// Sorted and apart.
    covered: Vec<(u64, u64)>,
}

/// What blocks are read from.
pub(in crate::filesystem) struct Blocks<'v> {
    /// The volume.
    pub source: &'v dyn ReadAt,
    /// Bytes of a block: a power of two up to 65536.
    pub length: usize,
    /// Place within a directory, in blocks, from which on its blocks hold no names.
    pub end: u64,
}

impl Claims {
    /// Reads the blocks of the directories at those positions that were not read before, and shows each with its
    /// claim and its number.
    pub(in crate::filesystem) fn sweep(
        &mut self,
        blocks: &Blocks<'_>,
        directories: &[usize],
        rows: &Rows,
        places: &mut Places,
        survey: &mut Survey<'_>,
        mut show: impl FnMut(&Claim, u64, &[u8], &mut Survey<'_>),
    ) {
        let mut claims: Vec<Claim> = directories.iter().flat_map(|at| of(rows, *at, blocks)).collect();
        claims.sort_unstable_by_key(|claim| (claim.start, claim.directory, claim.logical));
        let claims = self.disjoint(claims, rows, survey);
        let mut rest = claims.as_slice();
        let mut buffer = Vec::new();
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(adjacent(rest, size(blocks.length)));
            blocks.read(batch, places, &mut buffer, &mut |claim, block, bytes| {
                show(claim, block, bytes, survey);
            });
            rest = after;
        }
    }

    /// Cuts claims, which are sorted, so that no block is read twice, and notes the blocks.
    fn disjoint(&mut self, claims: Vec<Claim>, rows: &Rows, survey: &mut Survey<'_>) -> Vec<Claim> {
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
                    kept.push(Claim { start, end: stop, logical: claim.logical(start), ..claim });
                }
                start = next;
            }
            let in_use = rows.get(claim.row).is_some_and(|row| row.has(mark::IN_USE));
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
}

impl Blocks<'_> {
    /// Reads claims that follow each other on the medium.
    fn read(
        &self,
        claims: &[Claim],
        places: &mut Places,
        buffer: &mut Vec<u8>,
        show: &mut impl FnMut(&Claim, u64, &[u8]),
    ) {
        let (Some(first), Some(last)) = (claims.first(), claims.last()) else { return };
        let unit = size(self.length).max(1);
        let offset = first.start.saturating_mul(unit);
        let end = last.end.saturating_mul(unit);
        // A truncated volume ends earlier than its directories.
        let held = self.source.size().saturating_sub(offset).checked_div(unit).unwrap_or(0);
        let length = end.saturating_sub(offset).min(held.saturating_mul(unit));
        if let Some(missing) = end.checked_sub(offset.saturating_add(length)).filter(|missing| *missing > 0) {
            let at = end.saturating_sub(missing);
            let reason = Unreadable::new(at, missing, "the volume ends here");
            places.failed("directory", at, missing, &reason);
        }
        let mut claims = claims.iter().peekable();
        sweep::units(self.source, offset, length, self.length, buffer, |offset, bytes| {
            let block = offset.checked_div(unit).unwrap_or(0);
            while claims.next_if(|claim| claim.end <= block).is_some() {}
            let Some(claim) = claims.peek() else { return };
            match bytes {
                Ok(bytes) => {
                    places.read(offset, unit);
                    show(claim, block, bytes);
                }
                Err(unreadable) => places.failed("directory", offset, unit, &unreadable),
            }
        });
    }
}

/// The blocks of a directory.
fn of(rows: &Rows, at: usize, blocks: &Blocks<'_>) -> Vec<Claim> {
    let Some(row) = rows.get(at).filter(|row| row.kind == EntryKind::Directory) else { return Vec::new() };
    let block = |bytes: u64| bytes.checked_div(size(blocks.length)).unwrap_or(0);
    let mut logical = 0_u64;
    let mut claims = Vec::new();
    for run in rows.runs(row) {
        let room = blocks.end.saturating_sub(logical);
        let length = block(run.length);
        if !run.is_hole() && room > 0 {
            let start = block(run.offset);
            let end = start.saturating_add(length.min(room));
            claims.push(Claim { start, end, directory: row.number, logical, row: at });
        }
        logical = logical.saturating_add(length);
    }
    claims
}

/// How many claims at the front follow each other without a gap and can be read together.
fn adjacent(claims: &[Claim], block: u64) -> usize {
    let most = size(PIECE).checked_div(block).unwrap_or(1);
    let first = claims.first().map_or(0, |claim| claim.start);
    let joined = claims.windows(2).take_while(|pair| match pair {
        [one, two] => one.end == two.start && two.end.saturating_sub(first) <= most,
        _ => false,
    });
    joined.count().saturating_add(1)
}
