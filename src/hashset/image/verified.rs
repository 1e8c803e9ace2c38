//! Bytes of an image, each checked against the root before it is used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::{CHUNK, DIGEST, FRONT, MAX_HEADER, MAX_IMAGE, ROOT_AT, Root, SIGNATURE, SIGNED, VERSION, wide};
use crate::hashset::error::excerpt;
use crate::hashset::{Error, Result};
use crate::read::{ReadAt, size};

/// Chunks of an image that may change which are kept in memory, where they do not: 8 MiB. The first steps of every
/// search stand in the same few.
const KEPT: usize = if cfg!(test) { 16 } else { 512 };

/// A chunk with its number, as it was checked.
type Kept = Mutex<Option<(u64, Vec<u8>)>>;

/// An image whose chunks are checked when they are first touched.
#[derive(Debug)]
pub struct Verified<R> {
    bytes: R,
    root: Root,
    /// Where the header begins and where it ends, which is where the chunks end.
    header: (u64, u64),
    /// The digests of all chunks, which the root stands for.
    digests: Vec<u8>,
    /// One bit a chunk that was checked.
    checked: Vec<AtomicU64>,
    signed: Option<Box<[u8; SIGNED]>>,
    /// Whether a chunk is checked each time that it is read.
    always: bool,
    /// If so, chunks that were, each in the place of its number.
    kept: Vec<Kept>,
}

impl<R: ReadAt> Verified<R> {
    /// Reads the front and the chunk digests. `always`: the bytes may change after they were checked, as those of a
    /// removable disk, so that what is used must be checked every time.
    pub fn open(bytes: R, always: bool) -> Result<Self> {
        let mut front = [0; FRONT];
        if bytes.size() < size(FRONT) {
            return Err(Error::image("front", format!("{FRONT} bytes"), bytes.size()));
        }
        if bytes.size() > MAX_IMAGE {
            return Err(Error::image("length", format!("at most {MAX_IMAGE} bytes"), bytes.size()));
        }
        read(&bytes, 0, &mut front)?;
        if !front.starts_with(SIGNATURE) {
            let found = excerpt(front.get(..SIGNATURE.len()).unwrap_or_default());
            return Err(Error::image("signature", "onscene-set", found));
        }
        let (version, chunk) = (u32_at(&front, 16), u32_at(&front, 20));
        if version != VERSION {
            return Err(Error::image("version", VERSION, version));
        }
        if wide(chunk) != CHUNK {
            return Err(Error::image("chunk length", CHUNK, chunk));
        }
        if u64_at(&front, 40) != 0 {
            return Err(Error::image("reserved bytes", 0, u64_at(&front, 40)));
        }
        let (start, length) = (u64_at(&front, 24), u64_at(&front, 32));
        let end = start.checked_add(length).filter(|end| *end <= bytes.size() && start >= size(FRONT));
        let Some(end) = end else {
            return Err(Error::image(
                "header",
                format!("inside the {} bytes of the image", bytes.size()),
                format!("{length} bytes from {start} on"),
            ));
        };
        if length > MAX_HEADER {
            return Err(Error::image("header", format!("at most {MAX_HEADER} bytes"), length));
        }
        let chunks = (end - size(FRONT)).div_ceil(size(CHUNK));
        let rest = bytes.size() - end;
        // Not more than the image itself: it cannot make us take memory by its word.
        let table = chunks.saturating_mul(size(DIGEST));
        let signed = match rest.checked_sub(table) {
            Some(0) => false,
            Some(signed) if signed == size(SIGNED) => true,
            _ => {
                let expected = format!("{} bytes", end.saturating_add(table));
                return Err(Error::image("length", expected, format!("{} bytes", bytes.size())));
            }
        };
        let mut digests = vec![0; usize::try_from(table).unwrap_or(usize::MAX)];
        read(&bytes, end, &mut digests)?;
        let stated = front.get(ROOT_AT..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        let root = root(&front, &digests);
        if root.0 != stated {
            return Err(Error::image("root", hex::encode(stated), root));
        }
        let signed = match signed {
            true => {
                let mut block = Box::new([0; SIGNED]);
                read(&bytes, end.saturating_add(table), block.as_mut_slice())?;
                Some(block)
            }
            false => None,
        };
        let words = usize::try_from(chunks.div_ceil(64)).unwrap_or(usize::MAX);
        let checked = std::iter::repeat_with(AtomicU64::default).take(words).collect();
        let kept = std::iter::repeat_with(Kept::default).take(if always { KEPT } else { 0 }).collect();
        Ok(Self { bytes, root, header: (start, end), digests, checked, signed, always, kept })
    }

    /// The root that stands for every byte.
    pub const fn root(&self) -> Root {
        self.root
    }

    /// Where the header begins and ends.
    pub const fn header(&self) -> (u64, u64) {
        self.header
    }

    /// Public key and signature, unchecked.
    pub fn signed(&self) -> Option<(&[u8; 32], &[u8; 64])> {
        let block = self.signed.as_ref()?;
        Some((block.first_chunk()?, block.last_chunk()?))
    }

    /// Reads bytes, all of which are what was compiled.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> Result<()> {
        let end = at.saturating_add(size(buffer.len()));
        if at < size(FRONT) || end > self.header.1 {
            return Err(Error::image("position", format!("inside {:?}", (FRONT, self.header.1)), at));
        }
        if buffer.is_empty() {
            return Ok(());
        }
        let chunk = |at: u64| (at - size(FRONT)) / size(CHUNK);
        if self.always {
            return (chunk(at)..=chunk(end - 1)).try_for_each(|number| self.copy(number, at, buffer));
        }
        (chunk(at)..=chunk(end - 1)).try_for_each(|number| self.check(number))?;
        read(&self.bytes, at, buffer)
    }

