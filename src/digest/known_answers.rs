//! Known answers that every run checks before it reads evidence.

use super::{Buffer, digest};
use crate::model::{Algorithms, Digest};
use crate::read::{Memory, ReadAt};

/// Message, MD5 (RFC 1321, A.5), SHA-1 and SHA-256 (FIPS 180-4 examples and NIST CAVP short messages).
const ANSWERS: [(&str, [&str; 3]); 3] = [
    (
        "",
        [
            "d41d8cd98f00b204e9800998ecf8427e",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ],
    ),
    (
        "abc",
        [
            "900150983cd24fb0d6963f7d28e17f72",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ],
    ),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        [
            "8215ef0796a20bcaaae116d3876c664a",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ],
    ),
];

/// A million times `a`: long enough to go through every block boundary.
const MILLION: [&str; 3] = [
    "7707d6ae4e027c70eea2a935c2296f21",
    "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
];

/// Computes every known answer through the same code as evidence.
///
/// # Errors
/// Names the first answer that is not as published.
pub fn self_test() -> Result<String, String> {
    let million = "a".repeat(1_000_000);
    let cases: Vec<Case<'_>> = ANSWERS
        .iter()
        .map(|(message, answers)| (*message, answers))
        .chain([(million.as_str(), &MILLION)])
        .collect();
    // One by one, and in a batch that fills every lane and makes streams take over lanes from others.
    let mut count = check(&cases.iter().copied().cycle().take(20).collect::<Vec<_>>())?;
    for case in cases {
        count += check(&[case])?;
    }
    Ok(format!("{count} published digests of MD5, SHA-1 and SHA-256 computed as published"))
}

/// A message and its digests.
type Case<'a> = (&'a str, &'a [&'a str; 3]);

/// Digests one batch and compares; returns how many digests there were.
fn check(batch: &[Case<'_>]) -> Result<u32, String> {
    let messages: Vec<Memory<&[u8]>> = batch.iter().map(|(message, _)| Memory(message.as_bytes())).collect();
    let streams: Vec<&dyn ReadAt> = messages.iter().map(stream).collect();
    let readings = digest(&streams, Algorithms::ALL, &mut Buffer::default(), &|_| true);
    let mut count = 0_u32;
    for ((message, answers), reading) in batch.iter().zip(readings) {
        for expected in answers.iter().filter_map(|digits| Digest::from_hex(digits)) {
            let found = reading.digests.get(expected.algorithm());
            if found != Some(expected) {
                let (algorithm, length) = (expected.algorithm(), message.len());
                return Err(format!("{algorithm} of {length} bytes: expected {expected}, found {found:?}"));
            }
            count += 1;
        }
    }
    Ok(count)
}

fn stream<'a>(message: &'a Memory<&[u8]>) -> &'a dyn ReadAt {
    message
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_published_answer_is_computed() {
        assert!(super::self_test().unwrap().starts_with("72 published digests"));
    }
}
