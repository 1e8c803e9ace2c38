//! The tables of chunks, each of which says for which chunks it is.

use std::sync::Arc;

use super::section::Section;
use crate::container::mapped::{Map, Packed, Place, Stretch};
use crate::container::tables::Tables;
use crate::container::unpack::Method;
use crate::model::Extent;
use crate::read::{Error, Fields, ReadAt, Result, size};

const ENTRY: u64 = 16;
/// Bytes of a table before its entries: the header and its padding.
const HEADER: u64 = 32;
const STEP: u64 = 1 << 20;

const COMPRESSED: u32 = 1;
const SUMMED: u32 = 1 << 1;
const FILLED: u32 = 1 << 2;

/// A table whose checksums are right.
#[derive(Debug)]
pub(super) struct Table {
    first: u64,
    count: u64,
    /// Index of its segment file.
    file: usize,
    /// Place of its entries.
    entries: u64,
}

impl Table {
    /// Takes the table of a section; its entries are summed, and read again when they are needed.
    pub(super) fn read(file: &dyn ReadAt, index: usize, section: &Section) -> Result<Self> {
        let wrong = |what| Error::corrupt("Ex01 sector table", section.start, what, "something else");
        let mut head = [0; 20];
        file.read_exact_at(section.start, &mut head)?;
        let fields = Fields(&head);
        if fields.u32(16) != fields.bytes(0, 16).map(adler2::adler32_slice) {
            return Err(wrong("a header with a right checksum"));
        }
        let count = u64::from(fields.u32(8).unwrap_or(0));
        let length = count.saturating_mul(ENTRY);
        if length.saturating_add(HEADER).saturating_add(4) > section.length {
            return Err(wrong("room for its entries"));
        }
        let entries = section.start.saturating_add(HEADER);
        let mut sum = adler2::Adler32::new();
        let mut done = 0_u64;
        while done < length {
            let step = length.saturating_sub(done).min(STEP);
            let bytes = file.read_vec(entries.saturating_add(done), usize::try_from(step).unwrap_or(0))?;
            sum.write_slice(&bytes);
            done = done.saturating_add(size(bytes.len()));
        }
        let mut stated = [0; 4];
        file.read_exact_at(entries.saturating_add(length), &mut stated)?;
        if u32::from_le_bytes(stated) != sum.checksum() {
            return Err(wrong("entries with a right checksum"));
        }
        Ok(Self { first: fields.u64(0).unwrap_or(0), count, file: index, entries })
    }
}

/// The chunks of all segment files.
pub(super) struct Chunks {
    tables: Vec<Table>,
    files: Tables,
    chunk: u64,
    size: u64,
    method: Method,
    /// What the imaging tool could not read, in order.
    bad: Vec<Extent>,
}

impl Chunks {
    /// Chunks of `chunk` bytes on a medium of `size` bytes.
    pub(super) fn new(
        mut tables: Vec<Table>,
        files: Vec<Arc<dyn ReadAt>>,
        (chunk, size): (u64, u64),
        method: Method,
        mut bad: Vec<Extent>,
    ) -> Self {
        tables.sort_by_key(|table| table.first);
        bad.sort_unstable();
        let mut merged: Vec<Extent> = Vec::new();
        for range in bad {
            match merged.last_mut() {
                Some(last) if range.offset <= last.end() => {
                    last.length = range.end().max(last.end()).saturating_sub(last.offset);
                }
                _ => merged.push(range),
            }
        }
        Self { tables, files: Tables::new(files), chunk, size, method, bad: merged }
    }

    fn chunk(&self, number: u64, within: u64, left: u64) -> Stretch {
        let after = self.tables.partition_point(|table| table.first <= number);
        let table = after.checked_sub(1).and_then(|at| self.tables.get(at));
        let Some(table) = table.filter(|table| number.saturating_sub(table.first) < table.count) else {
            let next =
                self.tables.get(after).map_or(u64::MAX, |table| table.first.saturating_mul(self.chunk));
            let reach = next.saturating_sub(number.saturating_mul(self.chunk).saturating_add(within));
            return Stretch::missing(reach, "the image has no sound table for these bytes");
        };
        let index = number.saturating_sub(table.first);
        let at = table.entries.saturating_add(index.saturating_mul(ENTRY));
        let entry = match self.files.array::<16>(table.file, at) {
            Ok(entry) => entry,
            Err(error) => return Stretch::missing(left, error.to_string()),
        };
        let fields = Fields(&entry);
        let offset = fields.u64(0).unwrap_or(0);
        let flags = fields.u32(12).unwrap_or(0);
        let start = number.saturating_mul(self.chunk);
        let length = self.size.saturating_sub(start).min(self.chunk);
        let stored = u64::from(fields.u32(8).unwrap_or(0));
        let packed = |method| {
            Place::Packed(Packed {
                start,
                length,
                most: self.chunk,
                file: table.file,
                offset,
                stored,
                method,
            })
        };
        let place = match (flags & COMPRESSED != 0, flags & FILLED != 0, flags & SUMMED != 0) {
            (true, true, _) => Place::Filled(offset.to_le_bytes()),
            (true, false, _) => packed(self.method),
            (false, _, true) => packed(Method::Summed),
            // What follows a plain chunk that is too short belongs to something else.
            (false, _, false) if stored < length => {
                Place::Missing(format!("a plain chunk of {length} bytes is stored in {stored}"))
            }
            (false, _, false) => Place::Stored { file: table.file, offset: offset.saturating_add(within) },
        };
        Stretch { length: left, place }
    }
}

impl Map for Chunks {
    fn size(&self) -> u64 {
        self.size
    }

    fn at(&self, offset: u64) -> Stretch {
        let after = self.bad.partition_point(|bad| bad.end() <= offset);
        let bad = self.bad.get(after).copied().unwrap_or(Extent::new(u64::MAX, 0));
        if bad.offset <= offset {
            let reason = "the imaging tool could not read these bytes of the original medium";
            return Stretch::missing(bad.end().saturating_sub(offset), reason);
        }
        let number = offset.checked_div(self.chunk).unwrap_or(0);
        let within = offset.checked_rem(self.chunk).unwrap_or(0);
        let left = self.chunk.saturating_sub(within);
        let mut stretch = self.chunk(number, within, left);
        stretch.length = stretch.length.min(bad.offset.saturating_sub(offset));
        stretch
    }
}
