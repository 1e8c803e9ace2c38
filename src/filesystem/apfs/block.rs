//! Blocks of a container: where they are, reading many of them in the order of the medium, and what to say of them.

use std::sync::Arc;

use crate::model::{Bucket, Extent, Problem, ProblemKind, Survey};
use crate::read::{ReadAt, Unreadable, gaps, size};

/// Bytes read at once: long enough for a spinning disk, short enough to hold.
const PIECE: usize = 1 << 20;

/// The blocks of a container.
pub(super) struct Blocks {
    /// The volume that holds the container.
    pub source: Arc<dyn ReadAt>,
    /// Length of a block in bytes.
    pub length: usize,
    /// How many there are by the container's own word.
    pub count: u64,
    /// The last transaction of the state that is read: of an older state, what is newer has been written over it.
    pub until: u64,
}

/// Takes blocks as they are read.
type Show<'a> = dyn FnMut(&Address, Result<&[u8], Unreadable>) + 'a;

/// Where an object is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// Number of its block.
    pub block: u64,
    /// The identifier that it must have.
    pub id: u64,
    /// Whether it is stored without a header, so that nothing in it can be checked.
    pub bare: bool,
}

impl Address {
    /// A physical object: its identifier is the number of its block.
    pub(super) const fn physical(block: u64) -> Self {
        Self { block, id: block, bare: false }
    }
}

impl Blocks {
    /// The bytes of `count` blocks from `block` on, in bytes from the start of the volume.
    pub(super) fn extent(&self, block: u64, count: u64) -> Extent {
        let length = size(self.length);
        Extent::new(block.saturating_mul(length), count.saturating_mul(length))
    }

    /// Whether such blocks can exist.
    pub(super) fn has(&self, block: u64, count: u64) -> bool {
        block != 0 && block.checked_add(count).is_some_and(|end| end <= self.count)
    }

    /// One block.
    pub(super) fn read(&self, block: u64) -> Result<Vec<u8>, Unreadable> {
        self.source.read_vec(self.extent(block, 1).offset, self.length)
    }

    /// Reads the blocks of addresses that are in physical order, neighbours at once, and shows each.
    pub(super) fn sweep(&self, places: &[Address], show: &mut Show<'_>) {
        let most = PIECE.checked_div(self.length).unwrap_or(1).max(1);
        let mut buffer = Vec::new();
        let mut rest = places;
        while let Some(first) = rest.first() {
            let neighbours = rest.windows(2).take_while(
                |pair| matches!(pair, [one, next] if one.block.checked_add(1) == Some(next.block)),
            );
            let count = neighbours.count().saturating_add(1).min(most);
            let (group, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            let start = self.extent(first.block, 1).offset;
            buffer.resize(self.length.saturating_mul(group.len()), 0);
            let whole = self.source.read_exact_at(start, &mut buffer).is_ok();
            for (place, bytes) in group.iter().zip(buffer.chunks_mut(self.length.max(1))) {
                let read = match whole {
                    true => Ok(()),
                    false => self.source.read_exact_at(self.extent(place.block, 1).offset, bytes),
                };
                show(place, read.map(|()| &*bytes));
            }
        }
    }
}

/// Most problems that are kept singly; the rest are counted.
const PROBLEMS: usize = 10_000;

/// What is to be said when the survey hands over: places that were read, and problems.
#[derive(Default)]
pub(super) struct Notes {
    read: Vec<Extent>,
    problems: Vec<Problem>,
    /// Places that could not be read, of problems that are not kept.
    unreadable: Vec<Extent>,
    /// How many problems are not kept.
    dropped: u64,
    /// Set while older states are looked at: that they are damaged is their nature, and nobody's loss.
    pub quiet: bool,
}

impl Notes {
    /// Notes bytes that were read as metadata.
    pub(super) fn read(&mut self, extent: Extent) {
        append(&mut self.read, extent);
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, problem: Problem) {
        if self.is_wanted(None) {
            self.problems.push(problem);
        }
    }

    /// Notes that bytes contradict the format.
    pub(super) fn corrupt(&mut self, what: &str, extent: Extent, expected: &str, found: &str) {
        if self.is_wanted(None) {
            let place = extent.offset;
            let detail = format!("{what} at byte {place} is damaged: expected {expected}, found {found}");
            self.problems.push(Problem::new(ProblemKind::Corrupt, detail).at(extent));
        }
    }

