//! Damage from a seed: nothing panics, hangs or grows, and what is sound is still listed.

use std::sync::Arc;
use std::time::Instant;

use super::Image;
use crate::filesystem::Format;
use crate::model::{EntryKind, EntryState, Extent};
use crate::read::{Memory, ReadAt, Unreadable};

/// How many times the usual number of mutations is asked for by the variable `MUTATIONS`.
pub fn effort() -> u64 {
    std::env::var("MUTATIONS").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Bytes that differ from file to file and from place to place.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// A small generator (xorshift), so that runs can be repeated.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// A volume of which some bytes are replaced, without a copy of the rest.
struct Damaged {
    bytes: Arc<Vec<u8>>,
    size: usize,
    patches: Vec<(u64, u8)>,
}

impl ReadAt for Damaged {
    fn size(&self) -> u64 {
        self.size as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let read = Memory(&self.bytes[..self.size]).read_at(offset, buffer)?;
        for (place, mask) in &self.patches {
            if let Some(byte) = place.checked_sub(offset).and_then(|at| buffer[..read].get_mut(at as usize)) {
                *byte ^= mask;
            }
        }
        Ok(read)
    }
}

/// Surveys and reads a volume with 1 to 64 flipped bits in its metadata, every eighth time also cut short, `rounds` times.
///
/// Every entry's content is asked for, up to `1 MiB` of each. Fails on a panic, on more than ten seconds for a round, and on an
/// entry table beyond 64 MiB.
pub fn under_damage(format: &dyn Format, image: &[u8], places: &[Extent], rounds: u64) {
    let bytes = Arc::new(image.to_vec());
    let mut random = Random(20_261_121);
    for round in 0..rounds * effort() {
        let flips = 1 + random.below(64);
        let patches = (0..flips).map(|_| (place(places, &mut random), 1 << random.below(8))).collect();
        let size = match round % 8 {
            0 => random.below(bytes.len() as u64) as usize,
            _ => bytes.len(),
        };
        let started = Instant::now();
        if let Ok(damaged) = Image::of(format, Arc::new(Damaged { bytes: Arc::clone(&bytes), size, patches }))
        {
            assert!(damaged.table.memory() < 64 << 20, "round {round}: {} bytes", damaged.table.memory());
            for (at, entry) in damaged.entries.iter().enumerate().take(2000) {
                if entry.kind == EntryKind::File && entry.content.is_had() && entry.size <= 1 << 20 {
                    let _ = damaged.content(at);
                }
            }
        }
        assert!(started.elapsed().as_secs() < 10, "round {round} took {:?}", started.elapsed());
    }
}

/// Share of a volume's allocated files that are listed with the same content after one flipped bit in its metadata,
/// on average over `rounds` flips. A file is known again by its record, stream, size and content.
pub fn after_single_flips(format: &dyn Format, image: &[u8], places: &[Extent], rounds: u64) -> f64 {
    let bytes = Arc::new(image.to_vec());
    let contents = |image: &Image| {
        let files = image.entries.iter().enumerate();
        let files =
            files.filter(|(_, e)| e.kind == EntryKind::File && e.content.is_had() && e.size <= 16 << 20);
        files
            .filter_map(|(at, e)| Some(((e.record, e.stream, e.size), super::md5(&image.content(at).ok()?))))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let sound = Image::of(format, Arc::new(Memory(image.to_vec()))).unwrap();
    let mut expected = contents(&sound);
    let deleted = sound.entries.iter().filter(|e| e.state != EntryState::Allocated);
    deleted.for_each(|e| drop(expected.remove(&(e.record, e.stream, e.size))));
    let mut random = Random(7);
    let mut kept = 0;
    for _ in 0..rounds {
        let patches = vec![(place(places, &mut random), 1 << random.below(8))];
        let flipped = Damaged { bytes: Arc::clone(&bytes), size: bytes.len(), patches };
        if let Ok(found) = Image::of(format, Arc::new(flipped)) {
            let found = contents(&found);
            kept += expected.iter().filter(|(key, digest)| found.get(*key) == Some(*digest)).count();
        }
    }
    kept as f64 / (rounds as usize * expected.len()) as f64
}

/// A byte of those places.
fn place(places: &[Extent], random: &mut Random) -> u64 {
    let extent = places[random.below(places.len() as u64) as usize];
    extent.offset + random.below(extent.length)
}
