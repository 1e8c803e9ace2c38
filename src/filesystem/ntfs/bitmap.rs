//! $Bitmap: which clusters are in use.

use crate::model::{Extent, Problem, ProblemKind, Run, Survey};
use crate::read::{ReadAt, size};

use super::{Volume, opened};

/// The record of $Bitmap.
const RECORD: u32 = 6;
/// Most bytes that are kept: 16 TiB of clusters of 4096 bytes.
const MAX_KEPT: u64 = 512 << 20;
const PIECE: usize = 1 << 20;
/// Bytes that are counted together.
const CHUNK: usize = 512;

/// Which clusters are in use.
pub(super) struct Bitmap {
    bits: Vec<u8>,
    /// Clusters in use before each chunk.
    before: Vec<u64>,
    cluster: u64,
}

/// Whether clusters of something deleted are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// All of them are.
    Free,
    /// Something else has at least one of them.
    Taken,
    /// The bitmap does not say.
    Unknown,
}

impl Bitmap {
    /// Reads $Bitmap. What cannot be read of it is said, and says nothing of its clusters.
    pub(super) fn read(volume: &Volume, survey: &mut Survey<'_>) -> Self {
        let cluster = volume.geometry.cluster;
        let mut bitmap = Self { bits: Vec::new(), before: Vec::new(), cluster };
        let most = volume.geometry.clusters.div_ceil(8).min(volume.source.size()).min(MAX_KEPT);
        let needed = volume.stated.checked_div(cluster).unwrap_or(0).div_ceil(8).min(most);
        match opened::content(volume, RECORD, 0) {
            Ok((stream, runs)) => {
                for run in runs.iter().filter(|run| !run.is_hole()) {
                    volume.metadata(Extent::new(run.offset, run.length), survey);
                }
                let length = usize::try_from(stream.size().min(most.next_multiple_of(8))).unwrap_or(0);
                bitmap.fill(&*stream, length, survey);
            }
            Err(error) => survey.problem(error.into_problem()),
        }
        if size(bitmap.bits.len()) < needed {
            let detail = format!(
                "$Bitmap: {needed} bytes expected, {} found: whether deleted content was overwritten is not known for the rest",
                bitmap.bits.len()
            );
            survey.problem(Problem::new(ProblemKind::Corrupt, detail));
        }
        bitmap.count()
    }

    fn fill(&mut self, stream: &dyn ReadAt, length: usize, survey: &mut Survey<'_>) {
        while self.bits.len() < length {
            let start = self.bits.len();
            let piece = length.saturating_sub(start).min(PIECE);
            match stream.read_vec(size(start), piece) {
                Ok(bytes) => self.bits.extend_from_slice(&bytes),
                Err(error) => {
                    survey.problem(Problem::new(ProblemKind::Unreadable, format!("$Bitmap: {error}")));
                    return;
                }
            }
        }
    }

    /// Whether the clusters of runs are free; a hole has none.
    pub(super) fn usage(&self, runs: &[Run]) -> Use {
        let mut usage = Use::Free;
        for run in runs.iter().filter(|run| !run.is_hole()) {
            let first = run.offset.checked_div(self.cluster).unwrap_or(0);
            let end = run.offset.saturating_add(run.length).div_ceil(self.cluster.max(1));
            match self.range(first, end) {
                Use::Free => {}
                Use::Taken => return Use::Taken,
                Use::Unknown => usage = Use::Unknown,
            }
        }
        usage
    }

    fn range(&self, first: u64, end: u64) -> Use {
        let byte = |cluster: u64| usize::try_from(cluster / 8).unwrap_or(usize::MAX);
        let (start, last) = (byte(first), byte(end.saturating_sub(1)));
        let whole = last < self.bits.len();
        let taken = |at: usize| {
            let mut mask = 0xff_u8;
            if at == start {
                mask &= 0xff_u8 << (first & 7);
            }
            if at == last {
                mask &= 0xff_u8 >> (end.wrapping_neg() & 7);
            }
            self.bits.get(at).is_some_and(|bits| bits & mask != 0)
        };
        let (inner, behind) = (start.saturating_add(1), last.min(self.bits.len()));
        if taken(start) || taken(last) || inner < behind && self.used_before(inner) < self.used_before(behind)
        {
            return Use::Taken;
        }
        if whole { Use::Free } else { Use::Unknown }
    }

    /// Counts the clusters in use, so that a long run is not looked at byte by byte.
    fn count(mut self) -> Self {
        let mut count = 0_u64;
        let before = self.bits.chunks(CHUNK).map(|chunk| {
            let here = count;
            count = count.saturating_add(ones(chunk));
            here
        });
        self.before = before.collect();
        self
    }

    /// Clusters in use in the bytes before that one, which is none behind the last.
    fn used_before(&self, byte: usize) -> u64 {
        let Some(last) = self.before.len().checked_sub(1) else { return 0 };
        let chunk = (byte / CHUNK).min(last);
        let within = self.bits.get(chunk.saturating_mul(CHUNK)..byte).unwrap_or_default();
        self.before.get(chunk).copied().unwrap_or(0).saturating_add(ones(within))
    }
}

fn ones(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(byte.count_ones())).fold(0, u64::saturating_add)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn every_cluster_of_a_run_counts_and_what_lies_behind_is_unknown() {
        let bitmap =
            Bitmap { bits: vec![0b0000_0001, 0b0100_0000, 0], before: Vec::new(), cluster: 4 }.count();
        let usage = |first: u64, count: u64| bitmap.usage(&[Run::hole(8), Run::new(first * 4, count * 4)]);
        assert_eq!((usage(0, 1), usage(1, 13), usage(1, 14)), (Use::Taken, Use::Free, Use::Taken));
        assert_eq!((usage(15, 9), usage(15, 10), usage(14, 10)), (Use::Free, Use::Unknown, Use::Taken));
        assert_eq!((usage(24, 1), usage(1 << 60, 1)), (Use::Unknown, Use::Unknown));
        assert_eq!(bitmap.usage(&[Run::new(1, 4)]), Use::Taken);
    }

    #[test]
    fn a_long_run_is_counted_as_bit_by_bit() {
        let mut bits = vec![0_u8; 3 * CHUNK + 7];
        for at in [9, CHUNK - 1, CHUNK, 2 * CHUNK + 100, 3 * CHUNK + 6] {
            bits[at] = 0b0001_1000;
        }
        let is_set = |cluster: u64| bits[(cluster / 8) as usize] >> (cluster % 8) & 1 != 0;
        let bitmap = Bitmap { bits: bits.clone(), before: Vec::new(), cluster: 1 }.count();
        let edges = [
            0, 8, 72, 75, 77, 80, 4091, 4096, 4101, 4104, 8192, 8193, 9000, 9090, 9093, 12_288, 12_339,
            12_341,
        ];
        for (first, end) in
            edges.iter().flat_map(|one| edges.map(|other| (*one, other))).filter(|(a, b)| a < b)
        {
            let expected = if (first..end).any(is_set) { Use::Taken } else { Use::Free };
            assert_eq!(bitmap.usage(&[Run::new(first, end - first)]), expected, "{first}..{end}");
        }
    }
}
