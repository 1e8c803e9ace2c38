//! A B-tree file: read from its first to its last node in one sweep, and which of its leaves are in use.
//!
//! The index is not used. A sound chain of leaves says which are in use; when it is broken, the tree's own map of nodes
//! does, so that a damaged link, index or header costs nothing.

use std::sync::Arc;

use super::node::{DESCRIPTOR, Descriptor, Kind};
use crate::model::{Extent, Problem, ProblemKind, Run, Survey};
use crate::read::{Fields, Pieces, ReadAt, Unreadable, size};

/// Sizes that a node may have.
const NODE_SIZES: std::ops::RangeInclusive<usize> = 512..=32_768;
/// Bytes read at once.
const PIECE: usize = 1 << 20;
/// Rank of a node that is not in use.
const UNUSED: u32 = u32::MAX;

/// An opened B-tree file.
pub(super) struct Tree {
    name: &'static str,
    file: Pieces,
    /// First byte of each run within the file, with the run.
    runs: Vec<(u64, Run)>,
    /// Length of the volume.
    end: u64,
    /// Whether the file is longer than the volume, of which so much was read.
    pub(super) cut: bool,
    node_size: usize,
    header: Option<Header>,
}

/// The header record.
#[derive(Clone, Copy, Debug)]
struct Header {
    leaf_records: u32,
    first_leaf: u32,
    last_leaf: u32,
    node_size: usize,
}

/// Whether a header node of a B-tree stands at that byte of a volume.
pub(super) fn is_tree(volume: &dyn ReadAt, offset: u64) -> bool {
    let length = usize::try_from(volume.size().saturating_sub(offset)).unwrap_or(usize::MAX);
    let node = volume.read_vec(offset, length.min(*NODE_SIZES.end())).unwrap_or_default();
    header(&node).is_some()
}

impl Tree {
    /// Opens the file that those runs make; `None` when it is too short for a node.
    pub(super) fn open(volume: &Arc<dyn ReadAt>, name: &'static str, runs: Vec<Run>) -> Option<Self> {
        let stated = runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
        let length = stated.min(volume.size());
        let file = Pieces::new(Arc::clone(volume), &runs, length);
        let front = usize::try_from(length).unwrap_or(PIECE).min(PIECE);
        let mut bytes = vec![0; front];
        let whole = file.read_exact_at(0, &mut bytes).is_ok();
        // A node that cannot be read must not hide those behind it.
        let parts = if whole { &mut [][..] } else { bytes.as_mut_slice() };
        for (at, part) in (0_u64..).step_by(*NODE_SIZES.start()).zip(parts.chunks_mut(*NODE_SIZES.start())) {
            if file.read_exact_at(at, part).is_err() {
                part.fill(0);
            }
        }
        let header = header(&bytes);
        let node_size = header.map(|header| header.node_size).or_else(|| guess(&bytes))?;
        let mut start = 0_u64;
        let placed = runs.into_iter().map(|run| {
            let at = start;
            start = start.saturating_add(run.length);
            (at, run)
        });
        let runs = placed.collect();
        Some(Self { name, file, runs, end: volume.size(), cut: stated > length, node_size, header })
    }

    /// The parts of the volume that `length` bytes of the file from `offset` on lie in.
    pub(super) fn place(&self, offset: u64, length: u64) -> Vec<Run> {
        let end = offset.saturating_add(length);
        let mut parts = Vec::new();
        let first = self.runs.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        for (start, run) in self.runs.iter().skip(first).take_while(|(start, _)| *start < end) {
            let next = start.saturating_add(run.length);
            let from = offset.max(*start);
            if let Some(length) = end.min(next).checked_sub(from).filter(|length| *length > 0) {
                parts.push(Run::new(run.offset.saturating_add(from.saturating_sub(*start)), length));
            }
        }
        parts
    }

    /// Where a byte of a node lies, from the start of the file.
    pub(super) fn offset(&self, node: u32, within: usize) -> u64 {
        u64::from(node).saturating_mul(size(self.node_size)).saturating_add(size(within))
    }

    /// The bytes of a node, for a problem.
    pub(super) fn extent(&self, node: u32) -> Extent {
        let run = self.place(self.offset(node, 0), size(self.node_size)).first().copied();
        run.map_or(Extent::new(0, 0), |run| Extent::new(run.offset, run.length))
    }

    /// The first leaf, which a survey need not have reached.
    pub(super) fn first_leaf(&self) -> Option<Vec<u8>> {
        self.file.read_vec(self.offset(self.header?.first_leaf, 0), self.node_size).ok()
    }

