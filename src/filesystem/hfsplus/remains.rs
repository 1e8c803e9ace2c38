//! Entries of deleted folders and files, from what is left of their records.

use std::collections::{HashMap, HashSet};

use super::bitmap::Bitmap;
use super::facts::{Facts, Known};
use super::fork::Extent;
use super::header::Special;
use super::index::{ForkRow, Row};
use super::listing::{Listing, is_folder};
use super::overflow::ForkKind;
use super::record::Role;
use super::special;
use crate::model::{Content, EntryKind, EntryState, Parent, Survey};

impl Listing<'_, '_> {
    /// Adds what is left of deleted folders and files.
    pub(super) fn remains(&mut self, survey: &mut Survey<'_>) {
        let known = self.known;
        let remains = known.index.remains();
        let runs = special::runs(known.header, &known.overflow, Special::Allocation);
        let bitmap = Bitmap::read(known.volume, &runs, known.header.blocks, survey);
        let folders: HashSet<u32> =
            remains.iter().filter(|row| is_folder(row)).map(|row| row.number).collect();
        let mut below: HashMap<u32, Vec<&Row>> = HashMap::new();
        for row in remains {
            below.entry(row.parent).or_default().push(row);
        }
        let mut listed = HashSet::new();
        // First what stands in folders in use, then what stands nowhere, then folders that hold one another.
        for turn in 0..3 {
            for row in remains {
                let place = self.places.get(&row.parent).copied();
                let top = match turn {
                    0 => place.is_some(),
                    1 => !folders.contains(&row.parent),
                    _ => true,
                };
                if !top || listed.contains(&row.number) {
                    continue;
                }
                let mut stack = vec![(row, place)];
                while let Some((row, place)) = stack.pop() {
                    if !self.has_room() || !listed.insert(row.number) {
                        continue;
                    }
                    let index = self.deleted(row, place, &bitmap, survey);
                    if let (true, Some(index)) = (is_folder(row), index) {
                        let inside = below.get(&row.number).map(Vec::as_slice).unwrap_or_default();
                        stack.extend(inside.iter().rev().map(|row| (*row, Some(Parent::Entry(index)))));
                    }
                }
            }
        }
    }

    fn deleted(
        &mut self,
        row: &Row,
        place: Option<Parent>,
        bitmap: &Bitmap,
        survey: &mut Survey<'_>,
    ) -> Option<u32> {
        let known = self.known;
        let name = known.index.name(row);
        let (parent, state) = match place {
            Some(parent) => (parent, EntryState::Deleted),
            None => (Parent::Unknown, EntryState::Orphan),
        };
        let facts = match row.role {
            Role::Plain(kind @ (EntryKind::Directory | EntryKind::Other)) => {
                Facts { kind, content: Content::Runs, ..Facts::lost() }
            }
            // The attribute that says how it was compressed is gone.
            Role::Plain(_) if row.compressed && row.data.size == 0 => Facts::lost(),
            Role::Plain(kind) => Facts { kind, ..graded(known, row, &row.data, ForkKind::Data, bitmap) },
            Role::FileLink(_) | Role::FolderLink(_) => Facts::lost(),
        };
        let index = self.add(row, (name, 0), parent, state, facts, survey);
        if row.resource.size > 0 {
            let facts = graded(known, row, &row.resource, ForkKind::Resource, bitmap);
            self.add(row, (&[name, b":rsrc"].concat(), 1), parent, state, facts, survey);
        }
        index
    }
}

/// The content of a deleted fork: had when every block is free, and when its record gives all of them.
fn graded(known: &Known<'_>, row: &Row, fork: &ForkRow, kind: ForkKind, bitmap: &Bitmap) -> Facts {
    let mapped = known.map(row, fork, kind);
    let needed = needed(&mapped.extents, fork.size, known.header.block_size);
    let (content, runs) = match () {
        () if !mapped.whole => (Content::Lost, Vec::new()),
        () if !bitmap.is_free(&needed) => (Content::Overwritten, Vec::new()),
        () => (Content::Runs, mapped.runs),
    };
    Facts { size: fork.size, content, runs, ..Facts::lost() }
}

/// The extents that content of that size lies in.
fn needed(extents: &[Extent], size: u64, block_size: u64) -> Vec<Extent> {
    let mut left = size.div_ceil(block_size.max(1));
    let mut needed = Vec::new();
    for (start, count) in extents {
        let part = u64::from(*count).min(left);
        left = left.saturating_sub(part);
        needed.push((*start, u32::try_from(part).unwrap_or(u32::MAX)));
    }
    needed
}
