//! Ex01 images built here, which libewf reads too.
#![allow(clippy::arithmetic_side_effects)]

use std::io::Write as _;

use md5::{Digest as _, Md5};
use sha1::Sha1;

use crate::container::trial::{self, assert_equal, mixed, open, read_all};
use crate::model::{Digest, Extent};

const CHUNK: usize = 32 * 1024;

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(plain).unwrap();
    packer.finish().unwrap()
}

fn bzip2(plain: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packer.write_all(plain).unwrap();
    packer.finish().unwrap()
}

/// A segment file while it is written.
struct File {
    bytes: Vec<u8>,
    last: u64,
}

impl File {
    fn new(number: u32, method: u16) -> Self {
        let mut bytes = b"EVF2\r\n\x81\0\x02\x01".to_vec();
        bytes.extend(method.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend([7; 16]);
        Self { bytes, last: 0 }
    }

    fn section(&mut self, kind: u32, flags: u32, data: &[u8]) {
        self.bytes.extend(data);
        let padding = data.len().next_multiple_of(16) - data.len();
        self.bytes.resize(self.bytes.len() + padding, 0);
        self.end(kind, flags, data.len() + padding, padding);
    }

    fn end(&mut self, kind: u32, flags: u32, length: usize, padding: usize) {
        let start = self.bytes.len();
        let mut descriptor = Vec::new();
        descriptor.extend(kind.to_le_bytes());
        let hash = Md5::digest(&self.bytes[start - length..]);
        descriptor.extend((flags | 1).to_le_bytes());
        descriptor.extend(self.last.to_le_bytes());
        descriptor.extend((length as u64).to_le_bytes());
        descriptor.extend(64_u32.to_le_bytes());
        descriptor.extend((padding as u32).to_le_bytes());
        descriptor.extend(hash);
        descriptor.resize(60, 0);
        let sum = adler2::adler32_slice(&descriptor);
        descriptor.extend(sum.to_le_bytes());
        self.last = start as u64;
        self.bytes.extend(descriptor);
    }

    fn text(&mut self, kind: u32, method: u16, text: &str) {
        let plain: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let plain = [b"\xff\xfe", plain.as_slice()].concat();
        let packed = if method == 2 { bzip2(&plain) } else { zlib(&plain) };
        self.section(kind, 0, &packed);
    }
}

/// An image of `medium` with `per_segment` chunks a file; chunks that are one pattern are told as such, those that do not shrink are
/// stored plain.
fn image(medium: &[u8], per_segment: usize, method: u16, bad: &[(u64, u32)]) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = medium.chunks(CHUNK).collect();
    let segments: Vec<&[&[u8]]> = chunks.chunks(per_segment).collect();
    let mut files = Vec::new();
    for (index, part) in segments.iter().enumerate() {
        let mut file = File::new(index as u32 + 1, method);
        let device = format!(
            "1\nmain\nsn\tmd\tlb\tts\ths\tdc\tdt\tpid\trs\tls\tbp\tph\nS1\tM1\t\t{}\t\t\tf\t\t0\t0\t512\t1\n\n",
            medium.len() / 512
        );
        file.text(1, method, &device);
        let case = format!(
            "1\nmain\nnm\tcn\ten\tex\tnt\tav\tos\ttt\tat\ttb\tcp\tsb\tgr\twb\n\tcase 7\t\tA. E.\t\t7\tW\t1600000000\t1600000000\t{}\t1\t64\t64\t\n\n",
            chunks.len()
        );
        file.text(2, method, &case);
        let start = file.bytes.len();
        let mut entries: Vec<u8> = Vec::new();
        for chunk in *part {
            let pattern: [u8; 8] = chunk[..8].try_into().unwrap();
            let mut put = |offset: u64, length: usize, flags: u32| {
                entries.extend(offset.to_le_bytes());
                entries.extend((length as u32).to_le_bytes());
                entries.extend(flags.to_le_bytes());
            };
            let at = file.bytes.len() as u64;
            let packed = if method == 2 { bzip2(chunk) } else { zlib(chunk) };
            if chunk.chunks(8).all(|eight| eight == pattern) {
                put(u64::from_le_bytes(pattern), 0, 5);
            } else if packed.len() < chunk.len() {
                put(at, packed.len(), 1);
                file.bytes.extend(packed);
            } else {
                put(at, chunk.len() + 4, 2);
                file.bytes.extend(*chunk);
                file.bytes.extend(adler2::adler32_slice(chunk).to_le_bytes());
            }
            file.bytes.resize(file.bytes.len().next_multiple_of(16), 0);
        }
        let length = file.bytes.len() - start;
        file.end(3, 0, length, 0);
        let mut table = ((index * per_segment) as u64).to_le_bytes().to_vec();
        table.extend((part.len() as u32).to_le_bytes());
        table.extend([0; 4]);
        table.extend(adler2::adler32_slice(&table).to_le_bytes());
        table.resize(32, 0);
        table.extend(&entries);
        table.extend(adler2::adler32_slice(&entries).to_le_bytes());
        file.section(4, 0, &table);
        if index + 1 < segments.len() {
            file.section(13, 0, &[]);
        } else {
            if !bad.is_empty() {
                let mut errors = (bad.len() as u32).to_le_bytes().to_vec();
                errors.resize(16, 0);
                errors.extend(adler2::adler32_slice(&errors).to_le_bytes());
                errors.resize(32, 0);
                let list: Vec<u8> = bad
                    .iter()
                    .flat_map(|(at, n)| [&at.to_le_bytes()[..], &n.to_le_bytes(), &[0; 4]].concat())
                    .collect();
                errors.extend(&list);
                errors.extend(adler2::adler32_slice(&list).to_le_bytes());
                file.section(5, 0, &errors);
            }
            for (kind, digest) in [(8, Md5::digest(medium).to_vec()), (9, Sha1::digest(medium).to_vec())] {
                file.section(
                    kind,
                    0,
                    &[digest.clone(), adler2::adler32_slice(&digest).to_le_bytes().to_vec()].concat(),
                );
            }
            file.section(15, 0, &[]);
        }
        files.push(file.bytes);
    }
    files
}

