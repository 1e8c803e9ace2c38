//! A block of the volume of which single sectors may be unreadable.

use crate::model::{Extent, Problem};
use crate::read::{Error, ReadAt, Unreadable, size};

/// Bytes of a directory that are read at once: a multiple of every sector size.
const PIECE: u64 = 1 << 16;
/// Bytes of a slot of a directory.
const SLOT: usize = 32;

/// Bytes of a volume in memory; the sectors that could not be read are absent, not zero.
pub(in crate::filesystem) struct Sectors {
    bytes: Vec<u8>,
    unit: usize,
    /// Whether each unit is missing; empty when none is.
    missing: Vec<bool>,
    /// What could not be read, neighbouring sectors together.
    pub(in crate::filesystem) failures: Vec<Unreadable>,
}

impl Sectors {
    /// Reads `length` bytes at `offset`, in one go if possible, else sector by sector. The caller has bounded
    /// `length`.
    pub(in crate::filesystem) fn read(volume: &dyn ReadAt, offset: u64, length: usize, sector: u64) -> Self {
        let unit = usize::try_from(sector).unwrap_or(512).max(1);
        let mut block = Self { bytes: vec![0; length], unit, missing: Vec::new(), failures: Vec::new() };
        if volume.read_exact_at(offset, &mut block.bytes).is_ok() {
            return block;
        }
        let mut at = offset;
        for piece in block.bytes.chunks_mut(unit) {
            let failure = if at >= volume.size() {
                Some(Unreadable::new(at, size(piece.len()), "the data end here"))
            } else {
                volume.read_exact_at(at, piece).err()
            };
            block.missing.push(failure.is_some());
            if let Some(failure) = failure {
                match block.failures.last_mut() {
                    Some(last) if last.offset.saturating_add(last.length) == at => {
                        last.length = last.length.saturating_add(size(piece.len()));
                    }
                    _ => block.failures.push(Unreadable { offset: at, length: size(piece.len()), ..failure }),
                }
            }
            at = at.saturating_add(size(piece.len()));
        }
        block
    }

    /// `length` bytes at `offset` within the block, when all of them were read.
    pub(in crate::filesystem) fn get(&self, offset: usize, length: usize) -> Option<&[u8]> {
        let end = offset.checked_add(length)?;
        if !self.missing.is_empty() {
            let units = offset.checked_div(self.unit)?..end.div_ceil(self.unit);
            if self.missing.get(units)?.contains(&true) {
                return None;
            }
        }
        self.bytes.get(offset..end)
    }
}

/// Reads the slots of a directory and hands on each with its place, `None` for one that cannot be read, until `each`
/// wants no more. What cannot be read is returned.
pub(in crate::filesystem) fn read_slots(
    volume: &dyn ReadAt,
    extents: &[Extent],
    sector: u64,
    each: &mut dyn FnMut(u64, Option<&[u8; SLOT]>) -> bool,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for extent in extents {
        let mut at = extent.offset;
        while at < extent.end() {
            let length = PIECE.min(extent.end().saturating_sub(at));
            let length = usize::try_from(length).unwrap_or(0);
            let block = Sectors::read(volume, at, length, sector);
            for failure in &block.failures {
                let detail = format!("{} of a directory", failure.reason);
                problems.push(Error::from(Unreadable { reason: detail, ..failure.clone() }).into_problem());
            }
            for offset in (0..length).step_by(SLOT) {
                let slot = block.get(offset, SLOT).and_then(|slot| slot.try_into().ok());
                if !each(at.saturating_add(size(offset)), slot) {
                    return problems;
                }
            }
            at = at.saturating_add(size(length));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    #[test]
    fn what_lies_past_the_end_is_absent_and_the_rest_is_there() {
        let block = Sectors::read(&Memory(vec![7; 1024]), 512, 1536, 512);
        assert_eq!(block.get(0, 512), Some(&[7; 512][..]));
        assert_eq!((block.get(512, 1), block.get(500, 20), block.get(usize::MAX, 2)), (None, None, None));
        assert_eq!(block.failures, [Unreadable::new(1024, 1024, "the data end here")]);
    }
}
