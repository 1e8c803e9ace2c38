//! Content that cannot be told from random: what an encrypted volume without a header looks like.

use crate::read::{Fields, ReadAt, size};

/// Bytes of one sample.
const SAMPLE: usize = 4096;
/// Samples at the front, one after the other.
const FRONT: u64 = 16;
/// Samples spread over the whole.
const SPREAD: u64 = 64;
/// Less is not worth the doubt: containers are larger, and chance is stronger.
const SMALLEST: u64 = 1 << 20;
/// Sum of squared deviations of 256 counts over their expectation. 255 is expected of random bytes, with a standard
/// deviation of 23; one of a million samples lies outside of each of these ranges.
const OF_ONE: (f64, f64) = (155.0, 385.0);
const OF_ALL: (f64, f64) = (160.0, 375.0);

/// How often compressed data is taken for random, as a test of this module measures on data made for it: whole files
/// never, and streams whose first bytes are gone never either, but for LZMA (xz, 7z), whose coder leaves nothing to see.
pub const FALSE_ALARMS: &str = "measured on compressed data: 0 false alarms in 28 whole files and in 24 streams without \
                                their first bytes (deflate, bzip2, zstd, as in pictures and videos), 4 in 4 of LZMA without theirs";

/// Beginnings of formats whose content is compressed, and so nearly random.
///
/// Source: Gary Kessler, "File Signatures Table"; the specifications of the formats.
const KNOWN: &[(usize, &[u8])] = &[
    (0, b"!<arch>\n"),
    (0, b"%PDF"),
    (0, b"7z\xbc\xaf\x27\x1c"),
    (0, b"BZh"),
    (0, b"GIF8"),
    (0, b"ID3"),
    (0, b"MSCF"),
    (0, b"OggS"),
    (0, b"PK\x03\x04"),
    (0, b"RIFF"),
    (0, b"Rar!\x1a\x07"),
    (0, b"\x04\x22\x4d\x18"),
    (0, b"\x1a\x45\xdf\xa3"),
    (0, b"\x1f\x8b"),
    (0, b"\x28\xb5\x2f\xfd"),
    (0, b"\x89PNG"),
    (0, b"\xfd7zXZ\0"),
    (0, b"\xff\xd8\xff"),
    (4, b"ftyp"),
];

/// Whether nothing in the content can be told from random bytes, and nothing says that it is compressed.
///
/// The first 64 KiB and 64 samples of 4 KiB at fixed places are looked at, each by itself and all of them together:
/// how often each byte occurs, and how often one half of a byte follows another. Content below 1 MiB, and of a length
/// that is not whole sectors, is never taken for encrypted. [`FALSE_ALARMS`] says how often compressed data is.
/// Samples that cannot be read are left out; half of them must be there.
pub fn looks_random(content: &dyn ReadAt) -> bool {
    let length = content.size();
    if length < SMALLEST || !length.is_multiple_of(512) {
        return false;
    }
    let mut counts = Counts::default();
    let mut read = 0_u64;
    for (index, at) in places(length).enumerate() {
        let Ok(sample) = content.read_vec(at, SAMPLE) else { continue };
        let fields = Fields(&sample);
        if index == 0 && KNOWN.iter().any(|(offset, magic)| fields.has(*offset, magic)) {
            return false;
        }
        let mut own = Counts::default();
        own.add(&sample);
        if !within(own.bytes_off(), OF_ONE) {
            return false;
        }
        counts.add(&sample);
        read = read.saturating_add(1);
    }
    read >= (FRONT + SPREAD) / 2 && counts.off().into_iter().all(|off| within(off, OF_ALL))
}

fn places(length: u64) -> impl Iterator<Item = u64> {
    let last = length.saturating_sub(size(SAMPLE));
    let front = (0..FRONT).map(|index| index.saturating_mul(size(SAMPLE)));
    let step = last / (SPREAD - 1);
    front.chain((0..SPREAD).map(move |index| index.saturating_mul(step) & !511))
}

fn within(value: f64, (low, high): (f64, f64)) -> bool {
    value > low && value < high
}

/// How often each byte, and each pair of neighbouring halves of bytes, occurs.
struct Counts {
    bytes: [u32; 256],
    high: [u32; 256],
    low: [u32; 256],
}

impl Default for Counts {
    fn default() -> Self {
        Self { bytes: [0; 256], high: [0; 256], low: [0; 256] }
    }
}

impl Counts {
    fn add(&mut self, sample: &[u8]) {
        let mut before = 0_u8;
        for byte in sample {
            let pairs = [*byte, (before & 0xf0) | (byte >> 4), (before << 4) | (byte & 0x0f)];
            for (table, pair) in [&mut self.bytes, &mut self.high, &mut self.low].into_iter().zip(pairs) {
                if let Some(count) = table.get_mut(usize::from(pair)) {
                    *count = count.saturating_add(1);
                }
            }
            before = *byte;
        }
    }

    fn off(&self) -> [f64; 3] {
        [deviation(&self.bytes), deviation(&self.high), deviation(&self.low)]
    }

    fn bytes_off(&self) -> f64 {
        deviation(&self.bytes)
    }
}

/// The statistic of Pearson's test against equal counts.
#[allow(clippy::arithmetic_side_effects, reason = "floating point does not overflow into a panic")]
fn deviation(counts: &[u32; 256]) -> f64 {
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let expected = total / 256.0;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}
