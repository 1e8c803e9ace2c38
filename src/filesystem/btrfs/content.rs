//! Content that must be made: pieces that stand in items, compressed extents, and what lies between them.

use std::sync::{Arc, Mutex, PoisonError};

use super::chunk::Located;
use super::csum::Checksums;
use super::item::{FileExtent, Inode, Stored, kind};
use super::node::{Key, Pointer};
use super::unpack::{MAX_EXTENT, unpack};
use super::walk::{self, Damage};
use super::{INODE_MASK, State, tree_of};
use crate::filesystem::Stream;
use crate::filesystem::tree::MAX_RUNS;
use crate::read::{Error, ReadAt, Result, Unreadable, size};

/// Most bytes of items that are kept for an opened file; the kernel puts no more than a sector into them.
const MAX_HELD: usize = 64 << 20;

/// A piece of an opened file.
struct Part {
    offset: u64,
    length: u64,
    source: Source,
}

enum Source {
    /// Unpacked already; zeros follow up to the length.
    Inline(Vec<u8>),
    Hole,
    /// Where it begins, logically.
    Plain(u64),
    Packed(Packed),
}

/// A compressed extent.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed {
    start: u64,
    stored: u64,
    unpacked: u64,
    within: u64,
    compression: u8,
}

/// A file that was opened.
struct Opened {
    state: Arc<State>,
    /// In file order; what lies between them is zeros.
    parts: Vec<Part>,
    size: u64,
    checksums: Checksums,
    /// The extent that was unpacked last.
    last: Mutex<Option<(Packed, Arc<Vec<u8>>)>>,
}

/// Opens the inode of a record in the tree with that root, of an older state or not; `None` when it is not there.
pub(super) fn open(
    state: &Arc<State>,
    root: Pointer,
    record: u64,
    wanted: u64,
    past: bool,
) -> Result<Option<Box<dyn Stream>>> {
    let inode = record & INODE_MASK;
    let key = |kind, offset| Key { objectid: inode, kind, offset };
    let damage = || if past { Damage::Past } else { Damage::Known };
    let mut found = None;
    let exactly = (key(kind::INODE, 0), key(kind::INODE, u64::MAX));
    walk::range(&state.nodes, root, exactly, &mut |_, data| found = Inode::parse(data), damage())?;
    // The survey's size stands: it was cut to what is possible.
    if found.is_none_or(|inode| inode.size != wanted) {
        return Ok(None);
    }
    let mut parts = Vec::new();
    let (mut garbled, mut held) = (None, 0_usize);
    let sector = state.nodes.superblock.sector;
    let all = (key(kind::EXTENT_DATA, 0), key(kind::EXTENT_DATA, u64::MAX));
    let mut show = |key: Key, data: &[u8]| match part(key.offset, data, sector) {
        Some(part) if parts.len() < MAX_RUNS && held <= MAX_HELD => {
            if let Source::Inline(bytes) = &part.source {
                held = held.saturating_add(bytes.len());
            }
            parts.push(part);
        }
        // What is left out would read as zeros.
        Some(_) | None => garbled = Some(key.offset),
    };
    walk::range(&state.nodes, root, all, &mut show, damage())?;
    if let Some(offset) = garbled {
        let what = format!("tree {}, inode {inode}: the piece at byte {offset}", tree_of(record));
        return Err(Error::corrupt("extent of a file", 0, "one that can be unpacked", what));
    }
    parts.sort_by_key(|part| part.offset);
    let last = Mutex::new(None);
    let checksums = Checksums::default();
    Ok(Some(Box::new(Opened { state: Arc::clone(state), parts, size: wanted, checksums, last })))
}

fn part(offset: u64, data: &[u8], sector: u64) -> Option<Part> {
    let extent = FileExtent::parse(data)?;
    let source = match extent.stored {
        _ if extent.encrypted => return None,
        Stored::Hole => Source::Hole,
        Stored::Plain if extent.compression == 0 => Source::Plain(extent.start.checked_add(extent.within)?),
        Stored::Plain => {
            if extent.stored_bytes > MAX_EXTENT || extent.unpacked > MAX_EXTENT {
                return None;
            }
            Source::Packed(Packed {
                start: extent.start,
                stored: extent.stored_bytes,
                unpacked: extent.unpacked,
                within: extent.within,
                compression: extent.compression,
            })
        }
        Stored::Inline => {
            let most = usize::try_from(extent.unpacked.min(MAX_EXTENT)).ok()?;
            let plain = match extent.compression {
                0 => extent.inline.get(..most.min(extent.inline.len()))?.to_vec(),
                compression => unpack(compression, extent.inline, most, sector)?,
            };
            Source::Inline(plain)
        }
    };
    Some(Part { offset, length: extent.length, source })
}

impl Stream for Opened {}

