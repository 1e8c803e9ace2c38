//! The attributes file: named attributes, inside their records or in forks of their own (TN1150, "Attributes File").

use super::fork::{self, EXTENTS, Extent, Fork};
use super::name;
use super::node::{Standing, records};
use super::tree::Tree;
use crate::filesystem::compression::decmpfs::{self, Header};
use crate::model::{Run, Survey};
use crate::read::Fields;

/// Attributes in the order of their files and names.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    rows: Vec<Row>,
    names: Vec<u8>,
}

/// An attribute of a file.
#[derive(Clone, Copy, Debug)]
struct Row {
    number: u32,
    name: (usize, usize),
    node: u32,
    /// First block of the fork, for a record that continues one.
    start: u32,
    value: Value,
    compressed: Option<Header>,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    /// In the record: where it begins in its node, and how long it is.
    Inline(usize, u32),
    Fork(Fork),
    /// More extents of a fork.
    Extents([Extent; EXTENTS]),
}

/// Where the value of an attribute is.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) size: u64,
    pub(super) place: Place,
    /// The header at its front, when it says how a file is compressed.
    pub(super) compressed: Option<Header>,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Parts of the attributes file.
    Inline(Vec<Run>),
    /// The extents of a fork, in order.
    Fork(Vec<Extent>),
}

struct Parsed<'a> {
    number: u32,
    name: &'a [u8],
    start: u32,
    value: Value,
    compressed: Option<Header>,
}

impl Attributes {
    /// Reads the whole file.
    pub(super) fn read(tree: &Tree, survey: &mut Survey<'_>) -> Self {
        let (mut rows, mut following, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let leaves = tree.sweep(survey, |node, bytes| {
            records(bytes, parse, |at, standing, parsed| {
                if standing == Standing::Left {
                    return;
                }
                let from = names.len();
                name::decode(parsed.name, &mut names);
                // Places in a record count from its front; from now on, from that of the node.
                let value = match parsed.value {
                    Value::Inline(within, length) => Value::Inline(at.saturating_add(within), length),
                    other => other,
                };
                let Parsed { number, start, compressed, .. } = parsed;
                let row = Row { number, name: (from, names.len()), node, start, value, compressed };
                match standing {
                    Standing::Counted => rows.push(row),
                    _ => following.push(row),
                }
            })
        });
        let missing = usize::try_from(leaves.missing).unwrap_or(usize::MAX);
        rows.retain(|row| leaves.rank(row.node).is_some());
        rows.extend(following.into_iter().filter(|row| leaves.rank(row.node).is_some()).take(missing));
        let text = |row: &Row| names.get(row.name.0..row.name.1).unwrap_or_default();
        rows.sort_by(|one, next| {
            (one.number, text(one), one.start).cmp(&(next.number, text(next), next.start))
        });
        Self { rows, names }
    }

    /// The attributes of a file, with their names.
    pub(super) fn of<'a>(
        &'a self,
        number: u32,
        tree: &'a Tree,
    ) -> impl Iterator<Item = (&'a [u8], Stored)> + 'a {
        let start = self.rows.partition_point(|row| row.number < number);
        let rows = self.rows.get(start..).unwrap_or_default();
        let rows = rows.get(..rows.partition_point(|row| row.number == number)).unwrap_or_default();
        rows.iter().enumerate().filter_map(move |(at, row)| {
            let rest = rows.get(at.saturating_add(1)..).unwrap_or_default();
            Some((self.text(row), self.stored(row, rest, tree)?))
        })
    }

    /// The attribute that says how a file is compressed.
    pub(super) fn compression(&self, number: u32, tree: &Tree) -> Option<Stored> {
        let wanted = (number, decmpfs::ATTRIBUTE.as_bytes());
        let start = self.rows.partition_point(|row| (row.number, self.text(row)) < wanted);
        let mut rest = self.rows.get(start..).unwrap_or_default();
        // What continues a fork that is not there says nothing.
        while let Some((row, after)) =
            rest.split_first().filter(|(row, _)| (row.number, self.text(row)) == wanted)
        {
            if let Some(stored) = self.stored(row, after, tree) {
                return Some(stored);
            }
            rest = after;
        }
        None
    }

    fn text(&self, row: &Row) -> &[u8] {
        self.names.get(row.name.0..row.name.1).unwrap_or_default()
    }

    fn stored(&self, row: &Row, rest: &[Row], tree: &Tree) -> Option<Stored> {
        match row.value {
            Value::Inline(within, length) => {
                let size = u64::from(length);
                let place = Place::Inline(tree.place(tree.offset(row.node, within), size));
                Some(Stored { size, place, compressed: row.compressed })
            }
            Value::Fork(fork) => {
                let mut extents: Vec<Extent> = fork.used().collect();
                // Records that continue a fork stand right behind it, so none is looked at for two.
                for more in rest.iter().take_while(|more| self.text(more) == self.text(row)) {
                    let Value::Extents(found) = more.value else { break };
                    if u64::from(more.start) == fork::total(&extents) {
                        extents.extend(fork::used(&found));
                    }
                }
                Some(Stored { size: fork.size, place: Place::Fork(extents), compressed: None })
            }
            Value::Extents(_) => None,
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(usize, Parsed<'_>)> {
    let fields = Fields(bytes);
    let key = usize::from(fields.u16_be(0)?);
    let name_length = usize::from(fields.u16_be(12)?).checked_mul(2)?;
    (name_length <= 254 && key == name_length.checked_add(12)?).then_some(())?;
    let at = key.checked_add(2)?;
    let data = Fields(bytes.get(at..)?);
    let (length, value) = match data.u32_be(0)? {
        0x10 => {
            let size = data.u32_be(12)?;
            let length = usize::try_from(size).ok()?;
            data.bytes(16, length)?;
            // Records begin at even bytes.
            (length.checked_add(17)? & !1, Value::Inline(at.checked_add(16)?, size))
        }
        0x20 => (88, Value::Fork(Fork::parse(data.bytes(8, Fork::LENGTH)?)?)),
        0x30 => (72, Value::Extents(fork::extents(data.bytes(8, 64)?)?)),
        _ => return None,
    };
    let compressed = data.bytes(16, Header::LENGTH).and_then(Header::parse);
    let parsed = Parsed {
        number: fields.u32_be(4)?,
        name: fields.bytes(14, name_length)?,
        start: fields.u32_be(8)?,
        value,
        compressed,
    };
    Some((at.checked_add(length)?, parsed))
}
