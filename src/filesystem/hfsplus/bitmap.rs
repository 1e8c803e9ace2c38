//! The allocation file: a bit for each block, the first in the top of the first byte (TN1150, "Allocation File").

use std::sync::Arc;

use super::fork::Extent as Blocks;
use crate::model::{Extent, Problem, ProblemKind, Run, Survey};
use crate::read::{Pieces, ReadAt, size};

/// Most bytes that are kept: 16 TiB of blocks of 4096 bytes.
const MAX_KEPT: u64 = 512 << 20;
const PIECE: usize = 1 << 20;

/// Which blocks are in use; a block past the end is.
pub(super) struct Bitmap(Vec<u8>);

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
        Self(bits)
    }

    /// Whether every block of the extents is free.
    pub(super) fn is_free(&self, extents: &[Blocks]) -> bool {
        extents
            .iter()
            .all(|(start, count)| (*start..start.saturating_add(*count)).all(|block| !self.is_used(block)))
    }

    fn is_used(&self, block: u32) -> bool {
        let byte = usize::try_from(block / 8).ok().and_then(|at| self.0.get(at)).copied().unwrap_or(0xff);
        byte & 0x80_u8.wrapping_shr(block & 7) != 0
    }
}

/// The problem of blocks that are marked as bad.
pub(super) fn bad(count: u64, first: Extent) -> Problem {
    let detail = "blocks that are marked as bad and that were not looked at";
    let advice = "the mark may be false, to hide data: read these blocks with a tool that carves";
    let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(first).advise(advice);
    problem.count = count;
    problem
}
