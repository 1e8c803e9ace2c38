//! Compressed files of every type, put together here, and damaged.

use std::io::Write;

use super::*;
use crate::filesystem::trial::{Random, bytes};

/// The value of an attribute with that header.
fn attribute(kind: u32, length: usize, inline: &[u8]) -> Vec<u8> {
    [b"fpmc", &kind.to_le_bytes()[..], &(length as u64).to_le_bytes(), inline].concat()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn lzfse(content: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    lzfse_rust::encode_bytes(content, &mut encoded).unwrap();
    encoded
}

/// Literals only, and long matches where a byte repeats: enough for a stream of LZVN.
fn lzvn(content: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for run in content.chunk_by(|one, next| one == next) {
        // One literal with a distance of 1 and a match of 3, then matches.
        encoded.extend([0xe1, run[0]]);
        let mut left = run.len() - 1;
        if left >= 3 {
            encoded.extend([0x00, 1]);
            left -= 3;
            while left > 0 {
                let step = left.min(15);
                encoded.push(0xf0 | step as u8);
                left -= step;
            }
        }
        encoded.extend([0xe1, run[0]].repeat(left));
    }
    encoded.extend([6, 0, 0, 0, 0, 0, 0, 0]);
    encoded
}

/// The resource fork of a type, of pieces that are stored as they are when that is shorter.
fn fork(kind: u32, content: &[u8]) -> Vec<u8> {
    let piece = |chunk: &[u8]| {
        let (marker, packed) = match kind {
            4 => (0xff, zlib(chunk)),
            8 => (0x06, lzvn(chunk)),
            10 => (0xcc, vec![0; chunk.len() + 2]),
            _ => (0xff, lzfse(chunk)),
        };
        if packed.len() <= chunk.len() { packed } else { [&[marker], chunk].concat() }
    };
    let pieces: Vec<Vec<u8>> = content.chunks(1 << 16).map(piece).collect();
    let resource = matches!(kind, 4 | 10);
    let row = if resource { 8 } else { 4 };
    let mut at = if resource { 4 + pieces.len() * 8 } else { (pieces.len() + 1) * 4 };
    let mut table = Vec::with_capacity(pieces.len() * row);
    for piece in &pieces {
        table.extend((at as u32).to_le_bytes());
        if resource {
            table.extend((piece.len() as u32).to_le_bytes());
        }
        at += piece.len();
    }
    if !resource {
        table.extend((at as u32).to_le_bytes());
        return [table, pieces.concat()].concat();
    }
    let mut fork = vec![0; 256];
    fork[..4].copy_from_slice(&256_u32.to_be_bytes());
    fork[4..8].copy_from_slice(&(256 + 4 + at as u32).to_be_bytes());
    fork[8..12].copy_from_slice(&(4 + at as u32).to_be_bytes());
    fork.extend((at as u32).to_be_bytes());
    fork.extend((pieces.len() as u32).to_le_bytes());
    [fork, table, pieces.concat()].concat()
}

fn stream(value: &[u8], fork: Option<Vec<u8>>) -> Result<Box<dyn Stream>> {
    let header = Header::parse(value).unwrap();
    open(header, &value[Header::LENGTH..], fork.map(|fork| Arc::new(Memory(fork)) as Arc<dyn ReadAt>))
}

fn content() -> Vec<u8> {
    let text: Vec<u8> = (0..20_000_u32).flat_map(|n| format!("{n} and {}\n", n % 17).into_bytes()).collect();
    [bytes(1, 70_000), vec![b'x'; 100_001], text].concat()
}

#[test]
fn content_in_a_resource_fork_is_read_from_any_place() {
    let content = content();
    let mut random = Random(5);
    for kind in [4, 8, 10, 12] {
        let stream = stream(&attribute(kind, content.len(), &[]), Some(fork(kind, &content))).unwrap();
        assert_eq!(stream.size(), content.len() as u64);
        assert!(stream.read_vec(0, content.len()).unwrap() == content, "type {kind}");
        for _ in 0..50 {
            let at = random.below(content.len() as u64) as usize;
            let length = random.below((content.len() - at) as u64) as usize;
            assert!(stream.read_vec(at as u64, length).unwrap() == content[at..at + length], "type {kind}");
        }
    }
}

#[test]
fn content_in_an_attribute_is_read_compressed_and_behind_a_marker() {
    let text = b"to be compressed, compressed, compressed".repeat(50);
    let marked = |marker: u8| [&[marker], &text[..]].concat();
    let cases = [
        (1, text.clone()),
        (3, zlib(&text)),
        (3, marked(0xff)),
        (7, lzvn(&text)),
        (7, marked(6)),
        (9, marked(0xcc)),
        (11, lzfse(&text)),
        (11, marked(0xff)),
    ];
    for (kind, inline) in cases {
        let stream = stream(&attribute(kind, text.len(), &inline), None).unwrap();
        assert!(stream.read_vec(0, text.len()).unwrap() == text, "type {kind}");
        // A size that the data contradict is damage, not a shorter or longer file.
        for length in [text.len() + 1, text.len() * 1000] {
            assert!(super::tests::stream(&attribute(kind, length, &inline), None).is_err(), "type {kind}");
        }
    }
    let empty = stream(&attribute(3, 0, &[]), None).unwrap();
    assert_eq!(empty.size(), 0);
    assert!(stream(&attribute(3, usize::MAX, &zlib(&text)), None).is_err());
    assert!(matches!(stream(&attribute(13, 5, b"Zbm"), None), Err(Error::Unsupported { .. })));
    assert_eq!(Header::parse(b"cmpf0000000000000000"), None);
}

#[test]
fn a_damaged_piece_costs_itself_only() {
    let content = content();
    for kind in [4, 8, 12] {
        let mut fork = fork(kind, &content);
        fork.truncate(fork.len() - 40);
        let stream = stream(&attribute(kind, content.len(), &[]), Some(fork)).unwrap();
        let last = content.len() / 65_536 * 65_536;
        assert!(stream.read_vec(0, last).unwrap() == content[..last], "type {kind}");
        let unreadable = stream.read_vec(0, content.len()).unwrap_err();
        let lost = (content.len() - last) as u64;
        assert_eq!((unreadable.offset, unreadable.length), (last as u64, lost), "{unreadable}");
    }
}

#[test]
fn forks_with_flipped_bits_and_of_any_bytes_do_not_panic_and_stay_bounded() {
    let content = content();
    let mut random = Random(17);
    for kind in [4, 8, 10, 12] {
        let sound = fork(kind, &content);
        for round in 0..40 {
            let mut fork = sound.clone();
            for _ in 0..=random.below(8) {
                let end = if round % 2 == 0 { 300 } else { fork.len() as u64 };
                fork[random.below(end) as usize] ^= 1 << random.below(8);
            }
            fork.truncate(if round % 5 == 0 { random.below(fork.len() as u64) as usize } else { fork.len() });
            if let Ok(stream) = stream(&attribute(kind, content.len(), &[]), Some(fork)) {
                for start in (0..content.len()).step_by(1 << 16) {
                    let _ = stream.read_vec(start as u64, (content.len() - start).min(1 << 16));
                }
            }
        }
        let huge = attribute(kind, 60 << 30, &[]);
        assert!(stream(&huge, Some(sound)).is_err());
    }
}
