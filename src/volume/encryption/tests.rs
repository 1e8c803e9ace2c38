//! Encryption as the usual tools make it, and how often compressed data is taken for it.

#![allow(clippy::arithmetic_side_effects)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::read::Memory;

/// A small generator (splitmix), so that runs can be repeated.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }
}

/// Text of words that occur as unevenly as those of a language.
fn words(random: &mut Random, length: usize) -> Vec<u8> {
    let known: Vec<String> = (0..4000)
        .map(|_| {
            let letters = 2 + random.next() % 9;
            (0..letters)
                .map(|_| {
                    char::from(
                        b"etaoinshrdlucmfwypvbgkjqxz"
                            [(random.next() % 26 * (random.next() % 26) / 26) as usize],
                    )
                })
                .collect()
        })
        .collect();
    let mut text = Vec::new();
    while text.len() < length {
        let rare = random.next() % 4000;
        let word = &known[(rare * (random.next() % 4000) / 4000 * (random.next() % 4000) / 4000) as usize];
        text.extend_from_slice(word.as_bytes());
        text.push(if random.next().is_multiple_of(12) { b'\n' } else { b' ' });
    }
    text
}

/// What follows bytes that could be taken for a marker.
type Escape = fn(&[u8]) -> Option<u8>;

/// Small numbers in codes of many lengths, as pictures and videos keep them; `escape` keeps markers out of them.
fn coded(random: &mut Random, length: usize, escape: Escape) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut word, mut bits) = (0_u64, 0);
    while bytes.len() < length {
        let spread = 1 + random.next() % 12;
        let value = (random.next() % spread) * (random.next() % spread) / 4 + 1;
        let width = 64 - value.leading_zeros();
        word = (word << (2 * width)) | (value << 1) | (random.next() & 1);
        bits += 2 * width;
        while bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
            bytes.extend(escape(&bytes));
        }
    }
    bytes
}

/// What a tool makes of its input; `None`, said aloud, when it is missing.
pub(super) fn piped(tool: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(tool).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: {tool} is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    Some(output.stdout)
}

/// The middle of some content, without its head, as much as is looked at when it is.
fn body(content: &[u8]) -> Option<&[u8]> {
    let whole = content.get(4096..)?;
    let length = whole.len() / 512 * 512;
    (length >= 1 << 20).then(|| &whole[..length])
}

#[test]
fn how_often_compressed_data_is_taken_for_random_is_as_stated() {
    let mut random = Random(7);
    let mut made: Vec<(&str, Vec<Vec<u8>>)> = Vec::new();
    let texts: Vec<Vec<u8>> = (0..4).map(|_| words(&mut random, 9 << 19)).collect();
    let deflated = |level| {
        let one = |text: &Vec<u8>| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        texts.iter().map(one).collect::<Vec<_>>()
    };
    made.push(("deflate, fast", deflated(1)));
    made.push(("deflate", deflated(6)));
    let escapes: [(&str, Escape); 2] = [
        ("jpeg-like", |bytes| bytes.ends_with(&[0xff]).then_some(0)),
        ("mp4-like", |bytes| bytes.ends_with(&[0, 0]).then_some(3)),
    ];
    for (name, escape) in escapes {
        made.push((name, (0..4).map(|_| coded(&mut random, (1 << 20) + 8192, escape)).collect()));
    }
    for (name, tool, arguments) in
        [("bzip2", "bzip2", ["-c"]), ("xz", "xz", ["-c0"]), ("zstd", "zstd", ["-cq"])]
    {
        made.push((name, texts.iter().map_while(|text| piped(tool, &arguments, text)).collect()));
    }
    let (mut whole, mut cut, mut lzma) = ((0, 0), (0, 0), (0, 0));
    for (name, contents) in &made {
        let alarms = |contents: Vec<&[u8]>| {
            (contents.iter().filter(|content| looks_random(&Memory(content))).count(), contents.len())
        };
        let (found, of) = alarms(contents.iter().filter_map(|content| body(content)).collect());
        let sum = if *name == "xz" { &mut lzma } else { &mut cut };
        (sum.0, sum.1) = (sum.0 + found, sum.1 + of);
        let (files, of_files) =
            alarms(contents.iter().map(|content| &content[..content.len() / 512 * 512]).collect());
        (whole.0, whole.1) = (whole.0 + files, whole.1 + of_files);
        eprintln!("{name}: {found} of {of} without the first bytes, {files} of {of_files} whole");
    }
    assert_eq!((whole.0, cut.0), (0, 0), "{} whole, {} cut", whole.1, cut.1);
    if lzma.1 == 4 && cut.1 == 24 {
        let stated = format!("in {} whole files and in {} streams", whole.1, cut.1);
        assert!(
            FALSE_ALARMS.contains(&stated)
                && FALSE_ALARMS.contains(&format!("{} in {} of LZMA", lzma.0, lzma.1))
        );
    }
}

