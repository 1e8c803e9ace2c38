//! One node of a B-tree.
//!
//! Apple File System Reference, section "B-Trees": a table of contents behind the header, keys behind it, values
//! counted backwards from the end.

use crate::model::Extent;
use crate::read::{Fields, size};

use super::object::HEADER;

/// Bytes before the table of contents.
const HEAD: usize = 56;
/// Length of the footer of a root node.
const FOOTER: usize = 40;
/// The place of a value that is not there.
const NOWHERE: u16 = 0xffff;

const ROOT: u16 = 1;
const LEAF: u16 = 2;
const FIXED: u16 = 4;
const HASHED: u16 = 8;

/// A node whose parts lie inside it.
pub(super) struct Node<'a> {
    bytes: &'a [u8],
    /// First byte of the node, from the start of the volume.
    pub offset: u64,
    flags: u16,
    /// Bytes of keys and of values begin and end there.
    keys: usize,
    values: usize,
    count: usize,
    /// Lengths of key and value where the table of contents does not give them.
    fixed: (usize, usize),
}

/// A key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
    /// First byte of the value, from the start of the volume.
    pub offset: u64,
}

impl<'a> Node<'a> {
    /// A node; `fixed` are the lengths of key and value in a tree where all have the same.
    ///
    /// The error says what was expected and what was found.
    pub(super) fn parse(
        bytes: &'a [u8],
        offset: u64,
        fixed: (usize, usize),
    ) -> Result<Self, (String, String)> {
        let fields = Fields(bytes);
        let parts = (|| {
            let flags = fields.u16(HEADER)?;
            let level = fields.u16(34)?;
            let count = usize::try_from(fields.u32(36)?).ok()?;
            let table = (usize::from(fields.u16(40)?), usize::from(fields.u16(42)?));
            Some((flags, level, count, table))
        })();
        let Some((flags, level, count, (table, room))) = parts else {
            return Err(("a node".into(), format!("{} bytes", bytes.len())));
        };
        let entry = if flags & FIXED == 0 { 8 } else { 4 };
        let start = HEAD.saturating_add(table);
        let keys = start.saturating_add(room);
        let footer = if flags & ROOT == 0 { 0 } else { FOOTER };
        let values = bytes.len().saturating_sub(footer);
        if table != 0 || keys > values {
            let found = format!("a table of contents of {room} bytes at {table}");
            return Err((format!("one at 0 that ends before {values}"), found));
        }
        if count.saturating_mul(entry) > room {
            return Err((
                format!("at most {} records", room.checked_div(entry).unwrap_or(0)),
                count.to_string(),
            ));
        }
        if (flags & LEAF != 0) != (level == 0) {
            return Err(("level 0 in leaves alone".into(), format!("level {level} with flags {flags:#x}")));
        }
        Ok(Self { bytes, offset, flags, keys, values, count, fixed })
    }

    /// Its bytes, from the start of the volume.
    pub(super) fn extent(&self) -> Extent {
        Extent::new(self.offset, size(self.bytes.len()))
    }

    /// Whether its values are records and not other nodes.
    pub(super) const fn is_leaf(&self) -> bool {
        self.flags & LEAF != 0
    }

    /// Whether its children's identifiers count from that of the root (sealed volumes).
    pub(super) const fn is_hashed(&self) -> bool {
        self.flags & HASHED != 0
    }

    /// Its records in order; `None` for one whose place is not inside the node.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Option<Pair<'a>>> + '_ {
        (0..self.count).map(|index| self.pair(index))
    }

    /// The identifiers of the nodes below it, in order; `None` as above.
    pub(super) fn children(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.pairs().map(|pair| Fields(pair?.value).u64(0))
    }

    fn pair(&self, index: usize) -> Option<Pair<'a>> {
        let fields = Fields(self.bytes);
        let (key, value) = if self.flags & FIXED != 0 {
            let at = HEAD.checked_add(index.checked_mul(4)?)?;
            let value = if self.is_leaf() { self.fixed.1 } else { 8 };
            ((fields.u16(at)?, self.fixed.0), (fields.u16(at.checked_add(2)?)?, value))
        } else {
            let at = HEAD.checked_add(index.checked_mul(8)?)?;
            let number = |by: usize| fields.u16(at.checked_add(by)?);
            ((number(0)?, usize::from(number(2)?)), (number(4)?, usize::from(number(6)?)))
        };
        let start = self.keys.checked_add(usize::from(key.0))?;
        let end = start.checked_add(key.1).filter(|end| *end <= self.values)?;
        let found = self.bytes.get(start..end)?;
        if value.0 == NOWHERE {
            return Some(Pair { key: found, value: &[], offset: self.offset });
        }
        let place = self.values.checked_sub(usize::from(value.0)).filter(|at| *at >= self.keys)?;
        let end = place.checked_add(value.1).filter(|end| *end <= self.values)?;
        let offset = self.offset.saturating_add(size(place));
        Some(Pair { key: found, value: self.bytes.get(place..end)?, offset })
    }
}
