//! A batch of streams through the lanes of MD5: as one stream ends, the next takes its lane.

use super::hasher::Hasher;
use super::md5_lanes::{BLOCK, LANES, States};
use super::{Pulse, Reading, digest_one, keep_head};
use crate::model::{Algorithms, Digest};
use crate::read::{ReadAt, size};

/// Bytes read of a stream at once; sixteen of them fit the cache of a core.
const PIECE: usize = 64 * 1024;

/// The buffers of all lanes, kept from one batch to the next.
pub struct LaneBuffers(Vec<Vec<u8>>);

impl Default for LaneBuffers {
    fn default() -> Self {
        // Room for what is left of the last piece, one piece, and the padding.
        Self(vec![vec![0; PIECE + 3 * BLOCK]; LANES])
    }
}

/// One lane at work.
struct Lane<'a> {
    /// Position of the stream in the batch.
    index: usize,
    stream: &'a dyn ReadAt,
    length: u64,
    /// Bytes read so far.
    at: u64,
    /// What of the buffer is read and not yet taken in.
    ready: std::ops::Range<usize>,
    /// Whether the padding is in the buffer.
    padded: bool,
    others: Hasher,
    reading: Reading,
}

/// Reads every stream of the batch once and computes the wanted digests, MD5 among them.
pub fn digest(
    batch: &[&dyn ReadAt],
    wanted: Algorithms,
    buffers: &mut LaneBuffers,
    whole: &mut [u8],
    pulse: Pulse<'_>,
) -> Vec<Reading> {
    let mut readings: Vec<Reading> = vec![Reading { stopped: true, ..Reading::default() }; batch.len()];
    // The longest first: else one is left over that keeps fifteen lanes idle.
    let mut waiting: Vec<_> = batch.iter().enumerate().collect();
    waiting.sort_by_key(|(_, stream)| std::cmp::Reverse(stream.size()));
    let mut waiting = waiting.into_iter();
    let mut lanes: [Option<Lane<'_>>; LANES] = std::array::from_fn(|_| None);
    let mut states = States::new();
    let mut going = true;
    while going {
        for (number, (lane, buffer)) in lanes.iter_mut().zip(&mut buffers.0).enumerate() {
            while going && lane.as_ref().is_none_or(|lane| lane.ready.len() < BLOCK) {
                let Some(mut active) = lane.take() else {
                    let Some((index, stream)) = waiting.next() else { break };
                    states.reset(number);
                    *lane = Some(Lane::new(index, *stream, wanted));
                    continue;
                };
                if active.padded {
                    let index = active.index;
                    put(&mut readings, index, active.finish(&states, number));
                    continue;
                }
                match active.fill(buffer, pulse) {
                    Filled::More => *lane = Some(active),
                    Filled::Stopped => going = false,
                    // Read again from its start by the slow way, which maps every unreadable range, and gives the
                    // digests after all when the failure does not come back.
                    Filled::Failed => {
                        let mapped = digest_one(active.stream, wanted, whole, pulse);
                        put(&mut readings, active.index, mapped);
                    }
                }
            }
        }
        let blocks = lanes.iter().flatten().map(|lane| lane.ready.len() / BLOCK).min().unwrap_or(0);
        if blocks == 0 {
            break;
        }
        take_in(&mut states, &mut lanes, &buffers.0, blocks);
    }
    readings
}

fn put(readings: &mut [Reading], index: usize, reading: Reading) {
    if let Some(place) = readings.get_mut(index) {
        *place = reading;
    }
}

fn take_in(states: &mut States, lanes: &mut [Option<Lane<'_>>; LANES], buffers: &[Vec<u8>], blocks: usize) {
    let length = blocks.saturating_mul(BLOCK);
    let mut data: [&[u8]; LANES] = [&[]; LANES];
    let any = buffers.first().and_then(|buffer| buffer.get(..length)).unwrap_or_default();
    for ((place, lane), buffer) in data.iter_mut().zip(lanes.iter_mut()).zip(buffers) {
        // An idle lane is given any bytes: its state is not looked at again before it is reset.
        *place = any;
        if let Some(lane) = lane {
            let start = lane.ready.start;
            *place = buffer.get(start..start.saturating_add(length)).unwrap_or_default();
            lane.ready.start = start.saturating_add(length);
        }
    }
    states.update(&data, blocks);
}

enum Filled {
    /// There is at least something new in the buffer.
    More,
    /// The operator wants an end.
    Stopped,
    /// The stream cannot be read in whole.
    Failed,
}

impl<'a> Lane<'a> {
    fn new(index: usize, stream: &'a dyn ReadAt, wanted: Algorithms) -> Self {
        Self {
            index,
            stream,
            length: stream.size(),
            at: 0,
            ready: 0..0,
            padded: false,
            others: Hasher::new(Algorithms { md5: false, ..wanted }),
            reading: Reading::default(),
        }
    }

    /// Moves what is left to the front and adds the next piece, or the padding after the last.
    fn fill(&mut self, buffer: &mut [u8], pulse: Pulse<'_>) -> Filled {
        let left = self.ready.len();
        buffer.copy_within(self.ready.clone(), 0);
        self.ready = 0..left;
        if self.at == self.length {
            self.pad(buffer);
            return Filled::More;
        }
        let wanted = usize::try_from(self.length - self.at).map_or(PIECE, |rest| rest.min(PIECE));
        let Some(space) = buffer.get_mut(left..left.saturating_add(wanted)) else { return Filled::Failed };
        match self.stream.read_at(self.at, space) {
            Ok(0) | Err(_) => Filled::Failed,
            Ok(read) => {
                let piece = space.get(..read).unwrap_or_default();
                keep_head(&mut self.reading.head, piece);
                self.others.update(piece);
                self.at = self.at.saturating_add(size(read));
                self.ready = 0..left.saturating_add(read);
                if pulse(size(read)) { Filled::More } else { Filled::Stopped }
            }
        }
    }

    /// RFC 1321, sections 3.1 and 3.2: a one bit, zeros, and the length in bits.
    fn pad(&mut self, buffer: &mut [u8]) {
        let left = self.ready.len();
        let end = left.saturating_add(9).next_multiple_of(BLOCK);
        if let Some(tail) = buffer.get_mut(left..end) {
            tail.fill(0);
            if let Some(first) = tail.first_mut() {
                *first = 0x80;
            }
            if let Some(length) = tail.last_chunk_mut::<8>() {
                *length = self.length.wrapping_mul(8).to_le_bytes();
            }
        }
        self.ready = 0..end;
        self.padded = true;
    }

    fn finish(mut self, states: &States, lane: usize) -> Reading {
        self.reading.digests = self.others.finish();
        if let Some(md5) = Digest::new(&states.digest(lane)) {
            self.reading.digests.set(md5);
        }
        self.reading
    }
}
