//! Deleted entries: what their slots still say, and where their content may still be.
//!
//! FAT erases the chain of a deleted file, so its place beyond the first cluster is a guess (see [`Space::guess`]), and
//! its content only [`Content::Likely`]. A digest proves the content, not the name. Windows also erases the upper half
//! of the first cluster's number on FAT32: beyond cluster 65535 its guesses are wrong there, and none is certain. Nor is
//! one where two deleted files ask for the same cluster.
//!
//! [`Space::guess`]: super::chain::Space::guess

use super::boot::Variant;
use super::chain::{Clusters, append, runs};
use super::directory::{Found, Trust};
use super::recovery::{Asked, Remains};
use super::slot::{DELETED, END, SLOT, Slot, begins_directory};
use super::walk::{Directory, Pending, Walk};
use crate::model::{Content, EntryState, Extent, Parent};
use crate::read::size;

impl Walk<'_, '_> {
    /// Lists the deleted directories found so far and what they still hold; files wait for [`Self::recover`].
    pub(super) fn deleted(&mut self) {
        while let Some(pending) = self.pending.pop_front() {
            if self.listing.full {
                return;
            }
            let slot = Slot(&pending.found.slot);
            let first = slot.first(&self.geometry);
            if slot.is_directory() {
                self.deleted_directory(&pending, first);
            } else {
                self.files.push(pending);
            }
        }
    }

    /// Lists the deleted files, once it is known which clusters each of them asks for.
    pub(super) fn recover(&mut self) {
        let files = std::mem::take(&mut self.files);
        let mut asked = Asked::new(self.geometry.last_cluster);
        let mut all = Vec::with_capacity(files.len());
        for pending in &files {
            let remains = self.file_remains(Slot(&pending.found.slot));
            asked.note(&remains);
            all.push(remains);
        }
        for (pending, remains) in files.iter().zip(all) {
            let bytes = Slot(&pending.found.slot).size();
            let (content, pieces) = match bytes {
                0 => (Content::Runs, Vec::new()),
                _ => remains.doubted(|clusters| asked.by_others(clusters)).content(&self.geometry, bytes),
            };
            self.add(pending.parent, &pending.found, pending.state, bytes, &pieces, content);
        }
        self.space.exhaustion().into_iter().for_each(|problem| self.listing.survey.problem(problem));
    }

    /// Where the content of a file that no living directory holds may still be.
    fn file_remains(&mut self, slot: Slot<'_>) -> Remains {
        let bytes = slot.size();
        if bytes == 0 {
            return Remains::Lost;
        }
        let first = slot.first(&self.geometry);
        let marked = !matches!(slot.mark(), DELETED | END);
        let wanted = self.geometry.clusters_for(bytes);
        // Where the upper half of the number may have been erased, what is left of it may be another cluster's.
        let geometry = &self.geometry;
        let wide = geometry.variant == Variant::Fat32 && geometry.last_cluster > 0xffff;
        let halved = wide && first <= 0xffff && !marked;
        self.space.guess(first, wanted, marked).doubted(|_| halved)
    }

    fn deleted_directory(&mut self, pending: &Pending, first: u32) {
        // `.` and `..` of a deleted directory; one of a living directory leads to a living cluster.
        if pending.found.dots && pending.parent != Parent::Root {
            return;
        }
        let clusters = self.remains(first);
        let length = clusters.iter().map(|clusters| u64::from(clusters.count)).fold(0, u64::saturating_add);
        let bytes = length.saturating_mul(self.geometry.cluster);
        let pieces = runs(&self.geometry, &clusters, bytes);
        let content = if pieces.is_empty() { Content::Lost } else { Content::Runs };
        let added = self.add(pending.parent, &pending.found, pending.state, bytes, &pieces, content);
        if let Some(index) = added {
            self.read_deleted(first, &clusters, Parent::Entry(index), pending.state);
        }
    }

    fn read_deleted(&mut self, first: u32, clusters: &[Clusters], parent: Parent, state: EntryState) {
        let extents = clusters
            .iter()
            .map(|piece| {
                let length = u64::from(piece.count).saturating_mul(self.geometry.cluster);
                Extent::new(self.geometry.place(piece.first), length)
            })
            .collect();
        let directory = Directory { first, is_root: false, extents, parent, trust: Trust::Deleted };
        self.read(&directory, &mut |walk, found: Found| {
            walk.pending.push_back(Pending { parent, state, found });
        });
    }

