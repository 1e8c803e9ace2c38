//! Where the sections of an image lie, computed from its header and checked against its length.

use std::ops::Range;

use super::{Counts, DIGEST_AT, HEADER_AT, Header, PROVENANCE, SIGNATURE, TableCounts, VERSION, wide};
use crate::hashset::{Error, Result};
use crate::model::Algorithm;

/// Fewest and most bits that a prefix part resolves.
pub const BITS: std::ops::RangeInclusive<u8> = 8..=24;

/// Sections of an image, as ranges of its bytes.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub tables: [Table; 3],
    pub entries: Range<usize>,
    pub origins: Range<usize>,
    pub provenances: Range<usize>,
    pub sizes: Range<usize>,
}

/// A table of one kind.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub counts: TableCounts,
    pub prefixes: Range<usize>,
    pub rows: Range<usize>,
}

impl Layout {
    /// The layout of a body that starts at `start`, and where it ends; `None` when that cannot be in memory.
    pub fn of(start: usize, counts: &Counts) -> Option<(Self, usize)> {
        let mut at = start;
        let mut section = |count: usize, width: usize| {
            let first = at;
            at = at.checked_add(count.checked_mul(width)?)?;
            Some(first..at)
        };
        let mut layout = Self::default();
        for ((table, counts), kind) in layout.tables.iter_mut().zip(counts.tables).zip(Algorithm::ALL) {
            if counts.rows > 0 {
                table.prefixes = section((1_usize << counts.bits.min(*BITS.end())).checked_add(1)?, 4)?;
                table.rows = section(wide(counts.rows), kind.length() + 4)?;
                table.counts = counts;
            }
        }
        layout.entries = section(wide(counts.entries).checked_add(1)?, 4)?;
        layout.origins = section(wide(counts.origins), 4)?;
        layout.provenances = section(wide(counts.provenances), PROVENANCE)?;
        layout.sizes = section(wide(counts.sizes), 8)?;
        Some((layout, at))
    }
}

/// Reads the front of an image and checks that its sections fill it exactly.
pub fn parse(bytes: &[u8]) -> Result<(Header, Layout)> {
    let front = bytes.get(..HEADER_AT).ok_or_else(|| Error::image("front", "64 bytes", bytes.len()))?;
    if !front.starts_with(SIGNATURE) {
        return Err(Error::image(
            "signature",
            "onscene-set",
            super::super::error::excerpt(front.get(..16).unwrap_or_default()),
        ));
    }
    let version = u32_at(front, 16);
    if version != Some(VERSION) || u32_at(front, 20) != Some(0) {
        return Err(Error::image("version", VERSION, version.unwrap_or_default()));
    }
    let length = u64_at(front, 24).and_then(|length| usize::try_from(length).ok());
    let end = length.and_then(|length| length.checked_add(HEADER_AT));
    let Some((end, json)) = end.and_then(|end| Some((end, bytes.get(HEADER_AT..end)?))) else {
        return Err(Error::image(
            "length of the header",
            format!("at most {}", bytes.len()),
            length.unwrap_or(usize::MAX),
        ));
    };
    let header: Header =
        serde_json::from_slice(json).map_err(|error| Error::image("header", "its fields as JSON", error))?;
    check(&header)?;
    match Layout::of(end, &header.counts) {
        Some((layout, end)) if end == bytes.len() => Ok((header, layout)),
        layout => {
            let expected =
                layout.map_or_else(|| "less than the memory has".into(), |(_, end)| format!("{end} bytes"));
            Err(Error::image("length", expected, format!("{} bytes", bytes.len())))
        }
    }
}

fn check(header: &Header) -> Result<()> {
    for table in header.counts.tables {
        if table.rows > 0 && !BITS.contains(&table.bits) {
            return Err(Error::image("prefix bits", "8 to 24", table.bits));
        }
    }
    if header.controls.len() != header.lists.len() {
        return Err(Error::image("controls", format!("{} lists", header.lists.len()), header.controls.len()));
    }
    Ok(())
}

/// The number of 4 bytes at a position of a section; `None` past its end.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

/// The number of 8 bytes at a position of a section; `None` past its end.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// The first `bits` bits of a digest, at most 24.
pub fn prefix(digest: &[u8], bits: u8) -> usize {
    let lead = digest.first_chunk().map_or(0, |chunk| u32::from_be_bytes(*chunk));
    wide(lead.checked_shr(32 - u32::from(bits.min(24))).unwrap_or(0))
}

/// The SHA-256 that an image with these bytes must state.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    let mut digest = sha2::Sha256::new();
    digest.update(bytes.get(..DIGEST_AT).unwrap_or_default());
    digest.update(bytes.get(HEADER_AT..).unwrap_or_default());
    digest.finalize().into()
}
