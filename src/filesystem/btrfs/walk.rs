//! Going through trees: all leaves in physical order, or the items of a range of keys.

use std::collections::HashSet;

use super::node::{Key, LEVELS, Node, Pointer};
use super::nodes::{Ahead, Nodes};
use super::notes::Notes;
use crate::filesystem::sweep::PIECE;
use crate::model::{Problem, ProblemKind};
use crate::read::{Error, ReadAt, Result, size};

/// How many times a node may be met, on average over the volume: subvolumes share most of their nodes.
const SHARED: u64 = 64;

/// Steps that are kept before they are looked through for those that are the same.
const COMPACT: usize = 1 << 16;

/// A node that belongs to a tree.
#[derive(Clone, Copy)]
struct Step {
    place: u64,
    tree: u64,
    pointer: Pointer,
}

/// What a sweep goes through, and how it takes damage.
pub(super) struct Sweep<'n> {
    /// Reads nodes.
    pub nodes: &'n Nodes,
    /// Numbers of trees and their roots.
    pub roots: Vec<(u64, Pointer)>,
    /// Nodes of the past may be gone: those that are not whole are passed over without a word, and so are those that
    /// are listed here: logical address and tree, in order.
    pub known: Option<&'n [(u64, u64)]>,
}

impl Sweep<'_> {
    /// Reads every node once, level by level and within a level in physical order, and shows the leaves with the
    /// trees that they belong to. Returns logical address and tree of every node, in order.
    pub(super) fn run(self, notes: &mut Notes, mut show: impl FnMut(&[u64], &Node)) -> Vec<(u64, u64)> {
        let Self { nodes, roots, known } = self;
        let mut levels: [Vec<Step>; 8] = Default::default();
        let step = |tree, pointer: Pointer| Step { place: nodes.place(&pointer), tree, pointer };
        for (tree, pointer) in roots {
            match levels.get_mut(usize::from(pointer.level)) {
                Some(level) => level.push(step(tree, pointer)),
                None => {
                    notes.problem(lost(tree, &Error::corrupt("level of a root", 0, "0 to 7", pointer.level)))
                }
            }
        }
        let mut seen = Vec::new();
        let mut budget = nodes.room().saturating_mul(SHARED);
        for level in (0..usize::from(LEVELS)).rev() {
            let mut steps = levels.get_mut(level).map(std::mem::take).unwrap_or_default();
            let is_known = |step: &Step| known.is_some_and(|known| known.binary_search(&step.key()).is_ok());
            steps.retain(|step| !is_known(step));
            in_order(&mut steps);
            if size(steps.len()) > budget {
                let detail =
                    "more nodes than a volume of this size can have: the rest of the trees is not listed";
                notes.problem(Problem::new(ProblemKind::Limit, detail));
                steps.truncate(usize::try_from(budget).unwrap_or(usize::MAX));
            }
            budget = budget.saturating_sub(size(steps.len()));
            seen.extend(steps.iter().map(Step::key));
            let below = level.checked_sub(1).and_then(|below| levels.get_mut(below));
            let mut below = below.map(std::mem::take).unwrap_or_default();
            let mut compact_at = COMPACT;
            let mut ahead = Ahead::default();
            let mut rest = steps.as_slice();
            while let Some(first) = rest.first() {
                let same =
                    rest.iter().take_while(|step| step.pointer.logical == first.pointer.logical).count();
                ahead.fill(nodes, rest);
                let (group, after) = rest.split_at(same.max(1));
                rest = after;
                let trees: Vec<u64> = group.iter().map(|step| step.tree).collect();
                let mut past = Notes::default();
                let noted = if known.is_some() { &mut past } else { &mut *notes };
                match nodes.read(&first.pointer, &ahead, noted) {
                    Ok(node) if known.is_some() && !node.sound => {}
                    Ok(node) if level == 0 => show(&trees, &node),
                    Ok(node) => {
                        let children = node.children();
                        below.extend(
                            children.flat_map(|child| trees.iter().map(move |tree| step(*tree, child))),
                        );
                        // Many pointers may lead to one node: they take no memory of their own.
                        if below.len() > compact_at {
                            in_order(&mut below);
                            below.truncate(usize::try_from(budget).unwrap_or(usize::MAX).saturating_add(1));
                            compact_at = below.len().saturating_mul(2).max(COMPACT);
                        }
                    }
                    Err(_) if known.is_some() => {}
                    Err(error) => {
                        notes.damaged = true;
                        trees.iter().for_each(|tree| notes.problem(lost(*tree, &error)));
                    }
                }
                if known.is_some() {
                    notes.take_places(past);
                }
            }
            if let Some(place) = level.checked_sub(1).and_then(|at| levels.get_mut(at)) {
                *place = below;
            }
        }
        seen.sort_unstable();
        seen.dedup();
        seen
    }
}

