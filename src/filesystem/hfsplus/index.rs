//! The catalog in memory: every folder and file in use, and what is left of others.

use std::collections::{HashMap, HashSet};

use super::fork::{self, Extent, Fork};
use super::header::Header;
use super::name;
use super::node::{Standing, records};
use super::record::{self, COMPRESSED, Record, Role};
use super::tree::Tree;
use crate::model::Survey;

/// The number of the root folder, and the first number that a user's file can have.
pub(super) const ROOT: u32 = 2;
const FIRST_USER: u32 = 16;
/// 1984-01-01 in seconds since 1904: an older date is no remains of a record.
const OLDEST: u32 = 2_524_608_000;

/// A folder or a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) parent: u32,
    pub(super) number: u32,
    name: (usize, usize),
    node: u32,
    rank: u32,
    /// How many rows before it have the same number, which none should.
    copy: u32,
    pub(super) role: Role,
    pub(super) dates: [u32; 4],
    /// Whether its owner flags say that it is compressed.
    pub(super) compressed: bool,
    pub(super) data: ForkRow,
    pub(super) resource: ForkRow,
}

impl Row {
    /// The record number of its entries: what has a number that another has, too, must not be taken for it.
    pub(super) fn record(&self) -> u64 {
        u64::from(self.copy) << 32 | u64::from(self.number)
    }

    /// Whether a row before it has the same number.
    pub(super) const fn is_copy(&self) -> bool {
        self.copy > 0
    }
}

/// A fork, its extents kept elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ForkRow {
    pub(super) size: u64,
    pub(super) blocks: u32,
    extents: (usize, usize),
}

/// Every row of the catalog.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// In use, by parent, in the order of the tree.
    rows: Vec<Row>,
    /// Found in unused parts: numbers that nothing in use has, each once.
    remains: Vec<Row>,
    names: Vec<u8>,
    extents: Vec<Extent>,
}

impl Index {
    /// Reads the whole catalog.
    pub(super) fn read(tree: &Tree, header: &Header, survey: &mut Survey<'_>) -> Self {
        let mut index = Self::default();
        let (mut counted, mut following, mut left) = (Vec::new(), Vec::new(), Vec::new());
        let leaves = tree.sweep(survey, |node, bytes| {
            records(bytes, record::parse, |_, standing, found| {
                let Some(found) = found else {
                    // A thread is one of the records that the header counts.
                    return if standing == Standing::Following {
                        following.push(None)
                    };
                };
                match standing {
                    Standing::Counted => counted.push(index.row(&found, node)),
                    Standing::Following => {
                        following.push(Some((index.row(&found, node), is_plausible(&found, header))))
                    }
                    Standing::Left if is_plausible(&found, header) => left.push(index.row(&found, node)),
                    Standing::Left => {}
                }
            })
        });
        // Whole leaves out of use are remains too; so is what follows the counted records, unless the count is short.
        let (mut rows, mut others): (Vec<Row>, Vec<Row>) =
            counted.into_iter().partition(|row| leaves.rank(row.node).is_some());
        let mut missing = leaves.missing;
        for found in following {
            match found {
                Some((row, _)) if missing > 0 && leaves.rank(row.node).is_some() => rows.push(row),
                Some((row, true)) => others.push(row),
                _ => {}
            }
            missing = missing.saturating_sub(1);
        }
        others.append(&mut left);
        for row in &mut rows {
            row.rank = leaves.rank(row.node).unwrap_or(u32::MAX);
        }
        rows.sort_by_key(|row| (row.parent, row.rank));
        if !leaves.is_sound {
            let mut seen = HashSet::new();
            rows.retain(|row| seen.insert((row.parent, row.number)));
        }
        let mut copies: HashMap<u32, u32> = HashMap::with_capacity(rows.len());
        for row in &mut rows {
            let copy = copies.entry(row.number).or_default();
            row.copy = *copy;
            *copy = copy.saturating_add(1);
        }
        index.rows = rows;
        index.settle_remains(others);
        index
    }

    /// Rows in use.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What is left of folders and files that are not in use any more, in the order of their numbers.
    pub(super) fn remains(&self) -> &[Row] {
        &self.remains
    }

    /// The rows in use of a folder.
    pub(super) fn of(&self, parent: u32) -> &[Row] {
        let start = self.rows.partition_point(|row| row.parent < parent);
        let rows = self.rows.get(start..).unwrap_or_default();
        rows.get(..rows.partition_point(|row| row.parent == parent)).unwrap_or_default()
    }

    pub(super) fn name(&self, row: &Row) -> &[u8] {
        self.names.get(row.name.0..row.name.1).unwrap_or_default()
    }

    /// The extents of a fork that its record holds.
    pub(super) fn extents(&self, fork: &ForkRow) -> &[Extent] {
        self.extents.get(fork.extents.0..fork.extents.1).unwrap_or_default()
    }

    fn row(&mut self, record: &Record<'_>, node: u32) -> Row {
        let from = self.names.len();
        name::decode(record.name, &mut self.names);
        let (data, resource) = match &record.file {
            Some(file) => (self.fork(&file.data), self.fork(&file.resource)),
            None => Default::default(),
        };
        Row {
            parent: record.parent,
            number: record.number,
            name: (from, self.names.len()),
            node,
            rank: 0,
            copy: 0,
            role: record.role(),
            dates: record.dates,
            compressed: record.owner_flags & COMPRESSED != 0,
            data,
            resource,
        }
    }

    fn fork(&mut self, fork: &Fork) -> ForkRow {
        let from = self.extents.len();
        self.extents.extend(fork.used());
        ForkRow { size: fork.size, blocks: fork.blocks, extents: (from, self.extents.len()) }
    }

    /// Keeps of each number that is not in use the newest record.
    fn settle_remains(&mut self, mut others: Vec<Row>) {
        let used: HashSet<u32> = self.rows.iter().map(|row| row.number).collect();
        others.retain(|row| !used.contains(&row.number));
        let changed = |row: &Row| row.dates.get(2).copied();
        others.sort_by(|one, next| {
            (one.number, changed(next), one.node).cmp(&(next.number, changed(one), next.node))
        });
        others.dedup_by_key(|row| row.number);
        self.remains = others;
    }
}

/// Whether bytes in an unused part are a record that was in use once.
fn is_plausible(record: &Record<'_>, header: &Header) -> bool {
    let is_date = |date: &u32| *date == 0 || *date >= OLDEST;
    let is_fork = |fork: &Fork| {
        let whole = fork.used().all(|extent| header.run(extent).is_some());
        let room = u64::from(fork.blocks).saturating_mul(header.block_size);
        whole
            && fork.is_consistent()
            && fork.size <= room
            && fork::total(&fork.extents) <= u64::from(header.blocks)
    };
    let numbers = record.number >= FIRST_USER && record.number < header.next_number.max(FIRST_USER);
    let named = !record.name.is_empty() && record.name.as_chunks::<2>().0.iter().all(|unit| *unit != [0, 0]);
    let forks = record.file.as_ref().is_none_or(|file| is_fork(&file.data) && is_fork(&file.resource));
    numbers && named && record.parent >= ROOT && record.dates.iter().all(is_date) && forks
}
