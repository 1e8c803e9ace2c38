//! The content of a compressed file, unit by unit.

use std::sync::{Arc, Mutex, PoisonError};

use crate::filesystem::Stream;
use crate::model::Run;
use crate::read::{Error, Pieces, ReadAt, Result, Unreadable, size};

use super::lznt1;

/// Sixteen clusters of the largest size; Windows itself compresses with clusters of up to 4 KiB.
const MAX_UNIT: u64 = 32 << 20;

/// A compressed file.
pub(super) struct Compressed {
    source: Arc<dyn ReadAt>,
    /// File offset at which each run begins, with the run; the same coordinates as the unit's.
    runs: Vec<(u64, Run)>,
    unit: u64,
    length: u64,
    initialised: u64,
    /// The unit that was decoded last: contents are read in small steps.
    last: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

impl Compressed {
    /// A file of `length` bytes, of which `initialised` were written, in units of that many bytes.
    pub(super) fn new(
        source: &Arc<dyn ReadAt>,
        runs: &[Run],
        unit: u64,
        length: u64,
        initialised: u64,
    ) -> Result<Self> {
        if unit == 0 || unit > MAX_UNIT {
            return Err(Error::unsupported("compression unit", 0, format!("{unit} bytes")));
        }
        let mut start = 0_u64;
        let placed = runs.iter().map(|run| {
            let at = start;
            start = start.saturating_add(run.length);
            (at, *run)
        });
        Ok(Self {
            source: Arc::clone(source),
            runs: placed.collect(),
            unit,
            length,
            initialised,
            last: Mutex::new(None),
        })
    }

    /// The bytes of a unit.
    fn unit(&self, index: u64) -> std::result::Result<Arc<Vec<u8>>, Unreadable> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = last.as_ref().filter(|(known, _)| *known == index) {
            return Ok(Arc::clone(bytes));
        }
        let bytes = Arc::new(self.decode(index)?);
        *last = Some((index, Arc::clone(&bytes)));
        Ok(bytes)
    }

    /// A unit without holes is stored as it is; one that is only a hole is zeros; else it is compressed before its hole.
    fn decode(&self, index: u64) -> std::result::Result<Vec<u8>, Unreadable> {
        let start = index.saturating_mul(self.unit);
        let own = self.pieces(start);
        let wanted = usize::try_from(self.unit).unwrap_or(0);
        let held: Vec<Run> = own.iter().copied().take_while(|run| !run.is_hole()).collect();
        let length = held.iter().map(|run| run.length).fold(0_u64, u64::saturating_add);
        if length == 0 {
            return Ok(vec![0; wanted]);
        }
        let content = Pieces::new(Arc::clone(&self.source), &held, length);
        let failed = |error: Unreadable| Unreadable { offset: start, length: self.unit, ..error };
        let packed = content.read_vec(0, usize::try_from(length).unwrap_or(0)).map_err(failed)?;
        if length >= self.unit {
            return Ok(packed);
        }
        let place = held.first().map_or(0, |run| run.offset);
        lznt1::decode(&packed, wanted).map_err(|lznt1::Broken(at, what)| {
            Unreadable::new(
                start,
                self.unit,
                format!("compressed data from byte {place} of the volume on: {what} at its byte {at}"),
            )
        })
    }

    /// The runs of a unit, cut to it.
    fn pieces(&self, start: u64) -> Vec<Run> {
        let end = start.saturating_add(self.unit);
        let first = self.runs.partition_point(|(at, run)| at.saturating_add(run.length) <= start);
        let touching = self.runs.iter().skip(first).take_while(|(at, _)| *at < end);
        let cut = |(at, run): &(u64, Run)| {
            let skipped = start.saturating_sub(*at);
            let length = run.length.saturating_sub(skipped).min(end.saturating_sub(start.max(*at)));
            match run.is_hole() {
                true => Run::hole(length),
                false => Run::new(run.offset.saturating_add(skipped), length),
            }
        };
        touching.map(cut).collect()
    }
}

impl ReadAt for Compressed {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        let left = self.length.saturating_sub(offset);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let written = self.initialised.saturating_sub(offset);
        let within = offset.checked_rem(self.unit).unwrap_or(0);
        let in_unit = self.unit.saturating_sub(within);
        let most = if written == 0 { left } else { in_unit.min(left).min(written) };
        let wanted = usize::try_from(size(buffer.len()).min(most)).unwrap_or(0);
        let target = buffer.get_mut(..wanted).unwrap_or_default();
        if written == 0 {
            target.fill(0);
            return Ok(wanted);
        }
        let bytes = self.unit(offset.checked_div(self.unit).unwrap_or(0))?;
        let from = usize::try_from(within).unwrap_or(usize::MAX);
        match bytes.get(from..from.saturating_add(wanted)) {
            Some(source) => target.copy_from_slice(source),
            None => {
                return Err(Unreadable::new(
                    offset,
                    in_unit,
                    "the file system gives no place for these bytes",
                ));
            }
        }
        Ok(wanted)
    }
}

impl Stream for Compressed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    #[test]
    fn units_are_stored_compressed_or_holes_and_zeros_follow_what_was_written() {
        let mut medium = vec![0; 64];
        medium[..16].copy_from_slice(b"stored as it is.");
        medium[16..21].copy_from_slice(&[0x02, 0x30, b'a', b'b', b'c']);
        let source: Arc<dyn ReadAt> = Arc::new(Memory(medium));
        let runs = [Run::new(0, 24), Run::hole(8), Run::hole(16), Run::new(32, 4), Run::hole(12)];
        let file = Compressed::new(&source, &runs, 16, 60, 30).unwrap();
        let mut expected = b"stored as it is.abc".to_vec();
        expected.resize(60, 0);
        assert_eq!(file.read_vec(0, 60).unwrap(), expected);
        assert_eq!(file.read_vec(17, 2).unwrap(), b"bc");
        assert!(Compressed::new(&source, &runs, 64 << 20, 60, 30).is_err());
    }
}
