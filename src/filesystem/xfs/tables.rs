//! The sweep over allocation groups: headers, inode B-trees, inodes; and the search for inodes where a tree is broken.

use super::Volume;
use super::free::FreeSpace;
use super::group::{self, CHUNK, Chunk, Chunks, Headers};
use super::inode::Inode;
use super::inodes::Inodes;
use super::superblock::Superblock;
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
    /// Whether the log has nothing that is missing elsewhere.
    complete: bool,
    over_limit: bool,
    buffer: Vec<u8>,
}

impl<'v> Tables<'v> {
    /// Nothing read yet; `complete` says that the log has nothing that is missing elsewhere.
    pub(super) fn new(volume: &'v Volume, complete: bool) -> Self {
        Self {
            volume,
            inodes: Inodes::new(volume),
            places: Places::default(),
            headers: Vec::new(),
            complete,
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
            let Chunks { mut list, broken, differs } =
                group::chunks(self.volume, number, &headers, &mut self.places, survey);
            let found = self.read(number, &list, survey);
            let listed = list.len();
            // A chunk without a single inode is at a wrong place: the right one is not known.
            let mut found = found.into_iter();
            list.retain(|_| found.next().unwrap_or(false));
            if broken || differs || list.len() < listed {
                self.seek(number, &list, broken, survey);
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

    /// Reads the inodes of the chunks; returns of each chunk whether it held any, or could not be read.
    fn read(&mut self, group: u32, chunks: &[Chunk], survey: &mut Survey<'_>) -> Vec<bool> {
        let mut found = vec![false; chunks.len()];
        for (start, count) in pieces(chunks) {
            let Some((from, held)) = self.extent(group, start, count) else { continue };
            let Self { volume, inodes, places, buffer, over_limit, .. } = self;
            let superblock = &volume.superblock;
            let unit = superblock.inode_size;
            sweep::units(&*volume.source, from, held, unit, buffer, |offset, bytes| {
                let within = offset.saturating_sub(from).checked_div(size(unit)).unwrap_or(0);
                let within = start.saturating_add(u32::try_from(within).unwrap_or(u32::MAX));
                let at = chunks.partition_point(|chunk| chunk.start <= within).saturating_sub(1);
                let bytes = match bytes {
                    Ok(bytes) => bytes,
                    Err(unreadable) => {
                        // A bad spot is no reason to doubt the place of the chunk.
                        found.get_mut(at).into_iter().for_each(|found| *found = true);
                        return places.failed("inodes", offset, size(unit), &unreadable);
                    }
                };
                places.read(offset, size(unit));
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
        found
    }

    /// Searches a group whose chunks are not all known, unless the tree is whole and the log says why they are not:
    /// what such a search finds are chunks that were given back, with files that were deleted.
    fn seek(&mut self, group: u32, chunks: &[Chunk], broken: bool, survey: &mut Survey<'_>) {
        if broken || self.complete && !self.volume.superblock.is_v5() {
            return self.search(group, chunks, survey);
        }
        let detail = format!(
            "the inode B-tree of group {group} is whole, but the group's header or its blocks say otherwise, as when the \
             journal was not replayed: the group was not searched for further inodes"
        );
        let place = Extent::new(self.volume.superblock.group_start(group), self.volume.superblock.block_size);
        survey.problem(Problem::new(ProblemKind::Ambiguous, detail).at(place));
    }

    /// Reads what chunks do not cover of a group for inodes that its tree does not list, and that show themselves to
    /// be inodes.
    fn search(&mut self, group: u32, chunks: &[Chunk], survey: &mut Survey<'_>) {
        let superblock = &self.volume.superblock;
        let before = self.inodes.rows.list().len();
        let mut searched = Searched::default();
        for (start, end) in uncovered(superblock, group, chunks) {
            self.search_part(group, (start, end), chunks, &mut searched, survey);
        }
        let found = self.inodes.rows.list().len().saturating_sub(before);
        let Searched { bytes, failures } = searched;
        let detail = format!(
            "the inode B-tree of group {group} is not whole: the group was searched where no known inodes lie ({bytes} \
             bytes), and {found} more inodes found; {failures} blocks could not be read for it"
        );
        let place = Extent::new(superblock.group_start(group), superblock.block_size);
        survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
    }

    /// Searches a part of a group, from the first inode that would stand there to the one behind the last.
    fn search_part(
        &mut self,
        group: u32,
        (start, end): (u32, u32),
        chunks: &[Chunk],
        searched: &mut Searched,
        survey: &mut Survey<'_>,
    ) {
        let Some((from, held)) = self.extent(group, start, end.saturating_sub(start)) else { return };
        searched.bytes = searched.bytes.saturating_add(held);
        let Self { volume, inodes, places, buffer, .. } = self;
        let superblock = &volume.superblock;
        let per_block = 1_usize.checked_shl(superblock.inodes_per_block_log).unwrap_or(1);
        let unit = superblock.block_len();
        sweep::units(&*volume.source, from, held, unit, buffer, |offset, block| {
            let Ok(block) = block else {
                searched.failures = searched.failures.saturating_add(1);
                return;
            };
            let first = offset.saturating_sub(from).checked_div(size(superblock.inode_size)).unwrap_or(0);
            let first = start.saturating_add(u32::try_from(first).unwrap_or(u32::MAX));
            let inodes_of = || (first..).zip(block.chunks_exact(superblock.inode_size));
            let genuine = |(within, bytes): (u32, &[u8])| {
                let inode = Inode(bytes);
                let named = match inode.own_number() {
                    Some((own, uuid)) => {
                        own == superblock.inode_number(group, within)
                            && superblock.is_own(uuid)
                            && inode.checksum() == Some(true)
                    }
                    None => !superblock.is_v5() && inode.format().is_some(),
                };
                inode.is_inode() && named
            };
            // Without numbers of their own, inodes are only believed where a whole block is nothing else.
            let count = inodes_of().filter(|item| genuine(*item)).count();
            let needed = if superblock.is_v5() { 1 } else { per_block };
            if count < needed {
                return;
            }
            places.read(offset, size(block.len()));
            for (within, bytes) in inodes_of().filter(|item| genuine(*item) && !lists(chunks, item.0)) {
                if inodes.rows.list().len() < MAX_INODES {
                    let within_part = within.saturating_sub(start);
                    let place = size(bytes.len()).saturating_mul(within_part.into()).saturating_add(from);
                    let number = superblock.inode_number(group, within);
                    inodes.add(number, place, Inode(bytes), None, survey);
                }
            }
        });
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

/// What a search went through.
#[derive(Default)]
struct Searched {
    bytes: u64,
    failures: u64,
}

/// Whether a chunk has that inode.
fn lists(chunks: &[Chunk], within: u32) -> bool {
    let before = chunks.partition_point(|chunk| chunk.start <= within);
    let chunk = before.checked_sub(1).and_then(|at| chunks.get(at));
    chunk.is_some_and(|chunk| {
        let four = within.saturating_sub(chunk.start) / 4;
        four < CHUNK / 4 && chunk.holes & 1_u16.wrapping_shl(four) == 0
    })
}

/// The parts of a group whose blocks are not wholly those of known inodes, as the first inode that would stand there
/// and the one behind the last.
fn uncovered(superblock: &Superblock, group: u32, chunks: &[Chunk]) -> Vec<(u32, u32)> {
    let per_block = 1_u32.checked_shl(superblock.inodes_per_block_log).unwrap_or(1).max(1);
    let all = superblock.blocks_of(group).saturating_mul(per_block);
    let mut parts = Vec::new();
    let mut reached = 0;
    for (start, count) in pieces(chunks) {
        let first = start.checked_next_multiple_of(per_block).unwrap_or(all).min(all);
        let behind = start.saturating_add(count);
        let end = behind.saturating_sub(behind.checked_rem(per_block).unwrap_or(0));
        if first < end {
            parts.push((reached, first));
            reached = end;
        }
    }
    parts.push((reached, all));
    parts.retain(|(start, end)| start < end);
    parts
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
