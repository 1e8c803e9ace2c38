//! Walking a B-tree level by level, each level in the order of the medium.

use std::collections::HashSet;

use crate::read::{Fields, Unreadable};

use super::block::{Address, Blocks, Notes};
use super::node::Node;
use super::object::{HEADER, Header, is_sound, kind};

/// A kind of tree.
#[derive(Clone, Copy)]
pub(super) struct Tree {
    /// What it is called in problems.
    pub name: &'static str,
    /// What its nodes say they hold, one of [`kind`].
    pub holds: u32,
    /// Lengths of key and value where all have the same.
    pub fixed: (usize, usize),
}

/// What became of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// The blocks that were looked at.
    pub blocks: HashSet<u64>,
    /// Whether a node, and with it what is below, was lost.
    pub has_losses: bool,
}

impl Tree {
    /// Visits every leaf that can be reached from `root`.
    ///
    /// Work is bounded: no block is looked at twice. What is lost is noted.
    pub(super) fn walk(
        self,
        blocks: &Blocks,
        root: Address,
        resolve: &dyn Fn(u64) -> Option<Address>,
        notes: &mut Notes,
        leaf: &mut dyn FnMut(&Node<'_>, &mut Notes),
    ) -> Walked {
        let mut walked = Walked::default();
        let mut level = vec![root];
        while !level.is_empty() {
            level.sort_unstable();
            level.retain(|address| walked.blocks.insert(address.block));
            let mut below = Vec::new();
            let mut lost = 0_u64;
            self.visit(blocks, &level, notes, &mut |node, notes| {
                let Ok(node) = node else {
                    lost = lost.saturating_add(1);
                    return;
                };
                if node.is_leaf() {
                    return leaf(&node, notes);
                }
                for child in node.children() {
                    let base = if node.is_hashed() { root.id } else { 0 };
                    let id = child.and_then(|child| child.checked_add(base));
                    match id.and_then(resolve) {
                        Some(address) => below.push(address),
                        None => {
                            lost = lost.saturating_add(1);
                            let found = id.map_or("none".into(), |id| format!("object {id}"));
                            notes.corrupt(self.name, node.extent(), "a child with a known place", &found);
                        }
                    }
                }
            });
            walked.has_losses |= lost > 0;
            level = below;
        }
        walked
    }

    /// Shows the nodes at addresses that are in physical order; an error for one that is none, which has been noted.
    pub(super) fn visit(
        self,
        blocks: &Blocks,
        places: &[Address],
        notes: &mut Notes,
        show: &mut dyn FnMut(Result<Node<'_>, ()>, &mut Notes),
    ) {
        blocks.sweep(places, &mut |address, bytes| {
            let node = self.check(blocks, address, bytes, notes);
            show(node, notes);
        });
    }

    fn check<'a>(
        self,
        blocks: &Blocks,
        address: &Address,
        bytes: Result<&'a [u8], Unreadable>,
        notes: &mut Notes,
    ) -> Result<Node<'a>, ()> {
        let place = blocks.extent(address.block, 1);
        if !blocks.has(address.block, 1) {
            let expected = format!("a block below {}", blocks.count);
            notes.corrupt(self.name, place, &expected, &address.block.to_string());
            return Err(());
        }
        let bytes = bytes.map_err(|why| notes.unreadable(self.name, place, &why))?;
        let bare = address.bare || is_bare(bytes);
        if notes.quiet && bare {
            // Nothing says whether it is still the node that it was.
            return Err(());
        }
        let sound = bare || is_sound(bytes);
        if notes.quiet && !sound {
            return Err(());
        }
        if !bare {
            self.identify(address, bytes, sound).map_err(|(expected, found)| {
                notes.corrupt(self.name, place, &expected, &found);
            })?;
            let is_newer = Header::parse(bytes).is_none_or(|header| header.transaction > blocks.until);
            if notes.quiet && is_newer {
                return Err(());
            }
        }
        let node = Node::parse(bytes, place.offset, self.fixed).map_err(|(expected, found)| {
            notes.corrupt(self.name, place, &expected, &found);
        })?;
        notes.read(place);
        if !sound {
            let found = Fields(bytes).u64(0).unwrap_or_default();
            let expected = format!("checksum {:#018x} (it is used as it is)", super::object::checksum(bytes));
            notes.corrupt(self.name, place, &expected, &format!("{found:#018x}"));
        }
        Ok(node)
    }

    /// A sound block must be the node that is looked for; of a damaged one, one of its marks must be right.
    fn identify(self, address: &Address, bytes: &[u8], sound: bool) -> Result<(), (String, String)> {
        let header = Header::parse(bytes).ok_or_else(|| (String::from("a node"), String::from("less")))?;
        let is_node = matches!(header.kind, kind::TREE | kind::TREE_NODE) && header.holds == self.holds;
        let is_it = header.id == address.id;
        if (sound && is_node && is_it) || (!sound && (is_node || is_it)) {
            return Ok(());
        }
        let words = |kind: u32, holds: u32, id: u64| format!("type {kind:#x} of {holds:#x}, object {id}");
        Err((words(kind::TREE_NODE, self.holds, address.id), words(header.kind, header.holds, header.id)))
    }
}

/// Whether a node says of itself that it has no header (`BTNODE_NOHEADER`), and has none.
fn is_bare(bytes: &[u8]) -> bool {
    let header = bytes.get(..HEADER).unwrap_or_default();
    header.iter().all(|byte| *byte == 0) && Fields(bytes).u16(HEADER).is_some_and(|flags| flags & 0x10 != 0)
}
