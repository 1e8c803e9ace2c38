//! Content in the pieces of a resource fork.

use std::sync::{Arc, Mutex};

use super::codec::Codec;
use crate::filesystem::Stream;
use crate::read::{Error, Fields, ReadAt, Result, Unreadable, size};

/// Bytes of content in a piece.
const CHUNK: u64 = 1 << 16;
/// Most bytes of a compressed piece: more than any codec makes of content that it cannot shorten.
const MAX_COMPRESSED: u64 = CHUNK * 2;
/// Most pieces of a file: 64 GiB of content.
const MAX_CHUNKS: u64 = 1 << 20;
/// Bytes of a table read at once.
const STEP: usize = 1 << 16;

/// A compressed file whose pieces are decoded when they are asked for. The last one decoded is kept.
pub(super) struct Chunks {
    codec: Codec,
    length: u64,
    fork: Arc<dyn ReadAt>,
    /// Place and length of each piece in the fork.
    places: Vec<(u32, u32)>,
    last: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

impl Chunks {
    /// Reads the table of pieces of a fork with content of `length` bytes.
    pub(super) fn open(codec: Codec, length: u64, fork: Arc<dyn ReadAt>) -> Result<Self> {
        let count = length.div_ceil(CHUNK);
        if count > MAX_CHUNKS {
            return Err(Error::unsupported(
                "compressed file",
                0,
                format!("{count} pieces, more than {MAX_CHUNKS}"),
            ));
        }
        let places = match codec {
            _ if count == 0 => Vec::new(),
            Codec::Lzvn | Codec::Lzfse => offsets(&fork, count)?,
            Codec::Zlib | Codec::Marked | Codec::Stored => resource(&fork, count)?,
        };
        Ok(Self { codec, length, fork, places, last: Mutex::new(None) })
    }

    fn chunk(&self, number: u64) -> std::result::Result<Arc<Vec<u8>>, Unreadable> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((kept, content)) = &*last
            && *kept == number
        {
            return Ok(Arc::clone(content));
        }
        let start = number.saturating_mul(CHUNK);
        let length = self.length.saturating_sub(start).min(CHUNK);
        let failed = |reason: String| Unreadable::new(start, length, reason);
        let place = usize::try_from(number).ok().and_then(|at| self.places.get(at));
        let (offset, compressed) = place.copied().unwrap_or_default();
        let whole = usize::try_from(compressed).ok().filter(|_| u64::from(compressed) <= MAX_COMPRESSED);
        let whole = whole.ok_or_else(|| {
            failed(format!("piece {number} has {compressed} bytes, more than {MAX_COMPRESSED}"))
        })?;
        let piece = self.fork.read_vec(offset.into(), whole);
        let piece = piece.map_err(|error| failed(format!("piece {number} of the resource fork: {error}")))?;
        let content = self.codec.decode(&piece, usize::try_from(length).unwrap_or(0)).map_err(|flaw| {
            let name = self.codec.name();
            failed(format!("piece {number} ({name}) at byte {offset} of the resource fork: {flaw}"))
        })?;
        let content = Arc::new(content);
        *last = Some((number, Arc::clone(&content)));
        Ok(content)
    }
}

impl ReadAt for Chunks {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        let mut done = 0_usize;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(size(done));
            if at >= self.length {
                break;
            }
            let content = match self.chunk(at / CHUNK) {
                Ok(content) => content,
                Err(_) if done > 0 => break,
                Err(unreadable) => return Err(unreadable_from(unreadable, at)),
            };
            let within = usize::try_from(at % CHUNK).unwrap_or(0);
            let source = content.get(within..).unwrap_or_default();
            let length = source.len().min(rest.len());
            if let (Some(target), Some(source)) = (rest.get_mut(..length), source.get(..length)) {
                target.copy_from_slice(source);
            }
            done = done.saturating_add(length);
        }
        Ok(done)
    }
}

impl Stream for Chunks {}

/// What of a piece cannot be read, from the byte on that was asked for.
fn unreadable_from(unreadable: Unreadable, at: u64) -> Unreadable {
    let end = unreadable.offset.saturating_add(unreadable.length);
    Unreadable { offset: at, length: end.saturating_sub(at), ..unreadable }
}

/// LZVN and LZFSE: the fork begins with the places of the pieces, and one more, where the last piece ends.
fn offsets(fork: &dyn ReadAt, count: u64) -> Result<Vec<(u32, u32)>> {
    let table = table(fork, 0, count.saturating_add(1), 4)?;
    let offsets = table.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let ends = offsets.clone().skip(1);
    // A place before the one before it cannot be: such a piece is empty, and unreadable when it is asked for.
    Ok(offsets.zip(ends).map(|(start, end)| (start, end.saturating_sub(start))).collect())
}

/// zlib and plain: a resource fork whose one resource begins with the number of pieces, and place and length of each.
fn resource(fork: &dyn ReadAt, count: u64) -> Result<Vec<(u32, u32)>> {
    let header = fork.read_vec(0, 16)?;
    let data = Fields(&header).u32_be(0).map(u64::from).unwrap_or_default();
    // The resource begins with its length, big-endian; places count from behind it.
    let base = data.saturating_add(4);
    let stated = Fields(&fork.read_vec(base, 4)?).u32(0).map(u64::from).unwrap_or_default();
    if stated < count {
        return Err(Error::corrupt("table of a compressed file", base, format!("{count} pieces"), stated));
    }
    let table = table(fork, base.saturating_add(4), count, 8)?;
    let number = |bytes: &[u8]| Fields(bytes).u32(0).unwrap_or_default();
    let place = |row: &[u8; 8]| {
        let [offset, length] = [row.get(..4), row.get(4..)].map(|part| number(part.unwrap_or_default()));
        let offset = u32::try_from(u64::from(offset).saturating_add(base)).unwrap_or(u32::MAX);
        (offset, length)
    };
    Ok(table.as_chunks::<8>().0.iter().map(place).collect())
}

/// `count` rows of a table, bounded by the caller; memory follows what can be read.
fn table(fork: &dyn ReadAt, offset: u64, count: u64, row: u64) -> Result<Vec<u8>> {
    let length = usize::try_from(count.saturating_mul(row)).unwrap_or(usize::MAX);
    if offset.saturating_add(size(length)) > fork.size() {
        let expected = format!("{length} bytes in a resource fork of {}", fork.size());
        return Err(Error::corrupt("table of a compressed file", offset, expected, "its end"));
    }
    let mut table = Vec::new();
    while table.len() < length {
        let more = length.saturating_sub(table.len()).min(STEP);
        table.extend(fork.read_vec(offset.saturating_add(size(table.len())), more)?);
    }
    Ok(table)
}
