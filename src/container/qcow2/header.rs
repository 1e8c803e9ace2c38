//! The header and its extensions.

use super::unsupported;
use crate::container::unpack::Method;
use crate::model::{Problem, ProblemKind};
use crate::read::{Error, Fields, ReadAt, Result};

/// Length of the header of version 2; version 3 states its own.
const VERSION_2: usize = 72;
/// Most bytes of header and extensions that are read: they lie within the first cluster.
const MAX_HEADER: u64 = 64 << 10;
/// Most bytes of the name of a backing file, as the format has it.
const MAX_NAME: u32 = 1023;
/// Extensions of the header that are gone through.
const MAX_EXTENSIONS: usize = 64;

const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED: u64 = 1 << 4;

/// What the header says.
pub(super) struct Header {
    pub version: u32,
    /// Number of bits of a place within a cluster.
    pub cluster_bits: u32,
    /// Bytes of the medium.
    pub size: u64,
    /// Place and number of the entries of the first table.
    pub table: (u64, u64),
    /// How compressed clusters are packed.
    pub method: Method,
    /// Whether entries of the second tables have bitmaps of subclusters.
    pub extended: bool,
    /// How many internal snapshots there are, and where they are listed.
    pub snapshots: u32,
    pub snapshots_at: u64,
    incompatible: u64,
    crypt: u32,
    backing: Option<String>,
    backing_at: u64,
    data_file: Option<String>,
}

impl Header {
    /// Reads the header; refuses only what makes everything else meaningless.
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self> {
        let length = usize::try_from(file.size().min(MAX_HEADER)).unwrap_or(0);
        let bytes = file.read_vec(0, length)?;
        let fields = Fields(&bytes);
        let cut = || Error::corrupt("QCOW2 header", 0, format!("{VERSION_2} bytes"), bytes.len());
        let word = |at| fields.u32_be(at).ok_or_else(cut);
        let long = |at| fields.u64_be(at).ok_or_else(cut);
        let version = word(4)?;
        match version {
            1 => {
                return Err(unsupported(
                    4,
                    "it is QCOW version 1; convert a copy with `qemu-img convert -O raw` and scan that",
                ));
            }
            2 | 3 => {}
            other => return Err(unsupported(4, format!("version {other}"))),
        }
        let cluster_bits = word(20)?;
        if !(9..=21).contains(&cluster_bits) {
            return Err(Error::corrupt("QCOW2 cluster bits", 20, "9 to 21", cluster_bits));
        }
        let modern = version >= 3;
        let incompatible = if modern { long(72)? } else { 0 };
        let header_length = if modern { word(100)? } else { 72 };
        let kind = match modern && header_length > 104 {
            true => fields.u8(104).unwrap_or(0),
            false => 0,
        };
        let method = match kind {
            0 => Method::Deflate,
            1 => Method::Zstd,
            other => return Err(unsupported(104, format!("compression type {other}"))),
        };
        if (incompatible & COMPRESSION != 0) != (kind != 0) {
            return Err(Error::corrupt(
                "QCOW2 compression type",
                104,
                "one that agrees with its feature bit",
                kind,
            ));
        }
        let backing_at = long(8)?;
        let backing = (backing_at != 0).then(|| {
            let length = usize::try_from(fields.u32_be(16).unwrap_or(0).min(MAX_NAME)).unwrap_or(0);
            let name = file.read_vec(backing_at, length).unwrap_or_default();
            String::from_utf8_lossy(&name).into_owned()
        });
        let first = usize::try_from(header_length).unwrap_or(usize::MAX);
        Ok(Self {
            version,
            cluster_bits,
            size: long(24)?,
            table: (long(40)?, u64::from(word(36)?)),
            method,
            extended: incompatible & EXTENDED != 0,
            snapshots: word(60)?,
            snapshots_at: long(64)?,
            incompatible,
            crypt: word(32)?,
            backing,
            backing_at,
            data_file: data_file(fields, first),
        })
    }

    /// Refuses an image whose bytes cannot be had from this file alone.
    pub(super) fn refuse(&self) -> Result<()> {
        let method = match self.crypt {
            0 => None,
            1 => Some("AES".to_owned()),
            2 => Some("LUKS".to_owned()),
            other => Some(format!("an unknown method, {other}")),
        };
        if let Some(method) = method {
            return Err(unsupported(
                32,
                format!("it is encrypted with {method}: it opens only with its key"),
            ));
        }
        if let Some(parent) = &self.backing {
            let found = format!(
                "it holds only what changed against its backing file \"{parent}\"; convert both with `qemu-img convert -O raw` where they are together and scan the result"
            );
            return Err(unsupported(self.backing_at, found));
        }
        if self.incompatible & DATA_FILE != 0 {
            let name = self.data_file.as_deref().unwrap_or("a file that it does not name");
            return Err(unsupported(72, format!("its content is in the external data file \"{name}\"")));
        }
        let known = DIRTY | CORRUPT | DATA_FILE | COMPRESSION | EXTENDED;
        match self.incompatible & !known {
            0 => Ok(()),
            unknown => Err(unsupported(72, format!("the incompatible features {unknown:#x}"))),
        }
    }

    /// What the header itself says is wrong.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.incompatible & DIRTY != 0 {
            let detail = "the image was not closed cleanly (dirty bit): its reference counts may be wrong, its content is read as its tables say";
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        if self.incompatible & CORRUPT != 0 {
            let detail = "the image was marked as damaged by the program that used it (corrupt bit)";
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        problems
    }

    /// What it says of the image.
    pub(super) fn notes(&self) -> Vec<(String, String)> {
        vec![
            ("version".into(), self.version.to_string()),
            ("cluster size".into(), (1_u64 << self.cluster_bits).to_string()),
            ("compression".into(), if self.method == Method::Zstd { "zstd" } else { "zlib" }.into()),
            ("internal snapshots".into(), self.snapshots.to_string()),
        ]
    }
}

/// The name of the external data file, from the extensions that begin at `first`.
fn data_file(fields: Fields<'_>, first: usize) -> Option<String> {
    const NAME: u32 = 0x4441_5441;
    let mut at = first;
    for _ in 0..MAX_EXTENSIONS {
        let kind = fields.u32_be(at)?;
        let length = usize::try_from(fields.u32_be(at.checked_add(4)?)?).ok()?;
        let start = at.checked_add(8)?;
        match kind {
            0 => return None,
            NAME => return Some(String::from_utf8_lossy(fields.bytes(start, length)?).into_owned()),
            _ => at = start.checked_add(length.checked_next_multiple_of(8)?)?,
        }
    }
    None
}
