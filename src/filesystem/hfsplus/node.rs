//! A node of a B-tree: its descriptor and its records (TN1150, "Nodes").

use crate::read::Fields;

/// Bytes of a node descriptor; the first record follows it.
pub(super) const DESCRIPTOR: usize = 14;

/// What a node says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    /// The next node of its kind; 0 at the last one.
    pub(super) next: u32,
    pub(super) kind: Kind,
    pub(super) records: u16,
    /// Whether kind and height contradict one another.
    pub(super) is_odd: bool,
}

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Leaf,
    Index,
    Header,
    Map,
    /// Not a node: nothing but zeros, or something else.
    None,
}

impl Descriptor {
    /// Parses the descriptor at the front of a node. A leaf stands at height 1, so either says that it is one.
    pub(super) fn parse(node: &[u8]) -> Option<Self> {
        let fields = Fields(node);
        let records = fields.u16_be(10)?;
        let kind = match (fields.u8(8)?, fields.u8(9)?) {
            (0xff, _) | (_, 1) => Kind::Leaf,
            (0, 0) if records == 0 => Kind::None,
            (0, _) => Kind::Index,
            (1, _) => Kind::Header,
            (2, _) => Kind::Map,
            _ => Kind::None,
        };
        // A count that cannot be counts nothing, as in [`records`].
        let records = if fits(node, records) { records } else { 0 };
        let is_odd = kind == Kind::Leaf && (fields.u8(8)?, fields.u8(9)?) != (0xff, 1);
        Some(Self { next: fields.u32_be(0)?, kind, records, is_odd })
    }
}

/// Whether a node has room for so many records: none is shorter than a key of 6 bytes and its offset.
fn fits(node: &[u8], records: u16) -> bool {
    usize::from(records) <= node.len() / 8
}

/// How a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The node counts it.
    Counted,
    /// It follows the last counted one without a gap: it was counted once, or the count is damaged.
    Following,
    /// It lies somewhere in the unused part.
    Left,
}

/// Shows every record of a leaf node, counted or not, with its place in the node. Returns how many counted ones are damaged.
///
/// `parse` gives the length of the record at the front of the bytes, and the record. Records stand one after another
/// without a gap, so each is found by the one before when its own offset is damaged.
pub(super) fn records<'n, R>(
    node: &'n [u8],
    parse: impl Fn(&'n [u8]) -> Option<(usize, R)>,
    mut show: impl FnMut(usize, Standing, R),
) -> u64 {
    let fields = Fields(node);
    let stated = fields.u16_be(10).unwrap_or(0);
    let fits = fits(node, stated);
    let count = if fits { usize::from(stated) } else { 0 };
    let table = |index: usize| node.len().saturating_sub(index.saturating_add(1).saturating_mul(2));
    let limit = table(count);
    let at = |start: usize| {
        let (length, record) = parse(node.get(start..limit)?)?;
        Some((start, start.checked_add(length).filter(|end| *end > start)?, record))
    };
    let mut expected = DESCRIPTOR;
    let mut damaged = u64::from(!fits);
    for index in 0..count {
        let offset = fields.u16_be(table(index)).map(usize::from).filter(|offset| *offset >= expected);
        match offset.and_then(at).or_else(|| at(expected)) {
            Some((start, end, record)) => {
                expected = end;
                show(start, Standing::Counted, record);
            }
            None => damaged = damaged.saturating_add(1),
        }
    }
    let mut standing = Standing::Following;
    let mut start = expected;
    while start < limit {
        match at(start) {
            Some((_, end, record)) => {
                show(start, standing, record);
                start = end;
            }
            None => {
                standing = Standing::Left;
                start = start.saturating_add(2);
            }
        }
    }
    damaged
}