impl ReadAt for Opened {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        let left = self.size.saturating_sub(offset).min(size(buffer.len()));
        let after = self.parts.partition_point(|part| part.offset <= offset);
        let current = after.checked_sub(1).and_then(|at| self.parts.get(at));
        let within = current.and_then(|part| Some((part, offset.checked_sub(part.offset)?)));
        let (part, within, room) = match within.filter(|(part, within)| *within < part.length) {
            Some((part, within)) => (Some(part), within, part.length.saturating_sub(within)),
            None => (None, 0, u64::MAX),
        };
        let next = self.parts.get(after).map_or(u64::MAX, |part| part.offset);
        let length = left.min(room).min(next.saturating_sub(offset));
        let length = usize::try_from(length).unwrap_or(0);
        let target = buffer.get_mut(..length).unwrap_or_default();
        if target.is_empty() {
            return Ok(0);
        }
        match part.map(|part| &part.source) {
            None | Some(Source::Hole) => target.fill(0),
            Some(Source::Inline(bytes)) => fill(target, bytes, within),
            Some(Source::Plain(start)) => {
                let start = start.saturating_add(within);
                return self.plain(start, target).map_err(|error| Unreadable { offset, ..error });
            }
            Some(Source::Packed(packed)) => {
                let bytes =
                    self.unpacked(*packed).map_err(|why| Unreadable::new(offset, size(length), why))?;
                fill(target, &bytes, packed.within.saturating_add(within));
            }
        }
        Ok(length)
    }
}

/// Bytes from `within` on; what is missing is zeros, as the kernel reads it.
fn fill(target: &mut [u8], bytes: &[u8], within: u64) {
    let rest = usize::try_from(within).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    let count = rest.len().min(target.len());
    let (front, behind) = target.split_at_mut(count);
    front.copy_from_slice(rest.get(..count).unwrap_or_default());
    behind.fill(0);
}

impl Opened {
    /// Reads bytes of an extent that is not compressed, up to the first sector that cannot be had.
    fn plain(&self, start: u64, target: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        let sector = self.state.nodes.superblock.sector;
        let within = start.checked_rem(sector).unwrap_or(0);
        let first = start.saturating_sub(within);
        let mut failure = None;
        for most in [MAX_EXTENT, sector] {
            let room = usize::try_from(most.saturating_sub(within)).unwrap_or(0);
            let length = target.len().min(room);
            let target = target.get_mut(..length).unwrap_or_default();
            let end = start.saturating_add(size(length)).checked_next_multiple_of(sector);
            let whole = end.and_then(|end| end.checked_sub(first)).unwrap_or(0);
            match self.extent(first, whole) {
                Ok(bytes) => {
                    fill(target, &bytes, within);
                    return Ok(length);
                }
                Err(why) => failure = Some(Unreadable::new(start, size(length), why)),
            }
        }
        Err(failure.unwrap_or_else(|| Unreadable::new(start, 1, "no such address")))
    }

    /// An extent as a whole, unpacked.
    fn unpacked(&self, packed: Packed) -> std::result::Result<Arc<Vec<u8>>, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Packed { within: 0, ..packed };
        if let Some((_, bytes)) = last.as_ref().filter(|(known, _)| *known == key) {
            return Ok(Arc::clone(bytes));
        }
        let bytes = self.extent(packed.start, packed.stored)?;
        let most = usize::try_from(packed.unpacked).unwrap_or(0);
        let plain = unpack(packed.compression, &bytes, most, self.state.nodes.superblock.sector);
        let plain = plain.ok_or_else(|| {
            format!("the compressed extent at logical byte {} cannot be unpacked", packed.start)
        })?;
        let plain = Arc::new(plain);
        *last = Some((key, Arc::clone(&plain)));
        Ok(plain)
    }

    /// Logical bytes, whole sectors: from the first copy whose checksums hold, or else each sector from such a one.
    fn extent(&self, start: u64, length: u64) -> std::result::Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut at = start;
        for (located, length) in self.state.nodes.chunks.pieces(start, length) {
            let copies = match located {
                Located::Here(copies) => copies,
                Located::Elsewhere => return Err("these bytes are on a missing device".into()),
                Located::Parity => return Err("these bytes are stored as RAID5 or RAID6".into()),
                Located::Nowhere => return Err(format!("no chunk holds the logical byte {at}")),
            };
            match self.copied(&copies, 0, at, length) {
                Ok(whole) => bytes.extend(whole),
                Err(_) => {
                    let sector = self.state.nodes.superblock.sector;
                    let mut done = 0_u64;
                    while done < length {
                        let part = sector.min(length.saturating_sub(done));
                        bytes.extend(self.copied(&copies, done, at.saturating_add(done), part)?);
                        done = done.saturating_add(part);
                    }
                }
            }
            at = at.saturating_add(length);
        }
        Ok(bytes)
    }

    /// `length` bytes, `within` bytes behind the places of the copies, from the first copy that is sound.
    fn copied(
        &self,
        copies: &[u64],
        within: u64,
        logical: u64,
        length: u64,
    ) -> std::result::Result<Vec<u8>, String> {
        let count = usize::try_from(length).map_err(|error| error.to_string())?;
        let mut why = String::from("there is no copy");
        for place in copies {
            let read = self.state.nodes.source.read_vec(place.saturating_add(within), count);
            let read = read.map_err(|error| error.to_string());
            match read.and_then(|read| self.checksums.check(&self.state, logical, &read).map(|()| read)) {
                Ok(read) => return Ok(read),
                Err(wrong) => why = wrong,
            }
        }
        Err(why)
    }
}
