//! The trailer at the end of the file.

use crate::container::text;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Fields, ReadAt};

const LENGTH: usize = 512;

/// A checksum as the format stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// None was taken.
    None,
    Crc32(u32),
    /// Of a kind that is not computed here.
    Other(u32),
}

impl Sum {
    /// The checksum whose kind, length and value begin at `at`.
    pub(super) fn of(fields: Fields<'_>, at: usize) -> Self {
        let value = at.saturating_add(8);
        match (fields.u32_be(at), fields.u32_be(at.saturating_add(4))) {
            (Some(0) | None, _) | (_, Some(0)) => Self::None,
            (Some(2), Some(32)) => fields.u32_be(value).map_or(Self::None, Self::Crc32),
            (Some(other), _) => Self::Other(other),
        }
    }
}

/// The trailer.
#[derive(Clone, Debug)]
pub(super) struct Trailer {
    /// Its place in the file.
    pub at: u64,
    /// Whether its signature is whole.
    sound: bool,
    /// The bytes of all chunks.
    pub data: Extent,
    /// The property list with the tables.
    pub plist: Extent,
    pub segments: u32,
    /// Sectors of the medium.
    pub sectors: u64,
    /// Checksum of the bytes of all chunks as they are stored.
    pub data_sum: Sum,
    /// Checksum of the checksums of the partitions.
    pub master_sum: Sum,
    variant: u32,
    identifier: [u8; 16],
}

impl Trailer {
    /// The trailer, if the file ends with one.
    pub(super) fn of(file: &dyn ReadAt) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        let at = file.size().checked_sub(512)?;
        file.read_exact_at(at, &mut bytes).ok()?;
        let fields = Fields(&bytes);
        let sound = fields.has(0, b"koly");
        // One damaged byte of the signature: read as raw, the image would show nothing of its medium.
        let close = fields.bytes(0, 4)?.iter().zip(b"koly").filter(|(one, other)| one == other).count() >= 3;
        let plausible = fields.u32_be(8) == Some(512);
        if !(sound || close && plausible && fields.u32_be(4) == Some(4)) {
            return None;
        }
        let extent = |at: usize| Some(Extent::new(fields.u64_be(at)?, fields.u64_be(at.saturating_add(8))?));
        Some(Self {
            at,
            sound: sound && plausible,
            data: extent(24)?,
            plist: extent(216)?,
            segments: fields.u32_be(60)?,
            sectors: fields.u64_be(492)?,
            data_sum: Sum::of(fields, 80),
            master_sum: Sum::of(fields, 352),
            variant: fields.u32_be(488)?,
            identifier: fields.array(64)?,
        })
    }

    /// What is wrong with it.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let detail =
            format!("the DMG trailer at byte {} does not begin with koly and the length 512", self.at);
        match self.sound {
            true => Vec::new(),
            false => vec![Problem::new(ProblemKind::Corrupt, detail)],
        }
    }

    /// What it says of the image.
    pub(super) fn notes(&self) -> Vec<(String, String)> {
        let variant = match self.variant {
            1 => "a device".to_owned(),
            2 => "a partition".to_owned(),
            other => format!("variant {other}"),
        };
        let mut notes = vec![("image of".to_owned(), variant)];
        if self.identifier != [0; 16] {
            notes.push(("identifier".into(), text::guid_be(&self.identifier)));
        }
        notes
    }
}
