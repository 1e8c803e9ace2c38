//! The walk through the living directories of a volume.

use std::collections::VecDeque;
use std::sync::Arc;

use super::boot::{Geometry, Root};
use super::chain::{Chain, End, Space, runs, whole};
use super::directory::{Found, Parser, Trust};
use super::listing::{Listing, claim, entry};
use super::sectors::read_slots;
use super::slot::{Slot, begins_directory};
use super::table::{Next, Table};
use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, Extent, NewEntry, Parent, Problem, ProblemKind, Run, Survey,
};
use crate::read::ReadAt;

/// Everything that a survey works with.
pub(super) struct Walk<'s, 't> {
    pub(super) volume: Arc<dyn ReadAt>,
    pub(super) geometry: Arc<Geometry>,
    pub(super) listing: Listing<'s, 't>,
    pub(super) space: Space,
    /// Deleted entries wait until it is known which clusters the living ones have.
    pub(super) pending: VecDeque<Pending>,
    /// Deleted files wait until it is known which clusters each of them asks for.
    pub(super) files: Vec<Pending>,
    labelled: bool,
}

/// A deleted entry of which only the slot was read.
pub(super) struct Pending {
    pub(super) parent: Parent,
    pub(super) state: EntryState,
    pub(super) found: Found,
}

/// A directory whose slots are to be read.
pub(super) struct Directory {
    /// Its first cluster; 0 for a root directory of its own region.
    pub(super) first: u32,
    pub(super) is_root: bool,
    pub(super) extents: Vec<Extent>,
    pub(super) parent: Parent,
    pub(super) trust: Trust,
}

impl<'s, 't> Walk<'s, 't> {
    /// Reads the FAT in one sweep and gets ready.
    pub(super) fn new(volume: Arc<dyn ReadAt>, geometry: Arc<Geometry>, survey: &'s mut Survey<'t>) -> Self {
        let mut table = Table::new(Arc::clone(&volume), Arc::clone(&geometry));
        let swept = table.sweep(survey);
        swept.bad_problem(&geometry).into_iter().for_each(|problem| survey.problem(problem));
        let space = Space::new(Arc::clone(&geometry), table, swept.free);
        let listing = Listing::new(survey);
        Self {
            volume,
            geometry,
            listing,
            space,
            pending: VecDeque::new(),
            files: Vec::new(),
            labelled: false,
        }
    }

    /// Lists what the root directory leads to, one level after the other, each in the order of the medium.
    pub(super) fn living(&mut self) {
        let mut level = vec![self.root()];
        while !level.is_empty() && !self.listing.full {
            let mut next = Vec::new();
            for directory in level {
                self.read(&directory, &mut |walk, found| walk.living_entry(&directory, found, &mut next));
            }
            next.sort_by_key(|directory| directory.extents.first().map_or(0, |extent| extent.offset));
            level = next;
        }
    }

    fn root(&mut self) -> Directory {
        let (first, extents) = match self.geometry.root {
            Root::Region(region) => (0, vec![region]),
            Root::Cluster(first) => {
                let chain = self.space.chain(first);
                for problem in chain.problems(&self.geometry, chain.length) {
                    self.listing.survey.problem(Problem {
                        detail: format!("root directory: {}", problem.detail),
                        ..problem
                    });
                }
                (first, self.space.enter(&chain.clusters))
            }
        };
        Directory { first, is_root: true, extents, parent: Parent::Root, trust: Trust::Sound }
    }

    fn living_entry(&mut self, directory: &Directory, found: Found, next: &mut Vec<Directory>) {
        if found.deleted {
            self.pending.push_back(Pending { parent: directory.parent, state: EntryState::Deleted, found });
            return;
        }
        let slot = Slot(&found.slot);
        let first = slot.first(&self.geometry);
        // `.` and `..` lead to where the walk has been. One that leads elsewhere is an entry like any other.
        let known = first == 0 || first == directory.first || self.space.is_walked(first);
        if found.dots && !directory.is_root && known {
            return;
        }
        if directory.is_root && !self.labelled && slot.is_label(&self.geometry) {
            self.labelled = true;
            return;
        }
        if slot.is_directory() {
            self.living_directory(directory, &found, first, next);
        } else {
            self.living_file(directory, &found, first);
        }
    }

