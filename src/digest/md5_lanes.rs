//! MD5 of sixteen streams at once: one lane of the vector registers for each.
//!
//! MD5 (RFC 1321) is a single chain of dependent steps, so one stream leaves most of a processor idle. The steps of
//! sixteen independent streams are the same instructions on a vector of sixteen words. The arithmetic below is plain
//! code on arrays; compiled for a processor with wide vectors it becomes one instruction a vector. The one unsafe
//! call is the choice of that compilation at run time.
#![expect(
    clippy::indexing_slicing,
    reason = "every index is a constant or a loop bound below the length of its array"
)]

/// Streams that are digested at once.
pub const LANES: usize = 16;
/// Bytes of one block.
pub const BLOCK: usize = 64;

/// The state of every lane, word by word.
#[derive(Clone)]
pub struct States([[u32; LANES]; 4]);

type Vector = [u32; LANES];

/// RFC 1321, section 3.3.
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// RFC 1321, section 3.4: 4294967296 times abs(sin(i)), i from 1.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

impl States {
    /// Sixteen lanes at their start.
    pub const fn new() -> Self {
        Self([[START[0]; LANES], [START[1]; LANES], [START[2]; LANES], [START[3]; LANES]])
    }

    /// Puts one lane back to its start.
    pub fn reset(&mut self, lane: usize) {
        for (words, start) in self.0.iter_mut().zip(START) {
            words[lane] = start;
        }
    }

