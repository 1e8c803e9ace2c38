//! Tables of chunk offsets, and their second copies.

use super::section::{FILE_HEADER, Section};
use crate::read::{Fields, ReadAt, size};

const HEADER: u64 = 24;
const COMPRESSED: u32 = 1 << 31;

/// One table as it stands in a segment file. Source: libewf, Expert Witness Compression Format, "Table section".
#[derive(Debug, Default)]
pub(super) struct Table {
    /// How many chunks it describes; absent when not even that can be had.
    pub count: Option<u64>,
    base: u64,
    entries: Vec<u32>,
    /// What is wrong with it.
    pub damage: Option<String>,
}

/// Where a chunk lies in its segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub offset: u64,
    /// First byte of whatever follows it, when the table tells.
    pub next: Option<u64>,
    pub compressed: bool,
}

/// Chunks whose numbers follow one another, in one segment file.
#[derive(Debug)]
pub(super) struct Group {
    /// Number of the first chunk; set when all tables are known.
    pub first: u64,
    /// How many chunks.
    pub count: u64,
    /// Index of the segment file.
    pub segment: usize,
    base: u64,
    /// Stored offsets, as many as could be read; zero where two damaged copies disagree.
    entries: Vec<u32>,
    /// The entry from which offsets use all 32 bits, in images with the overflow of EnCase 6.7.
    overflow: usize,
}

/// Reads a table or its copy. No more memory is taken than the section has bytes in the file.
pub(super) fn read(file: &dyn ReadAt, section: &Section) -> Table {
    let at = section.payload();
    let damaged = |what: &str| Table { damage: Some(format!("byte {at}: {what}")), ..Table::default() };
    let header = match section.read(file, 24) {
        Ok(bytes) if bytes.len() == 24 => bytes,
        Ok(_) => return damaged("the table is cut off"),
        Err(error) => return damaged(&error.to_string()),
    };
    let fields = Fields(&header);
    let sum = adler2::adler32_slice(fields.bytes(0, 20).unwrap_or_default());
    let sound = fields.u32(20) == Some(sum);
    if !sound {
        // How many chunks it describes decides the numbers of all that follow: a guess would show the wrong bytes.
        return damaged("the checksum of the table header is wrong");
    }
    let room = section.length().saturating_sub(HEADER) / 4;
    let count = u64::from(fields.u32(0).unwrap_or(0));
    let mut table = Table { count: Some(count), ..Table::default() };
    table.base = fields.u64(8).unwrap_or(0);
    let readable = count.min(room);
    let bytes = usize::try_from(readable.saturating_mul(4)).unwrap_or(0);
    let bytes = match file.read_vec(at.saturating_add(HEADER), bytes) {
        Ok(bytes) => bytes,
        Err(error) => {
            table.damage = Some(format!("byte {at}: {error}"));
            return table;
        }
    };
    table.entries = bytes.chunks_exact(4).filter_map(|four| Fields(four).u32(0)).collect();
    let end = at.saturating_add(HEADER).saturating_add(size(bytes.len()));
    if readable < count {
        table.damage = Some(format!("byte {at}: {count} entries are stated, {readable} are there"));
        return table;
    }
    // In the original format and in SMART images the chunks follow in the same section, and no checksum does.
    let first = table.entries.first().map_or(0, |entry| u64::from(entry & !COMPRESSED));
    if (end..section.end).contains(&table.base.saturating_add(first)) {
        return table;
    }
    let mut stored = [0; 4];
    let stored = file.read_exact_at(end, &mut stored).map(|()| u32::from_le_bytes(stored));
    if end.saturating_add(4) > section.end || stored != Ok(adler2::adler32_slice(&bytes)) {
        table.damage = Some(format!("byte {at}: the checksum of the table entries is wrong"));
    }
    table
}

