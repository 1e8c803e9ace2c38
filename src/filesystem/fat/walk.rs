//! The walk through the living directories of a volume.

use std::collections::VecDeque;
use std::sync::Arc;

use super::boot::{Geometry, Root};
use super::chain::{Chain, Clusters, End, Space, runs};
use super::directory::{Found, Parser, Trust};
use super::sectors::Sectors;
use super::slot::{SLOT, Slot, begins_directory};
use super::table::{Next, Table};
use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, Extent, NewEntry, Parent, Problem, ProblemKind, Run, Survey,
};
use crate::read::{Error, ReadAt, size};

/// Bytes of a directory that are read at once: a multiple of every sector size.
const PIECE: u64 = 1 << 16;

/// Everything that a survey works with.
pub(super) struct Walk<'s, 't> {
    pub(super) volume: Arc<dyn ReadAt>,
    pub(super) geometry: Arc<Geometry>,
    pub(super) survey: &'s mut Survey<'t>,
    pub(super) space: Space,
    /// Deleted entries wait until it is known which clusters the living ones have.
    pub(super) pending: VecDeque<Pending>,
    labelled: bool,
    /// The table of entries takes no more.
    pub(super) full: bool,
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
        if swept.bad > 0 {
            let place = Extent::new(geometry.place(swept.first_bad), geometry.cluster);
            let detail = format!(
                "clusters that the FAT marks as bad and that were not looked at, the first is {}",
                swept.first_bad
            );
            let advice = "the mark may be false, to hide data: read these clusters with a tool that carves";
            let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(place).advise(advice);
            problem.count = swept.bad;
            survey.problem(problem);
        }
        let space = Space::new(Arc::clone(&geometry), table, swept);
        Self { volume, geometry, survey, space, pending: VecDeque::new(), labelled: false, full: false }
    }

    /// Lists what the root directory leads to, one level after the other, each in the order of the medium.
    pub(super) fn living(&mut self) {
        let mut level = vec![self.root()];
        while !level.is_empty() && !self.full {
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
                    self.survey.problem(Problem {
                        detail: format!("root directory: {}", problem.detail),
                        ..problem
                    });
                }
                (first, self.enter(&chain.clusters))
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
        let index = self.add(directory.parent, found, EntryState::Allocated, bytes, &pieces, Content::Runs);
        let needed = self.geometry.clusters_for(bytes);
        self.note(index, chain.problems(&self.geometry, needed));
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
        self.note(index, chain.problems(&self.geometry, chain.length));
        let Some(index) = index else { return };
        let extents = self.enter(&chain.clusters);
        let Some(start) = extents.first() else { return };
        let sound = chain.crossed.is_none() && self.begins_directory(start.offset);
        if !sound && chain.crossed.is_none() {
            let detail =
                "a directory that does not begin with . and ..: only what looks like an entry is listed";
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(start.offset, 64));
            self.note(Some(index), vec![problem]);
        }
        let trust = if sound { Trust::Sound } else { Trust::Doubtful };
        next.push(Directory { first, is_root: false, extents, parent: Parent::Entry(index), trust });
    }

    /// Marks clusters as walked and gives the places of those that were not yet.
    pub(super) fn enter(&mut self, clusters: &[Clusters]) -> Vec<Extent> {
        let mut extents: Vec<Extent> = Vec::new();
        for cluster in clusters.iter().flat_map(|clusters| clusters.iter()) {
            if !self.space.walk(cluster) {
                continue;
            }
            let place = self.geometry.place(cluster);
            match extents.last_mut() {
                Some(last) if last.end() == place => {
                    last.length = last.length.saturating_add(self.geometry.cluster);
                }
                _ => extents.push(Extent::new(place, self.geometry.cluster)),
            }
        }
        extents
    }

    /// Whether the cluster at that place begins like a directory.
    pub(super) fn begins_directory(&self, place: u64) -> bool {
        let mut start = [0; 64];
        self.volume.read_exact_at(place, &mut start).is_ok() && begins_directory(&start)
    }

    /// Reads the slots of a directory and hands on each entry.
    pub(super) fn read(&mut self, directory: &Directory, each: &mut dyn FnMut(&mut Self, Found)) {
        let geometry = Arc::clone(&self.geometry);
        let mut parser = Parser::new(&geometry, directory.trust);
        for extent in &directory.extents {
            // What may be anything counts as space that nobody examined, however much was read of it.
            if directory.trust != Trust::Doubtful {
                self.survey.metadata(extent.offset, extent.length);
            }
            let mut at = extent.offset;
            while at < extent.end() && !self.full {
                let length = PIECE.min(extent.end().saturating_sub(at));
                let length = usize::try_from(length).unwrap_or(0);
                let block = Sectors::read(&self.volume, at, length, geometry.sector);
                for failure in &block.failures {
                    let detail = format!("{} of a directory", failure.reason);
                    let failure = crate::read::Unreadable { reason: detail, ..failure.clone() };
                    let problem = Error::from(failure).into_problem();
                    self.note(entry(directory.parent), vec![problem]);
                }
                for offset in (0..length).step_by(SLOT) {
                    let slot = block.get(offset, SLOT).and_then(|slot| slot.try_into().ok());
                    let place = at.saturating_add(size(offset));
                    match slot {
                        Some(slot) => {
                            if let Some(found) = parser.push(slot, place) {
                                each(self, found);
                            }
                        }
                        None => parser.gap(),
                    }
                }
                at = at.saturating_add(size(length));
            }
        }
        if parser.left_out > 0 {
            let place = directory.extents.first().copied().unwrap_or(Extent::new(0, 0));
            let mut problem = Problem::new(
                ProblemKind::Corrupt,
                "slots that do not look like directory entries were left out",
            )
            .at(place);
            problem.count = parser.left_out;
            self.note(entry(directory.parent), vec![problem]);
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
        let added = self.survey.add(NewEntry {
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
        });
        if added.is_none() && !self.full {
            self.full = true;
            let detail = "the source has more entries than can be listed: the rest of this volume is not";
            let place = Extent::new(found.offset, 32);
            self.survey.problem(Problem::new(ProblemKind::Limit, detail).at(place));
        }
        added
    }

    /// Notes problems of an entry.
    fn note(&mut self, index: Option<EntryIndex>, problems: Vec<Problem>) {
        for problem in problems {
            let entry = index.and_then(|index| self.survey.table().get(index));
            let problem = match entry.map(|entry| (entry.path(), entry.record())) {
                Some((path, record)) => problem.of_entry(path, record),
                None => problem,
            };
            self.survey.problem(problem);
        }
    }
}

const fn entry(parent: Parent) -> Option<EntryIndex> {
    match parent {
        Parent::Entry(index) => Some(index),
        Parent::Root | Parent::Unknown => None,
    }
}
