//! The metadata region: size, block size, sector size, and the parent if there is one.

use super::header::Regions;
use crate::container::text;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Error, Fields, ReadAt, Result};

const TABLE: usize = 64 << 10;
const MAX_ENTRIES: u16 = 2047;
/// Most bytes of an item: a parent locator.
const MAX_ITEM: u32 = 1 << 20;

/// Identifiers of items, as their bytes stand in the file.
const PARAMETERS: [u8; 16] =
    [0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b];
const SIZE: [u8; 16] =
    [0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8];
const IDENTIFIER: [u8; 16] =
    [0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46];
const SECTOR: [u8; 16] =
    [0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f];
const PHYSICAL: [u8; 16] =
    [0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56];
const PARENT: [u8; 16] =
    [0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c];

/// What the metadata say.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Bytes of a block.
    pub block: u64,
    /// Whether blocks stay allocated: a fixed disk.
    pub fixed: bool,
    /// Bytes of the disk.
    pub size: u64,
    /// Bytes of a logical sector.
    pub sector: u64,
    pub identifier: Option<[u8; 16]>,
    /// The parent of a differencing disk, in words.
    pub parent: Option<String>,
}

impl Metadata {
    /// Reads the region. Source: 2.6.
    pub(super) fn read(file: &dyn ReadAt, regions: &Regions, problems: &mut Vec<Problem>) -> Result<Self> {
        let region = regions.metadata;
        let bytes = file.read_vec(region.offset, TABLE)?;
        let fields = Fields(&bytes);
        if !fields.has(0, b"metadata") {
            let found = hex::encode(fields.bytes(0, 8).unwrap_or_default());
            return Err(Error::corrupt("VHDX metadata table", region.offset, "metadata", found));
        }
        let count = fields.u16(10).unwrap_or(0).min(MAX_ENTRIES);
        let entries: Vec<Entry> = bytes
            .get(32..)
            .unwrap_or_default()
            .chunks_exact(32)
            .take(usize::from(count))
            .map(|entry| Entry::of(Fields(entry)))
            .collect();
        for entry in &entries {
            let known = [PARAMETERS, SIZE, IDENTIFIER, SECTOR, PHYSICAL, PARENT].contains(&entry.identifier);
            if entry.required && !known {
                let found =
                    format!("a required item of an unknown kind, {}", text::guid_le(&entry.identifier));
                return Err(Error::unsupported("VHDX metadata", region.offset, found));
            }
        }
        let item = |identifier: [u8; 16], name: &str| {
            let missing = || Error::corrupt("VHDX metadata", region.offset, name, "none");
            let own = |entry: &&Entry| entry.identifier == identifier && !entry.user;
            let entry = entries.iter().find(own).ok_or_else(missing)?;
            entry.read(file, region)
        };
        let parameters = item(PARAMETERS, "file parameters")?;
        let block = u64::from(Fields(&parameters).u32(0).unwrap_or(0));
        if !block.is_power_of_two() || !((1 << 20)..=(256 << 20)).contains(&block) {
            return Err(Error::corrupt(
                "VHDX block size",
                region.offset,
                "a power of two from 1 to 256 MiB",
                block,
            ));
        }
        let flags = Fields(&parameters).u32(4).unwrap_or(0);
        let sector = item(SECTOR, "a logical sector size")?;
        let sector = u64::from(Fields(&sector).u32(0).unwrap_or(0));
        if ![512, 4096].contains(&sector) {
            return Err(Error::corrupt("VHDX logical sector size", region.offset, "512 or 4096", sector));
        }
        let size = item(SIZE, "a virtual disk size")?;
        let size = Fields(&size).u64(0).unwrap_or(0);
        if size > 64 << 40 || size.checked_rem(sector) != Some(0) {
            return Err(Error::corrupt(
                "VHDX disk size",
                region.offset,
                "whole sectors, at most 64 TiB",
                size,
            ));
        }
        let has_locator = entries.iter().any(|entry| entry.identifier == PARENT && !entry.user);
        let parent = match (flags & 2 != 0, has_locator) {
            (false, false) => None,
            (flagged, located) => {
                if flagged != located {
                    let detail = "the VHDX metadata disagree on whether the disk has a parent: it is taken to have one";
                    problems.push(Problem::new(ProblemKind::Ambiguous, detail));
                }
                let locator = item(PARENT, "a parent locator").unwrap_or_default();
                Some(parent(&locator))
            }
        };
        let identifier = item(IDENTIFIER, "an identifier").ok().and_then(|bytes| Fields(&bytes).array(0));
        Ok(Self { block, fixed: flags & 1 != 0, size, sector, identifier, parent })
    }
}

/// An entry of the metadata table.
struct Entry {
    identifier: [u8; 16],
    offset: u32,
    length: u32,
    required: bool,
    /// Whether a user made it: it is another item than that of the system with the same identifier.
    user: bool,
}

impl Entry {
    fn of(fields: Fields<'_>) -> Self {
        Self {
            identifier: fields.array(0).unwrap_or_default(),
            offset: fields.u32(16).unwrap_or(0),
            length: fields.u32(20).unwrap_or(0),
            required: fields.u32(24).unwrap_or(0) & 4 != 0,
            user: fields.u32(24).unwrap_or(0) & 1 != 0,
        }
    }

    fn read(&self, file: &dyn ReadAt, region: Extent) -> Result<Vec<u8>> {
        let at = region.offset.saturating_add(u64::from(self.offset));
        let end = u64::from(self.offset).saturating_add(u64::from(self.length));
        if self.length > MAX_ITEM || end > region.length {
            return Err(Error::corrupt("VHDX metadata item", at, "an item within its region", self.length));
        }
        Ok(file.read_vec(at, usize::try_from(self.length).unwrap_or(0))?)
    }
}

/// The parent in words. Source: 2.6.2.6.
fn parent(locator: &[u8]) -> String {
    let fields = Fields(locator);
    let count = fields.u16(18).unwrap_or(0).min(64);
    let pair = |index: u16| {
        let at = usize::from(index).saturating_mul(12).saturating_add(20);
        let word =
            |place: usize| fields.u32(at.saturating_add(place)).and_then(|word| usize::try_from(word).ok());
        let half = |place: usize| fields.u16(at.saturating_add(place)).map(usize::from);
        let name = text::utf16_le(fields.bytes(word(0)?, half(8)?)?);
        let value = text::utf16_le(fields.bytes(word(4)?, half(10)?)?);
        Some(format!("{name} \"{value}\""))
    };
    let pairs: Vec<String> = (0..count).filter_map(pair).collect();
    match pairs.is_empty() {
        true => "which it does not name".into(),
        false => pairs.join(", "),
    }
}
