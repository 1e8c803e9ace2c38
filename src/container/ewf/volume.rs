//! What the volume section says of the medium: its size and how it is cut into chunks.

use super::section::{Kind, Section};
use crate::read::{Error, Fields, ReadAt, Result};

/// EnCase goes up to 32,768 sectors a chunk; more memory than this for one chunk is not given.
const MAX_CHUNK: u64 = 64 << 20;
/// Length of the section in images of EnCase and FTK Imager.
const LONG: usize = 1052;
/// Length of the section in the original format and in SMART images.
const SHORT: usize = 94;

/// The medium as the volume section describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes of a chunk.
    pub chunk: u64,
    /// Bytes of a sector.
    pub sector: u64,
    /// Sectors of the medium.
    pub sectors: u64,
    /// Number of chunks as stated.
    pub chunks: u64,
    /// What sort of medium, in words.
    pub media: Option<&'static str>,
    /// Whether a physical device was imaged.
    pub physical: Option<bool>,
    /// Identifier of the set of segment files; zeros when there is none.
    pub set: [u8; 16],
}

impl Geometry {
    /// Size of the medium in bytes.
    pub(super) const fn size(&self) -> u64 {
        self.sectors.saturating_mul(self.sector)
    }
}

/// Reads a `volume`, `disk` or `data` section.
///
/// Source: libewf, Expert Witness Compression Format, "Volume section".
pub(super) fn read(file: &dyn ReadAt, section: &Section) -> Result<Geometry> {
    debug_assert!(matches!(section.kind, Kind::Volume | Kind::Data));
    let at = section.payload();
    let bytes = section.read(file, LONG)?;
    let long = bytes.len() >= LONG;
    let length = if long { LONG } else { SHORT };
    let fields = Fields(&bytes);
    let sum_at = length.saturating_sub(4);
    let stored = fields.u32(sum_at);
    let actual = adler2::adler32_slice(fields.bytes(0, sum_at).unwrap_or_default());
    if stored != Some(actual) {
        let found = stored.map_or_else(|| format!("{} bytes", bytes.len()), |sum| format!("{sum:#010x}"));
        return Err(Error::corrupt("EWF volume section", at, format!("checksum {actual:#010x}"), found));
    }
    let number = |offset| u64::from(fields.u32(offset).unwrap_or(0));
    let sector = number(12);
    let chunk = number(8).saturating_mul(sector);
    if chunk == 0 {
        return Err(Error::corrupt("EWF volume section", at, "a chunk size", "zero"));
    }
    if chunk > MAX_CHUNK {
        return Err(Error::unsupported(
            "EWF chunk size",
            at,
            format!("{chunk} bytes, more than {MAX_CHUNK}"),
        ));
    }
    let chunks = number(4);
    let stated = if long { fields.u64(16).unwrap_or(0) } else { number(16) };
    // An image that was streamed may never have had its size written.
    let sectors = if stated == 0 { chunks.saturating_mul(number(8)) } else { stated };
    if sectors.checked_mul(sector).is_none() {
        return Err(Error::corrupt(
            "EWF volume section",
            at,
            "a size below 2^64 bytes",
            format!("{sectors} sectors"),
        ));
    }
    Ok(Geometry {
        chunk,
        sector,
        sectors,
        chunks,
        media: long.then(|| media(fields.u8(0).unwrap_or(0))),
        physical: long.then(|| fields.u8(36).unwrap_or(0) & 2 != 0),
        set: if long { fields.array(64).unwrap_or_default() } else { [0; 16] },
    })
}

const fn media(kind: u8) -> &'static str {
    match kind {
        0 => "removable medium",
        1 => "fixed disk",
        3 => "optical disc",
        14 => "logical evidence",
        16 => "memory",
        _ => "unknown",
    }
}
