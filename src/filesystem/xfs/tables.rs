//! The sweep over allocation groups: headers, inode B-trees, inodes; and the search for inodes where a tree is broken.

use super::Volume;
use super::free::FreeSpace;
use super::group::{self, CHUNK, Chunk, Chunks, Headers};
use super::inode::Inode;
use super::inodes::Inodes;
use crate::filesystem::sweep::{self, Places};
use crate::filesystem::tree::MAX_INODES;
use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::size;

/// What the sweep gathers.
pub(super) struct Tables<'v> {
    /// The volume.
    pub volume: &'v Volume,
    /// The inodes.
    pub inodes: Inodes<'v>,
    /// What was read.
    pub places: Places,
    /// The headers of each group.
    headers: Vec<Headers>,
    over_limit: bool,
    buffer: Vec<u8>,
}

impl<'v> Tables<'v> {
    /// Nothing read yet.
    pub(super) fn new(volume: &'v Volume) -> Self {
        Self {
            volume,
            inodes: Inodes::new(volume),
            places: Places::default(),
            headers: Vec::new(),
            over_limit: false,
            buffer: Vec::new(),
        }
    }

    /// Reads each group in turn.
    pub(super) fn sweep(&mut self, survey: &mut Survey<'_>) {
        let superblock = &self.volume.superblock;
        for number in 0..superblock.groups {
            if superblock.group_start(number) >= self.volume.source.size() {
                break;
            }
            let mut doubts = Vec::new();
            let headers = group::headers(self.volume, number, &mut self.places, survey, &mut doubts);
            self.headers.push(headers);
            let mut chunks = group::chunks(self.volume, number, &headers, &mut self.places, survey);
            let found = self.read(number, &chunks.list, survey);
            // A chunk without a single inode is at a wrong place: the right one is not known.
            chunks.incomplete |= found < chunks.list.len();
            if chunks.incomplete {
                self.search(number, &chunks, survey);
            }
        }
        self.inodes.settle(survey);
        self.inodes.rows.sort();
    }

