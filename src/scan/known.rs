//! The loaded sets as one: what a file's digests mean.

use crate::hashset::KnownSet;
use crate::model::{Action, Algorithm, Algorithms, Digests, Hit, Role};
use crate::platform::SharedBytes;

use super::CONTROL_SET;

/// All sets of a run.
pub struct KnownSets(Vec<KnownSet<SharedBytes>>);

/// What all sets say of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Entries of alert sets, sorted, those that the profile ignores left out.
    pub hits: Vec<Hit>,
    /// What a reader must know beside the hits.
    pub remarks: Vec<String>,
    /// Whether a known-good set or an ignored category accounts for the file.
    pub known: bool,
}

impl KnownSets {
    /// Takes the sets of a run together.
    pub const fn new(sets: Vec<KnownSet<SharedBytes>>) -> Self {
        Self(sets)
    }

    /// The sets.
    pub fn iter(&self) -> impl Iterator<Item = &KnownSet<SharedBytes>> {
        self.0.iter()
    }

    /// The digest kinds that the lists need; the control takes what there is.
    pub fn algorithms(&self) -> Algorithms {
        self.lists().fold(Algorithms::default(), |all, set| all.union(set.algorithms()))
    }

    /// Whether an alert set holds a file of that size. Orders the work, never excludes.
    pub fn alert_has_size(&self, size: u64) -> bool {
        self.lists().any(|set| set.role() == Role::Alert && set.has_size(size))
    }

    fn lists(&self) -> impl Iterator<Item = &KnownSet<SharedBytes>> {
        self.iter().filter(|set| set.name() != CONTROL_SET)
    }

    /// Looks a file's digests up. `size` is the file's own, to be compared with what the lists record.
    pub fn look_up(&self, digests: &Digests, size: u64) -> Answer {
        let mut answer = Answer::default();
        for set in self.iter() {
            let hits = set.hits(digests);
            if hits.is_empty() {
                continue;
            }
            match set.role() {
                Role::Alert => {
                    answer.known |= hits.iter().any(|hit| hit.action == Action::Ignore);
                    let counted: Vec<Hit> =
                        hits.into_iter().filter(|hit| hit.action != Action::Ignore).collect();
                    if !counted.is_empty() {
                        answer.remarks.extend(size_remarks(set, digests, size));
                    }
                    answer.hits.extend(counted);
                }
                Role::KnownGood => {
                    answer.known = true;
                    answer.remarks.push(format!("the known-good set {} holds it too", set.name()));
                }
            }
        }
        if answer.hits.is_empty() {
            answer.remarks.clear();
            return answer;
        }
        if answer.hits.iter().all(|hit| hit.algorithm == Algorithm::Md5) {
            answer.remarks.push(
                "matched by MD5 alone: files with equal MD5 can be made on purpose; SHA-1 and SHA-256 are given for \
                 comparison"
                    .into(),
            );
        }
        answer.known = false;
        answer.hits.sort();
        answer.hits.dedup();
        answer.remarks.sort();
        answer.remarks.dedup();
        answer
    }
}

fn size_remarks(set: &KnownSet<SharedBytes>, digests: &Digests, size: u64) -> Vec<String> {
    let entries = digests.iter().filter_map(|digest| set.find(&digest));
    entries
        .flat_map(|entry| {
            let others = entry.filter_map(|from| Some((from.list, from.size.filter(|s| *s != size)?)));
            others
                .map(|(list, recorded)| {
                    format!(
                        "digest matches, but list {list} records a size of {recorded} bytes instead of {size}"
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect()
}
