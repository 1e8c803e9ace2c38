//! Where the content of entries that no living directory holds may still be, and how sure that is.

use super::bitmap::Bitmap;
use super::boot::Geometry;
use super::chain::{Clusters, Space, append, runs};
use super::table::Next;
use crate::model::{Content, Run};

/// Clusters of a deleted or orphaned entry.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::filesystem) enum Remains {
    /// They are recorded, and nothing else has them.
    Certain(Vec<Clusters>),
    /// They are a guess, or something speaks against them.
    Likely(Vec<Clusters>),
    /// At least one belongs to something else.
    Overwritten,
    /// Nothing says where they are, or the bound of work is reached.
    Lost,
}

/// Clusters that deleted files ask for.
pub(in crate::filesystem) struct Asked {
    once: Bitmap,
    /// By more than one.
    again: Bitmap,
}

impl Asked {
    /// Nothing asked for, of a volume whose last cluster is that one.
    pub(in crate::filesystem) fn new(last: u32) -> Self {
        Self { once: Bitmap::new(last), again: Bitmap::new(last) }
    }

    /// Notes the clusters of a deleted file.
    pub(in crate::filesystem) fn note(&mut self, remains: &Remains) {
        let (Remains::Certain(clusters) | Remains::Likely(clusters)) = remains else { return };
        for cluster in clusters.iter().flat_map(|piece| piece.iter()) {
            if !self.once.insert(cluster) {
                self.again.insert(cluster);
            }
        }
    }

    /// Whether more than one file asks for one of the clusters.
    pub(in crate::filesystem) fn by_others(&self, clusters: &[Clusters]) -> bool {
        clusters.iter().flat_map(|piece| piece.iter()).any(|cluster| self.again.contains(cluster))
    }
}

impl Remains {
    /// What is certain becomes likely where there is a doubt.
    pub(in crate::filesystem) fn doubted(self, doubt: impl FnOnce(&[Clusters]) -> bool) -> Self {
        match self {
            Self::Certain(clusters) if doubt(&clusters) => Self::Likely(clusters),
            other => other,
        }
    }

    /// How `bytes` bytes of content are had, and where they lie.
    pub(in crate::filesystem) fn content(&self, geometry: &Geometry, bytes: u64) -> (Content, Vec<Run>) {
        match self {
            Self::Certain(clusters) => (Content::Runs, runs(geometry, clusters, bytes)),
            Self::Likely(clusters) => (Content::Likely, runs(geometry, clusters, bytes)),
            Self::Overwritten => (Content::Overwritten, Vec::new()),
            Self::Lost => (Content::Lost, Vec::new()),
        }
    }
}

impl Space {
    /// The `wanted` clusters of an entry of which the first is known. `marked` says that the entry is marked as in
    /// use, in a directory that nothing leads to.
    ///
    /// A chain that the FAT still has is certain when it ends with the content; when its clusters are in use though
    /// the entry is not, it is only likely. Where it is erased, a single free cluster is certain, and more are
    /// guessed: from the first on every cluster that is still free, as The Sleuth Kit does it, since a file is
    /// written around those that are in use.
    pub(in crate::filesystem) fn guess(&mut self, first: u32, wanted: u64, marked: bool) -> Remains {
        if !self.geometry().has(first) || !self.has_room_for(wanted) {
            return Remains::Lost;
        }
        if self.is_claimed(first) {
            return Remains::Overwritten;
        }
        let free = self.is_unused(first);
        match self.recorded(first, wanted) {
            Some((clusters, true)) if free || marked => Remains::Certain(clusters),
            Some((clusters, _)) => Remains::Likely(clusters),
            None if self.is_exhausted() => Remains::Lost,
            None if free => self.around(first, wanted),
            None => Remains::Overwritten,
        }
    }

    /// The clusters of an entry that says itself that they lie one after the other. `marked` as above.
    pub(in crate::filesystem) fn consecutive(&mut self, first: u32, wanted: u64, marked: bool) -> Remains {
        let last = u64::from(first).saturating_add(wanted).saturating_sub(1);
        let ends = u32::try_from(last).is_ok_and(|last| self.geometry().has(last));
        let count = u32::try_from(wanted).unwrap_or(0);
        if !self.geometry().has(first) || !ends || count == 0 {
            return Remains::Lost;
        }
        let piece = Clusters { first, count };
        let mut free = 0_u32;
        for cluster in piece.iter() {
            if !self.spend(1) {
                return Remains::Lost;
            }
            if self.is_claimed(cluster) {
                return Remains::Overwritten;
            }
            free = free.saturating_add(u32::from(self.is_unused(cluster)));
        }
        // What is neither free nor anybody's is that of an entry in use whose directory was lost.
        match free {
            free if free == count || (marked && free == 0) => Remains::Certain(vec![piece]),
            _ if marked => Remains::Likely(vec![piece]),
            _ => Remains::Overwritten,
        }
    }

    /// The chain that the FAT has, when it is long enough and its clusters are all free, or all used and nobody's.
    /// True when it ends with the content, or needs no end.
    fn recorded(&mut self, first: u32, wanted: u64) -> Option<(Vec<Clusters>, bool)> {
        let free = self.is_unused(first);
        let mut clusters = Vec::new();
        let mut cluster = first;
        let mut missing = wanted;
        let ends = loop {
            let pieces = clusters.len();
            let alike = !self.is_claimed(cluster) && self.is_unused(cluster) == free;
            if !alike || !self.spend(1) || !self.visit(cluster) {
                break None;
            }
            append(&mut clusters, cluster);
            if clusters.len() > pieces && !self.spend_piece() {
                break None;
            }
            missing = missing.saturating_sub(1);
            match self.next(cluster) {
                next if missing == 0 => break Some(next == Next::End || (free && wanted == 1)),
                Next::Cluster(next) => cluster = next,
                _ => break None,
            }
        };
        self.leave(&clusters);
        ends.map(|ends| (clusters, ends))
    }

    /// Every free cluster from the first on.
    fn around(&mut self, first: u32, wanted: u64) -> Remains {
        let mut clusters = Vec::new();
        let mut missing = wanted;
        let mut cluster = first;
        while missing > 0 {
            let pieces = clusters.len();
            if !self.geometry().has(cluster) {
                return Remains::Overwritten;
            }
            if !self.spend(1) {
                return Remains::Lost;
            }
            if self.is_unused(cluster) {
                append(&mut clusters, cluster);
                missing = missing.saturating_sub(1);
            }
            if clusters.len() > pieces && !self.spend_piece() {
                return Remains::Lost;
            }
            cluster = cluster.saturating_add(1);
        }
        Remains::Likely(clusters)
    }
}
