//! The header of a sparse extent.

use super::descriptor::Descriptor;
use crate::model::{Problem, ProblemKind};
use crate::read::{Error, Fields, ReadAt, Result};

const MAGIC: &[u8; 4] = b"KDMV";
const SECTOR: u64 = 512;
/// The place of the directory when it is told by a footer at the end.
const AT_END: u64 = u64::MAX;

const COPIES: u32 = 1 << 1;
const ZEROED: u32 = 1 << 2;
const COMPRESSED: u32 = 1 << 16;
const MARKERS: u32 = 1 << 17;

/// A sparse extent.
#[derive(Clone, Debug)]
pub(super) struct Sparse {
    /// Index of its file.
    pub file: usize,
    /// Sectors of the disk that it stands for.
    pub sectors: u64,
    /// Bytes of a grain.
    pub grain: u64,
    /// Entries of a table.
    pub per_table: u64,
    /// Place of the directory in bytes.
    pub directory: u64,
    /// Place of its copy.
    pub copy: Option<u64>,
    /// Whether grains are packed.
    pub compressed: bool,
    /// Whether the entry 1 stands for a grain of zeros.
    pub zeroed: bool,
    /// Place and bytes of the descriptor within.
    text: (u64, u64),
}

/// Whether the file begins as a sparse extent.
pub(super) fn begins(file: &dyn ReadAt) -> bool {
    let mut magic = [0; 4];
    file.read_exact_at(0, &mut magic).is_ok() && &magic == MAGIC
}

impl Sparse {
    /// Reads the header of the file of that index, or its footer when that one counts.
    pub(super) fn read(file: &dyn ReadAt, index: usize, problems: &mut Vec<Problem>) -> Result<Self> {
        let head = Self::at(file, index, 0, problems)?;
        if head.directory != AT_END {
            return Ok(head);
        }
        let at = file.size().saturating_sub(2 * SECTOR);
        let mut foot = Self::at(file, index, at, problems).map_err(|error| match error {
            Error::Corrupt { offset, found, .. } => Error::corrupt(
                "VMDK footer",
                offset,
                "the header of the stream again: the file is cut off, or damaged there",
                found,
            ),
            other => other,
        })?;
        if foot.directory == AT_END {
            return Err(Error::corrupt(
                "VMDK footer",
                at.saturating_add(56),
                "a place of the grain directory",
                "none",
            ));
        }
        if foot.grain != head.grain || (head.sectors != 0 && foot.sectors != head.sectors) {
            let detail = "the header of the VMDK stream and its footer differ: the footer is used";
            problems.push(Problem::new(ProblemKind::Ambiguous, detail));
        }
        foot.text = head.text;
        Ok(foot)
    }

    fn at(file: &dyn ReadAt, index: usize, at: u64, problems: &mut Vec<Problem>) -> Result<Self> {
        let mut bytes = [0; 512];
        file.read_exact_at(at, &mut bytes)?;
        let fields = Fields(&bytes);
        let place = |offset: u64| at.saturating_add(offset);
        if !fields.has(0, MAGIC) {
            let found = fields.bytes(0, 4).map(hex::encode).unwrap_or_default();
            return Err(Error::corrupt("VMDK sparse extent", at, "KDMV", found));
        }
        let long = |offset| fields.u64(offset).unwrap_or(0);
        let bytes_of = |sectors: u64| if sectors == AT_END { AT_END } else { sectors.saturating_mul(SECTOR) };
        let version = fields.u32(4).unwrap_or(0);
        if !(1..=3).contains(&version) {
            return Err(Error::unsupported("VMDK sparse extent", place(4), format!("version {version}")));
        }
        let flags = fields.u32(8).unwrap_or(0);
        let grain = bytes_of(long(20));
        if !grain.is_power_of_two() || grain > 1 << 30 {
            return Err(Error::corrupt(
                "VMDK grain size",
                place(20),
                "a power of two of sectors, at most 1 GiB",
                long(20),
            ));
        }
        let per_table = u64::from(fields.u32(44).unwrap_or(0));
        if per_table == 0 {
            return Err(Error::corrupt("VMDK grain tables", place(44), "entries", per_table));
        }
        let compressed = flags & COMPRESSED != 0;
        let algorithm = fields.u16(77).unwrap_or(0);
        if compressed && (algorithm != 1 || flags & MARKERS == 0) {
            let found = format!("compression {algorithm} with the flags {flags:#x}");
            return Err(Error::unsupported("VMDK sparse extent", place(77), found));
        }
        if fields.u8(72).is_some_and(|unclean| unclean != 0) {
            let detail = format!("the VMDK extent says at byte {} that it was not closed cleanly", place(72));
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        if flags & 1 != 0 && !fields.has(73, b"\n \r\n") {
            let detail = format!(
                "the line ends in the VMDK header at byte {} were changed: it was copied as text",
                place(73)
            );
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        let copy =
            Some(bytes_of(long(48))).filter(|copy| flags & COPIES != 0 && !matches!(*copy, 0 | AT_END));
        Ok(Self {
            file: index,
            sectors: long(12),
            grain,
            per_table,
            directory: bytes_of(long(56)),
            copy,
            compressed,
            zeroed: flags & ZEROED != 0,
            text: (bytes_of(long(28)), bytes_of(long(36))),
        })
    }

    /// The descriptor in this extent.
    pub(super) fn descriptor(&self, file: &dyn ReadAt) -> Option<Descriptor> {
        let (at, length) = self.text;
        if at == 0 || length == 0 {
            return None;
        }
        Descriptor::read(file, at, length).filter(|descriptor| !descriptor.extents.is_empty())
    }
}
