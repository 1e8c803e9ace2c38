//! Writes the bytes of an image and digests them on the way; columns whose width is known only at their end.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;
use sha2::{Digest as _, Sha256};

use super::verified::root;
use super::{CHUNK, ColumnCounts, FRONT, ROOT_AT, Root, SIGNATURE, VERSION};
use crate::read::size;

/// Bytes that are digested and written at once: enough chunks for several threads.
const BLOCK: usize = 64 * CHUNK;

/// An image being written, block by block of whole chunks.
pub struct Writer<'w, W> {
    out: &'w mut W,
    block: Vec<u8>,
    digests: Vec<u8>,
    written: u64,
}

impl<'w, W: Write + Seek> Writer<'w, W> {
    /// Leaves room for the front.
    pub fn new(out: &'w mut W) -> io::Result<Self> {
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&[0; FRONT])?;
        Ok(Self { out, block: Vec::with_capacity(BLOCK), digests: Vec::new(), written: size(FRONT) })
    }

    fn end_block(&mut self) -> io::Result<()> {
        let digests: Vec<_> = self.block.par_chunks(CHUNK).map(Sha256::digest).collect();
        digests.iter().for_each(|digest| self.digests.extend_from_slice(digest));
        self.out.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }

    /// Writes the header, the chunk digests and at last the front: until then the file is no image.
    pub fn finish(mut self, header: &[u8]) -> io::Result<Root> {
        let header_at = self.written;
        self.write_all(header)?;
        self.end_block()?;
        self.out.write_all(&self.digests)?;
        let mut front = SIGNATURE.to_vec();
        front.extend_from_slice(&VERSION.to_le_bytes());
        front.extend_from_slice(&u32::try_from(CHUNK).unwrap_or_default().to_le_bytes());
        front.extend_from_slice(&header_at.to_le_bytes());
        front.extend_from_slice(&size(header.len()).to_le_bytes());
        front.resize(ROOT_AT, 0);
        let root = root(&front, &self.digests);
        front.extend_from_slice(&root.0);
        self.out.flush()?;
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&front)?;
        self.out.flush()?;
        self.out.seek(SeekFrom::End(0))?;
        Ok(root)
    }
}

impl<W: Write + Seek> Write for Writer<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK.saturating_sub(self.block.len());
        let part = bytes.get(..room).unwrap_or(bytes);
        self.block.extend_from_slice(part);
        self.written = self.written.saturating_add(size(part.len()));
        if self.block.len() == BLOCK {
            self.end_block()?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that are put aside, in memory or in a nameless file.
trait Aside: Read + Write + Seek {}
impl<T: Read + Write + Seek> Aside for T {}

/// Bytes that are held in memory before a file is used.
const HELD: usize = 4 << 20;
/// Width of a number that is put aside.
const RAW: usize = 8;

/// A column of numbers of which only the values decide how wide it is.
pub struct Numbers {
    constant: Option<u64>,
    count: u64,
    greatest: u64,
    /// The value that is all ones in the file, whatever its width.
    none: Option<u64>,
    aside: Option<io::BufWriter<Box<dyn Aside>>>,
    scratch: Option<std::path::PathBuf>,
}

impl Numbers {
    /// An empty column. `none` is not written as a number but as all ones.
    pub fn new(none: Option<u64>, scratch: Option<&Path>) -> Self {
        Self {
            constant: None,
            count: 0,
            greatest: 0,
            none,
            aside: None,
            scratch: scratch.map(Path::to_owned),
        }
    }

    /// Adds a number.
    pub fn push(&mut self, number: u64) -> io::Result<()> {
        let constant = *self.constant.get_or_insert(number);
        if Some(number) != self.none {
            self.greatest = self.greatest.max(number);
        }
        if self.aside.is_none() && number != constant {
            let aside: Box<dyn Aside> = match &self.scratch {
                Some(folder) => Box::new(tempfile::spooled_tempfile_in(HELD, folder)),
                None => Box::new(Cursor::new(Vec::new())),
            };
            let mut aside = io::BufWriter::with_capacity(1 << 16, aside);
            (0..self.count).try_for_each(|_| aside.write_all(&constant.to_le_bytes()))?;
            self.aside = Some(aside);
        }
        self.count = self.count.saturating_add(1);
        match &mut self.aside {
            Some(aside) => aside.write_all(&number.to_le_bytes()),
            None => Ok(()),
        }
    }

    /// Writes the column, if it needs one, and says what it is like.
    pub fn finish(self, out: &mut impl Write) -> io::Result<ColumnCounts> {
        let Some(aside) = self.aside else {
            return Ok(ColumnCounts { width: 0, constant: self.constant.unwrap_or(0) });
        };
        let mut aside = aside.into_inner().map_err(io::IntoInnerError::into_error)?;
        aside.rewind()?;
        let mut aside = io::BufReader::with_capacity(1 << 16, aside);
        // The all-ones value of the width must stay free.
        let needed = if self.none.is_some() { self.greatest.saturating_add(1) } else { self.greatest };
        let width = RAW - usize::try_from(needed.leading_zeros() / 8).unwrap_or(0);
        let width = width.max(1);
        let mut raw = [0; RAW];
        for _ in 0..self.count {
            aside.read_exact(&mut raw)?;
            if Some(u64::from_le_bytes(raw)) == self.none {
                raw = [0xff; RAW];
            }
            out.write_all(raw.get(..width).unwrap_or(&raw))?;
        }
        Ok(ColumnCounts { width: u8::try_from(width).unwrap_or(8), constant: 0 })
    }
}