#[test]
fn files_of_this_machine_are_not_taken_for_encrypted() {
    let folders = ["/usr/share", "/var/cache/apt/archives", "/usr/lib"];
    let files =
        folders.iter().flat_map(|folder| walkdir::WalkDir::new(folder).max_depth(6).sort_by_file_name());
    let large = files.filter_map(Result::ok).filter(|entry| {
        entry.file_type().is_file()
            && entry.metadata().is_ok_and(|file| (1 << 20..1 << 26).contains(&file.len()))
    });
    let (mut seen, mut taken) = (0, Vec::new());
    for entry in large.take(60) {
        let Ok(mut content) = std::fs::read(entry.path()) else { continue };
        content.truncate(content.len() / 512 * 512);
        seen += 1;
        if looks_random(&Memory(content)) {
            taken.push(entry.into_path());
        }
    }
    eprintln!("{} of {seen} files: {taken:?}", taken.len());
    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn random_content_is_taken_for_encrypted_and_little_or_odd_content_is_not() {
    let mut random = Random(1);
    let mut missed = 0;
    for _ in 0..40 {
        missed += usize::from(!looks_random(&Memory(random.bytes(1 << 20))));
    }
    assert_eq!(missed, 0);
    let container = random.bytes(3 << 20);
    assert!(looks_random(&Memory(&container)));
    assert!(
        !looks_random(&Memory(&container[..(3 << 20) - 1])) && !looks_random(&Memory(&container[..1 << 19]))
    );
    let mut holed = container.clone();
    holed[1 << 20..2 << 20].fill(0);
    assert!(!looks_random(&Memory(holed)));
    let counted: Vec<u8> = (0..2_u32 << 20).map(|at| at as u8).collect();
    assert!(!looks_random(&Memory(counted)));
    for (offset, magic) in [(0, &b"PK\x03\x04"[..]), (4, b"ftypmp42")] {
        let mut named = container.clone();
        named[offset..offset + magic.len()].copy_from_slice(magic);
        assert!(!looks_random(&Memory(named)));
    }
}

/// What `cryptsetup` makes with these arguments on an image of 20 MiB.
fn made(arguments: &[&str]) -> Option<(tempfile::NamedTempFile, Vec<u8>)> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(20 << 20).unwrap();
    let path = file.path().to_str().unwrap();
    let fast = ["-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "-d", "-"];
    let all: Vec<&str> = arguments.iter().chain(&fast).chain(&[path]).copied().collect();
    let paths = std::env::var("PATH").unwrap_or_default() + ":/sbin:/usr/sbin";
    let child = Command::new("cryptsetup").args(all).env("PATH", paths).stdin(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: cryptsetup is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(b"password").unwrap();
    assert!(child.wait().unwrap().success());
    let bytes = std::fs::read(file.path()).unwrap();
    Some((file, bytes))
}

#[test]
fn what_cryptsetup_makes_is_described_as_cryptsetup_does() {
    let one = ["luksFormat", "--type", "luks1", "--cipher", "aes-xts-plain64"];
    let two = ["luksFormat", "--type", "luks2", "--label", "Fotos", "--subsystem", "sub"];
    for (arguments, name) in [(&one[..], "LUKS1"), (&two[..], "LUKS2")] {
        let Some((file, bytes)) = made(arguments) else { return };
        let dump = Command::new("/usr/sbin/cryptsetup").args(["luksDump"]).arg(file.path()).output().unwrap();
        let dump = String::from_utf8(dump.stdout).unwrap();
        let uuid = dump.lines().find_map(|line| line.strip_prefix("UUID:")).unwrap().trim();
        let found = recognise(&Memory(&bytes)).unwrap();
        let sentence = found.sentence();
        assert_eq!(
            (found.name.as_str(), found.state, found.confidence),
            (name, State::On, Confidence::Strong)
        );
        assert!(sentence.contains(uuid) && sentence.contains("aes-xts-plain64"), "{sentence}");
        assert!(
            sentence.contains("1 key slot in use") || sentence.contains("1 of 8 key slots in use"),
            "{sentence}"
        );
        if name == "LUKS2" {
            assert!(
                sentence.contains("label \"Fotos\"") && sentence.contains("subsystem \"sub\""),
                "{sentence}"
            );
            assert!(!sentence.contains("damaged") && found.metadata.len() == 2, "{sentence}");
            let mut headless = bytes.clone();
            headless[..4096].fill(0);
            let found = recognise(&Memory(&headless)).unwrap();
            assert!(
                found.confidence == Confidence::Weak && found.sentence().contains("first header is gone")
            );
            assert!(found.sentence().contains(uuid));
            let mut flipped = bytes.clone();
            flipped[4100] ^= 1;
            let found = recognise(&Memory(&flipped)).unwrap().sentence();
            assert!(found.contains("1 of 2 headers are damaged") && found.contains("1 key slot"), "{found}");
        }
        let header = recognise(&Memory(&bytes[..1 << 20])).unwrap().sentence();
        assert!(header.contains("a header by itself"), "{header}");
    }
}

#[test]
fn kinds_are_in_order_and_geli_and_core_storage_are_described() {
    assert!(FORMATS.is_sorted_by(|one, next| one.name() < next.name()));
    let mut geli = vec![0; 1 << 20];
    let at = geli.len() - 512;
    geli[at..at + 9].copy_from_slice(b"GEOM::ELI");
    geli[at + 16] = 7;
    geli[at + 24..at + 28].copy_from_slice(&[22, 0, 0, 1]);
    geli[at + 30..at + 38].copy_from_slice(&(1_u64 << 20).to_le_bytes());
    geli[at + 38..at + 43].copy_from_slice(&[0, 16, 0, 0, 3]);
    let found = recognise(&Memory(geli)).unwrap();
    let expected = "GELI: encrypted; version 7; AES-XTS, key of 256 bits; 1 MiB in sectors of 4096 bytes; 2 of 2 keys in use";
    assert_eq!(found.sentence().replace("1.0 MiB", "1 MiB"), expected);
    let mut storage = vec![0; 1 << 20];
    storage[8..12].copy_from_slice(b"\x01\0\x10\0");
    storage[64..72].copy_from_slice(&(1_u64 << 20).to_le_bytes());
    storage[88..90].copy_from_slice(b"CS");
    storage[96..104].copy_from_slice(&[0, 16, 0, 0, 0, 0, 1, 0]);
    storage[104] = 2;
    storage[8192 + 8..8192 + 12].copy_from_slice(b"\x01\0\x11\0");
    let plist = b"<key>com.apple.corestorage.lvg.name</key><string>Mac &amp; more</string>\
                  <key>com.apple.corestorage.lvg.physicalVolumes</key><array><string>A</string><string>B</string></array>";
    storage[8192 + 64 + 160..8192 + 64 + 162].copy_from_slice(&[0, 16]);
    storage[8192 + 64 + 164] = plist.len() as u8;
    storage[8192 + 4096..][..plist.len()].copy_from_slice(plist);
    let found = recognise(&Memory(&storage)).unwrap();
    assert_eq!(found.state, State::Unknown);
    assert!(found.sentence().contains("a group of 2 disks"), "{}", found.sentence());
    assert!(found.sentence().contains("group named \"Mac &amp; more\""), "{}", found.sentence());
    let front = storage[..512].to_vec();
    storage[1048064..].copy_from_slice(&front);
    storage[..512].fill(0);
    assert!(recognise(&Memory(storage)).unwrap().sentence().contains("the copy at the end"));
}

#[test]
fn mutated_headers_never_panic() {
    let mut images: Vec<Vec<u8>> = Vec::new();
    images.extend(made(&["luksFormat", "--type", "luks2"]).map(|(_, bytes)| bytes[..1 << 20].to_vec()));
    images.extend(made(&["luksFormat", "--type", "luks1"]).map(|(_, bytes)| bytes[..1 << 20].to_vec()));
    let mut random = Random(3);
    for image in images {
        for round in 0..400 {
            let mut damaged = image
                [..if round % 7 == 0 { random.next() as usize % image.len() } else { image.len() }]
                .to_vec();
            for _ in 0..=random.next() % 6 {
                let at = random.next() as usize % [600, 5000, 40_000][round % 3];
                if let Some(byte) = damaged.get_mut(at) {
                    *byte ^= 1 << (random.next() % 8);
                }
            }
            recognise(&Memory(damaged));
        }
    }
}
