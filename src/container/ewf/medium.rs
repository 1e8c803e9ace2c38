//! The decoded medium: chunks found, checked, inflated and kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};

use super::table::Group;
use crate::model::Extent;
use crate::read::{ReadAt, Unreadable, size};

/// Bytes of decoded chunks that are kept.
const CACHE: usize = 16 << 20;

/// The medium of an EWF image. Bytes that the image does not vouch for are unreadable, never zeros.
pub(super) struct Medium {
    files: Vec<File>,
    /// Chunks that have a table, by number; gaps between them are missing.
    groups: Vec<Group>,
    /// Bytes of a chunk.
    chunk: usize,
    size: u64,
    /// What the imaging tool itself could not read, in order, no two of them touching.
    bad: Vec<Extent>,
    /// Direct-mapped by chunk number: neighbours never drive each other out.
    cache: Vec<Mutex<Option<Kept>>>,
    spare: Mutex<Vec<Scratch>>,
}

/// A segment file and the places in it at which sections begin, in order.
pub(super) struct File {
    pub source: Arc<dyn ReadAt>,
    pub bounds: Vec<u64>,
}

/// A chunk that was decoded, or why it cannot be.
struct Kept {
    number: u64,
    content: Result<Arc<[u8]>, String>,
}

/// What a thread needs to decode a chunk.
struct Scratch {
    stored: Vec<u8>,
    plain: Vec<u8>,
    inflate: Decompress,
}

/// Why a chunk cannot be had.
struct Failure {
    reason: String,
    /// The image itself is at fault: asking again is no use.
    lasting: bool,
}

impl Medium {
    /// `groups` are in order and do not overlap, `bad` as well; `chunk` is not zero.
    pub(super) fn new(
        files: Vec<File>,
        groups: Vec<Group>,
        chunk: usize,
        size: u64,
        bad: Vec<Extent>,
    ) -> Self {
        let slots = CACHE.checked_div(chunk).unwrap_or(1).clamp(4, 1024);
        let cache = (0..slots).map(|_| Mutex::new(None)).collect();
        Self { files, groups, chunk, size, bad, cache, spare: Mutex::new(Vec::new()) }
    }

    /// Bytes of that chunk on the medium; only the last one is shorter.
    fn extent(&self, number: u64) -> Extent {
        let start = number.saturating_mul(size(self.chunk));
        Extent::new(start, self.size.saturating_sub(start).min(size(self.chunk)))
    }

    /// Decodes a chunk into `target`, which has the length of its extent. What is in it after a failure is nothing.
    fn decode(&self, number: u64, target: &mut [u8]) -> Result<(), Failure> {
        let mut scratch = lock(&self.spare).pop().unwrap_or_else(|| Scratch {
            stored: Vec::new(),
            plain: Vec::new(),
            inflate: Decompress::new(true),
        });
        let result = self.decode_with(&mut scratch, number, target);
        lock(&self.spare).push(scratch);
        result
    }

    fn decode_with(&self, scratch: &mut Scratch, number: u64, target: &mut [u8]) -> Result<(), Failure> {
        let lasting = |reason: &str| Failure { reason: reason.to_owned(), lasting: true };
        let group = self.group(number).ok_or_else(|| lasting("the image has no table for these bytes"))?;
        let place = group
            .place(number.saturating_sub(group.first))
            .ok_or_else(|| lasting("the table of the image is damaged here"))?;
        let file = self.files.get(group.segment).ok_or_else(|| lasting("the segment file is missing"))?;
        let after = file.bounds.partition_point(|bound| *bound <= place.offset);
        let bound = file.bounds.get(after).copied().unwrap_or(u64::MAX).min(file.source.size());
        let end = place.next.unwrap_or(bound).min(bound);
        // Deflate grows what it cannot shrink by five bytes in 16 KiB; more than that is no chunk.
        let most = self.chunk.saturating_add(self.chunk / 16).saturating_add(1024);
        let length = usize::try_from(end.saturating_sub(place.offset)).unwrap_or(most).min(most);
        if length == 0 {
            return Err(lasting("the segment file ends before these bytes"));
        }
        if scratch.stored.len() < length {
            scratch.stored.resize(most, 0);
        }
        let stored = scratch.stored.get_mut(..length).unwrap_or_default();
        file.source.read_exact_at(place.offset, stored).map_err(|unreadable| Failure {
            reason: format!("segment {}: {unreadable}", group.segment.saturating_add(1)),
            lasting: false,
        })?;
        if place.compressed {
            return inflate(&mut scratch.inflate, stored, &mut scratch.plain, self.chunk, target)
                .map_err(lasting);
        }
        // The last chunk of a medium may be stored short or filled up.
        let plain = length.saturating_sub(4).min(self.chunk);
        let (content, rest) = stored.split_at_checked(plain).unwrap_or_default();
        let sum = rest.get(..4).and_then(|sum| sum.try_into().ok()).map(u32::from_le_bytes);
        if sum != Some(adler2::adler32_slice(content)) {
            return Err(lasting("the checksum of the chunk is wrong"));
        }
        let content =
            content.get(..target.len()).ok_or_else(|| lasting("the chunk is shorter than stated"))?;
        target.copy_from_slice(content);
        Ok(())
    }