    /// Reads every node and shows the leaves, also those that are not in use. Returns which are.
    pub(super) fn sweep(&self, survey: &mut Survey<'_>, mut show: impl FnMut(u32, &[u8]) -> u64) -> Leaves {
        let mut nodes = Vec::new();
        let mut maps = Vec::new();
        let (mut damaged, mut first) = (0_u64, None);
        self.nodes(survey, |number, node| {
            let descriptor = Descriptor::parse(node);
            match descriptor.map(|descriptor| descriptor.kind) {
                Some(Kind::Leaf) => {
                    let is_odd = descriptor.is_some_and(|descriptor| descriptor.is_odd);
                    let here = show(number, node).saturating_add(is_odd.into());
                    damaged = damaged.saturating_add(here);
                    if here > 0 {
                        first.get_or_insert(number);
                    }
                }
                Some(Kind::Map) => maps.push((number, node.to_vec())),
                Some(Kind::Header) if number == 0 => maps.push((number, node.to_vec())),
                _ => {}
            }
            nodes.push(descriptor.filter(|descriptor| matches!(descriptor.kind, Kind::Leaf)));
        });
        if let Some(node) = first {
            let detail =
                format!("{}: damaged records or descriptors of leaves, the first in node {node}", self.name);
            let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(self.extent(node));
            problem.count = damaged;
            survey.problem(problem);
        }
        self.settle(&nodes, &self.map(&maps), survey)
    }

    /// Reads every node in large pieces; one that cannot be read is shown as no bytes.
    fn nodes(&self, survey: &mut Survey<'_>, mut show: impl FnMut(u32, &[u8])) {
        let unit = size(self.node_size);
        let end = self.file.size().checked_div(unit).unwrap_or(0).saturating_mul(unit);
        let mut buffer = Vec::new();
        let (mut at, mut number) = (0_u64, 0_u32);
        let mut failed: Option<(u64, u64, Unreadable)> = None;
        let mut claimed = (0_u64, 0_u64);
        while at < end {
            let wanted = usize::try_from(end.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
            buffer.resize(wanted, 0);
            let whole = self.file.read_exact_at(at, &mut buffer).is_ok();
            for node in buffer.chunks_mut(self.node_size) {
                match if whole { Ok(()) } else { self.file.read_exact_at(at, node) } {
                    Ok(()) => {
                        show(number, node);
                        // What only claims to be a B-tree was not examined by being read as one.
                        if is_node(node) && claimed.1 == at {
                            claimed.1 = at.saturating_add(unit);
                        } else if is_node(node) {
                            self.claim(claimed, survey);
                            claimed = (at, at.saturating_add(unit));
                        }
                    }
                    Err(unreadable) => {
                        let (_, stop, _) = failed.get_or_insert((at, at, unreadable));
                        *stop = at.saturating_add(unit);
                        show(number, &[]);
                    }
                }
                at = at.saturating_add(size(node.len()));
                number = number.saturating_add(1);
                if failed.as_ref().is_some_and(|(_, stop, _)| *stop < at) {
                    self.unreadable(failed.take(), survey);
                }
            }
        }
        self.unreadable(failed, survey);
        self.claim(claimed, survey);
    }

    /// Claims the parts of the volume that nodes lie in.
    fn claim(&self, (start, stop): (u64, u64), survey: &mut Survey<'_>) {
        for run in self.place(start, stop.saturating_sub(start)) {
            let inside = self.end.saturating_sub(run.offset).min(run.length);
            survey.metadata(run.offset.min(self.end), inside);
        }
    }

    fn unreadable(&self, failed: Option<(u64, u64, Unreadable)>, survey: &mut Survey<'_>) {
        let Some((start, stop, why)) = failed else { return };
        for run in self.place(start, stop.saturating_sub(start)) {
            let detail = format!("{}: {} bytes from byte {} on: {why}", self.name, run.length, run.offset);
            let place = Extent::new(run.offset, run.length);
            survey.problem(Problem::new(ProblemKind::Unreadable, detail).at(place));
        }
    }

    /// The map of nodes in use: a record of the header node, continued in map nodes; `None` when it is not there.
    fn map(&self, nodes: &[(u32, Vec<u8>)]) -> Option<Vec<u8>> {
        let mut bits = Vec::new();
        let mut number = 0;
        // Each node of the list is taken at most once, so links in a loop end.
        for _ in nodes {
            let at = nodes.binary_search_by_key(&number, |(number, _)| *number).ok()?;
            let (_, node) = nodes.get(at)?;
            let start = if number == 0 { 248 } else { DESCRIPTOR };
            // The offsets of the records stand at the end: three and the free space, or one.
            let reserve = if number == 0 { 8 } else { 6 };
            bits.extend_from_slice(node.get(start..node.len().checked_sub(reserve)?)?);
            number = Fields(node).u32_be(0)?;
            if number == 0 {
                break;
            }
        }
        (!bits.is_empty()).then_some(bits)
    }

    /// Decides which leaves are in use.
    fn settle(&self, nodes: &[Option<Descriptor>], map: &Option<Vec<u8>>, survey: &mut Survey<'_>) -> Leaves {
        let mut taken = Taken { nodes, ranks: vec![UNUSED; nodes.len()], count: 0, records: 0 };
        let stated = self.header.map(|header| u64::from(header.leaf_records));
        let flaw = match self.header {
            None => Some("its header node is damaged".to_owned()),
            Some(header) => taken.chain(header),
        };
        let counted = |stated| format!("its header counts {stated} records, its leaves {}", taken.records);
        let flaw = flaw.or_else(|| stated.filter(|stated| *stated != taken.records).map(counted));
        let is_sound = flaw.is_none();
        if let Some(flaw) = flaw {
            (0..).zip(nodes).filter(|(number, _)| map.as_ref().is_none_or(|map| bit(map, *number))).for_each(
                |(number, _)| {
                    taken.take(number);
                },
            );
            let detail = format!("{}: {flaw}; every leaf in use was read nevertheless", self.name);
            survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(self.extent(0)));
        }
        let missing = stated.unwrap_or(0).saturating_sub(taken.records);
        Leaves { ranks: taken.ranks, is_sound, missing }
    }
}

