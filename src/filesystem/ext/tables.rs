//! The sweep over bitmaps and inode tables.

use std::collections::BTreeSet;

use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::{Fields, Unreadable, size};

use super::Volume;
use super::bitmap::{BlockBitmaps, InodeBitmap};
use super::group::Group;
use super::inode::Inode;
use super::inodes::Inodes;
use super::mapping::Mapper;
use super::names::InlineDirectory;
use super::superblock::incompat;
use crate::filesystem::sweep::{self, Places};
use crate::filesystem::tree::MAX_INODES;

/// What the sweep gathers.
pub(super) struct Tables<'v> {
    /// The volume.
    pub volume: &'v Volume,
    /// The inodes.
    pub inodes: Inodes,
    /// Which blocks are in use.
    pub blocks: BlockBitmaps,
    /// What was read.
    pub places: Places,
    /// Directories that stand in their inodes.
    pub inline: Vec<InlineDirectory>,
    mapper: Mapper<'v>,
    /// Inodes of each group that were read, from the front of its table.
    swept: Vec<u32>,
    /// Groups whose table is not read, because it overlaps another's.
    overlapping: BTreeSet<u64>,
    over_limit: bool,
    /// Reused by every sweep.
    buffer: Vec<u8>,
}

impl<'v> Tables<'v> {
    /// Nothing read yet.
    pub(super) fn new(volume: &'v Volume) -> Self {
        Self {
            volume,
            inodes: Inodes::default(),
            blocks: BlockBitmaps::default(),
            places: Places::default(),
            inline: Vec::new(),
            mapper: Mapper::new(&*volume.source, &volume.superblock),
            swept: Vec::new(),
            overlapping: overlapping(volume),
            over_limit: false,
            buffer: Vec::new(),
        }
    }

    /// Reads each group in turn: backups of the superblock, bitmaps, and the used part of the inode table.
    pub(super) fn sweep(&mut self, survey: &mut Survey<'_>) {
        let volume = self.volume;
        for (number, group) in (0_u64..).zip(&volume.groups.list) {
            self.swept.push(0);
            self.backup(number, survey);
            self.blocks.read_next(volume, group, &mut self.places);
            if group.inode_table == 0 {
                continue;
            }
            if self.overlapping.contains(&number) {
                let place = volume.block_extent(group.inode_table);
                let detail =
                    format!("inode table of group {number} at byte {}: overlaps another's", place.offset);
                survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
                continue;
            }
            let all = volume.superblock.inodes_per_group;
            let bitmap = InodeBitmap::read(volume, number, group, true, &mut self.places, survey);
            let used = match volume.superblock.has_group_flags() {
                // A bitmap that knows of inodes in the unused part is believed before the flag is.
                true if group.is_inode_uninit() => 0,
                true => group.used_inodes(all).max(bitmap.reach(all)),
                false => all,
            };
            self.part(number, group, used, &bitmap, survey);
            let stale = volume.superblock.has_incompat(incompat::RECOVER);
            if used > 0 || stale {
                self.beyond(number, group, &bitmap, survey);
            }
        }
        self.settle(survey);
    }

