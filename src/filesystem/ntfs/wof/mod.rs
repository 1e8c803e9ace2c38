//! Files that the Windows overlay filter compressed (CompactOS): chunks in a stream of their own.

mod bits;
mod huffman;
mod lzx;
mod xpress;

use std::sync::{Arc, Mutex, PoisonError};

use crate::filesystem::Stream;
use crate::read::{Error, ReadAt, Result, Unreadable, size};

use super::reparse::Packing;

/// The content of such a file. Its stream begins with the places of all chunks but the first, counted from the end of
/// these numbers, as in a resource of a Windows image; a chunk that is as long as its content is stored as it is.
pub(super) struct Overlay {
    packed: Box<dyn Stream>,
    packing: Packing,
    length: u64,
    /// Where each chunk begins in the packed stream, and where the last one ends.
    places: Vec<u64>,
    /// The chunk that was decoded last: contents are read in small steps.
    last: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

impl Overlay {
    /// A file of `length` bytes that `packed` holds.
    pub(super) fn new(packed: Box<dyn Stream>, packing: Packing, length: u64) -> Result<Self> {
        let places = places(&*packed, packing, length)?;
        Ok(Self { packed, packing, length, places, last: Mutex::new(None) })
    }

    /// The content of a chunk.
    fn chunk(&self, index: u64) -> std::result::Result<Arc<Vec<u8>>, Unreadable> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = last.as_ref().filter(|(known, _)| *known == index) {
            return Ok(Arc::clone(bytes));
        }
        let bytes = Arc::new(self.decode(index)?);
        *last = Some((index, Arc::clone(&bytes)));
        Ok(bytes)
    }

    fn decode(&self, index: u64) -> std::result::Result<Vec<u8>, Unreadable> {
        let chunk = size(self.packing.chunk());
        let start = index.saturating_mul(chunk);
        let wanted = chunk.min(self.length.saturating_sub(start));
        let failed = |what: &str| Unreadable::new(start, wanted, format!("overlay chunk {index}: {what}"));
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let ends = self.places.get(at).zip(self.places.get(at.saturating_add(1)));
        let (place, held) = ends
            .and_then(|(place, end)| Some((*place, end.checked_sub(*place)?)))
            .filter(|(_, held)| *held <= wanted && *held > 0)
            .ok_or_else(|| failed("it has no place"))?;
        let read = self.packed.read_vec(place, usize::try_from(held).unwrap_or(0));
        let bytes = read.map_err(|error| Unreadable { offset: start, length: wanted, ..error })?;
        if held == wanted {
            return Ok(bytes);
        }
        let wanted = usize::try_from(wanted).unwrap_or(0);
        let unpacked = match self.packing {
            Packing::Xpress(_) => xpress::decode(&bytes, wanted),
            Packing::Lzx => lzx::decode(&bytes, wanted),
        };
        unpacked.map_err(failed)
    }
}

/// Reads where the chunks are. Layout: Microsoft, "Windows Imaging File Format", resources.
fn places(packed: &dyn ReadAt, packing: Packing, length: u64) -> Result<Vec<u64>> {
    let chunks = length.div_ceil(size(packing.chunk()).max(1));
    let width: usize = if length > u64::from(u32::MAX) { 8 } else { 4 };
    let table = chunks.saturating_sub(1).saturating_mul(size(width));
    if table > packed.size() {
        let found = format!("{} bytes of packed content", packed.size());
        return Err(Error::corrupt("table of chunks", 0, format!("{table} bytes"), found));
    }
    let bytes = packed.read_vec(0, usize::try_from(table).unwrap_or(0))?;
    let mut places = vec![table];
    places.extend(bytes.chunks_exact(width).map(|number| {
        let mut wide = [0; 8];
        wide.iter_mut().zip(number).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(wide).saturating_add(table)
    }));
    places.push(packed.size());
    Ok(places)
}

impl ReadAt for Overlay {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        if offset >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let chunk = size(self.packing.chunk()).max(1);
        let bytes = self.chunk(offset.checked_div(chunk).unwrap_or(0))?;
        let within = usize::try_from(offset.checked_rem(chunk).unwrap_or(0)).unwrap_or(usize::MAX);
        let rest = bytes.get(within..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }
}

impl Stream for Overlay {}

/// Repeats `length` bytes that begin `back` bytes before the end; they may overlap what is added.
pub(super) fn repeat(bytes: &mut Vec<u8>, back: usize, length: usize) {
    let Some(from) = bytes.len().checked_sub(back) else { return };
    if back >= length {
        bytes.extend_from_within(from..from.saturating_add(length));
        return;
    }
    for at in (from..).take(length) {
        let byte = bytes.get(at).copied().unwrap_or(0);
        bytes.push(byte);
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
pub(super) mod tests;
