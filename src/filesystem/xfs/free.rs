//! Free space: whether the blocks of a deleted file belong to anything now.

use std::collections::HashMap;

use super::Volume;
use super::btree::{self, Walk};
use super::group::Headers;
use crate::filesystem::sweep::Places;
use crate::model::{Run, Survey};
use crate::read::Fields;

/// The free space of the groups that were asked about.
pub(super) struct FreeSpace<'t> {
    volume: &'t Volume,
    headers: &'t [Headers],
    /// Free blocks of a group, as first and end, in order; none where the tree is broken.
    groups: HashMap<u32, Vec<(u32, u32)>>,
}

impl<'t> FreeSpace<'t> {
    /// Nothing read yet.
    pub(super) fn new(volume: &'t Volume, headers: &'t [Headers]) -> Self {
        Self { volume, headers, groups: HashMap::new() }
    }

    /// Whether every block of a run, which lies within one group, is free. What is not known counts as used.
    pub(super) fn is_free(&mut self, run: Run, places: &mut Places, survey: &mut Survey<'_>) -> bool {
        let unit = self.volume.superblock.block_size.max(1);
        let per_group = u64::from(self.volume.superblock.group_blocks);
        let first = run.offset.checked_div(unit).unwrap_or(0);
        let end = run.offset.saturating_add(run.length).div_ceil(unit);
        let mut at = first;
        // Neighbouring extents of two groups may have become one run.
        while at < end {
            let group = at.checked_div(per_group).unwrap_or(0);
            let start = group.saturating_mul(per_group);
            let stop = start.saturating_add(per_group).min(end);
            let Ok(group) = u32::try_from(group) else { return false };
            let list = self.group(group, places, survey);
            let within = at.saturating_sub(start);
            let before = list.partition_point(|(first, _)| u64::from(*first) <= within);
            let free = before.checked_sub(1).and_then(|at| list.get(at));
            if free.is_none_or(|(_, end)| stop.saturating_sub(start) > u64::from(*end)) {
                return false;
            }
            at = stop;
        }
        true
    }

    fn group(&mut self, group: u32, places: &mut Places, survey: &mut Survey<'_>) -> &[(u32, u32)] {
        let Self { volume, headers, groups } = self;
        groups.entry(group).or_insert_with(|| {
            let mut list = Vec::new();
            let headers = usize::try_from(group).ok().and_then(|at| headers.get(at));
            let Some(root) = headers.and_then(|headers| headers.free_space) else { return list };
            let mut walk = Walk::new(volume, &btree::FREE_SPACE, group);
            root.walk(&mut walk, places, &mut |record| {
                let fields = Fields(record);
                if let (Some(start), Some(length)) = (fields.u32_be(0), fields.u32_be(4)) {
                    list.push((start, start.saturating_add(length)));
                }
            });
            for error in walk.damage {
                survey.problem(error.into_problem());
            }
            list.sort_unstable();
            list
        })
    }
}
