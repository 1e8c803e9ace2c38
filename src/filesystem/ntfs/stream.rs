//! Streams put together from their parts, which may stand in several records.

use std::ops::Range;

use crate::model::Run;

use super::mapping;
use super::rows::{Keeping, Part, Rows, mark};

/// Streams of one file that are told apart; the numbers of more do not fit.
const MAX_STREAMS: usize = 60_000;

/// The streams of one file. Kept for its memory.
#[derive(Default)]
pub(super) struct Streams {
    parts: Vec<u32>,
    found: Vec<Stream>,
}

/// One stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// 0 is the main one; the others count from 1 in the order of their names.
    pub number: u16,
    parts: Range<usize>,
}

/// How the bytes of a stream are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Size in bytes.
    pub size: u64,
    /// Bytes that were written; zeros follow.
    pub initialised: u64,
    /// How they are kept.
    pub keeping: Keeping,
    /// The record of its first part.
    pub record: u32,
    /// Whether the runs cover all of it.
    pub whole: bool,
}

impl Streams {
    /// Finds the streams of the rows at those positions: a base record and what extends it.
    ///
    /// A directory's main stream is its index. Returns false when there are more than can be told apart.
    pub(super) fn assemble(&mut self, rows: &Rows, members: &[usize]) -> bool {
        self.parts.clear();
        self.found.clear();
        let all = members.iter().filter_map(|at| rows.get(*at));
        self.parts.extend(all.flat_map(|row| rows.parts(row)));
        let directory = self.is_directory(rows, members);
        self.parts.retain(|at| rows.get_part(*at).is_some_and(|part| directory || !part.index));
        let key = |at: &u32| {
            let part = rows.get_part(*at);
            part.map(|part| (self::name(rows, part), part.first, part.record))
        };
        // Most files have one part.
        if self.parts.len() > 1 {
            self.parts.sort_by(|one, other| key(one).cmp(&key(other)));
        }
        let mut start = 0;
        let mut number = 0_u16;
        while let Some(first) = self.parts.get(start).and_then(|at| rows.get_part(*at)) {
            let rest = self.parts.get(start..).unwrap_or_default().iter().filter_map(|at| rows.get_part(*at));
            let same = |part: &&Part| rows.stream_name(part) == rows.stream_name(first) && part.first > 0;
            let end = start.saturating_add(1).saturating_add(rest.skip(1).take_while(same).count());
            let main = rows.stream_name(first).is_empty() || first.index;
            if first.index && !self.found.is_empty() {
                // A second index is damage: the first one counts.
            } else if self.found.len() >= MAX_STREAMS {
                return false;
            } else {
                // A second main stream is damage, or hides something: it is a further stream, without a name.
                number = if main && self.found.is_empty() { 0 } else { number.saturating_add(1) };
                self.found.push(Stream { number, parts: start..end });
            }
            start = end;
        }
        true
    }

    /// Whether a file is a directory: it says so and has no main stream.
    pub(super) fn is_directory(&self, rows: &Rows, members: &[usize]) -> bool {
        members.first().and_then(|at| rows.get(*at)).is_some_and(|row| row.has(mark::DIRECTORY))
            && !self
                .parts
                .iter()
                .filter_map(|at| rows.get_part(*at))
                .any(|part| !part.index && rows.stream_name(part).is_empty())
    }

    /// What was found, the main stream first.
    pub(super) fn list(&self) -> &[Stream] {
        &self.found
    }

    /// The name of a stream; empty for the main one.
    pub(super) fn name<'r>(&self, rows: &'r Rows, stream: &Stream) -> &'r [u8] {
        let first = self.parts.get(stream.parts.start).and_then(|at| rows.get_part(*at));
        first.map_or(&[], |part| self::name(rows, part))
    }

    /// The shape of a stream; its runs, in file order and not cut to its size, are added to `runs`.
    pub(super) fn shape(
        &self,
        rows: &Rows,
        stream: &Stream,
        cluster: u64,
        runs: &mut Vec<Run>,
    ) -> Option<Shape> {
        let start = runs.len();
        let parts = self.parts.get(stream.parts.clone())?;
        let mut parts = parts.iter().filter_map(|at| rows.get_part(*at));
        let first = parts.next()?;
        let mut covered = 0_u64;
        for part in std::iter::once(first).chain(parts) {
            // Where a part is missing, what follows has no place in the file.
            if part.first.checked_mul(cluster) != Some(covered) {
                break;
            }
            for run in rows.runs(part) {
                covered = covered.saturating_add(run.length);
                mapping::push(runs, start, *run);
            }
        }
        let &Part { size, initialised, keeping, record, .. } = first;
        let resident = matches!(keeping, Keeping::Resident(_));
        let whole = resident || first.first == 0 && covered >= size;
        Some(Shape { size, initialised: initialised.min(size), keeping, record, whole })
    }
}

/// The name that orders a part: a directory's index is its main stream.
fn name<'r>(rows: &'r Rows, part: &Part) -> &'r [u8] {
    if part.index { &[] } else { rows.stream_name(part) }
}

/// Cuts the runs from `start` on to the bytes that were written; what follows up to `size` reads as zeros.
pub(super) fn trim(runs: &mut Vec<Run>, start: usize, size: u64, written: u64) {
    let mut left = written;
    let mut end = start;
    while let Some(run) = runs.get_mut(end).filter(|_| left > 0) {
        run.length = run.length.min(left);
        left = left.saturating_sub(run.length);
        end = end.saturating_add(1);
    }
    runs.truncate(end);
    if let Some(zeros) = size.checked_sub(written).filter(|zeros| *zeros > 0) {
        mapping::push(runs, start, Run::hole(zeros));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_writing_ended_and_zeros_follow() {
        let plain = [Run::new(99, 1), Run::new(0, 10), Run::hole(10), Run::new(100, 10)];
        let trimmed = |size, written| {
            let mut runs = plain.to_vec();
            trim(&mut runs, 1, size, written);
            runs.split_off(1)
        };
        assert_eq!(trimmed(25, 25), [Run::new(0, 10), Run::hole(10), Run::new(100, 5)]);
        assert_eq!(trimmed(25, 15), [Run::new(0, 10), Run::hole(15)]);
        assert_eq!(trimmed(25, 0), [Run::hole(25)]);
        assert_eq!(trimmed(0, 0), []);
    }
}