    /// The digest of a lane whose last block, padding included, has been taken in.
    pub fn digest(&self, lane: usize) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (chunk, words) in bytes.chunks_exact_mut(4).zip(&self.0) {
            chunk.copy_from_slice(&words[lane].to_le_bytes());
        }
        bytes
    }

    /// Takes in `blocks` blocks of each lane. Every slice holds at least that many; a lane that has nothing to take
    /// in may be given any bytes, its state is meaningless afterwards.
    pub fn update(&mut self, data: &[&[u8]; LANES], blocks: usize) {
        let data = data.map(|lane| lane.get(..blocks.saturating_mul(BLOCK)).unwrap_or_default());
        if data.iter().any(|lane| lane.len() != blocks.saturating_mul(BLOCK)) {
            // A caller's mistake must not give a digest of the wrong bytes.
            return;
        }
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                // SAFETY: the function is ordinary code whose only demand is that the processor has the
                // instructions that it is compiled for, which the line above has checked.
                #[expect(unsafe_code)]
                unsafe {
                    return self.update_avx512(&data);
                }
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: as above.
                #[expect(unsafe_code)]
                unsafe {
                    return self.update_avx2(&data);
                }
            }
        }
        self.update_anywhere(&data);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx2")]
    fn update_avx512(&mut self, data: &[&[u8]; LANES]) {
        self.update_anywhere(data);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn update_avx2(&mut self, data: &[&[u8]; LANES]) {
        self.update_anywhere(data);
    }

    #[inline(always)]
    fn update_anywhere(&mut self, data: &[&[u8]; LANES]) {
        let mut blocks = data.map(|lane| lane.chunks_exact(BLOCK));
        let mut words = [[0; LANES]; 16];
        let mut states = self.0;
        loop {
            for (lane, blocks) in blocks.iter_mut().enumerate() {
                let Some(block) = blocks.next() else {
                    self.0 = states;
                    return;
                };
                for (at, bytes) in block.chunks_exact(4).enumerate() {
                    words[at][lane] = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
            }
            compress(&mut states, &words);
        }
    }
}

/// Whether this processor makes sixteen lanes worth while.
pub fn are_worth_it() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// RFC 1321, section 3.4: four rounds of sixteen steps on every lane.
#[inline(always)]
fn compress(states: &mut [Vector; 4], words: &[Vector; 16]) {
    let [mut a, mut b, mut c, mut d] = *states;
    // A step leaves its result in the place of `b`; the four words change places with every step.
    macro_rules! round {
        ($mix:ident, $first:expr, $index:expr, $turns:expr) => {{
            let turns: [u32; 4] = $turns;
            for group in 0..4 {
                let at = $first + group * 4;
                let word = |step: usize| &words[$index(group * 4 + step) % 16];
                a = step(&a, &b, &$mix(&b, &c, &d), word(0), SINES[at], turns[0]);
                d = step(&d, &a, &$mix(&a, &b, &c), word(1), SINES[at + 1], turns[1]);
                c = step(&c, &d, &$mix(&d, &a, &b), word(2), SINES[at + 2], turns[2]);
                b = step(&b, &c, &$mix(&c, &d, &a), word(3), SINES[at + 3], turns[3]);
            }
        }};
    }
    round!(f, 0, |i: usize| i, [7, 12, 17, 22]);
    round!(g, 16, |i: usize| 5 * i + 1, [5, 9, 14, 20]);
    round!(h, 32, |i: usize| 3 * i + 5, [4, 11, 16, 23]);
    round!(i, 48, |i: usize| 7 * i, [6, 10, 15, 21]);
    for (state, new) in states.iter_mut().zip([a, b, c, d]) {
        *state = each(|lane| state[lane].wrapping_add(new[lane]));
    }
}

#[inline(always)]
fn step(old: &Vector, next: &Vector, mixed: &Vector, word: &Vector, sine: u32, turn: u32) -> Vector {
    each(|lane| {
        let sum = old[lane].wrapping_add(mixed[lane]).wrapping_add(word[lane]).wrapping_add(sine);
        sum.rotate_left(turn).wrapping_add(next[lane])
    })
}

#[inline(always)]
fn f(x: &Vector, y: &Vector, z: &Vector) -> Vector {
    each(|lane| (x[lane] & y[lane]) | (!x[lane] & z[lane]))
}

#[inline(always)]
fn g(x: &Vector, y: &Vector, z: &Vector) -> Vector {
    f(z, x, y)
}

#[inline(always)]
fn h(x: &Vector, y: &Vector, z: &Vector) -> Vector {
    each(|lane| x[lane] ^ y[lane] ^ z[lane])
}

#[inline(always)]
fn i(x: &Vector, y: &Vector, z: &Vector) -> Vector {
    each(|lane| y[lane] ^ (x[lane] | !z[lane]))
}

#[inline(always)]
fn each(of: impl Fn(usize) -> u32) -> Vector {
    let mut vector = [0; LANES];
    for (lane, value) in vector.iter_mut().enumerate() {
        *value = of(lane);
    }
    vector
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};

    use super::*;

    /// What every lane gives for its own message, padded by hand.
    fn digests(
        messages: &[Vec<u8>; LANES],
        update: impl Fn(&mut States, &[&[u8]; LANES], usize),
    ) -> Vec<[u8; 16]> {
        let padded = messages.each_ref().map(|message| {
            let mut bytes = message.clone();
            bytes.push(0x80);
            bytes.resize(bytes.len().next_multiple_of(64) + if bytes.len() % 64 > 56 { 64 } else { 0 }, 0);
            let end = bytes.len();
            bytes[end - 8..].copy_from_slice(&(message.len() as u64 * 8).to_le_bytes());
            bytes
        });
        let mut states = States::new();
        let mut found = vec![[0; 16]; LANES];
        let mut done = 0;
        let mut lengths: Vec<usize> = padded.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        for length in lengths {
            let data = padded.each_ref().map(|lane| lane.get(done..length).unwrap_or(&padded[0][..0]));
            let blocks = (length - done) / 64;
            let filler = vec![0; length - done];
            let data = data.map(|lane| if lane.len() == length - done { lane } else { &filler[..] });
            update(&mut states, &data, blocks);
            for (lane, bytes) in padded.iter().enumerate().filter(|(_, bytes)| bytes.len() == length) {
                assert_eq!(bytes.len() % 64, 0);
                found[lane] = states.digest(lane);
            }
            done = length;
        }
        found
    }

    #[test]
    fn every_lane_agrees_with_the_scalar_digest_in_every_compilation() {
        for seed in 0..20_usize {
            let messages: [Vec<u8>; LANES] = std::array::from_fn(|lane| {
                (0..(seed * 37 + lane * 101) % 700).map(|at| (at * (lane + 3) + seed) as u8).collect()
            });
            let expected: Vec<[u8; 16]> =
                messages.iter().map(|message| Md5::digest(message).into()).collect();
            assert_eq!(digests(&messages, States::update), expected);
            assert_eq!(digests(&messages, |states, data, _| states.update_anywhere(data)), expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                #[expect(unsafe_code)]
                // SAFETY: the processor has the instructions.
                let found = digests(&messages, |states, data, _| unsafe { states.update_avx2(data) });
                assert_eq!(found, expected);
            }
        }
    }
}