/// Leaves that are taken to be in use, in the order in which they were.
struct Taken<'n> {
    nodes: &'n [Option<Descriptor>],
    ranks: Vec<u32>,
    count: u32,
    /// What they count together.
    records: u64,
}

impl Taken<'_> {
    /// Takes a leaf; `None` when the node is none, `false` when it was taken before.
    fn take(&mut self, number: u32) -> Option<bool> {
        let at = usize::try_from(number).ok()?;
        let leaf = self.nodes.get(at).copied().flatten()?;
        let rank = self.ranks.get_mut(at)?;
        if *rank != UNUSED {
            return Some(false);
        }
        *rank = self.count;
        self.count = self.count.saturating_add(1);
        self.records = self.records.saturating_add(leaf.records.into());
        Some(true)
    }

    /// Takes the leaves of the chain; says where it breaks.
    fn chain(&mut self, header: Header) -> Option<String> {
        let (mut at, mut last) = (header.first_leaf, 0);
        while at != 0 {
            match self.take(at) {
                None => return Some(format!("the chain of leaves leads to node {at}, which is none")),
                Some(false) => return Some(format!("the chain of leaves comes back to node {at}")),
                Some(true) => last = at,
            }
            let leaf = usize::try_from(at).ok().and_then(|at| self.nodes.get(at)).copied().flatten();
            at = leaf.map_or(0, |leaf| leaf.next);
        }
        let ends = format!("the chain of leaves ends in node {last} and not in {}", header.last_leaf);
        (last != header.last_leaf).then_some(ends)
    }
}

/// Which leaves are in use, and in which order.
pub(super) struct Leaves {
    ranks: Vec<u32>,
    /// Whether chain, header and leaves agree.
    pub(super) is_sound: bool,
    /// Records that the header counts and the leaves do not.
    pub(super) missing: u64,
}

impl Leaves {
    /// Place of a leaf in the order of the tree; `None` when it is not in use.
    pub(super) fn rank(&self, node: u32) -> Option<u32> {
        let rank = self.ranks.get(usize::try_from(node).ok()?).copied()?;
        (rank != UNUSED).then_some(rank)
    }
}

/// Whether bytes are a node, or a free one that was never used.
fn is_node(bytes: &[u8]) -> bool {
    let kind = Descriptor::parse(bytes).map(|node| node.kind);
    kind.is_some_and(|kind| kind != Kind::None) || bytes.iter().all(|byte| *byte == 0)
}

fn bit(bits: &[u8], number: u32) -> bool {
    let byte = usize::try_from(number / 8).ok().and_then(|at| bits.get(at)).copied().unwrap_or(0);
    byte & 0x80_u8.wrapping_shr(number & 7) != 0
}

/// The header record of the header node at the front of a file, if its size of a node is right, or can be told.
fn header(front: &[u8]) -> Option<Header> {
    let fields = Fields(front);
    (fields.u8(8)? == 1 && fields.u32_be(4)? == 0).then_some(())?;
    let stated = usize::from(fields.u16_be(32)?);
    // The offsets of the three records of a header node are the same in every tree.
    let is_end = |node_size: &usize| {
        let offset = |back: usize| fields.u16_be(node_size.checked_sub(back)?);
        [offset(2), offset(4), offset(6)] == [Some(14), Some(120), Some(248)]
    };
    let stated = Some(stated).filter(|stated| stated.is_power_of_two() && NODE_SIZES.contains(stated));
    let node_size = stated.filter(is_end).or_else(|| sizes().find(is_end)).or(stated)?;
    Some(Header {
        leaf_records: fields.u32_be(20)?,
        first_leaf: fields.u32_be(24)?,
        last_leaf: fields.u32_be(28)?,
        node_size,
    })
}

fn sizes() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(*NODE_SIZES.start()), |size| size.checked_mul(2))
        .take_while(|size| NODE_SIZES.contains(size))
}

/// The smallest size at which most nodes of the front of a file end as nodes do.
fn guess(front: &[u8]) -> Option<usize> {
    sizes().find(|node_size| {
        let nodes = front.chunks_exact(*node_size).filter(|node| node.iter().any(|byte| *byte != 0));
        let (mut all, mut right) = (0_u32, 0_u32);
        for node in nodes {
            all = all.saturating_add(1);
            let first = node.len().checked_sub(2).and_then(|at| Fields(node).u16_be(at));
            if first == Some(14) && Descriptor::parse(node).is_some_and(|node| node.kind != Kind::None) {
                right = right.saturating_add(1);
            }
        }
        right > 0 && right >= all.saturating_sub(right)
    })
}
