//! Sorts more rows than memory is meant to hold: what is too much is sorted, written to a scratch file and merged.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

/// Bytes of rows that are held before they are written to a scratch file. Three times as much is in memory for a moment:
/// the rows that are being sorted, twice, and those that arrive meanwhile.
const HELD: usize = 32 << 20;
/// After so many scratch files twice as much is held, so that their number stays small ...
const RUNS: usize = 64;
/// ... and so often.
const DOUBLINGS: usize = 2;
/// Rows of a block.
const BLOCK: usize = 32 << 10;
/// Bytes that are read at once from each scratch file.
const BUFFER: usize = 256 << 10;

/// A value, what is said of it, and the size of the file in bytes that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<const N: usize> {
    pub key: [u8; N],
    pub claim: u32,
    /// In two halves, so that the row has no gap in memory.
    size: [u32; 2],
}

impl<const N: usize> Row<N> {
    pub const NO_SIZE: u64 = u64::MAX;
    const WIDTH: usize = N + 12;

    pub fn new(key: [u8; N], claim: u32, size: u64) -> Self {
        let bytes = size.to_le_bytes();
        let half =
            |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u32::from_le_bytes(*b));
        Self { key, claim, size: [half(0), half(4)] }
    }

    /// The size, if one is stated.
    pub fn size(&self) -> Option<u64> {
        let size = u64::from(self.size[1]) << 32 | u64::from(self.size[0]);
        (size != Self::NO_SIZE).then_some(size)
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.key)?;
        out.write_all(&self.claim.to_le_bytes())?;
        out.write_all(&self.size[0].to_le_bytes())?;
        out.write_all(&self.size[1].to_le_bytes())
    }

    /// The next row of a scratch file; `None` at its end.
    fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut key = [0; N];
        if input.read(&mut key[..1])? == 0 {
            return Ok(None);
        }
        input.read_exact(key.get_mut(1..).unwrap_or_default())?;
        let mut number = || {
            let mut bytes = [0; 4];
            input.read_exact(&mut bytes).map(|()| u32::from_le_bytes(bytes))
        };
        Ok(Some(Self { key, claim: number()?, size: [number()?, number()?] }))
    }
}

impl<const N: usize> Ord for Row<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Machine words first: values differ in their first bytes.
        lead(&self.key)
            .cmp(&lead(&other.key))
            .then_with(|| self.key.cmp(&other.key))
            .then_with(|| self.claim.cmp(&other.claim))
            .then_with(|| self.size.cmp(&other.size))
    }
}

impl<const N: usize> PartialOrd for Row<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Rows as they come, in blocks: growing takes no copy.
#[derive(Debug, Default)]
struct Blocks<const N: usize> {
    blocks: Vec<Vec<Row<N>>>,
    length: usize,
}

impl<const N: usize> Blocks<N> {
    fn push(&mut self, row: Row<N>) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(row),
            // The first one grows as it needs to: most sets are small.
            None => self.blocks.push(vec![row]),
            Some(_) => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(row);
                self.blocks.push(block);
            }
        }
        self.length = self.length.saturating_add(1);
    }

    fn append(&mut self, mut other: Self) {
        self.blocks.append(&mut other.blocks);
        self.length = self.length.saturating_add(other.length);
    }

    fn iter(&self) -> impl Iterator<Item = &Row<N>> {
        self.blocks.iter().flatten()
    }
}

/// Takes rows in any order, list by list, and gives them back sorted.
#[derive(Debug, Default)]
pub struct Sorter<const N: usize> {
    /// Rows in memory of the lists that are kept, and of the one that is being imported.
    earlier: Blocks<N>,
    own: Blocks<N>,
    runs: Vec<File>,
    /// How many of the runs hold rows of earlier lists alone.
    kept: usize,
    writing: Option<JoinHandle<io::Result<File>>>,
    /// Folder of the scratch files; without one everything stays in memory.
    scratch: Option<Arc<PathBuf>>,
    held: usize,
    count: u64,
    count_at_start: u64,
}

impl<const N: usize> Sorter<N> {
    /// A sorter that writes what is too much for memory into nameless files in a folder.
    pub fn new(scratch: Option<Arc<PathBuf>>) -> Self {
        Self { scratch, held: HELD / Row::<N>::WIDTH, ..Self::default() }
    }