/// What can be known from a table and its copy: chunks, or nothing but why not. With the damage, if any.
pub(super) fn join(
    segment: usize,
    table: Option<Table>,
    copy: Option<Table>,
) -> (Option<Group>, Option<String>) {
    let group = |count, base, entries: Vec<u32>| {
        let overflow = overflow(base, &entries);
        Some(Group { first: 0, count, segment, base, entries, overflow })
    };
    match (table, copy) {
        (Some(Table { count: Some(count), base, entries, damage: None }), copy) => {
            let note = copy
                .and_then(|copy| copy.damage)
                .map(|damage| format!("the copy of a table is damaged: {damage}"));
            (group(count, base, entries), note)
        }
        (table, Some(Table { count: Some(count), base, entries, damage: None })) => {
            let damage = table.and_then(|table| table.damage).unwrap_or_else(|| "it is missing".into());
            (group(count, base, entries), Some(format!("a table is damaged, its copy is used: {damage}")))
        }
        (Some(table), Some(copy)) if table.count == copy.count => {
            let damage = table.damage.unwrap_or_default();
            // Damage in different places: what both say alike is kept, and each chunk has its own checksum.
            let alike = table.base == copy.base;
            let both =
                table.entries.iter().zip(&copy.entries).map(|(one, other)| match alike && one == other {
                    true => *one,
                    false => 0,
                });
            let note = format!("a table and its copy are both damaged: {damage}");
            (table.count.and_then(|count| group(count, table.base, both.collect())), Some(note))
        }
        (Some(table), None) => {
            // A table without a copy that fails its checksum places nothing, but its length is known.
            let damage = table.damage.unwrap_or_default();
            let note = format!("a table is damaged and has no copy: {damage}");
            (table.count.and_then(|count| group(count, 0, Vec::new())), Some(note))
        }
        (_, copy) => {
            let damage = copy.and_then(|copy| copy.damage).unwrap_or_default();
            (None, Some(format!("a table and its copy are both damaged: {damage}")))
        }
    }
}

/// EnCase 6.7.1 let the 31 bits of an offset overflow: from there on chunks are stored uncompressed and all 32
/// bits are the offset ("Table entries offset overflow"). Only an offset close to the limit can have overflowed.
fn overflow(base: u64, entries: &[u32]) -> usize {
    const NEAR: u32 = (1 << 31) - (64 << 20);
    let pairs = entries.iter().zip(entries.iter().skip(1));
    let at = pairs.into_iter().position(|(one, next)| {
        base == 0
            && one & !COMPRESSED >= NEAR
            && next & !COMPRESSED < one & !COMPRESSED
            && next & COMPRESSED != 0
    });
    at.map_or(usize::MAX, |at| at.saturating_add(1))
}

impl Group {
    /// Where the chunk of that index within the group lies.
    pub(super) fn place(&self, index: u64) -> Option<Place> {
        let index = usize::try_from(index).ok()?;
        let (offset, compressed) = self.offset(index)?;
        let next = self.offset(index.saturating_add(1)).map(|(next, _)| next).filter(|next| *next > offset);
        Some(Place { offset, next, compressed })
    }

    fn offset(&self, index: usize) -> Option<(u64, bool)> {
        let entry = *self.entries.get(index).filter(|entry| **entry != 0)?;
        let (low, compressed) = match index >= self.overflow {
            true => (entry, false),
            false => (entry & !COMPRESSED, entry & COMPRESSED != 0),
        };
        let offset = self.base.checked_add(u64::from(low)).filter(|offset| *offset >= FILE_HEADER)?;
        Some((offset, compressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[u32], damage: Option<&str>) -> Option<Table> {
        let damage = damage.map(str::to_owned);
        Some(Table { count: Some(size(entries.len())), base: 0, entries: entries.to_vec(), damage })
    }

    #[test]
    fn offsets_above_the_31_bits_are_read_where_encase_let_them_overflow() {
        let entries = [0x7fff_0000, 0x7fff_8000, 0x8000_0004, 0x8000_8008];
        let (group, damage) = join(0, table(&entries, None), None);
        let group = group.unwrap();
        assert_eq!(damage, None);
        let place = |offset, next, compressed| Some(Place { offset, next, compressed });
        assert_eq!(group.place(1), place(0x7fff_8000, Some(0x8000_0004), false));
        assert_eq!(group.place(2), place(0x8000_0004, Some(0x8000_8008), false));
        assert_eq!(group.place(3), place(0x8000_8008, None, false));
        assert_eq!(group.place(4), None);
        // The same bits far from the limit mean compressed chunks.
        let (group, _) = join(0, table(&[0x8000_1000, 0x8000_0100], None), None);
        assert_eq!(group.unwrap().place(1), place(0x100, None, true));
    }

    #[test]
    fn of_two_damaged_copies_only_what_they_agree_on_is_used() {
        let (group, damage) = join(0, table(&[100, 200, 300], Some("x")), table(&[100, 201, 300], Some("y")));
        let group = group.unwrap();
        assert!(damage.is_some());
        assert_eq!(group.place(0).map(|place| place.offset), Some(100));
        assert_eq!(group.place(1), None);
        assert_eq!((group.count, group.place(2).map(|place| place.offset)), (3, Some(300)));
    }

    #[test]
    fn a_sound_copy_stands_in_for_a_damaged_table() {
        let (group, damage) = join(0, table(&[], Some("torn")), table(&[100, 200], None));
        assert_eq!((group.unwrap().count, damage.unwrap().contains("torn")), (2, true));
        let (group, _) = join(0, table(&[100], Some("torn")), None);
        assert_eq!(group.unwrap().place(0), None);
    }
}
