//! A seed image with a few bytes replaced: what a fuzzer can change quickly in images of many megabytes.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use onscene::read::{Memory, ReadAt, Unreadable};

/// An image of which some bytes are replaced.
pub struct Patched {
    seed: Arc<Vec<u8>>,
    patches: Vec<(u64, u8)>,
}

impl Patched {
    /// The first byte chooses the seed; each five bytes after it are an offset, modulo the size of the seed, and a byte to
    /// put there. The last choice, and every one where there are no seeds, takes the rest as the image itself.
    pub fn new(family: &str, input: &[u8]) -> Self {
        let seeds = seeds(family);
        let Some((choice, rest)) = input.split_first() else { return Self::whole(&[]) };
        let Some(seed) = seeds.get(usize::from(*choice) % (seeds.len() + 1)) else { return Self::whole(rest) };
        let (groups, _) = rest.as_chunks::<5>();
        let size = seed.len().max(1) as u64;
        let patch = |group: &[u8; 5]| {
            let [a, b, c, d, value] = *group;
            (u64::from(u32::from_le_bytes([a, b, c, d])) % size, value)
        };
        Self { seed: Arc::clone(seed), patches: groups.iter().map(patch).collect() }
    }

    fn whole(bytes: &[u8]) -> Self {
        Self { seed: Arc::new(bytes.to_vec()), patches: Vec::new() }
    }
}

impl ReadAt for Patched {
    fn size(&self) -> u64 {
        self.seed.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let read = Memory(self.seed.as_slice()).read_at(offset, buffer)?;
        for (place, value) in &self.patches {
            if let Some(byte) = place.checked_sub(offset).and_then(|at| buffer[..read].get_mut(at as usize)) {
                *byte = *value;
            }
        }
        Ok(read)
    }
}

/// The files of `fuzz/seeds/FAMILY`, by name.
fn seeds(family: &str) -> &'static [Arc<Vec<u8>>] {
    static SEEDS: OnceLock<Vec<Arc<Vec<u8>>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(family);
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| Arc::new(std::fs::read(path).unwrap())).collect()
    })
}