    /// Reads the rest of the tables in which directories name inodes that were not read. False when there were none.
    pub(super) fn sweep_hidden(
        &mut self,
        targets: impl Iterator<Item = u64>,
        survey: &mut Survey<'_>,
    ) -> bool {
        let volume = self.volume;
        let per_group = volume.superblock.inodes_per_group;
        let mut hidden = vec![false; self.swept.len()];
        for index in targets.filter_map(|target| u32::try_from(target).ok()?.checked_sub(1)) {
            let (Some(group), Some(within)) = (index.checked_div(per_group), index.checked_rem(per_group))
            else {
                continue;
            };
            let Ok(group) = usize::try_from(group) else { continue };
            let known = volume.groups.list.get(group).is_some_and(|group| group.inode_table != 0);
            if let (true, Some(swept), Some(hidden)) = (known, self.swept.get(group), hidden.get_mut(group)) {
                *hidden |= within >= *swept;
            }
        }
        let mut any = false;
        for (at, number) in
            hidden.iter().zip(0_u64..).enumerate().filter_map(|(at, (is, n))| is.then_some((at, n)))
        {
            let Some(group) = volume.groups.list.get(at).filter(|_| !self.overlapping.contains(&number))
            else {
                continue;
            };
            any = true;
            let detail = format!(
                "directories name inodes of group {number} that its descriptor says were never used; they were read"
            );
            survey.problem(
                Problem::new(ProblemKind::Corrupt, detail).at(volume.block_extent(group.inode_table)),
            );
            let bitmap = InodeBitmap::read(volume, number, group, false, &mut self.places, survey);
            self.part(number, group, per_group, &bitmap, survey);
        }
        self.settle(survey);
        any
    }

    /// Reads on behind the used part of a table as long as blocks hold inodes: a descriptor may be older than its
    /// table, most of all where a journal was not replayed, and a table may hold remains.
    fn beyond(&mut self, number: u64, group: &Group, bitmap: &InodeBitmap, survey: &mut Survey<'_>) {
        let superblock = &self.volume.superblock;
        let all = superblock.inodes_per_group;
        let per_block = superblock.block_len().checked_div(superblock.inode_size).unwrap_or(1).max(1);
        let step = u32::try_from(per_block).unwrap_or(1);
        while let Some(swept) = usize::try_from(number).ok().and_then(|at| self.swept.get(at)).copied() {
            let before = self.inodes.rows.list().len();
            if swept >= all {
                return;
            }
            let end = swept.saturating_add(step).checked_next_multiple_of(step).unwrap_or(all).min(all);
            self.part(number, group, end, bitmap, survey);
            if self.inodes.rows.list().len() == before {
                return;
            }
        }
    }

    /// Follows the mappings of deleted inodes.
    pub(super) fn settle_deleted(&mut self, survey: &mut Survey<'_>) {
        self.inodes.settle_deleted(self.volume, &mut self.mapper, survey);
    }

    /// Tells the survey what was read.
    pub(super) fn hand_over(mut self, survey: &mut Survey<'_>) {
        self.inodes.remarks(survey);
        for place in std::mem::take(&mut self.mapper.places) {
            self.places.read(place.offset, place.length);
        }
        self.places.hand_over(&*self.volume.source, survey);
    }

    fn settle(&mut self, survey: &mut Survey<'_>) {
        self.inodes.settle(self.volume, &mut self.mapper, survey);
        self.inodes.rows.sort();
    }

