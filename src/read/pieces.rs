//! A file's content put together from its runs.

use std::sync::Arc;

use super::{ReadAt, Unreadable, size};
use crate::model::Run;

/// The first `length` bytes of the runs of a file, in file order. Holes read as zeros, because the file
/// system defines them so; bytes that the runs do not cover cannot be read.
pub struct Pieces {
    medium: Arc<dyn ReadAt>,
    /// File offset at which each run begins, with the run.
    runs: Vec<(u64, Run)>,
    length: u64,
}

impl Pieces {
    /// Content of `length` bytes on `medium`, whose coordinates the runs use.
    pub fn new(medium: Arc<dyn ReadAt>, runs: &[Run], length: u64) -> Self {
        let mut start = 0_u64;
        let runs = runs
            .iter()
            .map(|run| {
                let placed = (start, *run);
                start = start.saturating_add(run.length);
                placed
            })
            .collect();
        Self { medium, runs, length }
    }
}

impl ReadAt for Pieces {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let left = self.length.saturating_sub(offset);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let after = self.runs.partition_point(|(start, _)| *start <= offset);
        let found = after.checked_sub(1).and_then(|at| self.runs.get(at));
        let Some((run, within)) =
            found.map(|(start, run)| (run, offset - start)).filter(|(run, within)| *within < run.length)
        else {
            return Err(Unreadable::new(offset, left, "the file system gives no place for these bytes"));
        };
        let wanted = size(buffer.len()).min(left).min(run.length - within);
        let target =
            usize::try_from(wanted).ok().and_then(|wanted| buffer.get_mut(..wanted)).unwrap_or_default();
        if run.is_hole() {
            target.fill(0);
            return Ok(target.len());
        }
        let failed = |reason: String, length: u64| Unreadable::new(offset, length, reason);
        let place = run.offset.saturating_add(within);
        match self.medium.read_at(place, target) {
            Ok(0) => Err(failed(format!("the medium ends before its byte {place}"), wanted)),
            Ok(read) => Ok(read),
            Err(unreadable) => {
                let reason = format!("{} (byte {place} of the medium)", unreadable.reason);
                Err(failed(reason, unreadable.length.min(wanted)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    #[test]
    fn runs_holes_and_missing_places_are_told_apart() {
        let medium: Arc<dyn ReadAt> = Arc::new(Memory(b"abcdefgh"));
        let runs = [Run::new(4, 3), Run::hole(2), Run::new(0, 2), Run::new(7, 5)];
        let file = Pieces::new(Arc::clone(&medium), &runs, 12);
        let mut buffer = [9; 8];
        file.read_exact_at(0, &mut buffer).unwrap();
        assert_eq!(&buffer, b"efg\0\0abh");
        let missing = file.read_exact_at(6, &mut buffer).unwrap_err();
        assert_eq!((missing.offset, missing.length), (8, 4));
        let short = Pieces::new(medium, &runs[..1], 12);
        assert_eq!(short.read_exact_at(0, &mut buffer).unwrap_err().offset, 3);
    }
}
