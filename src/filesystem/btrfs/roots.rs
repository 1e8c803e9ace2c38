//! The root tree: which subvolumes there are, where they stand, and older states of them.

use std::collections::{BTreeMap, BTreeSet};

use super::item::kind;
use super::node::{Key, Pointer};
use super::nodes::Nodes;
use super::notes::Notes;
use super::walk::{self, Damage};
use crate::model::{Problem, ProblemKind};
use crate::read::{Fields, Result};

/// Number of the tree of the top level.
pub(super) const TOP: u64 = 5;
/// First number of a subvolume, and of an inode.
pub(super) const FIRST: u64 = 256;
/// Last number of a subvolume, and of an inode.
const LAST: u64 = u64::MAX - 255;
/// Numbers of trees of the volume's own.
pub(super) mod tree {
    /// Extents in use.
    pub const EXTENT: u64 = 2;
    /// Checksums of data.
    pub const CHECKSUM: u64 = 7;
    /// Copies of trees while a balance goes on.
    pub const RELOCATION: u64 = u64::MAX - 7;
    /// Owner of the item that describes a balance.
    pub const BALANCE: u64 = u64::MAX - 3;
}

/// A tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    /// Its root node.
    pub pointer: Pointer,
    /// Its identifier.
    pub uuid: [u8; 16],
    /// That of the subvolume of which it is a snapshot; zeros otherwise.
    pub parent: [u8; 16],
    /// Whether it is being removed.
    pub removed: bool,
}

/// A state of the volume.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Trees by number.
    pub trees: BTreeMap<u64, Root>,
    /// Where subvolumes stand: tree and directory that hold them, and their own tree.
    links: BTreeSet<(u64, u64, u64)>,
    /// Subvolumes whose numbers are too large to be listed.
    beyond: u64,
    balance: bool,
}

impl View {
    /// Reads the root tree at `root`.
    pub(super) fn read(nodes: &Nodes, root: Pointer, notes: &mut Notes) -> (Self, Result<()>) {
        let mut view = Self::default();
        let all = (Key::default(), Key::LAST);
        let read = walk::range(nodes, root, all, &mut |key, data| view.add(key, data), Damage::Noted(notes));
        (view, read)
    }

    /// The subvolumes, with numbers.
    pub(super) fn subvolumes(&self) -> impl Iterator<Item = (u64, &Root)> {
        let listed = |number: &u64| *number == TOP || (FIRST..=LAST).contains(number);
        self.trees.iter().map(|(number, root)| (*number, root)).filter(move |(number, _)| listed(number))
    }

    /// Whether a subvolume stands in that directory of that tree.
    pub(super) fn stands_in(&self, tree: u64, directory: u64, child: u64) -> bool {
        self.links.contains(&(tree, directory, child))
    }

    /// What a report must say of it.
    pub(super) fn note(&self, notes: &mut Notes) {
        if self.beyond > 0 {
            let detail = "subvolumes with numbers of more than 24 bits are not listed";
            let mut problem = Problem::new(ProblemKind::Limit, detail);
            problem.count = self.beyond;
            notes.problem(problem);
        }
        if self.balance {
            let detail =
                "a balance, which moves data, was interrupted: places are those of the last finished step";
            notes.problem(Problem::new(ProblemKind::Ambiguous, detail));
        }
        let removed = self.subvolumes().filter(|(_, root)| root.removed).count();
        if removed > 0 {
            let detail =
                format!("{removed} subvolumes are being removed: what is left of them is listed as deleted");
            notes.problem(Problem::new(ProblemKind::Ambiguous, detail));
        }
    }

    fn add(&mut self, key: Key, data: &[u8]) {
        match key.kind {
            kind::ROOT => {
                if (FIRST..=LAST).contains(&key.objectid) && key.objectid >> super::TREE_BITS != 0 {
                    self.beyond = self.beyond.saturating_add(1);
                    return;
                }
                self.balance |= key.objectid == tree::RELOCATION;
                if let Some(root) = Root::parse(data) {
                    self.trees.insert(key.objectid, root);
                }
            }
            kind::ROOT_BACKREF => {
                if let Some(directory) = Fields(data).u64(0) {
                    self.links.insert((key.offset, directory, key.objectid));
                }
            }
            kind::TEMPORARY => self.balance |= key.objectid == tree::BALANCE,
            _ => {}
        }
    }
}

impl Root {
    /// Source: Btrfs on-disk format, `btrfs_root_item`.
    fn parse(data: &[u8]) -> Option<Self> {
        let fields = Fields(data);
        Some(Self {
            pointer: Pointer::root(fields.u64(176)?, fields.u64(160)?, fields.u8(238)?),
            // Older versions had a shorter item.
            uuid: fields.array(247).unwrap_or_default(),
            parent: fields.array(263).unwrap_or_default(),
            removed: fields.u32(216)? == 0,
        })
    }
}
