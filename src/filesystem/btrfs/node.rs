//! Nodes of trees: headers, keys, pointers and items.

use std::sync::Arc;

use super::superblock::Superblock;
use crate::read::Fields;

/// Bytes of a node's header.
const HEADER: usize = 101;
/// Bytes of an item in a leaf before its data.
const ITEM: usize = 25;
/// Bytes of a pointer to a child.
const POINTER: usize = 33;
/// Most levels of a tree.
pub(super) const LEVELS: u8 = 8;

/// The key of an item; keys are ordered as they stand here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// What the item belongs to.
    pub objectid: u64,
    /// What it is.
    pub kind: u8,
    /// Depends on the kind.
    pub offset: u64,
}

impl Key {
    /// Bytes of a key.
    pub(super) const LENGTH: usize = 17;
    /// Greater than every other.
    pub(super) const LAST: Self = Self { objectid: u64::MAX, kind: u8::MAX, offset: u64::MAX };

    /// The key at the front of some bytes.
    pub(super) fn parse(fields: Fields<'_>) -> Option<Self> {
        Some(Self { objectid: fields.u64(0)?, kind: fields.u8(8)?, offset: fields.u64(9)? })
    }
}

/// Where a node is said to be, and what it is said to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pointer {
    /// Logical address.
    pub logical: u64,
    /// Transaction that wrote it.
    pub generation: u64,
    /// Distance from the leaves.
    pub level: u8,
    /// The first key below it.
    pub key: Key,
}

impl Pointer {
    /// The root of a tree.
    pub(super) const fn root(logical: u64, generation: u64, level: u8) -> Self {
        Self { logical, generation, level, key: Key { objectid: 0, kind: 0, offset: 0 } }
    }
}

/// A node that was read.
#[derive(Clone, Debug)]
pub(super) struct Node {
    bytes: Arc<Vec<u8>>,
    /// Distance from the leaves, as its parent says.
    pub level: u8,
    count: usize,
    /// Whether everything about it holds.
    pub sound: bool,
}

impl Node {
    /// Takes the bytes of a node for what `pointer` says; `None` when they are hardly that.
    pub(super) fn parse(bytes: Vec<u8>, pointer: &Pointer, superblock: &Superblock) -> Option<Self> {
        let fields = Fields(&bytes);
        let each = if pointer.level == 0 { ITEM } else { POINTER };
        let most = bytes.len().checked_sub(HEADER)?.checked_div(each)?;
        let count = usize::try_from(fields.u32(96)?).unwrap_or(usize::MAX);
        let signs = [
            fields.u64(48)? == pointer.logical,
            fields.u64(80)? == pointer.generation,
            fields.u8(100)? == pointer.level,
            count <= most,
        ];
        let wrong = signs.iter().filter(|holds| !**holds).count();
        let sound = wrong == 0 && superblock.checksum.holds_in(&bytes) != Some(false);
        // One flipped bit makes one sign wrong; more is another node, or none.
        let plausible = wrong <= 1 && pointer.level < LEVELS;
        plausible.then(|| Self {
            bytes: Arc::new(bytes),
            level: pointer.level,
            count: count.min(most),
            sound,
        })
    }

    /// The items of a leaf, in their order; what reaches out of the leaf is left out.
    pub(super) fn items(&self) -> impl Iterator<Item = (Key, &[u8])> {
        let count = if self.level == 0 { self.count } else { 0 };
        (0..count).filter_map(|at| {
            let start = at.checked_mul(ITEM)?.checked_add(HEADER)?;
            let item = Fields(Fields(&self.bytes).bytes(start, ITEM)?);
            let offset = usize::try_from(item.u32(17)?).ok()?.checked_add(HEADER)?;
            let data = Fields(&self.bytes).bytes(offset, usize::try_from(item.u32(21)?).ok()?)?;
            Some((Key::parse(item)?, data))
        })
    }

    /// The children of a node that is no leaf, in their order.
    pub(super) fn children(&self) -> impl Iterator<Item = Pointer> + '_ {
        let level = self.level.checked_sub(1);
        let count = if level.is_some() { self.count } else { 0 };
        (0..count).filter_map(move |at| {
            let start = at.checked_mul(POINTER)?.checked_add(HEADER)?;
            let fields = Fields(Fields(&self.bytes).bytes(start, POINTER)?);
            Some(Pointer {
                logical: fields.u64(17)?,
                generation: fields.u64(25)?,
                level: level?,
                key: Key::parse(fields)?,
            })
        })
    }
}