/// Puts steps in physical order, each once.
fn in_order(steps: &mut Vec<Step>) {
    steps.sort_unstable_by_key(|step| (step.place, step.key()));
    steps.dedup_by_key(|step| (step.place, step.key()));
}

impl Step {
    const fn key(&self) -> (u64, u64) {
        (self.pointer.logical, self.tree)
    }
}

impl Ahead {
    /// Reads the nodes at the front that follow each other on the medium in one piece, unless that is done.
    fn fill(&mut self, nodes: &Nodes, steps: &[Step]) {
        let unit = size(nodes.superblock.node);
        let Some(first) = steps.first().map(|step| step.place) else { return };
        let held = self.start.saturating_add(size(self.bytes.len()));
        if first >= self.start && first.saturating_add(unit) <= held {
            return;
        }
        let mut end = first;
        for step in steps {
            let next = step.place.saturating_add(unit);
            if step.place > end || next.saturating_sub(first) > size(PIECE) {
                break;
            }
            end = end.max(next);
        }
        let length = usize::try_from(end.saturating_sub(first)).unwrap_or(0);
        self.start = first;
        // What fails as a whole is read node by node.
        self.bytes = nodes.source.read_vec(first, length).unwrap_or_default();
    }
}

fn lost(tree: u64, error: &Error) -> Problem {
    let mut problem = error.clone().into_problem();
    problem.detail = format!("tree {tree}: {}: what stands below is not listed", problem.detail);
    // Logical addresses are no places.
    if !matches!(error, Error::Corrupt { what: "node", .. }) {
        problem.extent = None;
    }
    problem
}

/// How a look-up takes damage.
pub(super) enum Damage<'n> {
    /// It is noted.
    Noted(&'n mut Notes),
    /// Nobody is told: the survey has said it.
    Known,
    /// Nodes of an older state must be sound.
    Past,
}

/// Shows the items of a tree whose keys lie in `from..=to`, in their order. Fails when a node cannot be had; what
/// was shown before stands.
pub(super) fn range(
    nodes: &Nodes,
    root: Pointer,
    (from, to): (Key, Key),
    show: &mut dyn FnMut(Key, &[u8]),
    mut damage: Damage<'_>,
) -> Result<()> {
    let mut stack = vec![root];
    let mut seen = HashSet::new();
    let mut failure = None;
    while let Some(pointer) = stack.pop() {
        if !seen.insert((pointer.logical, pointer.level)) || size(seen.len()) > nodes.room() {
            continue;
        }
        let read = match &mut damage {
            Damage::Noted(notes) => nodes.read(&pointer, &Ahead::default(), notes),
            Damage::Known => nodes.look_up(&pointer, false),
            Damage::Past => nodes.look_up(&pointer, true),
        };
        let node = match read {
            Ok(node) => node,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        for (key, data) in node.items().filter(|(key, _)| (from..=to).contains(key)) {
            show(key, data);
        }
        let children: Vec<Pointer> = node.children().collect();
        // A child may begin before the range when the next one begins behind its start.
        let start = children.partition_point(|child| child.key <= from).saturating_sub(1);
        let end = children.partition_point(|child| child.key <= to);
        let wanted = match node.sound {
            true => children.get(start..end.max(start)).unwrap_or_default(),
            false => children.as_slice(),
        };
        stack.extend(wanted.iter().rev());
    }
    failure.map_or(Ok(()), Err)
}
