//! Where the sections of an image lie, computed from its header and checked against its length.

use super::{CLAIM, ColumnCounts, Counts, FRONT, Kind, TableCounts, wide};
use crate::hashset::{Error, Result};
use crate::read::size;

/// Fewest and most bits that the prefixes resolve.
pub const BITS: std::ops::RangeInclusive<u8> = 8..=24;

/// A section: where it begins in the image, and how many units of which width it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Section {
    pub start: u64,
    pub count: u64,
    pub width: u64,
}

impl Section {
    /// Where a unit begins; `None` past the end.
    pub fn at(&self, unit: u64) -> Option<u64> {
        (unit < self.count).then(|| self.start.saturating_add(unit.saturating_mul(self.width)))
    }
}

/// Sections of an image.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub tables: [Table; 4],
    pub groups: Section,
    pub claims: Section,
    pub sizes: Section,
    pub texts: Section,
}

/// A table of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    pub counts: TableCounts,
    pub values: Section,
    pub groups: Column,
    pub sizes: Column,
    pub prefixes: Section,
}

/// A column beside the values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Column {
    pub section: Section,
    pub constant: u64,
}

impl Layout {
    /// The layout of the sections, and where the header begins; an error when no file can be that long.
    pub fn of(counts: &Counts) -> Result<(Self, u64)> {
        check(counts)?;
        let mut at = size(FRONT);
        let mut fits = true;
        let mut section = |count: u64, width: usize| {
            let section = Section { start: at, count, width: size(width) };
            let length = count.checked_mul(section.width).and_then(|length| at.checked_add(length));
            fits &= length.is_some();
            at = length.unwrap_or(u64::MAX);
            section
        };
        let mut layout = Self::default();
        for ((table, counts), kind) in layout.tables.iter_mut().zip(counts.tables).zip(Kind::ALL) {
            if counts.rows == 0 {
                continue;
            }
            let rows = u64::from(counts.rows);
            let mut column = |counts: ColumnCounts| Column {
                section: section(rows, counts.width.into()),
                constant: counts.constant,
            };
            let values =
                column(ColumnCounts { width: u8::try_from(kind.length()).unwrap_or(0), constant: 0 });
            let (groups, sizes) = (column(counts.groups), column(counts.sizes));
            let prefixes = section((1 << counts.bits) + 1, 4);
            *table = Table { counts, values: values.section, groups, sizes, prefixes };
        }
        layout.groups = section(u64::from(counts.groups) + 1, 4);
        layout.claims = section(counts.claims.into(), CLAIM);
        layout.sizes = section(counts.sizes.into(), 8);
        layout.texts = section(counts.texts, 1);
        if !fits {
            return Err(Error::image("counts", "sections that a file can hold", "greater ones"));
        }
        Ok((layout, at))
    }
}

fn check(counts: &Counts) -> Result<()> {
    for table in counts.tables.iter().filter(|table| table.rows > 0) {
        if !BITS.contains(&table.bits) {
            return Err(Error::image("prefix bits", "8 to 24", table.bits));
        }
        if table.groups.width > 4 || table.sizes.width > 8 {
            let found = format!("{} and {}", table.groups.width, table.sizes.width);
            return Err(Error::image("width of columns", "at most 4 and 8 bytes", found));
        }
    }
    Ok(())
}

/// The first `bits` bits of a value, at most 24.
pub fn prefix(value: &[u8], bits: u8) -> u64 {
    let lead = value.first_chunk().map_or(0, |chunk| u32::from_be_bytes(*chunk));
    size(wide(lead.checked_shr(32 - u32::from(bits.min(*BITS.end()))).unwrap_or(0)))
}