    /// Reads the inodes of a group from where it was read up to the one at index `end`.
    fn part(&mut self, number: u64, group: &Group, end: u32, bitmap: &InodeBitmap, survey: &mut Survey<'_>) {
        let volume = self.volume;
        let superblock = &volume.superblock;
        let (inode_size, block_size) = (size(superblock.inode_size), superblock.block_size.max(1));
        let Some(swept) = usize::try_from(number).ok().and_then(|at| self.swept.get_mut(at)) else { return };
        let start = std::mem::replace(swept, end.max(*swept));
        if end <= start {
            return;
        }
        let table = volume.block_extent(group.inode_table).offset;
        let bytes = |inodes: u32| u64::from(inodes).saturating_mul(inode_size);
        // Whole blocks: the last one may hold inodes that count as unused.
        let floor = |bytes: u64| bytes.checked_div(block_size).unwrap_or(0).saturating_mul(block_size);
        let first = floor(bytes(start));
        let last = bytes(end).div_ceil(block_size).saturating_mul(block_size);
        let from = table.saturating_add(first);
        let held = floor(volume.source.size().saturating_sub(from).min(last.saturating_sub(first)));
        let Self { inodes, places, inline, mapper, buffer, over_limit, .. } = self;
        sweep::units(&*volume.source, from, held, superblock.block_len(), buffer, |offset, block| {
            let block = match block {
                Ok(block) => block,
                Err(unreadable) => return places.failed("inode table", offset, block_size, &unreadable),
            };
            places.read(offset, block_size);
            let before = offset.saturating_sub(table).checked_div(inode_size).unwrap_or(0);
            for (index, bytes) in (before..).zip(block.chunks_exact(superblock.inode_size)) {
                let Ok(index) = u32::try_from(index) else { break };
                let inode = Inode(bytes);
                let group = u32::try_from(number).unwrap_or(u32::MAX);
                let number = group
                    .checked_mul(superblock.inodes_per_group)
                    .and_then(|before| before.checked_add(index)?.checked_add(1));
                let Some(number) = number.filter(|_| index >= start && index < end && inode.is_used()) else {
                    continue;
                };
                if inodes.rows.list().len() >= MAX_INODES {
                    *over_limit = true;
                    return;
                }
                inline.extend(InlineDirectory::of(number, inode));
                inodes.add(volume, mapper, number, inode, bitmap.is_used(index), survey);
            }
        });
        if from.saturating_add(held) < table.saturating_add(last) {
            let missing = last.saturating_sub(first).saturating_sub(held);
            let reason = Unreadable::new(from.saturating_add(held), missing, "the volume ends here");
            places.failed("inode table", from.saturating_add(held), missing, &reason);
        }
        if *over_limit {
            let detail =
                format!("more than {MAX_INODES} inodes: those from group {number} on are not listed");
            survey.problem(Problem::new(ProblemKind::Limit, detail));
        }
    }

    /// Reads a group's copy of the superblock and compares its geometry: a difference means that one of them lies.
    fn backup(&mut self, number: u64, survey: &mut Survey<'_>) {
        let superblock = &self.volume.superblock;
        if number == 0 || !superblock.has_super(number) {
            return;
        }
        let place = self.volume.block_extent(superblock.group_block(number)).offset;
        let Ok(bytes) = self.volume.source.read_vec(place, super::superblock::SIZE) else { return };
        self.places.read(place, size(bytes.len()));
        let copy = Fields(&bytes);
        if copy.u16(0x38) != Some(0xef53) {
            return;
        }
        let Ok(bytes) = bytes.as_slice().try_into() else { return };
        let Ok(other) = super::Superblock::parse(bytes, place, self.volume.source.size()) else { return };
        let geometry = |s: &super::Superblock| {
            (s.blocks, s.inodes, s.block_size, s.blocks_per_group, s.inodes_per_group)
        };
        if geometry(&other) != geometry(superblock) {
            let detail = format!(
                "the superblock at byte {place} describes another geometry: expected {} blocks and {} inodes, found {} \
                 and {}",
                superblock.blocks, superblock.inodes, other.blocks, other.inodes
            );
            let place = Extent::new(place, size(super::superblock::SIZE));
            survey.problem(Problem::new(ProblemKind::Ambiguous, detail).at(place));
        }
    }
}

/// Groups whose inode table begins within that of another: no table is read twice, whatever descriptors say.
fn overlapping(volume: &Volume) -> BTreeSet<u64> {
    let bytes =
        u64::from(volume.superblock.inodes_per_group).saturating_mul(size(volume.superblock.inode_size));
    let blocks = bytes.div_ceil(volume.superblock.block_size.max(1));
    let tables = volume.groups.list.iter().map(|group| group.inode_table).zip(0_u64..);
    let mut tables: Vec<(u64, u64)> = tables.filter(|(table, _)| *table != 0).collect();
    tables.sort_unstable();
    let mut end = 0;
    let mut found = BTreeSet::new();
    for (table, number) in tables {
        if table < end {
            found.insert(number);
        } else {
            end = table.saturating_add(blocks);
        }
    }
    found
}
