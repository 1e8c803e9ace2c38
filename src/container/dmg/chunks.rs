//! The chunks of the partitions: where each is stored and how it is packed.

use super::trailer::{Sum, Trailer};
use crate::container::mapped::{Map, Packed, Place, Stretch};
use crate::container::unpack::Method;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::Fields;

const SECTOR: u64 = 512;
const HEADER: usize = 204;
const ENTRY: usize = 40;

/// A partition, which has its own table.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub name: String,
    /// Its bytes on the medium.
    pub extent: Extent,
    pub sum: Sum,
}

/// A chunk.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// First byte on the medium.
    start: u64,
    length: u64,
    /// First byte in the file.
    offset: u64,
    stored: u64,
    kind: u32,
}

impl Chunk {
    const fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

/// Kinds of chunks that hold nothing of the medium.
const COMMENT: u32 = 0x7fff_fffe;
const TERMINATOR: u32 = 0xffff_ffff;
const IGNORE: u32 = 2;

impl Partition {
    /// Reads a table and adds its chunks. None when it is no table at all.
    pub(super) fn read(
        name: String,
        table: &[u8],
        trailer: &Trailer,
        chunks: &mut Vec<Chunk>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let fields = Fields(table);
        let Some((first, sectors, data)) = head(fields) else {
            let detail = format!(
                "the chunk table of the DMG partition \"{name}\" is damaged: mish and 204 bytes expected, {} bytes found",
                table.len()
            );
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
            return None;
        };
        let base = trailer.data.offset.saturating_add(data);
        let stated = fields.u32_be(200).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        let entries = table.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY);
        if entries.len() < stated {
            let detail = format!(
                "the chunk table of the DMG partition \"{name}\" states {stated} chunks and has {}",
                entries.len()
            );
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        for entry in entries.take(stated).map(Fields) {
            let long = |at| entry.u64_be(at).unwrap_or(0);
            let kind = entry.u32_be(0).unwrap_or(0);
            if matches!(kind, COMMENT | TERMINATOR) || long(16) == 0 {
                continue;
            }
            chunks.push(Chunk {
                start: first.saturating_add(long(8)).saturating_mul(SECTOR),
                length: long(16).saturating_mul(SECTOR),
                offset: base.saturating_add(long(24)),
                stored: long(32),
                kind,
            });
        }
        let extent = Extent::new(first.saturating_mul(SECTOR), sectors.saturating_mul(SECTOR));
        Some(Self { name, extent, sum: Sum::of(fields, 64) })
    }
}

/// First sector, number of sectors, and place in the data of a table.
fn head(fields: Fields<'_>) -> Option<(u64, u64, u64)> {
    fields.u32_be(200)?;
    fields.has(0, b"mish").then_some((fields.u64_be(8)?, fields.u64_be(16)?, fields.u64_be(24)?))
}

/// The chunks of all partitions in the order of the medium.
pub(super) struct Chunks {
    chunks: Vec<Chunk>,
    size: u64,
}

impl Chunks {
    /// Puts chunks in order. `size` is what the trailer states; when it states nothing, the chunks do.
    pub(super) fn new(mut chunks: Vec<Chunk>, size: u64, problems: &mut Vec<Problem>) -> Self {
        chunks.sort_by_key(|chunk| (chunk.start, chunk.length));
        let end = chunks.iter().map(Chunk::end).max().unwrap_or(0);
        if end > size {
            let detail = format!("the DMG trailer states {size} bytes, its chunks reach to byte {end}");
            problems.push(Problem::new(ProblemKind::Ambiguous, detail));
        }
        let overlaps = chunks.iter().zip(chunks.iter().skip(1)).filter(|(one, next)| next.start < one.end());
        let (count, first) = overlaps.fold((0_u64, None), |(count, first), (_, next)| {
            (count.saturating_add(1), first.or(Some(next.start)))
        });
        if let Some(first) = first {
            let detail = format!("two DMG chunks describe byte {first} of the medium: the later one is used");
            let mut problem = Problem::new(ProblemKind::Ambiguous, detail);
            problem.count = count;
            problems.push(problem);
        }
        Self { chunks, size: if size == 0 { end } else { size } }
    }

    /// The ranges that the image says it ignores.
    pub(super) fn ignored(&self) -> Vec<Extent> {
        let ignored = self.chunks.iter().filter(|chunk| chunk.kind == IGNORE);
        ignored.map(|chunk| Extent::new(chunk.start, chunk.length)).collect()
    }
}

impl Map for Chunks {
    fn size(&self) -> u64 {
        self.size
    }

    fn at(&self, offset: u64) -> Stretch {
        let after = self.chunks.partition_point(|chunk| chunk.start <= offset);
        let next = self.chunks.get(after).map_or(self.size, |chunk| chunk.start);
        let until_next = next.saturating_sub(offset);
        let chunk =
            after.checked_sub(1).and_then(|at| self.chunks.get(at)).filter(|chunk| offset < chunk.end());
        let Some(chunk) = chunk else {
            return Stretch::missing(until_next, "no chunk of the image describes these bytes");
        };
        let within = offset.saturating_sub(chunk.start);
        let left = chunk.length.saturating_sub(within).min(until_next);
        let method = match chunk.kind {
            0 | IGNORE => return Stretch::zero(left),
            1 if chunk.stored < chunk.length => {
                return Stretch::missing(
                    left,
                    format!("a plain chunk of {} bytes stores only {}", chunk.length, chunk.stored),
                );
            }
            1 => {
                let place = Place::Stored { file: 0, offset: chunk.offset.saturating_add(within) };
                return Stretch { length: left, place };
            }
            0x8000_0004 => Method::Adc,
            0x8000_0005 => Method::Zlib,
            0x8000_0006 => Method::Bzip2,
            0x8000_0007 => Method::Lzfse,
            0x8000_0008 => Method::Xz,
            other => {
                return Stretch::missing(left, format!("the chunk is of the unknown kind {other:#010x}"));
            }
        };
        let packed = Packed {
            start: chunk.start,
            length: chunk.length,
            most: chunk.length,
            file: 0,
            offset: chunk.offset,
            stored: chunk.stored,
            method,
        };
        Stretch { length: left, place: Place::Packed(packed) }
    }
}
