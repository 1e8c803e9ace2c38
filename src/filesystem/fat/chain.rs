//! Cluster chains, and which cluster belongs to whom.

use std::sync::Arc;

use super::bitmap::Bitmap;
use super::boot::Geometry;
use super::table::{Next, Swept, Table};
use crate::model::{Extent, Problem, ProblemKind, Run};

/// Work spent on clusters that no single living file owns: guesses about deleted files, chains that cross. A volume
/// in use stays far below; it bounds a hostile one whose every entry leads to the same clusters.
const WORK: u64 = 1 << 28;
/// What a cluster of a crossing chain and a piece of a guess cost, since they take memory; a guessed cluster costs 1.
const PIECE: u64 = 64;

/// Clusters one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clusters {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Clusters {
    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        self.first..self.first.saturating_add(self.count)
    }
}

/// How a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
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
pub(super) struct Chain {
    pub(super) clusters: Vec<Clusters>,
    pub(super) length: u64,
    pub(super) end: End,
    /// The first cluster that an earlier entry has as well.
    pub(super) crossed: Option<u32>,
    /// The first cluster whose successor was taken from another copy of the FAT.
    mended: Option<u32>,
}

/// Which cluster is what.
pub(super) struct Space {
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
}

impl Space {
    pub(super) fn new(geometry: Arc<Geometry>, table: Table, swept: Swept) -> Self {
        let empty = Bitmap::new(geometry.last_cluster);
        let (claimed, current, walked) = (empty.clone(), empty.clone(), empty);
        Self { geometry, table, free: swept.free, claimed, current, walked, work: WORK }
    }

    /// Follows the chain of a living entry and claims its clusters.
    pub(super) fn chain(&mut self, first: u32) -> Chain {
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
                if !self.spend(PIECE) {
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
        for cluster in chain.clusters.iter().flat_map(|clusters| clusters.iter()) {
            self.current.remove(cluster);
        }
        chain
    }

    /// The clusters that a deleted entry of `wanted` clusters most likely had; `None` when they are certainly not
    /// all there any more, or the bound of work is reached.
    ///
    /// A first cluster that the FAT calls free: from there on every cluster that is still free, as The Sleuth Kit
    /// does it, since a file is written around those that are in use. One that the FAT calls used and no living
    /// entry has: its chain.
    pub(super) fn guess(&mut self, first: u32, wanted: u64) -> Option<Vec<Clusters>> {
        if !self.geometry.has(first) || self.claimed.contains(first) {
            return None;
        }
        let contiguous = self.is_unused(first);
        let mut clusters = Vec::new();
        let mut missing = wanted;
        let mut cluster = first;
        while missing > 0 {
            let pieces = clusters.len();
            if !self.geometry.has(cluster) || !self.spend(1) {
                return None;
            }
            if contiguous {
                if self.is_unused(cluster) {
                    append(&mut clusters, cluster);
                    missing = missing.saturating_sub(1);
                }
                cluster = cluster.saturating_add(1);
            } else {
                if self.claimed.contains(cluster) {
                    return None;
                }
                append(&mut clusters, cluster);
                missing = missing.saturating_sub(1);
                match self.table.next(cluster) {
                    Next::Cluster(next) => cluster = next,
                    _ if missing == 0 => {}
                    _ => return None,
                }
            }
            if clusters.len() > pieces && !self.spend(PIECE) {
                return None;
            }
        }
        Some(clusters)
    }

    /// Whether no living entry has the cluster and the FAT calls it free.
    pub(super) fn is_unused(&self, cluster: u32) -> bool {
        self.free.contains(cluster) && !self.claimed.contains(cluster)
    }

    /// Whether no living entry has the cluster and the FAT calls it used.
    pub(super) fn is_lost(&mut self, cluster: u32) -> bool {
        !self.free.contains(cluster)
            && !self.claimed.contains(cluster)
            && self.geometry.has(cluster)
            && matches!(self.table.next(cluster), Next::Cluster(_) | Next::End)
    }

    /// The cluster that the FAT names as the next.
    pub(super) fn successor(&mut self, cluster: u32) -> Option<u32> {
        match self.table.next(cluster) {
            Next::Cluster(next) => Some(next),
            _ => None,
        }
    }

    /// Marks a cluster as looked at as part of a directory; false when it was already.
    pub(super) fn walk(&mut self, cluster: u32) -> bool {
        self.walked.insert(cluster)
    }

    pub(super) fn is_walked(&self, cluster: u32) -> bool {
        self.walked.contains(cluster)
    }

    /// Whether work on guesses ended early.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.work == 0
    }

    fn spend(&mut self, cost: u64) -> bool {
        let enough = self.work >= cost;
        self.work = self.work.saturating_sub(cost);
        enough
    }
}

impl Chain {
    /// No clusters at all.
    pub(super) const fn none(end: End) -> Self {
        Self { clusters: Vec::new(), length: 0, end, crossed: None, mended: None }
    }

    /// What is wrong with the chain of an entry that needs `needed` clusters; a directory needs as many as it has.
    pub(super) fn problems(&self, geometry: &Geometry, needed: u64) -> Vec<Problem> {
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
pub(super) fn runs(geometry: &Geometry, clusters: &[Clusters], size: u64) -> Vec<Run> {
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

/// Adds a cluster, to the last piece where it continues that.
pub(super) fn append(clusters: &mut Vec<Clusters>, cluster: u32) {
    match clusters.last_mut() {
        Some(last) if last.first.checked_add(last.count) == Some(cluster) => {
            last.count = last.count.saturating_add(1);
        }
        _ => clusters.push(Clusters { first: cluster, count: 1 }),
    }
}
