//! Look-ups a second in a compiled set, all of its pages warm: `cargo bench --bench lookups -- SET [COUNT]`.
//!
//! Half of the digests are in the set, half are not; the median of five rounds on one thread, and on all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout
)]

use std::time::Instant;

use onscene::hashset::{Kind, KnownSet};
use onscene::model::Digest;
use onscene::platform::SharedBytes;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(path) = arguments.first() else {
        println!("SKIPPED: name a compiled set: cargo bench --bench lookups -- SET [COUNT]");
        return;
    };
    let count: usize = arguments.get(1).map_or(1_000_000, |count| count.parse().expect("COUNT is a number"));
    let set = KnownSet::open(SharedBytes::open(path.as_ref()).expect("the set opens")).expect("a sound set");
    let step = (set.count(Kind::Md5) / (count as u64 / 2).max(1)).max(1);
    let mut entries = set.entries(Kind::Md5);
    let mut digests = Vec::new();
    let mut at = 0_u64;
    while let Some(value) = entries.value().expect("a sound set") {
        if at.is_multiple_of(step) {
            let mut other: [u8; 16] = value.try_into().expect("an MD5");
            digests.push(Digest::new(&other).expect("an MD5"));
            other[15] ^= 1;
            digests.push(Digest::new(&other).expect("an MD5"));
        }
        entries.advance();
        at += 1;
    }
    // Neighbours in the set must not be neighbours in time.
    let mut state = 1_u64;
    for at in (1..digests.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        digests.swap(at, (state >> 33) as usize % (at + 1));
    }
    for threads in [1, std::thread::available_parallelism().map_or(1, usize::from)] {
        let mut rates: Vec<f64> = (0..5).map(|_| round(&set, &digests, threads)).collect();
        rates.sort_by(f64::total_cmp);
        println!("{} look-ups, {threads} threads: {:.2} million a second", digests.len(), rates[2] / 1e6);
    }
}

fn round(set: &KnownSet<SharedBytes>, digests: &[Digest], threads: usize) -> f64 {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for part in digests.chunks(digests.len().div_ceil(threads)) {
            scope.spawn(move || {
                let found =
                    part.iter().filter(|digest| !set.find(digest).expect("a sound set").is_empty()).count();
                assert!(found >= part.len() / 3, "half of them are in the set");
            });
        }
    });
    digests.len() as f64 / began.elapsed().as_secs_f64()
}
