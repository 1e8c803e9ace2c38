//! Blocks of a container: where they are, reading many of them in the order of the medium, and what to say of them.

use std::sync::Arc;

use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::{ReadAt, Unreadable, size};

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

/// What is to be said when the survey hands over: places that were read, and problems.
#[derive(Default)]
pub(super) struct Notes {
    read: Vec<Extent>,
    problems: Vec<Problem>,
    /// Set while older states are looked at: that they are damaged is their nature, and nobody's loss.
    pub quiet: bool,
}

impl Notes {
    /// Notes bytes that were read as metadata.
    pub(super) fn read(&mut self, extent: Extent) {
        match self.read.last_mut() {
            Some(last) if last.end() == extent.offset => {
                last.length = last.length.saturating_add(extent.length);
            }
            _ => self.read.push(extent),
        }
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, problem: Problem) {
        if !self.quiet {
            self.problems.push(problem);
        }
    }

    /// Notes that bytes contradict the format.
    pub(super) fn corrupt(&mut self, what: &str, extent: Extent, expected: &str, found: &str) {
        let place = extent.offset;
        let detail = format!("{what} at byte {place} is damaged: expected {expected}, found {found}");
        self.problem(Problem::new(ProblemKind::Corrupt, detail).at(extent));
    }

    /// Notes bytes that could not be read.
    pub(super) fn unreadable(&mut self, what: &str, extent: Extent, why: &Unreadable) {
        let detail = format!("{what} at byte {}: {why}", extent.offset);
        self.problem(Problem::new(ProblemKind::Unreadable, detail).at(extent));
    }

    /// Hands everything over: places in physical order and merged.
    pub(super) fn hand_over(mut self, survey: &mut Survey<'_>) {
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
        self.problems.into_iter().for_each(|problem| survey.problem(problem));
    }
}