    /// The free space of the groups, as far as deleted inodes need it.
    pub(super) fn free_space(&self) -> FreeSpace<'_> {
        FreeSpace::new(self.volume, &self.headers)
    }

    /// Tells the survey what was read.
    pub(super) fn hand_over(mut self, survey: &mut Survey<'_>) {
        self.inodes.remarks(survey);
        for place in &self.inodes.mapper.places {
            self.places.read(place.offset, place.length);
        }
        self.places.hand_over(&*self.volume.source, survey);
    }

    /// Reads the inodes of the chunks; returns how many chunks held any.
    fn read(&mut self, group: u32, chunks: &[Chunk], survey: &mut Survey<'_>) -> usize {
        let mut found = vec![false; chunks.len()];
        for (start, count) in pieces(chunks) {
            let Some((from, held)) = self.extent(group, start, count) else { continue };
            let Self { volume, inodes, places, buffer, over_limit, .. } = self;
            let superblock = &volume.superblock;
            let unit = superblock.inode_size;
            sweep::units(&*volume.source, from, held, unit, buffer, |offset, bytes| {
                let bytes = match bytes {
                    Ok(bytes) => bytes,
                    Err(unreadable) => return places.failed("inodes", offset, size(unit), &unreadable),
                };
                places.read(offset, size(unit));
                let within = offset.saturating_sub(from).checked_div(size(unit)).unwrap_or(0);
                let within = start.saturating_add(u32::try_from(within).unwrap_or(u32::MAX));
                let at = chunks.partition_point(|chunk| chunk.start <= within).saturating_sub(1);
                let inode = Inode(bytes);
                let Some(chunk) = chunks.get(at) else { return };
                let number = superblock.inode_number(group, within);
                if inode.is_inode() {
                    if let Some(found) = found.get_mut(at) {
                        *found = true;
                    }
                } else if chunk.is_used(within) == Some(true) {
                    inodes.note_magic(number, offset, survey);
                    if !inode.is_plausible(number, superblock) {
                        return;
                    }
                } else {
                    return;
                }
                if inodes.rows.list().len() >= MAX_INODES {
                    *over_limit = true;
                    return;
                }
                inodes.add(number, offset, inode, chunk.is_used(within), survey);
            });
        }
        if std::mem::take(&mut self.over_limit) {
            let detail = format!("more than {MAX_INODES} inodes: some of group {group} on are not listed");
            survey.problem(Problem::new(ProblemKind::Limit, detail));
        }
        found.iter().filter(|found| **found).count()
    }

    /// Reads a whole group for inodes that its tree does not list, and that show themselves to be inodes.
    fn search(&mut self, group: u32, chunks: &Chunks, survey: &mut Survey<'_>) {
        let superblock = &self.volume.superblock;
        let per_block = 1_u32.checked_shl(superblock.inodes_per_block_log).unwrap_or(1);
        let all = superblock.blocks_of(group).saturating_mul(per_block);
        let Some((from, held)) = self.extent(group, 0, all) else { return };
        let listed = |within: u32| {
            let before = chunks.list.partition_point(|chunk| chunk.start <= within);
            let chunk = before.checked_sub(1).and_then(|at| chunks.list.get(at));
            let four = |chunk: &Chunk| within.checked_sub(chunk.start).map(|within| within / 4);
            chunk.is_some_and(|chunk| {
                let four = four(chunk).unwrap_or(u32::MAX);
                four < CHUNK / 4 && chunk.holes & 1_u16.wrapping_shl(four) == 0
            })
        };
        let before = self.inodes.rows.list().len();
        let Self { volume, inodes, places, buffer, .. } = self;
        let unit = superblock.block_len();
        let mut failures = 0_u64;
        sweep::units(&*volume.source, from, held, unit, buffer, |offset, block| {
            let Ok(block) = block else {
                failures = failures.saturating_add(1);
                return;
            };
            let first = offset.saturating_sub(from).checked_div(size(superblock.inode_size)).unwrap_or(0);
            let first = u32::try_from(first).unwrap_or(u32::MAX);
            let inodes_of = || (first..).zip(block.chunks_exact(superblock.inode_size));
            let genuine = |(within, bytes): (u32, &[u8])| {
                let inode = Inode(bytes);
                let named = match inode.own_number() {
                    Some((own, uuid)) => {
                        own == superblock.inode_number(group, within) && superblock.is_own(uuid)
                    }
                    None => !superblock.is_v5() && inode.format().is_some(),
                };
                inode.is_inode() && named
            };
            // Without numbers of their own, inodes are only believed where a whole block is nothing else.
            let count = inodes_of().filter(|item| genuine(*item)).count();
            let needed = if superblock.is_v5() { 1 } else { usize::try_from(per_block).unwrap_or(1) };
            if count < needed {
                return;
            }
            places.read(offset, size(block.len()));
            for (within, bytes) in inodes_of().filter(|item| genuine(*item) && !listed(item.0)) {
                if inodes.rows.list().len() < MAX_INODES {
                    let place = size(bytes.len()).saturating_mul(within.into()).saturating_add(from);
                    let number = superblock.inode_number(group, within);
                    inodes.add(number, place, Inode(bytes), None, survey);
                }
            }
        });
        let found = inodes.rows.list().len().saturating_sub(before);
        let detail = format!(
            "the inode B-tree of group {group} is not whole: the group was searched, and {found} more inodes found; \
             {failures} blocks could not be read for it"
        );
        let place = Extent::new(superblock.group_start(group), superblock.block_size);
        survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
    }

    /// Where inodes of a group lie, in whole inodes as far as the volume reaches.
    fn extent(&self, group: u32, start: u32, count: u32) -> Option<(u64, u64)> {
        let superblock = &self.volume.superblock;
        let unit = size(superblock.inode_size);
        let from = superblock.group_start(group).checked_add(u64::from(start).checked_mul(unit)?)?;
        let left = superblock.bytes().min(self.volume.source.size()).checked_sub(from)?;
        let length = u64::from(count).checked_mul(unit)?.min(left);
        let held = length.checked_div(unit)?.checked_mul(unit)?;
        (held > 0).then_some((from, held))
    }
}

/// Inodes that exist, as places of the first and numbers of them, in order, none twice.
fn pieces(chunks: &[Chunk]) -> Vec<(u32, u32)> {
    let mut pieces: Vec<(u32, u32)> = Vec::new();
    let mut reached = 0;
    for four in chunks.iter().flat_map(|chunk| chunk.fours()) {
        let end = four.saturating_add(4);
        match pieces.last_mut() {
            _ if four < reached => continue,
            Some((start, count)) if start.saturating_add(*count) == four => *count = count.saturating_add(4),
            _ => pieces.push((four, 4)),
        }
        reached = end;
    }
    pieces
}
