//! Packed by other tools, unpacked here; damage never passes where there is a checksum, and never takes more memory.
#![allow(clippy::arithmetic_side_effects)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::container::trial::{Random, mixed, rounds};

fn piped(tool: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(tool).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: {tool} is not installed");
        return None;
    };
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    Some(output.stdout)
}

fn contents() -> Vec<Vec<u8>> {
    let text = "a line that comes again and again, with a number 17\n".repeat(4000).into_bytes();
    vec![mixed(1, 200_000), text, vec![0; 300_000], b"x".to_vec(), mixed(9, 70_001)]
}

/// Contents with their packed form.
fn packed() -> Vec<(Method, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for plain in contents() {
        for (method, tool, arguments) in [
            (Method::Xz, "xz", vec!["-9", "-c"]),
            (Method::Xz, "xz", vec!["-0", "-c", "--check=crc32", "--block-size=65536"]),
            (Method::Xz, "xz", vec!["-c", "--check=sha256", "--lzma2=preset=6,lc=0,lp=3,pb=4"]),
            (Method::Xz, "xz", vec!["-c", "--check=none", "--lzma2=preset=1,lc=4,lp=0,pb=0"]),
            (Method::Bzip2, "bzip2", vec!["-c"]),
            (Method::Zstd, "zstd", vec!["-c", "-q"]),
        ] {
            all.extend(piped(tool, &arguments, &plain).map(|packed| (method, packed, plain.clone())));
        }
        let mut lzfse = Vec::new();
        lzfse_rust::LzfseRingEncoder::default().encode_bytes(&plain, &mut lzfse).unwrap();
        all.push((Method::Lzfse, lzfse, plain.clone()));
        let level = flate2::Compression::best();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
        zlib.write_all(&plain).unwrap();
        let zlib = zlib.finish().unwrap();
        let grain = [&7_u64.to_le_bytes(), &(zlib.len() as u32).to_le_bytes()[..], &zlib].concat();
        all.push((Method::Grain(7), grain, plain.clone()));
        all.push((Method::Deflate, zlib[2..zlib.len() - 4].to_vec(), plain.clone()));
        all.push((Method::Zlib, zlib, plain));
    }
    all
}

#[test]
fn what_other_tools_packed_comes_back_and_no_byte_more_than_allowed() {
    for (method, packed, plain) in packed() {
        assert!(unpack(method, &packed, plain.len()).as_ref() == Ok(&plain), "{method:?} {}", plain.len());
        assert!(unpack(method, &packed, plain.len() + 5000).as_ref() == Ok(&plain), "{method:?}");
        let error = unpack(method, &packed, plain.len() - 1).unwrap_err();
        assert!(error.contains("more than") || error.contains("damaged"), "{method:?}: {error}");
    }
}

#[test]
fn adc_copies_and_literals_are_told_apart() {
    // Five literals, a short copy from one back, a long copy from five back.
    let packed = [0x84, b'a', b'b', b'c', b'd', b'e', 0x04, 0x00, 0x41, 0x00, 0x08];
    assert_eq!(unpack(Method::Adc, &packed, 100).unwrap(), b"abcdeeeeeabcde");
    assert!(unpack(Method::Adc, &packed, 13).is_err());
    assert!(unpack(Method::Adc, &[0x41, 0, 9], 100).is_err());
    assert!(unpack(Method::Adc, &[0x84, b'a'], 100).is_err());
}

#[test]
fn damaged_units_never_panic_and_never_pass_a_checksum() {
    let all = packed();
    let mut random = Random(77);
    for round in 0..rounds(600) {
        let (method, packed, plain) = &all[random.below(all.len() as u64) as usize];
        let mut damaged = packed.clone();
        for _ in 0..=random.below(8) {
            let at = random.below(damaged.len() as u64) as usize;
            damaged[at] ^= 1 << random.below(8);
        }
        if round % 6 == 0 {
            damaged.truncate(random.below(damaged.len() as u64) as usize);
        }
        let summed = matches!(method, Method::Zlib | Method::Grain(_) | Method::Bzip2);
        match unpack(*method, &damaged, plain.len()) {
            Ok(unpacked) if summed => assert!(&unpacked == plain, "{method:?} round {round}"),
            Ok(unpacked) => assert!(unpacked.len() <= plain.len()),
            Err(_) => {}
        }
    }
}
