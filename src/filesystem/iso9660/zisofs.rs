//! Files that zisofs compressed: blocks of a fixed size, each a stream of zlib (Linux, fs/isofs/compress.c; version 2
//! after libisofs, doc/zisofs2_format.txt).

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::ZlibDecoder;

use crate::read::{Error, Fields, ReadAt, Result, Unreadable, Window, size};

const MAGIC: &[u8; 8] = b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07";
const MAGIC_2: &[u8; 8] = b"\xef\x22\x55\xa1\xbc\x1b\x95\xa0";
/// Sizes of a block as powers of two: libisofs writes 15 to 17, version 2 up to 20.
const BLOCKS: std::ops::RangeInclusive<u8> = 12..=20;

/// The content of a compressed file as it was.
pub(super) struct Stream {
    stored: Window<Arc<dyn ReadAt>>,
    /// Byte of the stored file at which the places of the blocks begin.
    table: u64,
    /// Bytes of a place.
    width: u64,
    block: u64,
    size: u64,
    last: Mutex<Option<(u64, Arc<[u8]>)>>,
}

impl Stream {
    /// The file that begins at byte `start` of the volume, in `stored` bytes; it was `size` bytes long.
    pub(super) fn open(volume: Arc<dyn ReadAt>, start: u64, stored: u64, size: u64) -> Result<Self> {
        let stored = Window::new(volume, start, stored);
        let head = stored.read_vec(0, 16)?;
        let fields = Fields(&head);
        let (units, shift, width) = match head.first_chunk() {
            Some(MAGIC) => (fields.u8(12), fields.u8(13), 4),
            Some(MAGIC_2) => (fields.u8(9), fields.u8(11), 8),
            _ => {
                let found = head.get(..8).unwrap_or_default().escape_ascii();
                return Err(Error::corrupt("compressed file", start, "the head of zisofs", found));
            }
        };
        let shift = shift.filter(|shift| BLOCKS.contains(shift)).ok_or_else(|| {
            Error::corrupt("block size of a compressed file", start, "2^12 to 2^20", format!("{shift:?}"))
        })?;
        let table = u64::from(units.unwrap_or(0)).saturating_mul(4);
        let block = 1_u64.checked_shl(shift.into()).unwrap_or(1 << 15);
        Ok(Self { stored, table, width, block, size, last: Mutex::new(None) })
    }

    fn place(&self, index: u64) -> std::result::Result<u64, Unreadable> {
        let at = self.table.saturating_add(index.saturating_mul(self.width));
        let bytes = self.stored.read_vec(at, if self.width == 4 { 4 } else { 8 })?;
        let fields = Fields(&bytes);
        Ok(fields.u64(0).or_else(|| fields.u32(0).map(u64::from)).unwrap_or(0))
    }

    /// The bytes of a block.
    fn read_block(&self, index: u64) -> std::result::Result<Arc<[u8]>, Unreadable> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = last.as_ref().filter(|(kept, _)| *kept == index) {
            return Ok(Arc::clone(bytes));
        }
        let start = index.saturating_mul(self.block);
        let wanted = self.block.min(self.size.saturating_sub(start));
        let failed = |why: &str| Unreadable::new(start, wanted, format!("compressed block {index}: {why}"));
        let length = usize::try_from(wanted).unwrap_or(0);
        let (from, to) = (self.place(index)?, self.place(index.saturating_add(1))?);
        let bytes: Arc<[u8]> = if from == to {
            // An empty block stands for zeros.
            vec![0; length].into()
        } else {
            let stored = to.checked_sub(from).filter(|stored| *stored <= self.block.saturating_mul(2));
            let stored = stored.ok_or_else(|| failed("its place is not behind the one before"))?;
            let stored = self.stored.read_vec(from, usize::try_from(stored).unwrap_or(0))?;
            let mut bytes = Vec::new();
            let read = ZlibDecoder::new(stored.as_slice()).take(wanted).read_to_end(&mut bytes);
            match read {
                Ok(_) if size(bytes.len()) == wanted => bytes.into(),
                Ok(short) => return Err(failed(&format!("expected {wanted} bytes, found {short}"))),
                Err(error) => return Err(failed(&error.to_string())),
            }
        };
        *last = Some((index, Arc::clone(&bytes)));
        Ok(bytes)
    }
}

impl ReadAt for Stream {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let index = offset.checked_div(self.block).unwrap_or(0);
        let block = self.read_block(index)?;
        let within = usize::try_from(offset.saturating_sub(index.saturating_mul(self.block))).unwrap_or(0);
        let rest = block.get(within..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..length), rest.get(..length)) {
            target.copy_from_slice(source);
        }
        Ok(length)
    }
}

impl super::Stream for Stream {}
