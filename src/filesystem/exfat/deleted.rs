//! Deleted and orphaned entries: what their entry sets still say, and where their content may still be.
//!
//! A set that says that its clusters lie one after the other records its place, so its content is certain as long as
//! the bitmap calls all of them free and no other deleted file asks for one of them. Windows and Linux leave the chain
//! of others in the FAT, where it is certain under the same conditions; other drivers erase it.

use std::collections::BTreeSet;

use super::directory::{Found, Parser, Trust};
use super::set::{FILE, IN_USE, Place, SLOT, Soundness, is_near};
use super::walk::{Directory, Row, Walk, file_name, pieces, stream_name};
use crate::filesystem::fat::chain::{Clusters, append, runs};
use crate::filesystem::fat::recovery::{Asked, Remains};
use crate::model::{Content, EntryState, Extent, Parent, Run};

/// Bytes at the start of a cluster that are searched for an entry set: the rest of one, and a longest one.
const SEARCHED: usize = 2048;

/// A deleted entry of which only the set was read.
pub(super) struct Pending {
    pub(super) parent: Parent,
    pub(super) state: EntryState,
    pub(super) found: Found,
}

impl Walk<'_, '_> {
    /// Lists the deleted directories found so far and what they still hold; files wait for [`Self::recover`].
    pub(super) fn deleted(&mut self) {
        while let Some(pending) = self.pending.pop_front() {
            if self.listing.full {
                return;
            }
            if pending.found.set.is_directory() {
                self.deleted_directory(&pending);
            } else {
                self.files.push(pending);
            }
        }
    }

    fn deleted_directory(&mut self, pending: &Pending) {
        let place = pending.found.set.place();
        let clusters = self.directory_clusters(&place, pending.found.set.in_use);
        let count = clusters.iter().map(|piece| u64::from(piece.count)).fold(0, u64::saturating_add);
        let bytes = count.saturating_mul(self.geometry.cluster);
        let runs = runs(&self.geometry, &clusters, bytes);
        let content = if runs.is_empty() { Content::Lost } else { Content::Runs };
        let name = file_name(&pending.found);
        let (parent, state) = (pending.parent, pending.state);
        let row = Row { parent, name: &name, state, stream: 0, bytes, content, runs: &runs };
        if let Some(index) = self.add(&pending.found, row) {
            self.read_deleted(&runs, Parent::Entry(index), state);
        }
    }

    fn read_deleted(&mut self, runs: &[Run], parent: Parent, state: EntryState) {
        let extents = runs.iter().map(|run| Extent::new(run.offset, run.length)).collect();
        let directory = Directory { extents, parent, trust: Trust::Deleted };
        self.read(&directory, &mut |walk, found| walk.pending.push_back(Pending { parent, state, found }));
    }

    /// What is left of a directory that no living entry leads to: its clusters as long as they hold entries. They
    /// count as walked from now on.
    fn directory_clusters(&mut self, place: &Place, marked: bool) -> Vec<Clusters> {
        let clusters = match self.remains(place, marked) {
            Remains::Certain(clusters) | Remains::Likely(clusters) => clusters,
            Remains::Overwritten | Remains::Lost => vec![Clusters { first: place.first, count: 1 }],
        };
        let mut left: Vec<Clusters> = Vec::new();
        for cluster in clusters.iter().flat_map(|piece| piece.iter()) {
            let sets = self.sets_at(cluster);
            let holds = sets.is_some_and(|sets| !left.is_empty() || !sets.is_empty());
            if !holds || !self.space.walk(cluster) {
                break;
            }
            append(&mut left, cluster);
        }
        left
    }

    /// The clusters of an entry that no living directory holds, as it records them.
    fn remains(&mut self, place: &Place, marked: bool) -> Remains {
        let needed = self.geometry.clusters_for(place.bytes);
        if place.consecutive {
            self.space.consecutive(place.first, needed, marked)
        } else {
            self.space.guess(place.first, needed, marked)
        }
    }

    /// The whole sets at the start of a cluster that no living entry has; `None` when it does not begin with a set or
    /// the rest of one.
    fn sets_at(&self, cluster: u32) -> Option<Vec<Found>> {
        let free =
            self.geometry.has(cluster) && !self.space.is_claimed(cluster) && !self.space.is_walked(cluster);
        let place = self.geometry.place(cluster);
        let mut bytes = [0; SEARCHED];
        let length = free.then(|| self.volume.read_at(place, &mut bytes).ok()).flatten()?;
        let slots = bytes.get(..length)?.as_chunks::<SLOT>().0;
        let kind = slots.first()?[0] | IN_USE;
        if !is_near(kind, FILE) && !matches!(kind, 0xc0 | 0xc1 | 0xe0 | 0xe1) {
            return None;
        }
        let mut parser = Parser::new(Trust::Deleted, self.geometry.total);
        let places = (place..).step_by(SLOT);
        let mut sets: Vec<Found> =
            slots.iter().zip(places).filter_map(|(slot, at)| parser.push(Some(slot), at)).collect();
        sets.extend(parser.finish());
        let end = place.saturating_add(self.geometry.cluster);
        sets.retain(|found| found.offset < end && found.set.is_plausible(self.geometry.total));
        Some(sets)
    }