    /// Checks every chunk, in order.
    pub fn check_all(&self) -> Result<()> {
        let chunks = size(self.digests.len() / DIGEST);
        (0..chunks).try_for_each(|number| self.load(number).map(drop))
    }

    fn check(&self, number: u64) -> Result<()> {
        let word = usize::try_from(number / 64).ok().and_then(|word| self.checked.get(word));
        let bit = 1 << (number % 64);
        let Some(word) = word else { return Err(Error::image("chunk", "one of the image", number)) };
        if word.load(Ordering::Relaxed) & bit == 0 {
            self.load(number)?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Copies what a chunk has of a range.
    fn copy(&self, number: u64, at: u64, buffer: &mut [u8]) -> Result<()> {
        let place = usize::try_from(number % size(KEPT)).ok().and_then(|place| self.kept.get(place));
        let Some(place) = place else { return Err(Error::image("chunk", "one of the image", number)) };
        let mut kept = place.lock().unwrap_or_else(PoisonError::into_inner);
        let chunk = match kept.take() {
            Some((of, chunk)) if of == number => chunk,
            _ => self.load(number)?,
        };
        let start = size(FRONT) + number * size(CHUNK);
        let from = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        let into = usize::try_from(start.saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = chunk.get(from..).unwrap_or_default();
        for (target, byte) in buffer.get_mut(into..).unwrap_or_default().iter_mut().zip(bytes) {
            *target = *byte;
        }
        *kept = Some((number, chunk));
        Ok(())
    }

    /// The bytes of a chunk, after they were checked.
    fn load(&self, number: u64) -> Result<Vec<u8>> {
        let at = size(FRONT).saturating_add(number.saturating_mul(size(CHUNK)));
        let length = self.header.1.saturating_sub(at).min(size(CHUNK));
        let mut chunk = vec![0; usize::try_from(length).unwrap_or(CHUNK)];
        read(&self.bytes, at, &mut chunk)?;
        let first = usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(DIGEST);
        let stated = self.digests.get(first..).and_then(<[u8]>::first_chunk::<DIGEST>);
        let found: [u8; DIGEST] = Sha256::digest(&chunk).into();
        match stated {
            Some(stated) if *stated == found => Ok(chunk),
            _ => Err(Error::image(
                "bytes",
                format!("those that were compiled, {length} from byte {at} on"),
                "altered ones",
            )),
        }
    }
}

/// The root of an image with that front and those chunk digests.
pub fn root(front: &[u8], digests: &[u8]) -> Root {
    let mut root = Sha256::new();
    root.update(front.get(..ROOT_AT).unwrap_or_default());
    root.update(digests);
    Root(root.finalize().into())
}

fn read(bytes: &impl ReadAt, at: u64, buffer: &mut [u8]) -> Result<()> {
    bytes.read_exact_at(at, buffer).map_err(|error| Error::Unread { reason: error.to_string() })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
