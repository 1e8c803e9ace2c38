//! The allocation file: a bit for each block, the first in the top of the first byte (TN1150, "Allocation File").

use std::sync::Arc;

use super::fork::Extent as Blocks;
use crate::model::{Extent, Problem, ProblemKind, Run, Survey};
use crate::read::{Pieces, ReadAt, size};

/// Most bytes that are kept: 16 TiB of blocks of 4096 bytes.
const MAX_KEPT: u64 = 512 << 20;
const PIECE: usize = 1 << 20;

/// Bytes that are counted together.
const CHUNK: usize = 512;

/// Which blocks are in use; a block past the end is.
pub(super) struct Bitmap {
    bits: Vec<u8>,
    /// Blocks in use before each chunk, so that a long extent is not counted block by block.
    before: Vec<u64>,
}

impl Bitmap {
    /// Reads the file that those runs make. What cannot be read counts as in use.
    pub(super) fn read(volume: &Arc<dyn ReadAt>, runs: &[Run], blocks: u32, survey: &mut Survey<'_>) -> Self {
        let given = runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
        let length = u64::from(blocks).div_ceil(8).min(given).min(MAX_KEPT);
        let file = Pieces::new(Arc::clone(volume), runs, length);
        let mut bits = Vec::new();
        while size(bits.len()) < length {
            let at = size(bits.len());
            let wanted = usize::try_from(length.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
            match file.read_vec(at, wanted) {
                Ok(piece) => bits.extend(piece),
                Err(unreadable) => {
                    bits.resize(bits.len().saturating_add(wanted), 0xff);
                    let detail = format!("allocation file: {unreadable}; its blocks count as in use");
                    survey.problem(Problem::new(ProblemKind::Unreadable, detail));
                }
            }
        }
        let mut left = length;
        for run in runs {
            let inside = volume.size().saturating_sub(run.offset);
            survey.metadata(run.offset.min(volume.size()), run.length.min(left).min(inside));
            left = left.saturating_sub(run.length);
        }
        let mut count = 0_u64;
        let before = bits.chunks(CHUNK).map(|chunk| {
            let here = count;
            count = count.saturating_add(ones(chunk));
            here
        });
        Self { before: before.collect(), bits }
    }

    /// Whether every block of the extents is free.
    pub(super) fn is_free(&self, extents: &[Blocks]) -> bool {
        extents.iter().all(|(start, count)| {
            let end = start.saturating_add(*count);
            let counts = (self.used_before(*start), self.used_before(end));
            matches!(counts, (Some(from), Some(to)) if from == to)
        })
    }

    /// Blocks in use before that one; `None` past the end.
    fn used_before(&self, block: u32) -> Option<u64> {
        let byte = usize::try_from(block / 8).ok()?;
        let chunk = byte / CHUNK;
        let start = chunk.saturating_mul(CHUNK);
        let whole = ones(self.bits.get(start..byte)?);
        let last = match block & 7 {
            0 => 0,
            bits => ones(&[self.bits.get(byte)? & !0xff_u8.wrapping_shr(bits)]),
        };
        let before = match self.before.get(chunk) {
            Some(before) => *before,
            // The end of the last chunk, when it is whole.
            None => {
                self.before.last()?.saturating_add(ones(self.bits.get(start.checked_sub(CHUNK)?..start)?))
            }
        };
        Some(before.saturating_add(whole).saturating_add(last))
    }
}

fn ones(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(byte.count_ones())).fold(0, u64::saturating_add)
}

/// The problem of blocks that are marked as bad.
pub(super) fn bad(count: u64, first: Extent) -> Problem {
    let detail = "blocks that are marked as bad and that were not looked at";
    let advice = "the mark may be false, to hide data: read these blocks with a tool that carves";
    let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(first).advise(advice);
    problem.count = count;
    problem
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::filesystem::trial::{Random, bytes};

    #[test]
    fn extents_are_free_when_each_of_their_blocks_is() {
        let mut bits = bytes(3, 4 * CHUNK);
        bits[700..1400].fill(0);
        let mut count = 0;
        let before = bits.chunks(CHUNK).map(|chunk| {
            count += ones(chunk);
            count - ones(chunk)
        });
        let bitmap = Bitmap { before: before.collect(), bits: bits.clone() };
        let mut random = Random(9);
        let all = bits.len() as u32 * 8;
        for _ in 0..3000 {
            let start = random.below(all.into()) as u32;
            let end = (start + 1 + random.below(if start.is_multiple_of(2) { 8 } else { 6000 }) as u32)
                .min(all + 9);
            let free =
                |block: u32| bits.get(block as usize / 8).is_some_and(|byte| byte & 0x80 >> (block % 8) == 0);
            assert_eq!(bitmap.is_free(&[(start, end - start)]), (start..end).all(free), "{start}..{end}");
        }
        assert!(!bitmap.is_free(&[(u32::MAX, u32::MAX)]));
    }
}
