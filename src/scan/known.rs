//! The loaded sets as one: what a file's digests mean.

use std::borrow::Borrow;
use std::sync::OnceLock;

use crate::hashset::{self, KnownSet};
use crate::model::{Action, Algorithm, Algorithms, Digests, Hit, Role};
use crate::platform::SharedBytes;
use crate::read::ReadAt;

use super::CONTROL_SET;

/// Opens a set; one whose disk may go away is checked wherever it is read.
///
/// # Errors
/// When the bytes are no set, or an altered one.
pub fn open_set<B: Borrow<SharedBytes> + ReadAt>(bytes: B) -> hashset::Result<KnownSet<B>> {
    if bytes.borrow().is_doubtful() { KnownSet::open_doubtful(bytes) } else { KnownSet::open(bytes) }
}

/// All sets of a run.
pub struct KnownSets {
    sets: Vec<KnownSet<SharedBytes>>,
    /// What is wrong with one of them, since it was first met.
    damage: OnceLock<String>,
}

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
        Self { sets, damage: OnceLock::new() }
    }

    /// What was found wrong with a set while it was used. A run in which this happens has failed.
    pub fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// The sets.
    pub fn iter(&self) -> impl Iterator<Item = &KnownSet<SharedBytes>> {
        self.sets.iter()
    }

    /// The digest kinds that the lists need; the control takes what there is.
    pub fn algorithms(&self) -> Algorithms {
        self.lists().fold(Algorithms::default(), |all, set| all.union(set.algorithms()))
    }

    /// Whether an alert set holds a file of that size. Orders the work, never excludes: of a damaged set nothing is
    /// said here.
    pub fn alert_has_size(&self, size: u64) -> bool {
        let has = |set: &KnownSet<SharedBytes>| set.has_size(size).map_err(|error| self.damaged(set, &error));
        self.lists().any(|set| set.role() == Role::Alert && has(set) == Ok(true))
    }

    fn damaged(&self, set: &KnownSet<SharedBytes>, error: &hashset::Error) -> String {
        self.damage.get_or_init(|| format!("the set {}: {error}", set.name())).clone()
    }

    fn lists(&self) -> impl Iterator<Item = &KnownSet<SharedBytes>> {
        self.iter().filter(|set| set.name() != CONTROL_SET)
    }

    /// Looks a file's digests up. `size` is the file's own, to be compared with what the lists record.
    ///
    /// # Errors
    /// When a set is damaged where the answer stands, in words.
    pub fn look_up(&self, digests: &Digests, size: u64) -> Result<Answer, String> {
        let mut answer = Answer::default();
        for set in self.iter() {
            let hits = set.hits(digests).map_err(|error| self.damaged(set, &error))?;
            if hits.is_empty() {
                continue;
            }
            match set.role() {
                Role::Alert => {
                    answer.known |= hits.iter().any(|hit| hit.action == Action::Ignore);
                    let counted: Vec<Hit> =
                        hits.into_iter().filter(|hit| hit.action != Action::Ignore).collect();
                    if !counted.is_empty() {
                        answer.remarks.extend(counted.iter().flat_map(statements));
                        let sizes = size_remarks(set, digests, size);
                        answer.remarks.extend(sizes.map_err(|error| self.damaged(set, &error))?);
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
            return Ok(answer);
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
        Ok(answer)
    }
}

/// What a list says of victim and circulation, as its own words.
fn statements(hit: &Hit) -> impl Iterator<Item = String> + '_ {
    let said = |answer: Option<bool>, yes: &str, no: &str| {
        answer.map(|answer| format!("list {} says: {}", hit.list, if answer { yes } else { no }))
    };
    let victim = said(hit.victim_identified, "victim identified", "victim not identified");
    let distributed = said(hit.distributed, "in circulation", "not known to be in circulation");
    victim.into_iter().chain(distributed)
}

fn size_remarks(set: &KnownSet<SharedBytes>, digests: &Digests, size: u64) -> hashset::Result<Vec<String>> {
    let mut remarks = Vec::new();
    for digest in digests.iter() {
        let others = set.find(&digest)?.into_iter();
        remarks.extend(others.filter_map(|from| Some((from.list, from.size.filter(|s| *s != size)?))).map(
            |(list, recorded)| {
                format!(
                    "digest matches, but list {list} records a size of {recorded} bytes instead of {size}"
                )
            },
        ));
    }
    Ok(remarks)
}
