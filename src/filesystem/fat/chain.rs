//! Cluster chains, and which cluster belongs to whom.

use std::sync::Arc;

use super::bitmap::Bitmap;
use super::boot::{Geometry, Variant};
use super::table::{Next, Table};
use crate::model::{Content, Extent, Problem, ProblemKind, Run};

/// Work spent on clusters that no single living file owns: guesses about deleted files, chains that cross. A volume
/// in use stays far below; it bounds a hostile one whose every entry leads to the same clusters.
const WORK: u64 = 1 << 28;
/// What a piece of a crossing chain or of a guess costs, since it takes memory; a cluster costs 1.
const PIECE: u64 = 64;

/// Clusters one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filesystem) struct Clusters {
    pub(in crate::filesystem) first: u32,
    pub(in crate::filesystem) count: u32,
}

impl Clusters {
    pub(in crate::filesystem) fn iter(self) -> impl Iterator<Item = u32> {
        self.first..self.first.saturating_add(self.count)
    }
}

/// How a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filesystem) enum End {
    /// As it should.
    Marked,
    /// After cluster `after` (0: the directory entry) comes what no chain may contain.
    Broken { after: u32, next: Next },
    /// Cluster `after` leads back to `to`.
    Loop { after: u32, to: u32 },
    /// [`WORK`] is used up at cluster `after`.
    Limit { after: u32 },
}

/// The clusters of an entry in order.
#[derive(Debug)]
pub(in crate::filesystem) struct Chain {
    pub(in crate::filesystem) clusters: Vec<Clusters>,
    pub(in crate::filesystem) length: u64,
    pub(in crate::filesystem) end: End,
    /// The first cluster that an earlier entry has as well.
    pub(in crate::filesystem) crossed: Option<u32>,
    /// The first cluster whose successor was taken from another copy of the FAT.
    mended: Option<u32>,
}

/// Which cluster is what.
pub(in crate::filesystem) struct Space {
    geometry: Arc<Geometry>,
    table: Table,
    free: Bitmap,
    /// In the chain of a living entry.
    claimed: Bitmap,
    /// In the chain that is being followed.
    current: Bitmap,
    /// Looked at as part of a directory.
    walked: Bitmap,
    work: u64,
    /// The same for living entries that say that their clusters lie one after the other: made-up ones of the size of
    /// the volume must not use up what chains and guesses need.
    consecutive_work: u64,
}

impl Space {
    /// `free` are the clusters that the volume calls free.
    pub(in crate::filesystem) fn new(geometry: Arc<Geometry>, table: Table, free: Bitmap) -> Self {
        let empty = Bitmap::new(geometry.last_cluster);
        let (claimed, current, walked) = (empty.clone(), empty.clone(), empty);
        Self { geometry, table, free, claimed, current, walked, work: WORK, consecutive_work: WORK }
    }

    /// Says which clusters are free, once that is known.
    pub(in crate::filesystem) fn set_free(&mut self, free: Bitmap) {
        self.free = free;
    }

    /// Follows the chain of a living entry and claims its clusters.
    pub(in crate::filesystem) fn chain(&mut self, first: u32) -> Chain {
        let mut chain = Chain::none(End::Marked);
        let mut after = 0;
        let mut cluster = first;
        chain.end = loop {
            if !self.geometry.has(cluster) {
                break End::Broken { after, next: Next::Invalid(cluster) };
            }
            if !self.current.insert(cluster) {
                break End::Loop { after, to: cluster };
            }
            if !self.claimed.insert(cluster) {
                chain.crossed.get_or_insert(cluster);
                // A cluster takes time, a piece memory too.
                let end = chain.clusters.last().and_then(|last| last.first.checked_add(last.count));
                if !self.spend(if end == Some(cluster) { 1 } else { PIECE }) {
                    self.current.remove(cluster);
                    break End::Limit { after };
                }
            }
            append(&mut chain.clusters, cluster);
            chain.length = chain.length.saturating_add(1);
            let mut next = self.table.next(cluster);
            if !matches!(next, Next::Cluster(_) | Next::End)
                && let Some(other) = self.table.second_opinion(cluster)
            {
                next = other;
                chain.mended.get_or_insert(cluster);
            }
            after = cluster;
            match next {
                Next::Cluster(next) => cluster = next,
                Next::End => break End::Marked,
                next => break End::Broken { after, next },
            }
        };
        self.leave(&chain.clusters);
        chain
    }