    /// What is left of a directory that no living entry leads to: its first cluster must still name itself. The rest
    /// is its chain where the FAT has one, else the free clusters behind it as long as they hold nothing but entries.
    /// All of it counts as walked from now on.
    fn remains(&mut self, first: u32) -> Vec<Clusters> {
        let mut clusters = Vec::new();
        if !self.is_abandoned_directory(first) {
            return clusters;
        }
        append(&mut clusters, first);
        self.space.walk(first);
        let unused = self.space.is_unused(first);
        let mut last = first;
        // Each cluster belongs to one directory at most, which also ends a loop.
        while let Some(next) = if unused { last.checked_add(1) } else { self.space.successor(last) } {
            let free = self.space.is_unused(next);
            let more = match unused {
                true => free && self.is_full(last) && self.continues(next),
                false => !free && self.space.is_lost(next),
            };
            if !more || !self.space.walk(next) {
                break;
            }
            append(&mut clusters, next);
            last = next;
        }
        clusters
    }

    /// Whether a cluster that no living entry has begins with a `.` that names it and a `..`.
    fn is_abandoned_directory(&mut self, cluster: u32) -> bool {
        if self.space.is_walked(cluster) || !(self.space.is_unused(cluster) || self.space.is_lost(cluster)) {
            return false;
        }
        let mut start = [0; 64];
        let read = self.volume.read_exact_at(self.geometry.place(cluster), &mut start);
        let own = start.first_chunk::<SLOT>().map_or(0, |slot| Slot(slot).first(&self.geometry));
        // The upper half may have been erased, in this slot as in others.
        read.is_ok() && begins_directory(&start) && own & 0xffff == cluster & 0xffff
    }

    fn slots(&self, cluster: u32) -> Vec<u8> {
        let length = usize::try_from(self.geometry.cluster).unwrap_or(0);
        self.volume.read_vec(self.geometry.place(cluster), length).unwrap_or_default()
    }

    /// Whether a directory has no unused slot in this cluster, so that it may go on in another.
    fn is_full(&self, cluster: u32) -> bool {
        self.slots(cluster).as_chunks::<SLOT>().0.last().is_some_and(|slot| Slot(slot).mark() != 0)
    }

    /// Whether a cluster holds nothing but entries of a directory that began before it.
    fn continues(&self, cluster: u32) -> bool {
        let bytes = self.slots(cluster);
        let (slots, _) = bytes.as_chunks::<SLOT>();
        let used = slots.iter().take_while(|slot| **slot != [0; SLOT]).count();
        let (used, rest) = slots.split_at(used);
        let entry = |slot: &[u8; SLOT]| Slot(slot).is_long() || Slot(slot).is_plausible(&self.geometry);
        !used.is_empty()
            && !begins_directory(&bytes)
            && used.iter().all(entry)
            && rest.iter().all(|slot| *slot == [0; SLOT])
    }

    /// Searches the clusters that no living entry has for directories, and lists what those hold.
    pub(super) fn orphans(&mut self) {
        let candidates = self.candidates();
        // A directory that another candidate holds gets its name there: outer ones first, cycles at the end.
        let inner = |walk: &Self, cluster: u32| {
            let parent = walk.parent_of(cluster);
            parent != cluster && candidates.binary_search(&parent).is_ok()
        };
        let (nested, outer): (Vec<u32>, Vec<u32>) =
            candidates.iter().partition(|cluster| inner(self, **cluster));
        for cluster in outer.into_iter().chain(nested) {
            let clusters = self.remains(cluster);
            self.read_deleted(cluster, &clusters, Parent::Unknown, EntryState::Orphan);
            self.deleted();
            if self.listing.full {
                return;
            }
        }
    }

    /// Abandoned directories in ascending order, as far as the search reaches.
    fn candidates(&mut self) -> Vec<u32> {
        let unowned = self.space.unowned();
        for problem in unowned.problems(&self.geometry) {
            self.listing.survey.problem(problem);
        }
        let mut found = unowned.clusters;
        found.retain(|cluster| self.is_abandoned_directory(*cluster));
        found.sort_unstable();
        found
    }

    /// The cluster that the `..` of a directory names.
    fn parent_of(&self, cluster: u32) -> u32 {
        let mut slot = [0; SLOT];
        let place = self.geometry.place(cluster).saturating_add(size(SLOT));
        match self.volume.read_exact_at(place, &mut slot) {
            Ok(()) => Slot(&slot).first(&self.geometry),
            Err(_) => 0,
        }
    }
}
