//! Sequential reading of long ranges, in large pieces, losing no more than the units that cannot be read.

use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::{ReadAt, Unreadable, gaps, size};

/// Bytes read at once: long enough for a spinning disk, short enough to hold.
pub(in crate::filesystem) const PIECE: usize = 1 << 20;

/// Reads `length` bytes from `offset` on and shows them in units of `unit` bytes, each with its place.
///
/// `unit` divides [`PIECE`] and `length`; the caller has bounded `length` by the volume.
pub(in crate::filesystem) fn units(
    volume: &dyn ReadAt,
    offset: u64,
    length: u64,
    unit: usize,
    buffer: &mut Vec<u8>,
    mut show: impl FnMut(u64, Result<&[u8], Unreadable>),
) {
    let end = offset.saturating_add(length);
    let mut at = offset;
    let unit = unit.max(1);
    while at < end {
        let wanted = usize::try_from(end.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
        buffer.resize(wanted, 0);
        let whole = volume.read_exact_at(at, buffer).is_ok();
        for piece in buffer.chunks_mut(unit) {
            let length = size(piece.len());
            let read = if whole { Ok(()) } else { volume.read_exact_at(at, piece) };
            show(at, read.map(|()| &*piece));
            at = at.saturating_add(length);
        }
    }
}

/// Gathers what a sweep meets: the places that were read, and neighbouring failures as one problem.
#[derive(Debug, Default)]
pub(in crate::filesystem) struct Places {
    read: Vec<Extent>,
    failed: Vec<(Extent, &'static str, String)>,
}

impl Places {
    /// Notes bytes that were read.
    pub(in crate::filesystem) fn read(&mut self, offset: u64, length: u64) {
        match self.read.last_mut() {
            Some(last) if last.end() == offset => last.length = last.length.saturating_add(length),
            _ => self.read.push(Extent::new(offset, length)),
        }
    }

    /// Notes bytes of `what` that could not be read.
    pub(in crate::filesystem) fn failed(
        &mut self,
        what: &'static str,
        offset: u64,
        length: u64,
        why: &Unreadable,
    ) {
        match self.failed.last_mut() {
            Some((last, before, _)) if last.end() == offset && *before == what => {
                last.length = last.length.saturating_add(length);
            }
            _ => self.failed.push((Extent::new(offset, length), what, why.to_string())),
        }
    }

    /// Hands everything over: places in physical order and merged.
    pub(in crate::filesystem) fn hand_over(mut self, volume: &dyn ReadAt, survey: &mut Survey<'_>) {
        self.read.sort_unstable();
        let mut end = 0;
        for extent in &self.read {
            // Two structures may claim the same bytes: they count once.
            let start = extent.offset.max(end);
            if let Some(length) = extent.end().checked_sub(start).filter(|length| *length > 0) {
                survey.metadata(start, length);
            }
            end = end.max(extent.end());
        }
        for (extent, what, why) in self.failed {
            // A block fails as a whole; the disk loses sectors.
            let mut exact = gaps(volume, extent.offset, extent.length);
            if exact.is_empty() {
                exact.push(Unreadable::new(extent.offset, extent.length, why));
            }
            for gap in exact {
                let place = Extent::new(gap.offset, gap.length);
                survey.problem(Problem::new(ProblemKind::Unreadable, format!("{what}: {gap}")).at(place));
            }
        }
    }
}