    /// Rows that were added and not taken back.
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row<N>) -> io::Result<()> {
        let held = self.held << (self.runs.len() / RUNS).min(DOUBLINGS);
        if self.scratch.is_some() && self.earlier.length.saturating_add(self.own.length) >= held {
            self.spill()?;
        }
        self.own.push(row);
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Keeps what was added since the last list ended.
    pub fn keep(&mut self) -> io::Result<()> {
        self.wait()?;
        self.kept = self.runs.len();
        self.earlier.append(std::mem::take(&mut self.own));
        self.count_at_start = self.count;
        Ok(())
    }

    /// Takes back what was added since the last list ended.
    pub fn abandon(&mut self) {
        // Whether it could be written does not matter any more.
        let _ = self.wait();
        self.runs.truncate(self.kept);
        self.own = Blocks::default();
        self.count = self.count_at_start;
    }

    /// Writes the rows in memory, those of earlier lists apart from those of this one, which may be taken back.
    fn spill(&mut self) -> io::Result<()> {
        if self.earlier.length > 0 {
            let earlier = std::mem::take(&mut self.earlier);
            self.write(earlier)?;
            self.wait()?;
            self.kept = self.runs.len();
        }
        let own = std::mem::take(&mut self.own);
        if own.length > 0 { self.write(own) } else { Ok(()) }
    }

    /// Sorts and writes rows while the caller goes on.
    fn write(&mut self, rows: Blocks<N>) -> io::Result<()> {
        self.wait()?;
        let folder = self.scratch.clone().unwrap_or_default();
        self.writing = Some(std::thread::spawn(move || {
            let rows = sorted(rows);
            let mut out = BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(folder.as_path())?);
            rows.iter().try_for_each(|row| row.write(&mut out))?;
            out.into_inner().map_err(io::IntoInnerError::into_error)
        }));
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        if let Some(writing) = self.writing.take() {
            let died = || io::Error::other("sorting ended before it was done");
            self.runs.push(writing.join().map_err(|_| died())??);
        }
        Ok(())
    }

    /// All rows, ascending.
    pub fn merge(mut self) -> io::Result<Merge<N>> {
        self.wait()?;
        self.earlier.append(self.own);
        let held = sorted(self.earlier).into_iter();
        let mut merge = Merge { heap: BinaryHeap::new(), runs: Vec::new(), held };
        for mut run in self.runs {
            run.rewind()?;
            merge.runs.push(BufReader::with_capacity(BUFFER, run));
        }
        for at in 0..=merge.runs.len() {
            if let Some(row) = merge.read(at)? {
                merge.heap.push(Reverse((row, at)));
            }
        }
        Ok(merge)
    }
}

/// Rows of several sorted runs in one order; the last run is the one in memory.
pub struct Merge<const N: usize> {
    heap: BinaryHeap<Reverse<(Row<N>, usize)>>,
    runs: Vec<BufReader<File>>,
    held: std::vec::IntoIter<Row<N>>,
}

impl<const N: usize> Merge<N> {
    fn read(&mut self, run: usize) -> io::Result<Option<Row<N>>> {
        match self.runs.get_mut(run) {
            Some(run) => Row::read(run),
            None => Ok(self.held.next()),
        }
    }

    /// The next row; `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Row<N>>> {
        if self.runs.is_empty() && self.heap.len() <= 1 {
            // Everything is in memory: nothing to be merged.
            return Ok(match self.heap.pop() {
                Some(Reverse((row, _))) => Some(row),
                None => self.held.next(),
            });
        }
        let Some(Reverse((_, run))) = self.heap.peek() else { return Ok(None) };
        let following = self.read(*run)?;
        let mut top = self.heap.peek_mut();
        Ok(match (top.as_mut(), following) {
            (Some(top), Some(following)) => {
                let Reverse((_, run)) = **top;
                let Reverse((row, _)) = std::mem::replace(&mut **top, Reverse((following, run)));
                Some(row)
            }
            (Some(_), None) => top.map(|top| std::collections::binary_heap::PeekMut::pop(top).0.0),
            (None, _) => None,
        })
    }
}

/// Rows that are worth two steps.
const FEW: usize = 4096;
/// About how many rows are put together before they are sorted among themselves.
const TOGETHER: usize = 16;
/// Most bits of a key by which rows are put together.
const MOST_BITS: u32 = 20;
/// Parts that threads take up.
const PARTS: usize = 64;

