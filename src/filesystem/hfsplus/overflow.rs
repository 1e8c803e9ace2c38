//! The extents overflow file: where the ninth and later extents of a fork are (TN1150, "Extents Overflow File").

use std::cell::Cell;

use super::fork::{self, EXTENTS, Extent};
use super::node::{Standing, records};
use super::tree::Tree;
use crate::model::Survey;
use crate::read::{Fields, size};

/// A fork of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ForkKind {
    Data,
    Resource,
}

/// File number of the bad blocks, which are no fork.
pub(super) const BAD_BLOCKS: u32 = 5;

#[derive(Clone, Copy, Debug)]
struct Row {
    number: u32,
    kind: ForkKind,
    /// The first block of the fork that the extents give the place of.
    start: u32,
    node: u32,
    extents: [Extent; EXTENTS],
}

/// Most extents that are given out: a hostile catalog may name the same file any number of times.
const MAX_EXTENTS: u64 = 1 << 25;

/// All records, in the order of files, forks and blocks.
#[derive(Debug, Default)]
pub(super) struct Overflow {
    rows: Vec<Row>,
    given: Cell<u64>,
}

impl Overflow {
    /// Reads the whole file.
    pub(super) fn read(tree: &Tree, survey: &mut Survey<'_>) -> Self {
        let (mut rows, mut following) = (Vec::new(), Vec::new());
        let leaves = tree.sweep(survey, |node, bytes| {
            records(bytes, parse, |_, standing, row| {
                let row = Row { node, ..row };
                match standing {
                    Standing::Counted => rows.push(row),
                    Standing::Following => following.push(row),
                    Standing::Left => {}
                }
            })
        });
        let missing = usize::try_from(leaves.missing).unwrap_or(usize::MAX);
        rows.retain(|row| leaves.rank(row.node).is_some());
        rows.extend(following.into_iter().filter(|row| leaves.rank(row.node).is_some()).take(missing));
        rows.sort_by_key(|row| (row.number, row.kind, row.start));
        Self { rows, given: Cell::new(0) }
    }

    /// The extents of a fork from block `start` of it on, as far as records follow one another.
    pub(super) fn after(&self, number: u32, kind: ForkKind, start: u64) -> Vec<Extent> {
        let mut extents = Vec::new();
        let mut next = start;
        // Each record found stands behind the one before, so this ends.
        while let Some(row) = u32::try_from(next).ok().and_then(|start| self.find(number, kind, start)) {
            let blocks = fork::total(&row.extents);
            if blocks == 0 || self.is_exhausted() {
                break;
            }
            self.given.set(self.given.get().saturating_add(size(EXTENTS)));
            extents.extend(fork::used(&row.extents));
            next = next.saturating_add(blocks);
        }
        extents
    }

    /// Whether no more extents are given out.
    pub(super) fn is_exhausted(&self) -> bool {
        self.given.get() > MAX_EXTENTS
    }

    /// The extents that are marked as bad.
    pub(super) fn bad_blocks(&self) -> impl Iterator<Item = Extent> + '_ {
        self.rows.iter().filter(|row| row.number == BAD_BLOCKS).flat_map(|row| fork::used(&row.extents))
    }

    fn find(&self, number: u32, kind: ForkKind, start: u32) -> Option<&Row> {
        let at =
            self.rows.binary_search_by_key(&(number, kind, start), |row| (row.number, row.kind, row.start));
        self.rows.get(at.ok()?)
    }
}

fn parse(bytes: &[u8]) -> Option<(usize, Row)> {
    let fields = Fields(bytes);
    let kind = match (fields.u16_be(0)?, fields.u8(2)?) {
        (10, 0) => ForkKind::Data,
        (10, 0xff) => ForkKind::Resource,
        _ => return None,
    };
    let extents = fork::extents(fields.bytes(12, 64)?)?;
    Some((76, Row { number: fields.u32_be(4)?, kind, start: fields.u32_be(8)?, node: 0, extents }))
}
