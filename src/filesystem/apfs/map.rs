//! Object maps: from the number of a virtual object and a transaction to a block.
//!
//! Apple File System Reference, section "Object Maps".

use crate::read::Fields;

use super::block::{Address, Blocks, Notes};
use super::object::{Header, is_sound, kind};
use super::tree::Tree;

const TREE: Tree = Tree { name: "node of an object map", holds: kind::OBJECT_MAP, fixed: (16, 16) };

/// The object is gone since that transaction.
const DELETED: u32 = 1;
/// The object is encrypted.
const ENCRYPTED: u32 = 4;
/// The object has no header.
const BARE: u32 = 8;

/// The virtual objects of a container or of a volume.
#[derive(Default)]
pub(super) struct ObjectMap {
    /// In the order of identifier and transaction.
    rows: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    id: u64,
    transaction: u64,
    block: u64,
    flags: u32,
}

impl Row {
    const fn address(self) -> Address {
        Address { block: self.block, id: self.id, bare: self.flags & BARE != 0 }
    }
}

impl ObjectMap {
    /// The map whose own object stands at `block`; `None`, with a note, when it cannot be used at all.
    pub(super) fn read(blocks: &Blocks, block: u64, notes: &mut Notes) -> Option<Self> {
        let place = blocks.extent(block, 1);
        if !blocks.has(block, 1) {
            let expected = format!("a block below {}", blocks.count);
            notes.corrupt("object map", place, &expected, &block.to_string());
            return None;
        }
        let bytes = blocks.read(block).map_err(|why| notes.unreadable("object map", place, &why)).ok()?;
        let header = Header::parse(&bytes)?;
        let sound = is_sound(&bytes);
        if header.kind != kind::OBJECT_MAP && (sound || header.id != block) || notes.quiet && !sound {
            notes.corrupt("object map", place, "type 0xb", &format!("type {:#x}", header.kind));
            return None;
        }
        if notes.quiet && header.transaction > blocks.until {
            return None;
        }
        notes.read(place);
        if !sound {
            notes.corrupt("object map", place, "a checksum that holds (it is used as it is)", "another one");
        }
        let root = Fields(&bytes).u64(48)?;
        let mut map = Self::default();
        let physical = |block| Some(Address::physical(block));
        TREE.walk(blocks, Address::physical(root), &physical, notes, &mut |node, notes| {
            let mut damaged = 0_u64;
            for pair in node.pairs() {
                match pair.and_then(|pair| row(pair.key, pair.value)) {
                    Some(row) => map.rows.push(row),
                    None => damaged = damaged.saturating_add(1),
                }
            }
            if damaged > 0 {
                let found = format!("{damaged} that do not");
                notes.corrupt(TREE.name, node.extent(), "records that lie inside it", &found);
            }
        });
        map.rows.sort_unstable();
        Some(map)
    }

    /// Where the object was at the end of that transaction.
    pub(super) fn find(&self, id: u64, transaction: u64) -> Option<Address> {
        let after = self.rows.partition_point(|row| (row.id, row.transaction) <= (id, transaction));
        let row = self.rows.get(after.checked_sub(1)?)?;
        (row.id == id && row.flags & DELETED == 0).then(|| row.address())
    }

    /// Every object that existed at the end of that transaction, with whether it is encrypted.
    pub(super) fn at(&self, transaction: u64) -> impl Iterator<Item = (Address, bool)> + '_ {
        let groups = self.rows.chunk_by(|one, next| one.id == next.id);
        let last = move |group: &[Row]| {
            let end = group.partition_point(|row| row.transaction <= transaction);
            group.get(end.checked_sub(1)?).copied()
        };
        groups
            .filter_map(last)
            .filter(|row| row.flags & DELETED == 0)
            .map(|row| (row.address(), row.flags & ENCRYPTED != 0))
    }
}

fn row(key: &[u8], value: &[u8]) -> Option<Row> {
    let (key, value) = (Fields(key), Fields(value));
    let flags = value.u32(0)?;
    Some(Row { id: key.u64(0)?, transaction: key.u64(8)?, block: value.u64(8)?, flags })
}