    /// Searches the clusters that no living entry has for directories, and lists what those hold.
    pub(super) fn orphans(&mut self) {
        let unowned = self.space.unowned();
        // Without a bitmap nothing counts as lost, and the search ends early all the same.
        for problem in unowned.problems(&self.geometry) {
            self.listing.survey.problem(problem);
        }
        let mut found = Vec::new();
        // A directory that another one holds gets its name there: outer ones first, cycles at the end.
        let mut held = BTreeSet::new();
        for cluster in unowned.clusters {
            let Some(sets) = self.sets_at(cluster).filter(|sets| !sets.is_empty()) else { continue };
            let directories = sets.iter().filter(|found| found.set.is_directory());
            held.extend(directories.map(|found| found.set.place().first).filter(|first| *first != cluster));
            found.push(cluster);
        }
        found.sort_unstable();
        let (nested, outer): (Vec<u32>, Vec<u32>) = found.iter().partition(|cluster| held.contains(cluster));
        for first in outer.into_iter().chain(nested) {
            // A set may reach from one cluster into the next.
            let mut clusters = Vec::new();
            let mut cluster = first;
            while (cluster == first || !held.contains(&cluster))
                && self.sets_at(cluster).is_some()
                && self.space.walk(cluster)
            {
                append(&mut clusters, cluster);
                cluster = cluster.saturating_add(1);
            }
            let length = self.geometry.cluster;
            let bytes = clusters.iter().map(|piece| u64::from(piece.count)).fold(0, u64::saturating_add);
            let runs = runs(&self.geometry, &clusters, bytes.saturating_mul(length));
            self.read_deleted(&runs, Parent::Unknown, EntryState::Orphan);
            self.deleted();
            if self.listing.full {
                return;
            }
        }
    }

    /// Lists the deleted files, once it is known which clusters each of them asks for.
    pub(super) fn recover(&mut self) {
        let files = std::mem::take(&mut self.files);
        let last = self.geometry.last_cluster;
        let mut asked = Asked::new(last);
        let mut all = Vec::new();
        for pending in &files {
            let vendors = pending.found.set.vendor_places().map(|(_, place)| place);
            for place in std::iter::once(pending.found.set.place()).chain(vendors) {
                let remains = self.file_remains(&place, &pending.found);
                asked.note(&remains);
                all.push(remains);
            }
        }
        let mut all = all.into_iter();
        for pending in &files {
            let name = file_name(&pending.found);
            let place = pending.found.set.place();
            let main = all.next().unwrap_or(Remains::Lost);
            self.add_deleted(pending, (0, &name), &place, main, &asked);
            for (number, (guid, place)) in (1_u16..).zip(pending.found.set.vendor_places()) {
                let remains = all.next().unwrap_or(Remains::Lost);
                let name = stream_name(&name, &guid);
                self.add_deleted(pending, (number, &name), &place, remains, &asked);
            }
        }
        self.space.exhaustion().into_iter().for_each(|problem| self.listing.survey.problem(problem));
    }

    fn file_remains(&mut self, place: &Place, found: &Found) -> Remains {
        let remains = self.remains(place, found.set.in_use);
        let (Remains::Certain(clusters) | Remains::Likely(clusters)) = &remains else { return remains };
        // What a deleted directory left is no content.
        if clusters.iter().flat_map(|piece| piece.iter()).any(|cluster| self.space.is_walked(cluster)) {
            return Remains::Overwritten;
        }
        remains
    }

    fn add_deleted(
        &mut self,
        pending: &Pending,
        (stream, name): (u16, &[u8]),
        place: &Place,
        remains: Remains,
        asked: &Asked,
    ) {
        let broken = matches!(pending.found.set.soundness, Soundness::Broken { .. });
        let sure = self.judges && !broken;
        let (content, runs) = match &remains {
            _ if place.bytes == 0 => (Content::Runs, Vec::new()),
            Remains::Certain(clusters) | Remains::Likely(clusters) => {
                let certain = matches!(remains, Remains::Certain(_)) && sure && !asked.by_others(clusters);
                let content = if certain { Content::Runs } else { Content::Likely };
                (content, pieces(&self.geometry, clusters, u64::MAX, place))
            }
            Remains::Overwritten => (Content::Overwritten, Vec::new()),
            Remains::Lost => (Content::Lost, Vec::new()),
        };
        let (parent, state, bytes) = (pending.parent, pending.state, place.bytes);
        self.add(&pending.found, Row { parent, name, state, stream, bytes, content, runs: &runs });
    }
}