/// The rows in order. Digests are as good as random: their first bits say where they go, and what is left to be sorted
/// fits into a cache. Rows whose first bits are all the same are merely sorted.
fn sorted<const N: usize>(rows: Blocks<N>) -> Vec<Row<N>> {
    if rows.length < FEW {
        let mut all: Vec<Row<N>> = rows.iter().copied().collect();
        all.sort_unstable();
        return all;
    }
    let bits = (rows.length / TOGETHER).ilog2().min(MOST_BITS);
    let bucket = |row: &Row<N>| usize::try_from(lead(&row.key) >> (u64::BITS - bits)).unwrap_or(0);
    let mut ends = vec![0_usize; (1 << bits) + 1];
    rows.iter().for_each(|row| bump(&mut ends, bucket(row).saturating_add(1)));
    let mut below = 0;
    ends.iter_mut().for_each(|end| {
        below += *end;
        *end = below;
    });
    // Each entry is where the next row of its bucket goes, and in the end where its bucket ends.
    let mut placed = vec![Row::new([0; N], 0, 0); rows.length];
    for row in rows.iter() {
        let bucket = bucket(row);
        let place = ends.get(bucket).and_then(|at| placed.get_mut(*at));
        if let Some(place) = place {
            *place = *row;
        }
        bump(&mut ends, bucket);
    }
    drop(rows);
    let mut parts = Vec::new();
    let (mut rest, mut start) = (placed.as_mut_slice(), 0);
    for ends in ends.chunks(ends.len().div_ceil(PARTS)) {
        let length = ends.last().map_or(0, |end| end.saturating_sub(start));
        let (part, behind) = rest.split_at_mut_checked(length).unwrap_or_default();
        parts.push((part, start, ends));
        (rest, start) = (behind, start.saturating_add(length));
    }
    parts.into_par_iter().for_each(|(mut part, mut start, ends)| {
        for end in ends {
            let (bucket, behind) = part.split_at_mut_checked(end.saturating_sub(start)).unwrap_or_default();
            bucket.sort_unstable();
            (part, start) = (behind, *end);
        }
    });
    placed
}

fn bump(counts: &mut [usize], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count = count.saturating_add(1);
    }
}

/// The first eight bytes as a number.
fn lead(key: &[u8]) -> u64 {
    key.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn merged(mut sorter: Sorter<16>) -> Vec<Row<16>> {
        sorter.keep().unwrap();
        let mut merge = sorter.merge().unwrap();
        std::iter::from_fn(|| merge.next().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn rows_come_back_sorted_whether_they_fit_into_memory_or_not(
            lists in prop::collection::vec((prop::collection::vec((0_u8..4, any::<u8>(), any::<u64>()), 0..40), any::<bool>()), 0..6),
            held in 1_usize..50,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorters = [Sorter::new(None), Sorter::new(Some(Arc::new(folder.path().to_owned())))];
            sorters[1].held = held;
            let mut expected = Vec::new();
            for (list, kept) in lists {
                let rows: Vec<_> = list.iter().map(|(key, claim, size)| Row::new([*key; 16], u32::from(*claim), *size)).collect();
                for sorter in &mut sorters {
                    rows.iter().for_each(|row| sorter.push(*row).unwrap());
                    if kept { sorter.keep().unwrap() } else { sorter.abandon() }
                }
                expected.extend(rows.into_iter().filter(|_| kept));
            }
            expected.sort();
            for sorter in sorters {
                prop_assert_eq!(sorter.len(), expected.len() as u64);
                prop_assert_eq!(&merged(sorter), &expected);
            }
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn many_rows_are_sorted_whether_their_first_bits_differ_or_not() {
        for (count, mask) in
            [(FEW, u64::MAX), (FEW * 5 + 3, u64::MAX), (FEW * 3, 0), (FEW * 2, 0xff), (FEW * 4, 3 << 62)]
        {
            let mut state = 7_u64;
            let rows: Vec<Row<16>> = (0..count)
                .map(|at| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let mut key = [0; 16];
                    key[..8].copy_from_slice(&(state & mask).to_be_bytes());
                    key[15] = (state >> 40) as u8;
                    Row::new(key, at as u32 % 3, state)
                })
                .collect();
            let mut expected = rows.clone();
            expected.sort();
            let mut blocks = Blocks::default();
            rows.into_iter().for_each(|row| blocks.push(row));
            assert!(sorted(blocks) == expected, "{count} rows, mask {mask:x}");
        }
    }

    #[test]
    fn a_scratch_folder_that_is_gone_is_an_error() {
        let mut sorter = Sorter::<16>::new(Some(Arc::new("/nowhere/at/all".into())));
        sorter.held = 1;
        let failed = (0..4_u8).any(|key| sorter.push(Row::new([key; 16], 0, 0)).is_err());
        assert!(failed || sorter.keep().is_err());
    }
}
