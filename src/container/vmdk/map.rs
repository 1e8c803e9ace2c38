//! Where each grain of a disk of several extents is.

use std::sync::Arc;

use super::sparse::Sparse;
use crate::container::mapped::{Map, Packed, Place, Stretch};
use crate::container::tables::Tables;
use crate::container::unpack::Method;
use crate::read::ReadAt;

const SECTOR: u64 = 512;

/// A part of the disk.
pub(super) struct Part {
    /// First byte on the disk.
    pub start: u64,
    pub length: u64,
    pub source: Source,
}

/// Where the bytes of a part are.
pub(super) enum Source {
    Flat { file: usize, offset: u64 },
    Sparse(Sparse),
    Zero,
    Missing(&'static str),
}

/// The whole disk.
pub(super) struct Disk {
    parts: Vec<Part>,
    tables: Tables,
    lengths: Vec<u64>,
    size: u64,
}

impl Disk {
    /// `parts` are in order and without gaps.
    pub(super) fn new(parts: Vec<Part>, files: Vec<Arc<dyn ReadAt>>) -> Self {
        let size = parts.last().map_or(0, |last| last.start.saturating_add(last.length));
        let lengths = files.iter().map(|file| file.size()).collect();
        Self { parts, tables: Tables::new(files), lengths, size }
    }

    fn entry(&self, file: usize, at: u64) -> Result<u64, String> {
        let bytes = self.tables.array::<4>(file, at).map_err(|error| format!("grain table: {error}"))?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    }

    /// What the directory at that place leads to for the grain; also how many bytes are alike when it has no table.
    fn look_up(&self, sparse: &Sparse, directory: u64, grain: u64) -> Result<Found, String> {
        let table = grain.checked_div(sparse.per_table).unwrap_or(0);
        let within = grain.checked_rem(sparse.per_table).unwrap_or(0);
        let table = self.entry(sparse.file, directory.saturating_add(table.saturating_mul(4)))?;
        if table == 0 {
            return Ok(Found::NoTable(sparse.per_table.saturating_sub(within)));
        }
        let at = table.saturating_mul(SECTOR).saturating_add(within.saturating_mul(4));
        match self.entry(sparse.file, at)? {
            0 => Ok(Found::Nothing),
            1 if sparse.zeroed => Ok(Found::Nothing),
            sector => {
                let end = self.lengths.get(sparse.file).copied().unwrap_or(0);
                let place = sector.saturating_mul(SECTOR);
                match place < end {
                    true => Ok(Found::At(place)),
                    false => Err("the image file ends before this grain".to_owned()),
                }
            }
        }
    }

    fn sparse(&self, sparse: &Sparse, start: u64, offset: u64) -> Stretch {
        let inside = offset.saturating_sub(start);
        let capacity = sparse.sectors.saturating_mul(SECTOR);
        if inside >= capacity {
            return Stretch::missing(u64::MAX, "the extent ends before the descriptor says");
        }
        let grain = inside.checked_div(sparse.grain).unwrap_or(0);
        let within = inside.checked_rem(sparse.grain).unwrap_or(0);
        let left = sparse.grain.saturating_sub(within).min(capacity.saturating_sub(inside));
        let found = self.look_up(sparse, sparse.directory, grain).or_else(|reason| {
            // Where the directory or its table is damaged, its copy may not be.
            sparse.copy.and_then(|copy| self.look_up(sparse, copy, grain).ok()).ok_or(reason)
        });
        match found {
            Err(reason) => Stretch::missing(left, reason),
            Ok(Found::Nothing) => Stretch::zero(left),
            Ok(Found::NoTable(grains)) => {
                let reach = grains.saturating_mul(sparse.grain).saturating_sub(within);
                Stretch::zero(reach.min(capacity.saturating_sub(inside)))
            }
            Ok(Found::At(place)) if sparse.compressed => {
                let first = inside.saturating_sub(within);
                let packed = Packed {
                    start: offset.saturating_sub(within),
                    length: sparse.grain.min(capacity.saturating_sub(first)),
                    most: sparse.grain,
                    file: sparse.file,
                    offset: place,
                    // A grain that does not shrink grows a little.
                    stored: sparse.grain.saturating_add(sparse.grain / 16).saturating_add(1024),
                    method: Method::Grain(first / SECTOR),
                };
                Stretch { length: left, place: Place::Packed(packed) }
            }
            Ok(Found::At(place)) => {
                let offset = place.saturating_add(within);
                Stretch { length: left, place: Place::Stored { file: sparse.file, offset } }
            }
        }
    }
}

/// What the tables say of a grain.
enum Found {
    /// There is no table, for that many grains from this one on.
    NoTable(u64),
    /// There is no grain: zeros.
    Nothing,
    /// It is at that byte.
    At(u64),
}

impl Map for Disk {
    fn size(&self) -> u64 {
        self.size
    }

    fn at(&self, offset: u64) -> Stretch {
        let after = self.parts.partition_point(|part| part.start <= offset);
        let parts = self.parts.get(..after).unwrap_or_default();
        let Some(part) = parts.iter().rev().find(|part| part.length > 0) else {
            return Stretch::missing(self.size, "no extent has these bytes");
        };
        let inside = offset.saturating_sub(part.start);
        let left = part.length.saturating_sub(inside);
        let mut stretch = match &part.source {
            Source::Zero => Stretch::zero(left),
            Source::Missing(reason) => Stretch::missing(left, *reason),
            Source::Flat { file, offset } => {
                let offset = offset.saturating_add(inside);
                Stretch { length: left, place: Place::Stored { file: *file, offset } }
            }
            Source::Sparse(sparse) => self.sparse(sparse, part.start, offset),
        };
        stretch.length = stretch.length.min(left);
        stretch
    }
}
