//! The two headers, of which the newer sound one counts, and the two region tables.

use super::{MIB, checksum};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Error, Fields, ReadAt, Result};

const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const HEADER: usize = 4 << 10;
const TABLES: [u64; 2] = [192 << 10, 256 << 10];
const TABLE: usize = 64 << 10;
/// As many as a table has room for.
const MAX_REGIONS: u32 = 2047;

/// Identifiers of regions, as their bytes stand in the file.
const BAT: [u8; 16] =
    [0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08];
const METADATA: [u8; 16] =
    [0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e];

/// A header.
#[derive(Clone, Debug)]
pub(super) struct Header {
    sequence: u64,
    /// Identifier that changes whenever the file is opened for writing.
    pub written: [u8; 16],
    /// Identifier of the entries of the log that count; zeros when the log is empty.
    pub log: [u8; 16],
    /// Place of the log.
    pub log_extent: Extent,
}

impl Header {
    /// The header that counts. Source: 2.2.2.
    pub(super) fn current(file: &dyn ReadAt, problems: &mut Vec<Problem>) -> Result<Self> {
        let mut found: Vec<Self> = Vec::new();
        for at in HEADERS {
            match Self::read(file, at) {
                Ok(header) => found.push(header),
                Err(error @ Error::Unsupported { .. }) => return Err(error),
                Err(error) => problems.push(Problem::new(error.problem_kind(), error.to_string())),
            }
        }
        let none = || Error::corrupt("VHDX headers", HEADERS[0], "one with a right checksum", "none");
        // Right after a change both may be sound: the one with the higher number is newer.
        found.into_iter().max_by_key(|header| header.sequence).ok_or_else(none)
    }

    fn read(file: &dyn ReadAt, at: u64) -> Result<Self> {
        let bytes = file.read_vec(at, HEADER)?;
        let fields = Fields(&bytes);
        let sum = checksum(&bytes, 4);
        if !fields.has(0, b"head") || fields.u32(4) != Some(sum) {
            let found = hex::encode(fields.bytes(0, 8).unwrap_or_default());
            return Err(Error::corrupt(
                "VHDX header",
                at,
                format!("head and the checksum {sum:#010x}"),
                found,
            ));
        }
        let version = fields.u16(66).unwrap_or(0);
        if version != 1 {
            return Err(Error::unsupported("VHDX header", at, format!("version {version}")));
        }
        Ok(Self {
            sequence: fields.u64(8).unwrap_or(0),
            written: fields.array(16).unwrap_or_default(),
            log: fields.array(48).unwrap_or_default(),
            log_extent: Extent::new(fields.u64(72).unwrap_or(0), u64::from(fields.u32(68).unwrap_or(0))),
        })
    }
}

/// Where the regions are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regions {
    /// The block allocation table.
    pub table: Extent,
    pub metadata: Extent,
}

impl Regions {
    /// Reads the first region table that is sound. Source: 2.2.3.
    pub(super) fn read(file: &dyn ReadAt, problems: &mut Vec<Problem>) -> Result<Self> {
        let mut sound: Vec<Vec<u8>> = Vec::new();
        for at in TABLES {
            match file.read_vec(at, TABLE) {
                Ok(bytes)
                    if bytes.starts_with(b"regi") && Fields(&bytes).u32(4) == Some(checksum(&bytes, 4)) =>
                {
                    sound.push(bytes);
                }
                Ok(_) => {
                    let detail = format!("the VHDX region table at byte {at} has no right checksum");
                    problems.push(Problem::new(ProblemKind::Corrupt, detail));
                }
                Err(error) => problems.push(Problem::new(ProblemKind::Unreadable, error.to_string())),
            }
        }
        if sound.first() != sound.last() {
            let detail = "the two VHDX region tables differ: the first is used";
            problems.push(Problem::new(ProblemKind::Ambiguous, detail));
        }
        let none = || Error::corrupt("VHDX region tables", TABLES[0], "one with a right checksum", "none");
        Self::parse(sound.first().ok_or_else(none)?)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let fields = Fields(bytes);
        let count = fields.u32(8).unwrap_or(0);
        if count > MAX_REGIONS {
            return Err(Error::corrupt("VHDX region table", TABLES[0], "at most 2047 entries", count));
        }
        let (mut table, mut metadata) = (None, None);
        let entries = bytes.get(16..).unwrap_or_default().chunks_exact(32);
        for entry in entries.take(usize::try_from(count).unwrap_or(0)).map(Fields) {
            let identifier: [u8; 16] = entry.array(0).unwrap_or_default();
            let extent = Extent::new(entry.u64(16).unwrap_or(0), u64::from(entry.u32(24).unwrap_or(0)));
            let required = entry.u32(28).unwrap_or(0) & 1 == 1;
            match identifier {
                BAT => table = Some(extent),
                METADATA => metadata = Some(extent),
                other if required => {
                    let found = format!(
                        "a required region of an unknown kind, {}",
                        crate::container::text::guid_le(&other)
                    );
                    return Err(Error::unsupported("VHDX region table", TABLES[0], found));
                }
                _ => {}
            }
        }
        let missing = |what: &str| Error::corrupt("VHDX region table", TABLES[0], what, "none");
        let table =
            table.filter(|table| table.offset >= MIB).ok_or_else(|| missing("a block allocation table"))?;
        let metadata = metadata.filter(|at| at.offset >= MIB).ok_or_else(|| missing("a metadata region"))?;
        Ok(Self { table, metadata })
    }
}