    /// Notes bytes that could not be read.
    pub(super) fn unreadable(&mut self, what: &str, extent: Extent, why: &Unreadable) {
        if self.is_wanted(Some(extent)) {
            let detail = format!("{what} at byte {}: {why}", extent.offset);
            self.problems.push(Problem::new(ProblemKind::Unreadable, detail).at(extent));
        }
    }

    /// Whether a problem is to be kept; one that is not is counted, and its place that could not be read is kept.
    fn is_wanted(&mut self, unreadable: Option<Extent>) -> bool {
        if self.quiet || self.problems.len() < PROBLEMS {
            return !self.quiet;
        }
        self.dropped = self.dropped.saturating_add(1);
        unreadable.into_iter().for_each(|extent| append(&mut self.unreadable, extent));
        false
    }

    /// Hands everything over: places in physical order and merged.
    pub(super) fn hand_over(mut self, source: &dyn ReadAt, survey: &mut Survey<'_>) {
        self.read.sort_unstable();
        let mut end = 0;
        for extent in &self.read {
            // Two trees may share a block: it counts once.
            let start = extent.offset.max(end);
            if let Some(length) = extent.end().checked_sub(start).filter(|length| *length > 0) {
                survey.metadata(start, length);
            }
            end = end.max(extent.end());
        }
        for problem in self.problems {
            let place = problem.extent.filter(|_| problem.kind == ProblemKind::Unreadable);
            // A block fails as a whole; the disk loses sectors.
            let exact = place.map_or_else(Vec::new, |place| gaps(source, place.offset, place.length));
            for gap in &exact {
                survey.problem(problem.clone().at(Extent::new(gap.offset, gap.length)));
            }
            if exact.is_empty() {
                survey.problem(problem);
            }
        }
        // Where the medium has ended there is nothing to claim.
        for extent in self.unreadable.iter().filter(|extent| extent.offset < source.size()) {
            survey.claim(extent.offset, extent.length, Bucket::Unreadable);
        }
        if self.dropped > 0 {
            let detail =
                format!("more than {PROBLEMS} problems of one container: the rest are counted, not listed");
            let mut rest = Problem::new(ProblemKind::Limit, detail);
            rest.count = self.dropped;
            survey.problem(rest);
        }
    }
}

/// Adds a place. Tables are read piece by piece: neighbours become one.
fn append(places: &mut Vec<Extent>, place: Extent) {
    match places.last_mut() {
        Some(last) if last.end() == place.offset => last.length = last.length.saturating_add(place.length),
        _ => places.push(place),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::model::{EntryTable, Placement};
    use crate::read::Memory;

    /// One sector of a block fails.
    struct Worn;

    impl ReadAt for Worn {
        fn size(&self) -> u64 {
            1 << 20
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
            match offset {
                8704..9216 => Err(Unreadable::new(offset, 9216 - offset, "worn")),
                _ => Ok(buffer.len().min(usize::try_from(8704_u64.wrapping_sub(offset)).unwrap_or(512))),
            }
        }
    }

    fn end(notes: Notes, source: &dyn ReadAt) -> crate::model::SurveyEnd {
        let mut table = EntryTable::default();
        let mut survey = Survey::new(0, Placement::whole(1 << 40), &mut table);
        notes.hand_over(source, &mut survey);
        survey.finish()
    }

    #[test]
    fn problems_are_bounded_and_what_could_not_be_read_is_still_claimed() {
        let mut notes = Notes::default();
        let why = Unreadable::new(0, 1, "dead");
        for number in 0..20_000 {
            notes.corrupt("node", Extent::new(number, 1), "one", "none");
            notes.unreadable("node", Extent::new(number * 8, 8), &why);
        }
        assert_eq!(notes.problems.len(), PROBLEMS);
        assert_eq!((notes.dropped, notes.unreadable.len()), (30_000, 1));
        let source = Memory(vec![0; 1 << 20]);
        let end = end(notes, &source);
        assert!(end.claims.contains(&(Extent::new(0, 160_000), Bucket::Unreadable)));
    }

    #[test]
    fn of_a_block_that_fails_only_the_sectors_that_fail_are_unreadable() {
        let mut notes = Notes::default();
        notes.unreadable("node", Extent::new(8192, 4096), &Unreadable::new(8704, 512, "worn"));
        assert_eq!(end(notes, &Worn).claims, [(Extent::new(8704, 512), Bucket::Unreadable)]);
    }
}