    fn group(&self, number: u64) -> Option<&Group> {
        let after = self.groups.partition_point(|group| group.first <= number);
        let group = self.groups.get(after.checked_sub(1)?)?;
        (number.saturating_sub(group.first) < group.count).then_some(group)
    }

    /// First byte of the medium after `number` and the missing chunks that follow it.
    fn end_of_failure(&self, number: u64) -> u64 {
        if self.group(number).is_some() {
            return self.extent(number).end();
        }
        let after = self.groups.partition_point(|group| group.first <= number);
        self.groups.get(after).map_or(self.size, |group| self.extent(group.first).offset.min(self.size))
    }

    /// Copies from `within` a chunk on into `target`.
    fn copy(&self, number: u64, within: usize, target: &mut [u8]) -> Result<(), Failure> {
        let whole = usize::try_from(self.extent(number).length).unwrap_or(0);
        let slots = size(self.cache.len()).max(1);
        let slot = number.checked_rem(slots).and_then(|slot| usize::try_from(slot).ok());
        let Some(slot) = slot.and_then(|slot| self.cache.get(slot)) else {
            return Err(Failure { reason: String::new(), lasting: false });
        };
        // The lock is held while a chunk is decoded, so that threads which want the same one decode it once.
        let mut kept = lock(slot);
        if kept.as_ref().is_none_or(|kept| kept.number != number) {
            if within == 0 && target.len() == whole {
                // A whole chunk goes straight to the caller: copies and the cache are for partial reads.
                drop(kept);
                let result = self.decode(number, target);
                if let Err(Failure { reason, lasting: true }) = &result {
                    *lock(slot) = Some(Kept { number, content: Err(reason.clone()) });
                }
                return result;
            }
            let mut content = vec![0; whole];
            let content = match self.decode(number, &mut content) {
                Ok(()) => Ok(content.into()),
                Err(Failure { reason, lasting: true }) => Err(reason),
                Err(failure) => return Err(failure),
            };
            *kept = Some(Kept { number, content });
        }
        let failed = |reason: &str| Failure { reason: reason.to_owned(), lasting: true };
        let content = match kept.as_ref().map(|kept| &kept.content) {
            Some(Ok(content)) => Arc::clone(content),
            Some(Err(reason)) => return Err(failed(reason)),
            None => return Err(failed("")),
        };
        drop(kept);
        let part = content.get(within..).and_then(|rest| rest.get(..target.len()));
        target.copy_from_slice(part.ok_or_else(|| failed("the chunk is shorter than stated"))?);
        Ok(())
    }
}

impl ReadAt for Medium {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let wanted = self.size.saturating_sub(offset).min(size(buffer.len()));
        let end = offset.saturating_add(wanted);
        let mut at = offset;
        while at < end {
            let after = self.bad.partition_point(|bad| bad.end() <= at);
            let bad = self.bad.get(after).copied().unwrap_or(Extent::new(u64::MAX, 0));
            let number = at.checked_div(size(self.chunk)).unwrap_or(0);
            let chunk = self.extent(number);
            let stop = end.min(chunk.end()).min(bad.offset);
            let failure = if bad.offset <= at {
                let reason = "the imaging tool could not read these bytes of the original medium".to_owned();
                Some((bad.end().min(self.size), reason))
            } else {
                let place = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(0);
                let target = buffer.get_mut(place(offset, at)..place(offset, stop)).unwrap_or_default();
                let result = self.copy(number, place(chunk.offset, at), target);
                result.err().map(|failure| (self.end_of_failure(number), failure.reason))
            };
            match failure {
                None => at = stop,
                Some((until, reason)) if at == offset => {
                    return Err(Unreadable::new(at, until.saturating_sub(at), reason));
                }
                Some(_) => break,
            }
        }
        Ok(usize::try_from(at.saturating_sub(offset)).unwrap_or(0))
    }
}

/// Inflates one zlib stream of at most `chunk` bytes whose first ones fill `target`.
fn inflate(
    inflate: &mut Decompress,
    stored: &[u8],
    plain: &mut Vec<u8>,
    chunk: usize,
    target: &mut [u8],
) -> Result<(), &'static str> {
    inflate.reset(true);
    let direct = target.len() == chunk;
    if !direct {
        plain.resize(chunk, 0);
    }
    let output: &mut [u8] = if direct { target } else { plain };
    let status = inflate.decompress(stored, output, FlushDecompress::Finish);
    // The end of the stream is seen only after its checksum was found right.
    if !matches!(status, Ok(Status::StreamEnd)) {
        return Err("the compressed chunk is damaged");
    }
    let length = usize::try_from(inflate.total_out()).unwrap_or(0);
    if direct {
        return if length == chunk { Ok(()) } else { Err("the chunk is shorter than stated") };
    }
    let content = plain.get(..length).and_then(|plain| plain.get(..target.len()));
    target.copy_from_slice(content.ok_or("the chunk is shorter than stated")?);
    Ok(())
}

/// A thread that died while it held the lock left nothing half done that matters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