/// Noise, text, zeros and a pattern.
fn medium(seed: u64) -> Vec<u8> {
    let mut medium = mixed(seed, 20 * CHUNK + 3 * 512);
    let pattern = b"pattern!".repeat(CHUNK / 8);
    medium[2 * CHUNK..3 * CHUNK].copy_from_slice(&pattern);
    medium
}

#[test]
fn images_of_either_compression_come_back_exactly_with_their_digests() {
    for (per_segment, method) in [(100, 1), (6, 1), (7, 2)] {
        let medium = medium(u64::from(method));
        let image = assert_equal("ex01", image(&medium, per_segment, method, &[]), &medium, "built");
        assert_eq!(image.stored.md5, Digest::new(&Md5::digest(&medium)));
        assert_eq!(image.stored.sha1, Digest::new(&Sha1::digest(&medium)));
        assert!(
            image.notes.contains(&("acquired".into(), "2020-09-13T12:26:40Z".into())),
            "{:?}",
            image.notes
        );
    }
}

/// Opens the files with the Python module of libewf and writes what it reads.
const PYEWF: &str = "
import sys
try:
    import pyewf
except ImportError:
    sys.exit(77)
handle = pyewf.handle()
handle.open(sys.argv[2:])
open(sys.argv[1], 'wb').write(handle.read_buffer_at_offset(handle.get_media_size(), 0))
";

#[test]
fn another_reader_sees_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, per_segment) in [(5, 100), (6, 6)] {
        let medium = medium(seed);
        let mut command = std::process::Command::new("python3");
        command.current_dir(folder.path()).args(["-c", PYEWF, "out"]);
        for (number, file) in image(&medium, per_segment, 1, &[]).iter().enumerate() {
            let name = format!("i{seed}.Ex0{}", number + 1);
            std::fs::write(folder.path().join(&name), file).unwrap();
            command.arg(name);
        }
        match command.output() {
            Ok(output) if output.status.success() => {
                assert!(std::fs::read(folder.path().join("out")).unwrap() == medium);
            }
            Ok(output) if output.status.code() != Some(77) => {
                panic!("{}", String::from_utf8_lossy(&output.stderr));
            }
            _ => eprintln!("skipped: the Python module pyewf is not installed"),
        }
    }
}

#[test]
fn what_the_imaging_tool_could_not_read_and_missing_segments_are_unreadable() {
    let medium = medium(6);
    let opened = open(image(&medium, 100, 1, &[(70, 3), (72, 4)])).unwrap();
    assert_eq!(read_all(opened.medium.as_ref(), 5000).1, [Extent::new(70 * 512, 6 * 512)]);
    assert_eq!(opened.problems.len(), 1);
    let mut files = image(&medium, 6, 1, &[]);
    files.remove(1);
    let opened = open(files).unwrap();
    let chunk = CHUNK as u64;
    assert_eq!(read_all(opened.medium.as_ref(), 5000).1, [Extent::new(6 * chunk, 6 * chunk)]);
    assert_eq!(opened.problems.len(), 2, "{:?}", opened.problems);
}

#[test]
fn an_encrypted_image_is_refused_as_such() {
    let mut file = File::new(1, 1);
    file.section(1, 2, b"0123456789abcdef");
    file.section(15, 0, &[]);
    let error = open([file.bytes]).err().unwrap().to_string();
    assert!(error.contains("encrypted"), "{error}");
}

#[test]
fn damaged_images_never_panic_and_never_show_a_wrong_byte() {
    let medium = medium(7);
    for (per_segment, bad) in [(100, vec![]), (8, vec![(3, 1)])] {
        let files = image(&medium, per_segment, 1, &bad);
        let end = files[0].len() as u64;
        for places in [vec![], vec![Extent::new(32, 700)], vec![Extent::new(end - 1000, 1000)]] {
            trial::under_damage(&files, &places, 100, |image, bytes, missing| {
                let lost = |at: u64| missing.iter().any(|extent| extent.offset <= at && at < extent.end());
                let wrong = (0..medium.len()).find(|at| bytes[*at] != medium[*at] && !lost(*at as u64));
                assert_eq!(wrong, None, "{:?}", image.problems);
            });
        }
    }
}