    /// Claims the clusters of a living entry that says itself that they lie one after the other.
    pub(in crate::filesystem) fn claim_consecutive(&mut self, first: u32, wanted: u64) -> Chain {
        let mut chain = Chain::none(End::Marked);
        let last = u64::from(self.geometry.last_cluster);
        let room = last.saturating_add(1).saturating_sub(first.into());
        let count = u32::try_from(wanted.min(room)).unwrap_or(0);
        if !self.geometry.has(first) || count == 0 {
            chain.end = End::Broken { after: 0, next: Next::Invalid(first) };
            return chain;
        }
        let piece = Clusters { first, count };
        chain.clusters.push(piece);
        chain.length = count.into();
        let mut after = first;
        for cluster in piece.iter() {
            if !self.claimed.insert(cluster) {
                chain.crossed.get_or_insert(cluster);
                let Some(left) = self.consecutive_work.checked_sub(1) else {
                    chain.end = End::Limit { after };
                    return chain;
                };
                self.consecutive_work = left;
            }
            after = cluster;
        }
        if u64::from(count) < wanted {
            chain.end = End::Broken { after, next: Next::Invalid(after.saturating_add(1)) };
        }
        chain
    }

    /// Whether no living entry has the cluster and the FAT calls it free.
    pub(in crate::filesystem) fn is_unused(&self, cluster: u32) -> bool {
        self.free.contains(cluster) && !self.claimed.contains(cluster)
    }

    /// Whether no living entry has the cluster and the FAT calls it used.
    pub(in crate::filesystem) fn is_lost(&mut self, cluster: u32) -> bool {
        !self.free.contains(cluster)
            && !self.claimed.contains(cluster)
            && self.geometry.has(cluster)
            && match (self.geometry.variant, self.table.next(cluster)) {
                // Not every cluster in use has an entry there.
                (Variant::ExFat, next) => next != Next::Bad,
                (_, next) => matches!(next, Next::Cluster(_) | Next::End),
            }
    }

    /// The clusters of living entries that are called free: the first, and how many.
    pub(in crate::filesystem) fn misjudged(&self) -> Option<(u32, u64)> {
        self.free.common(&self.claimed)
    }

