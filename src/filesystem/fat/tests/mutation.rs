//! Seeded damage: nothing panics or hangs, and what is not damaged is still listed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::image::{Image, file, folder, utf16};
use super::tools::make;
use super::{Surveyed, survey, survey_volume};
use crate::model::{EntryKind, EntryState};
use crate::read::{Memory, ReadAt, Unreadable};

/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// A volume with directories of three levels and some forty files.
fn small() -> Vec<u8> {
    let mut image = Image::new();
    let mut cluster = 20;
    for number in 0..3_u16 {
        let outer = 3 + number * 2;
        let inner = outer + 1;
        image.root(usize::from(number), folder(b"OUTER      ", outer)).chain(&[outer]).dots(outer, 0);
        image.put(outer, 2, folder(b"INNER      ", inner)).chain(&[inner]).dots(inner, outer);
        for slot in 2..15 {
            image.put(inner, slot, file(b"PICTURE JPG", cluster, 700)).chain(&[cluster, cluster + 2]);
            cluster += if cluster % 2 == 0 { 1 } else { 3 };
        }
    }
    let slot = image.long(10, &utf16("a name that is long"), b"ANAMET~1   ", false);
    image.root(slot, file(b"ANAMET~1   ", 180, 512)).chain(&[180]);
    image.root(slot + 1, file(b"GONE       ", 185, 900).deleted());
    image.0
}

/// A volume of which one bit is flipped.
struct Flipped {
    bytes: Arc<Vec<u8>>,
    at: u64,
    mask: u8,
}

impl ReadAt for Flipped {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let read = Memory(self.bytes.as_slice()).read_at(offset, buffer)?;
        if let Some(byte) = self.at.checked_sub(offset).and_then(|at| buffer[..read].get_mut(at as usize)) {
            *byte ^= self.mask;
        }
        Ok(read)
    }
}

/// Contents of the files that are listed as living and can be read.
fn contents(found: &Surveyed) -> BTreeMap<u64, Vec<u8>> {
    let living = found.table.iter().filter(|entry| entry.state() == EntryState::Allocated);
    living.filter_map(|entry| Some((entry.record(), found.content(entry)?))).collect()
}

/// Share of the undamaged volume's files that are listed with their content after one flip, on average.
fn survival(bytes: &Arc<Vec<u8>>, metadata: &[std::ops::Range<usize>], rounds: usize) -> f64 {
    let whole = contents(&survey(bytes.to_vec()).unwrap());
    let mut random = SplitMix(20_261_121);
    let mut kept = 0;
    for _ in 0..rounds {
        let range = metadata[random.below(metadata.len())].clone();
        let at = range.start + random.below(range.len());
        let flipped = Flipped { bytes: Arc::clone(bytes), at: at as u64, mask: 1 << random.below(8) };
        if let Some(found) = survey_volume(Arc::new(flipped)) {
            // An entry keeps its record whatever happens to its name or state.
            let listed: BTreeMap<u64, _> = found.table.iter().map(|entry| (entry.record(), entry)).collect();
            let same = |(record, content): &(&u64, &Vec<u8>)| {
                listed.get(record).is_some_and(|entry| found.content(*entry).as_ref() == Some(content))
            };
            kept += whole.iter().filter(same).count();
        }
    }
    kept as f64 / (rounds * whole.len()) as f64
}

#[test]
fn a_single_flip_costs_few_files() {
    let bytes = Arc::new(small());
    let share = survival(&bytes, &[0..512, 512..1024, 1536..3584, 3584..7 * 512 + 9 * 512], 3000);
    eprintln!("hand-built: {:.2} % of the files survive a flip", share * 100.0);
    assert!(share >= 0.95, "{share}");
}

#[test]
fn a_single_flip_in_made_volumes_costs_few_files() {
    let temporary = tempfile::tempdir().unwrap();
    for (name, kib, arguments, fat) in [
        ("fat12", "1024", ["-F", "12", "-s", "1"], 512..4096),
        ("fat16", "8192", ["-F", "16", "-s", "2"], 512..4096),
        ("fat32", "40960", ["-F", "32", "-s", "1"], 32 * 512..36 * 512),
    ] {
        let Some(image) = make(temporary.path(), name, kib, &arguments) else { return };
        let bytes = Arc::new(std::fs::read(image).unwrap());
        let undamaged = survey(bytes.to_vec()).unwrap();
        let directories = undamaged
            .table
            .iter()
            .filter(|entry| entry.runs().len() == 1 && entry.kind() == EntryKind::Directory);
        let mut metadata: Vec<_> = directories
            .map(|entry| entry.runs()[0])
            .map(|run| run.offset as usize..(run.offset + run.length) as usize)
            .collect();
        metadata.extend([0..512, fat]);
        let share = survival(&bytes, &metadata, 40);
        eprintln!("{name}: {:.2} % of the files survive a flip", share * 100.0);
        assert!(share >= 0.95, "{name} {share}");
    }
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang_nor_grow() {
    let bytes = small();
    let mut random = SplitMix(7);
    for round in 0..6000 {
        let mut damaged = bytes.clone();
        for _ in 0..=random.below(64) {
            let at = random.below(16 * 512);
            damaged[at] = random.below(256) as u8;
        }
        if round % 8 == 0 {
            damaged.truncate(random.below(bytes.len()));
        }
        let started = Instant::now();
        if let Some(found) = survey(damaged) {
            // No more entries than slots, no more pieces than the bound allows.
            assert!(found.table.len() <= bytes.len() / 32, "round {round}");
            assert!(found.table.memory() < 4 << 20, "round {round}: {}", found.table.memory());
        }
        assert!(started.elapsed().as_secs() < 2, "round {round}");
    }
}
