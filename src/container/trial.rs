//! What the tests of every image format need: content, `qemu-img` as a second opinion, damage from a seed.
#![allow(clippy::arithmetic_side_effects, reason = "a kit: a test may fail by overflow")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use super::Image;
pub use crate::filesystem::trial::Random;
use crate::filesystem::trial::effort;
use crate::model::Extent;
use crate::read::{Memory, ReadAt, Result, size};

/// How many rounds of damage: as many times more as the variable `MUTATIONS` says.
pub fn rounds(usual: u64) -> u64 {
    usual * effort()
}

/// Stretches of noise, of text that compresses, and of zeros, of lengths that no block has.
pub fn mixed(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bytes = Vec::with_capacity(length + 300_000);
    while bytes.len() < length {
        let stretch = random.below(300_000) as usize;
        match random.below(3) {
            0 => bytes.extend((0..stretch).map(|_| random.next() as u8)),
            1 => bytes.extend((0..stretch).map(|at| (at / 7 % 251) as u8)),
            _ => bytes.resize(bytes.len() + stretch, 0),
        }
    }
    bytes.truncate(length);
    bytes
}

/// Whether a tool ran; a failure of it fails the test, and when it is missing that is said aloud.
pub fn tool(name: &str, arguments: &[&str], folder: &Path) -> bool {
    match Command::new(name).args(arguments).current_dir(folder).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name} {arguments:?}: {said}");
            true
        }
        Err(_) => {
            eprintln!("skipped: {name} is not installed");
            false
        }
    }
}

/// The shared images of the same ext2 file system.
pub fn testdata() -> Option<PathBuf> {
    super::ewf::testdata().or_else(|| {
        eprintln!("skipped: no shared test data");
        None
    })
}

/// Opens files as the segments of an image.
pub fn open(files: impl IntoIterator<Item = Vec<u8>>) -> Result<Image> {
    super::open(files.into_iter().map(|file| Arc::new(Memory(file)) as Arc<dyn ReadAt>).collect())
}

/// Opens an image that must be sound and have exactly these bytes, read in steps of several lengths.
pub fn assert_equal(format: &str, files: Vec<Vec<u8>>, medium: &[u8], name: &str) -> Image {
    let image = open(files).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(image.format, format, "{name}");
    assert_eq!(image.problems, [], "{name}");
    assert_eq!(image.medium.size(), size(medium.len()), "{name}");
    for step in [1 << 20, 77_777] {
        let (bytes, missing) = read_all(image.medium.as_ref(), step);
        assert_eq!(missing, [], "{name}");
        let differs = bytes.iter().zip(medium).position(|(one, other)| one != other);
        assert_eq!(differs, None, "{name}");
    }
    image
}

/// Opens the image file of that name in the shared data: it must have the bytes of the raw one.
pub fn assert_shared(format: &str, name: &str) {
    let Some(folder) = testdata() else {
        return;
    };
    let raw = ["ext2.splitraw.000", "ext2.splitraw.001"]
        .map(|part| std::fs::read(folder.join(part)).unwrap())
        .concat();
    let image = open([std::fs::read(folder.join(name)).unwrap()]).unwrap();
    assert_eq!((image.format, image.problems.as_slice()), (format, [].as_slice()));
    let (bytes, missing) = read_all(image.medium.as_ref(), 1 << 20);
    assert!(
        missing.is_empty() && bytes.starts_with(&raw) && bytes[raw.len()..].iter().all(|byte| *byte == 0),
        "{name}"
    );
}

/// The bytes that can be read, and the ranges that cannot.
pub fn read_all(medium: &dyn ReadAt, step: usize) -> (Vec<u8>, Vec<Extent>) {
    let (mut bytes, mut missing): (Vec<u8>, Vec<Extent>) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; step];
    while size(bytes.len()) < medium.size() {
        let at = size(bytes.len());
        match medium.read_at(at, &mut buffer) {
            Ok(read) => {
                assert!(read > 0);
                bytes.extend(&buffer[..read]);
            }
            Err(error) => {
                assert!(
                    error.offset == at && error.length > 0 && at + error.length <= medium.size(),
                    "{error}"
                );
                match missing.last_mut() {
                    Some(last) if last.end() == at => last.length += error.length,
                    _ => missing.push(Extent::new(at, error.length)),
                }
                bytes.resize(bytes.len() + error.length as usize, 0xEE);
            }
        }
    }
    (bytes, missing)
}

/// Opens and reads an image with 1 to 64 flipped bits in `places` of its first file; when there are none, anywhere in it, and
/// every eighth time cut short instead. Fails on a panic, on a round of more than ten seconds, and when `judge` says so of an
/// image that opened with the same size: it gets the image, the bytes read and the ranges that could not be.
pub fn under_damage(
    files: &[Vec<u8>],
    places: &[Extent],
    usual: u64,
    judge: impl Fn(&Image, &[u8], &[Extent]),
) {
    let mut random = Random(20_261_121);
    let whole = [Extent::new(0, size(files[0].len()))];
    let (anywhere, places) = if places.is_empty() { (true, whole.as_slice()) } else { (false, places) };
    let medium = open(files.to_vec()).unwrap().medium.size();
    for round in 0..rounds(usual) {
        let mut damaged = files.to_vec();
        let first = &mut damaged[0];
        if anywhere && round % 8 == 7 {
            first.truncate(random.below(size(first.len())) as usize);
        } else {
            for _ in 0..=random.below(if round % 2 == 0 { 1 } else { 64 }) {
                let extent = places[random.below(size(places.len())) as usize];
                first[(extent.offset + random.below(extent.length)) as usize] ^= 1 << random.below(8);
            }
        }
        let started = Instant::now();
        if let Ok(image) = open(damaged) {
            if image.medium.size() == medium && image.format != "raw" {
                let (bytes, missing) = read_all(image.medium.as_ref(), 1 << 20);
                judge(&image, &bytes, &missing);
            } else {
                let mut buffer = vec![0; 1 << 16];
                for _ in 0..16 {
                    let _ = image.medium.read_at(random.below(image.medium.size()), &mut buffer);
                }
            }
        }
        assert!(started.elapsed().as_secs() < 10, "round {round} took {:?}", started.elapsed());
    }
}
