//! Clusters that no living entry has: where directories may be that nothing leads to.

use super::boot::{Geometry, Variant};
use super::chain::Space;
use crate::model::{Extent, Problem, ProblemKind};

/// Clusters that are looked at in search of directories that nothing leads to. On a large medium this is a part of
/// the free ones; those that are called used come first.
const PROBED: usize = 1 << 17;

/// What no living entry has.
#[derive(Default)]
pub(in crate::filesystem) struct Unowned {
    /// The clusters that are worth a look.
    pub(in crate::filesystem) clusters: Vec<u32>,
    /// Clusters that are called used, and the first of them.
    lost: u64,
    first_lost: u32,
    /// Clusters beyond [`PROBED`].
    left: u64,
}

impl Space {
    /// What no living entry has, once all of them were listed.
    pub(in crate::filesystem) fn unowned(&mut self) -> Unowned {
        let mut unowned = Unowned::default();
        for unused in [false, true] {
            for cluster in 2..=self.geometry().last_cluster {
                let here = if unused { self.is_unused(cluster) } else { self.is_lost(cluster) };
                if !here {
                    continue;
                }
                if !unused {
                    if unowned.lost == 0 {
                        unowned.first_lost = cluster;
                    }
                    unowned.lost = unowned.lost.saturating_add(1);
                }
                if unowned.clusters.len() < PROBED {
                    unowned.clusters.push(cluster);
                } else {
                    unowned.left = unowned.left.saturating_add(1);
                }
            }
        }
        unowned
    }

    /// Says that work on guesses ended early, when it did.
    pub(in crate::filesystem) fn exhaustion(&self) -> Option<Problem> {
        let detail = "deleted entries compete for the same clusters beyond all measure: the content of the last ones was not looked for";
        self.is_exhausted().then(|| Problem::new(ProblemKind::Limit, detail))
    }
}

impl Unowned {
    /// What an examiner must know of them.
    pub(in crate::filesystem) fn problems(&self, geometry: &Geometry) -> Vec<Problem> {
        let judge = if geometry.variant == Variant::ExFat { "allocation bitmap" } else { "FAT" };
        let mut problems = Vec::new();
        if self.lost > 0 {
            let place = Extent::new(geometry.place(self.first_lost), geometry.cluster);
            let detail = format!(
                "clusters that the {judge} calls used and that no living entry has, the first is {}",
                self.first_lost
            );
            let advice = "they may hold data that no entry names: search them with a tool that carves";
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(place).advise(advice);
            problems.push(Problem { count: self.lost, ..problem });
        }
        if self.left > 0 {
            let detail =
                format!("the search for directories that nothing leads to ended after {PROBED} clusters");
            problems.push(Problem { count: self.left, ..Problem::new(ProblemKind::Limit, detail) });
        }
        problems
    }
}