    pub(in crate::filesystem) fn is_claimed(&self, cluster: u32) -> bool {
        self.claimed.contains(cluster)
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Whether the volume has that many clusters.
    pub(super) fn has_room_for(&self, wanted: u64) -> bool {
        wanted < u64::from(self.geometry.last_cluster)
    }

    /// What the FAT says about a cluster.
    pub(super) fn next(&mut self, cluster: u32) -> Next {
        self.table.next(cluster)
    }

    /// Marks a cluster as part of the chain that is being followed; false when it is already.
    pub(super) fn visit(&mut self, cluster: u32) -> bool {
        self.current.insert(cluster)
    }

    /// Ends a chain that was followed.
    pub(super) fn leave(&mut self, clusters: &[Clusters]) {
        for cluster in clusters.iter().flat_map(|clusters| clusters.iter()) {
            self.current.remove(cluster);
        }
    }

    /// The cluster that the FAT names as the next.
    pub(in crate::filesystem) fn successor(&mut self, cluster: u32) -> Option<u32> {
        match self.table.next(cluster) {
            Next::Cluster(next) => Some(next),
            _ => None,
        }
    }

    /// Marks a cluster as looked at as part of a directory; false when it was already.
    pub(in crate::filesystem) fn walk(&mut self, cluster: u32) -> bool {
        self.walked.insert(cluster)
    }

    pub(in crate::filesystem) fn is_walked(&self, cluster: u32) -> bool {
        self.walked.contains(cluster)
    }

    /// Whether work on guesses ended early.
    pub(in crate::filesystem) const fn is_exhausted(&self) -> bool {
        self.work == 0
    }

    /// Pays for a piece of a guess.
    pub(super) fn spend_piece(&mut self) -> bool {
        self.spend(PIECE)
    }

    /// Marks clusters as looked at as part of a directory and gives the places of those that were not yet.
    pub(in crate::filesystem) fn enter(&mut self, clusters: &[Clusters]) -> Vec<Extent> {
        let mut extents: Vec<Extent> = Vec::new();
        for cluster in clusters.iter().flat_map(|clusters| clusters.iter()) {
            if !self.walk(cluster) {
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

    pub(super) fn spend(&mut self, cost: u64) -> bool {
        let enough = self.work >= cost;
        self.work = self.work.saturating_sub(cost);
        enough
    }
}

impl Chain {
    /// No clusters at all.
    pub(in crate::filesystem) const fn none(end: End) -> Self {
        Self { clusters: Vec::new(), length: 0, end, crossed: None, mended: None }
    }

    /// What is wrong with the chain of an entry that needs `needed` clusters; a directory needs as many as it has.
    pub(in crate::filesystem) fn problems(&self, geometry: &Geometry, needed: u64) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let End::Broken { after: 0, next } = self.end {
            let detail =
                format!("expected a first cluster from 2 to {}, found {next}", geometry.last_cluster);
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        let mut note = |kind: ProblemKind, cluster: u32, detail: String| {
            // The place is that of the FAT entry that says so.
            let place = Extent::new(geometry.entry(0, cluster), geometry.variant.bits().div_ceil(8));
            problems.push(Problem::new(kind, detail).at(place));
        };
        let length = self.length;
        match self.end {
            End::Marked if length < needed => {
                let last = self
                    .clusters
                    .last()
                    .map_or(0, |last| last.first.saturating_add(last.count).saturating_sub(1));
                let detail = format!(
                    "the chain ends after {length} clusters (cluster {last}), its size needs {needed}"
                );
                note(ProblemKind::Corrupt, last, detail);
            }
            End::Marked if length > needed => {
                let detail = format!(
                    "the chain has {length} clusters, its size needs {needed}: the rest is not content"
                );
                note(ProblemKind::Corrupt, self.clusters.first().map_or(0, |first| first.first), detail);
            }
            End::Marked | End::Broken { after: 0, .. } => {}
            End::Broken { after, next } => {
                let detail = format!(
                    "the chain breaks off after {length} clusters, its size needs {needed}: after cluster {after} comes {next}"
                );
                note(ProblemKind::Corrupt, after, detail);
            }
            End::Loop { after, to } => {
                let detail = format!(
                    "the chain is a loop: after {length} clusters cluster {after} leads back to cluster {to}; its size needs {needed}"
                );
                note(ProblemKind::Corrupt, after, detail);
            }
            End::Limit { after } => {
                let detail = format!(
                    "the chain was not followed beyond cluster {after}: too many chains of this volume share clusters"
                );
                note(ProblemKind::Limit, after, detail);
            }
        }
        if let Some(cluster) = self.crossed {
            note(
                ProblemKind::Ambiguous,
                cluster,
                format!("cluster {cluster} is also in the chain of an earlier entry"),
            );
        }
        if let Some(cluster) = self.mended {
            let detail = format!(
                "the believed FAT breaks the chain off at cluster {cluster}: it was followed with another copy"
            );
            note(ProblemKind::Ambiguous, cluster, detail);
        }
        problems
    }
}

/// Bytes of the volume that clusters hold, cut to `size` bytes.
pub(in crate::filesystem) fn runs(geometry: &Geometry, clusters: &[Clusters], size: u64) -> Vec<Run> {
    let mut left = size;
    clusters
        .iter()
        .map_while(|clusters| {
            let length = u64::from(clusters.count).saturating_mul(geometry.cluster).min(left);
            left = left.saturating_sub(length);
            (length > 0).then(|| Run::new(geometry.place(clusters.first), length))
        })
        .collect()
}

/// How content of `size` bytes is had that should be these runs: a chain that is too short has no place for the rest.
pub(in crate::filesystem) fn whole(runs: &[Run], size: u64) -> Content {
    let covered = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.length));
    if covered < size { Content::Lost } else { Content::Runs }
}

/// Adds a cluster, to the last piece where it continues that.
pub(in crate::filesystem) fn append(clusters: &mut Vec<Clusters>, cluster: u32) {
    match clusters.last_mut() {
        Some(last) if last.first.checked_add(last.count) == Some(cluster) => {
            last.count = last.count.saturating_add(1);
        }
        _ => clusters.push(Clusters { first: cluster, count: 1 }),
    }
}
