//! Sets: volumes that several others, or parts of them, make up together.
//!
//! Adding one is a new file here with a [`Set`] and its line in [`SETS`]. Everything is read in place: a set is
//! put together as a list of where its bytes lie, and nothing is written or copied.

mod lvm;
mod md;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::{Extent, Placement, Problem, Segment};
use crate::read::ReadAt;

/// Most problems of one set that are listed singly; the rest are counted.
const MAX_PROBLEMS: usize = 200;
/// What is to be done with a set that is not, or not wholly, put together.
const LABORATORY: &str = "put it together read-only in the laboratory and examine what is on it";

/// A kind of set.
pub trait Set: Sync {
    /// Its name in tables and reports.
    fn name(&self) -> &'static str;

    /// What a reader of `onscene formats` needs to know beyond the name: variants read and not read.
    fn description(&self) -> &'static str;

    /// Sets of a lower rank are put together first: what a set stands on must be there before it.
    fn rank(&self) -> u8;

    /// Whether the volume is a member of such a set. Reads a bounded number of bytes.
    fn probe(&self, volume: &dyn ReadAt) -> bool;

    /// Puts together what the members of one source make up, of every set of this kind among them.
    fn assemble(&self, members: &[Member]) -> Assembly;
}

/// Every kind, alphabetical.
pub static SETS: &[&dyn Set] = &[&lvm::Lvm, &md::Md];

/// A volume that is a member of a set.
#[derive(Clone)]
pub struct Member {
    /// Number of the volume.
    pub number: u16,
    /// Where it lies on the medium.
    pub placement: Placement,
    /// Its bytes.
    pub volume: Arc<dyn ReadAt>,
}

/// What members make up.
#[derive(Default)]
pub struct Assembly {
    /// The volumes, in the order of the set.
    pub volumes: Vec<Assembled>,
    /// What each member is, by the number of its volume: "part of ...".
    pub members: Vec<(u16, String)>,
    /// Places on the medium that were read as metadata of the set.
    pub metadata: Vec<Extent>,
    /// Places on the medium that hold a second copy of what is read elsewhere.
    pub copies: Vec<Extent>,
    /// Places on the medium whose volumes are not put together.
    pub unread: Vec<Extent>,
    /// What is wrong or missing. Extents are those of the medium.
    pub problems: Vec<Problem>,
}

/// A volume that a set makes up.
pub struct Assembled {
    /// What it is, in words.
    pub kind: String,
    /// Its name in the set.
    pub label: String,
    /// Where its bytes lie.
    pub placement: Placement,
    /// Numbers of the volumes that hold them, in order.
    pub on: Vec<u16>,
}

impl Member {
    /// A part of the member as a volume of its own.
    fn part(&self, offset: u64, length: u64) -> Placement {
        part(&self.placement, offset, length)
    }

    /// Where a part of the member lies on the medium.
    fn places(&self, extent: Extent) -> Vec<Extent> {
        self.placement.places(extent.offset, extent.length)
    }

    /// A problem of this member; its extent counts from the start of the member.
    fn problem(&self, mut problem: Problem) -> Problem {
        problem.extent = problem.extent.and_then(|extent| self.places(extent).first().copied());
        problem.in_volume(u32::from(self.number))
    }
}

impl Assembly {
    fn metadata(&mut self, member: &Member, offset: u64, length: u64) {
        self.metadata.extend(member.places(Extent::new(offset, length)));
    }

    fn unread(&mut self, member: &Member, offset: u64, length: u64) {
        self.unread.extend(member.places(Extent::new(offset, length)));
    }

    /// Adds what one of several sets came to; of too many problems the rest are counted.
    fn join(&mut self, other: Self) {
        self.volumes.extend(other.volumes);
        self.members.extend(other.members);
        self.metadata.extend(other.metadata);
        self.copies.extend(other.copies);
        self.unread.extend(other.unread);
        let mut problems = other.problems;
        if problems.len() > MAX_PROBLEMS {
            let count = problems.len().saturating_sub(MAX_PROBLEMS);
            problems.truncate(MAX_PROBLEMS);
            let detail =
                format!("more than {MAX_PROBLEMS} problems in one set: the rest are counted, not listed");
            let mut rest = Problem::new(crate::model::ProblemKind::Limit, detail);
            rest.count = crate::read::size(count);
            problems.push(rest);
        }
        self.problems.extend(problems);
    }
}

/// A part of a volume as a volume of its own; what reaches out of it is cut off.
pub(super) fn part(whole: &Placement, offset: u64, length: u64) -> Placement {
    let length = length.min(whole.length().saturating_sub(offset));
    let first = whole.at(offset).unwrap_or(Extent::new(0, 0));
    if length > 0 && first.length >= length {
        return Placement::piece(Extent::new(first.offset, length));
    }
    Placement::set([Segment::linear(length, whole.clone(), offset)])
}

/// The same placement, as one piece where it is one.
pub(super) fn simple(placement: Placement) -> Placement {
    match placement.places(0, placement.length()).as_slice() {
        [one]
            if one.length == placement.length()
                && placement.at(0).is_some_and(|first| first.offset == one.offset) =>
        {
            // Pieces may lie in another order than that of the medium.
            let in_order =
                placement.pieces(0, one.length).take(MAX_JOINED).try_fold(one.offset, |at, piece| {
                    (piece.offset == at).then(|| at.saturating_add(piece.length))
                });
            if in_order == Some(one.end()) { Placement::piece(*one) } else { placement }
        }
        _ => placement,
    }
}

/// Pieces that are compared to find that they are one.
const MAX_JOINED: usize = 10_000;
