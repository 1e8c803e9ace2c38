//! One read, the digests that the loaded sets need.
//!
//! [`digest`] takes a batch of streams, so that an implementation may work on several at once. What it is given
//! is read exactly once, from front to back.

mod batch;
mod hasher;
mod known_answers;
mod md5_lanes;

use crate::model::{Algorithms, Digests};
use crate::read::{ReadAt, Unreadable, size};

use hasher::Hasher;
pub use known_answers::self_test;

/// Bytes read at once. Larger blocks leave the cache of a core before they are digested.
const BLOCK: usize = 128 * 1024;
/// Bytes kept from the front of each stream, for telling what it is.
pub const HEAD: usize = 36 * 1024;
/// Ranges of one stream that are reported as unreadable one by one; what follows the last is reported as one.
const MAX_UNREADABLE: usize = 256;

/// What one read of a stream gave.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The wanted digests; all absent when any byte could not be read, or when the reading was stopped.
    pub digests: Digests,
    /// The first bytes, at most [`HEAD`].
    pub head: Vec<u8>,
    /// What could not be read, offsets from the start of the stream.
    pub unreadable: Vec<Unreadable>,
    /// Whether the reading was stopped before its end.
    pub stopped: bool,
}

/// A buffer that a thread keeps from one batch to the next.
pub struct Buffer {
    whole: Vec<u8>,
    /// Made when the first batch needs them.
    lanes: Option<batch::LaneBuffers>,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { whole: vec![0; BLOCK], lanes: None }
    }
}