    fn living_file(&mut self, directory: &Directory, found: &Found, first: u32) {
        let bytes = Slot(&found.slot).size();
        if first == 0 && bytes == 0 {
            self.add(directory.parent, found, EntryState::Allocated, 0, &[], Content::Runs);
            return;
        }
        let chain = self.space.chain(first);
        let pieces = runs(&self.geometry, &chain.clusters, bytes);
        let content = whole(&pieces, bytes);
        let index = self.add(directory.parent, found, EntryState::Allocated, bytes, &pieces, content);
        let needed = self.geometry.clusters_for(bytes);
        self.listing.note(index, chain.problems(&self.geometry, needed));
    }

    fn living_directory(
        &mut self,
        directory: &Directory,
        found: &Found,
        first: u32,
        next: &mut Vec<Directory>,
    ) {
        let chain = if first == 0 {
            // Only `..` may lead to the root by a zero.
            let end = End::Broken { after: 0, next: Next::Invalid(0) };
            Chain::none(end)
        } else {
            self.space.chain(first)
        };
        let bytes = chain.length.saturating_mul(self.geometry.cluster);
        let pieces = runs(&self.geometry, &chain.clusters, bytes);
        let index = self.add(directory.parent, found, EntryState::Allocated, bytes, &pieces, Content::Runs);
        self.listing.note(index, chain.problems(&self.geometry, chain.length));
        let Some(index) = index else { return };
        let extents = self.space.enter(&chain.clusters);
        let Some(start) = extents.first() else { return };
        let sound = chain.crossed.is_none() && self.begins_directory(start.offset);
        if !sound && chain.crossed.is_none() {
            let detail =
                "a directory that does not begin with . and ..: only what looks like an entry is listed";
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(start.offset, 64));
            self.listing.note(Some(index), vec![problem]);
        }
        let trust = if sound { Trust::Sound } else { Trust::Doubtful };
        next.push(Directory { first, is_root: false, extents, parent: Parent::Entry(index), trust });
    }

    /// Whether the cluster at that place begins like a directory.
    pub(super) fn begins_directory(&self, place: u64) -> bool {
        let mut start = [0; 64];
        self.volume.read_exact_at(place, &mut start).is_ok() && begins_directory(&start)
    }

    /// Reads the slots of a directory and hands on each entry.
    pub(super) fn read(&mut self, directory: &Directory, each: &mut dyn FnMut(&mut Self, Found)) {
        let (volume, geometry) = (Arc::clone(&self.volume), Arc::clone(&self.geometry));
        let mut parser = Parser::new(&geometry, directory.trust);
        // What may be anything counts as space that nobody examined, however much was read of it.
        if directory.trust != Trust::Doubtful {
            for extent in &directory.extents {
                claim(self.listing.survey, &self.volume, extent.offset, extent.length);
            }
        }
        let failures = read_slots(&volume, &directory.extents, geometry.sector, &mut |place, slot| {
            match slot {
                Some(slot) => {
                    if let Some(found) = parser.push(slot, place) {
                        each(self, found);
                    }
                }
                None => parser.gap(),
            }
            !self.listing.full
        });
        self.listing.note(entry(directory.parent), failures);
        if parser.left_out > 0 {
            let place = directory.extents.first().copied().unwrap_or(Extent::new(0, 0));
            let mut problem = Problem::new(
                ProblemKind::Corrupt,
                "slots that do not look like directory entries were left out",
            )
            .at(place);
            problem.count = parser.left_out;
            self.listing.note(entry(directory.parent), vec![problem]);
        }
    }

    /// Adds an entry to the table.
    pub(super) fn add(
        &mut self,
        parent: Parent,
        found: &Found,
        state: EntryState,
        bytes: u64,
        runs: &[Run],
        content: Content,
    ) -> Option<EntryIndex> {
        let slot = Slot(&found.slot);
        self.listing.add(NewEntry {
            parent,
            name: &found.name,
            kind: if slot.is_directory() { EntryKind::Directory } else { EntryKind::File },
            state,
            record: found.offset / 32,
            stream: 0,
            size: bytes,
            times: slot.times(),
            content,
            runs,
        })
    }
}