/// Told how many bytes were read; answers whether to go on.
pub type Pulse<'a> = &'a (dyn Fn(u64) -> bool + 'a);

/// Reads every stream of the batch once and computes the wanted digests.
pub fn digest(
    batch: &[&dyn ReadAt],
    wanted: Algorithms,
    buffer: &mut Buffer,
    pulse: Pulse<'_>,
) -> Vec<Reading> {
    if batch.len() > 1 && wanted.md5 && md5_lanes::are_worth_it() {
        let lanes = buffer.lanes.get_or_insert_default();
        return batch::digest(batch, wanted, lanes, &mut buffer.whole, pulse);
    }
    batch.iter().map(|stream| digest_one(*stream, wanted, &mut buffer.whole, pulse)).collect()
}

fn digest_one(stream: &dyn ReadAt, wanted: Algorithms, buffer: &mut [u8], pulse: Pulse<'_>) -> Reading {
    let mut reading = Reading::default();
    let mut hasher = Hasher::new(wanted);
    let length = stream.size();
    let mut at = 0;
    while at < length {
        match stream.read_at(at, buffer) {
            Ok(0) => {
                reading.unreadable.push(Unreadable::new(
                    at,
                    length - at,
                    "the data end before the stated size",
                ));
                break;
            }
            Ok(read) => {
                let block = buffer.get(..read).unwrap_or_default();
                keep_head(&mut reading.head, block);
                // Digests over what is left of a damaged file would match nothing and mislead.
                if reading.unreadable.is_empty() {
                    hasher.update(block);
                }
                at = at.saturating_add(size(read));
                if !pulse(size(read)) {
                    reading.stopped = at < length;
                    break;
                }
            }
            Err(unreadable) => {
                let next =
                    unreadable.offset.saturating_add(unreadable.length.max(1)).max(at.saturating_add(1));
                if reading.unreadable.len() >= MAX_UNREADABLE {
                    let reason = "the rest was not tried after too many failures";
                    reading.unreadable.push(Unreadable::new(at, length - at, reason));
                    break;
                }
                reading.unreadable.push(Unreadable {
                    offset: at,
                    length: next.min(length) - at,
                    ..unreadable
                });
                at = next;
            }
        }
    }
    if reading.unreadable.is_empty() && !reading.stopped {
        reading.digests = hasher.finish();
    }
    reading
}

/// Adds to the first bytes of a stream what is still missing of them: a read may stop at any place.
fn keep_head(head: &mut Vec<u8>, next: &[u8]) {
    let missing = HEAD.saturating_sub(head.len());
    head.extend_from_slice(next.get(..missing).unwrap_or(next));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;
    use proptest::prelude::*;

    /// Gives at most `chunk` bytes at a time and fails in `bad`.
    struct Faulty<'a> {
        data: &'a [u8],
        chunk: usize,
        bad: std::ops::Range<u64>,
    }

    impl ReadAt for Faulty<'_> {
        fn size(&self) -> u64 {
            size(self.data.len())
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
            if self.bad.contains(&offset) {
                return Err(Unreadable::new(offset, self.bad.end - offset, "bad sector"));
            }
            let until = if offset < self.bad.start { self.bad.start } else { self.size() };
            let length = self.chunk.min(buffer.len()).min((until - offset) as usize);
            Memory(self.data).read_at(offset, &mut buffer[..length])
        }
    }

    proptest! {
        #[test]
        fn digests_do_not_depend_on_how_the_bytes_arrive(
            data in prop::collection::vec(any::<u8>(), 0..5000),
            chunk in 1_usize..700,
        ) {
            let whole = digest(&[&Memory(&data)], Algorithms::ALL, &mut Buffer::default(), &|_| true).remove(0);
            let pieces = Faulty { data: &data, chunk, bad: 0..0 };
            let pieces = digest(&[&pieces], Algorithms::ALL, &mut Buffer::default(), &|_| true).remove(0);
            prop_assert_eq!(whole.digests, pieces.digests);
            prop_assert_eq!(whole.digests.iter().count(), 3);
            prop_assert_eq!(&whole.head[..], &data[..data.len().min(HEAD)]);
        }

        #[test]
        fn a_batch_gives_what_its_streams_give_one_by_one(
            lengths in prop::collection::vec(0_usize..200_000, 1..40),
            bad in prop::option::of((0_usize..40, 0_u64..200_000)),
            chunk in 1_usize..100_000,
        ) {
            let data: Vec<Vec<u8>> = lengths
                .iter()
                .enumerate()
                .map(|(n, length)| (0..*length).map(|at| (at * (n + 7) / 3) as u8).collect())
                .collect();
            let streams: Vec<Faulty<'_>> = data
                .iter()
                .enumerate()
                .map(|(n, data)| {
                    let start = bad.filter(|(which, at)| *which == n && *at < size(data.len())).map(|(_, at)| at);
                    Faulty { data, chunk, bad: start.map_or(0..0, |at| at..(at + 10).min(size(data.len()))) }
                })
                .collect();
            let all: Vec<&dyn ReadAt> = streams.iter().map(|stream| stream as &dyn ReadAt).collect();
            let together = digest(&all, Algorithms::ALL, &mut Buffer::default(), &|_| true);
            for (stream, reading) in all.iter().zip(together) {
                let alone = digest(&[*stream], Algorithms::ALL, &mut Buffer::default(), &|_| true).remove(0);
                prop_assert_eq!(alone.digests, reading.digests);
                prop_assert_eq!(&alone.unreadable, &reading.unreadable);
                let known = alone.head.len().min(reading.head.len());
                prop_assert_eq!(&alone.head[..known], &reading.head[..known]);
                prop_assert!(!alone.unreadable.is_empty() || alone.head.len() == reading.head.len());
                prop_assert!(!reading.stopped);
            }
        }

        #[test]
        fn nothing_is_digested_over_missing_bytes_and_the_missing_range_is_exact(
            length in 1_usize..3000, start in 0_u64..3000, bad in 1_u64..300, chunk in 1_usize..700,
        ) {
            let data = vec![7; length];
            let range = start.min(size(length) - 1)..(start + bad).min(size(length)).max(start.min(size(length) - 1) + 1);
            let stream = Faulty { data: &data, chunk, bad: range.clone() };
            let reading = digest(&[&stream], Algorithms::ALL, &mut Buffer::default(), &|_| true).remove(0);
            prop_assert_eq!(reading.digests, Digests::default());
            prop_assert_eq!(reading.unreadable.len(), 1);
            let missing = &reading.unreadable[0];
            prop_assert_eq!((missing.offset, missing.offset + missing.length), (range.start, range.end));
        }
    }

    /// Fails the first time that it is read, as a marginal sector does.
    struct Once<'a>(Memory<&'a [u8]>, std::sync::atomic::AtomicBool);

    impl ReadAt for Once<'_> {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
            if self.1.swap(false, std::sync::atomic::Ordering::Relaxed) {
                return Err(Unreadable::new(offset, 1, "passing failure"));
            }
            self.0.read_at(offset, buffer)
        }
    }

    #[test]
    fn a_failure_that_does_not_come_back_never_leaves_a_stream_without_digest_and_without_problem() {
        let data = vec![5; 70_000];
        let streams: Vec<Once<'_>> = (0..20).map(|_| Once(Memory(&data), true.into())).collect();
        let all: Vec<&dyn ReadAt> = streams.iter().map(|stream| stream as &dyn ReadAt).collect();
        for reading in digest(&all, Algorithms::ALL, &mut Buffer::default(), &|_| true) {
            assert!(reading.digests.iter().count() == 3 || !reading.unreadable.is_empty());
        }
    }

    #[test]
    fn a_stopped_reading_has_no_digest() {
        let data = vec![1; BLOCK * 3];
        let reading =
            digest(&[&Memory(&data)], Algorithms::ALL, &mut Buffer::default(), &|_| false).remove(0);
        assert!(reading.stopped);
        assert_eq!(reading.digests, Digests::default());
    }
}
