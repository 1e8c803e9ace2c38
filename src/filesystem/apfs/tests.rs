//! Tests of the reader: containers made here, the staged image, other tools, damage.

mod build;
mod damage;
mod differential;
mod states;
mod structure;

use std::collections::BTreeMap;

use self::build::{BLOCK, Builder, ROOT, Volume};
use super::Apfs;
use crate::filesystem::trial::{Image, bytes, md5};

/// `APFS_FS_UNENCRYPTED`.
const PLAIN: u64 = 1;

/// What a container should hold: size and digest by path.
type Expected = BTreeMap<String, (u64, String)>;

/// Adds a file with content in as many pieces as asked for.
fn add(
    builder: &mut Builder,
    (volume, directory): (usize, u64),
    name: &str,
    content: &[u8],
    pieces: usize,
) -> u64 {
    let length = content.len().div_ceil(pieces.max(1)).next_multiple_of(BLOCK).max(BLOCK);
    let places: Vec<_> = content
        .chunks(length)
        .map(|piece| {
            let first = builder.content(piece);
            // A block between the pieces keeps them apart.
            builder.take();
            (Some(first), piece.len().div_ceil(BLOCK) as u64)
        })
        .collect();
    builder.volumes[volume].file(directory, name, content.len() as u64, &places)
}

/// A container with everything that the reader knows, in its first state.
fn sample() -> (Builder, Expected) {
    let volumes = vec![
        Volume::new("Data", PLAIN, 1),
        Volume::new("Data", PLAIN, 0),
        Volume::new("Secret", 8, 1),
        Volume::new("System", PLAIN, 0x21),
    ];
    let mut builder = Builder::new(2000, volumes);
    let mut expected = Expected::new();
    let note = |path: &str, content: &[u8], expected: &mut Expected| {
        expected.insert(path.to_owned(), (content.len() as u64, md5(content)));
    };
    builder.volumes[0].room = 900;
    for folder in 0..12_u64 {
        let directory = builder.volumes[0].directory(ROOT, &format!("folder {folder}"));
        for number in 0..16_u64 {
            let content = bytes(folder * 100 + number, 100 + 37 * number as usize);
            let name = format!("Picture {number:03}.jpg");
            add(&mut builder, (0, directory), &name, &content, 1);
            note(&format!("Data/folder {folder}/{name}"), &content, &mut expected);
        }
    }
    let large = bytes(7, 300_000);
    let id = add(&mut builder, (0, ROOT), "fragmented.bin", &large, 9);
    note("Data/fragmented.bin", &large, &mut expected);
    let directory = builder.volumes[0].directory(ROOT, "links");
    builder.volumes[0].link(directory, "second name.bin", id, 8);
    note("Data/links/second name.bin", &large, &mut expected);
    builder.volumes[0].symlink(directory, "a link", "../fragmented.bin");
    let (one, two) = (bytes(8, BLOCK), bytes(9, 2 * BLOCK));
    let places =
        [(Some(builder.content(&one)), 1), (Some(0), 7), (Some(builder.content(&two)), 2), (Some(0), 3)];
    let size = 12 * BLOCK as u64 + 100;
    builder.volumes[0].file(ROOT, "sparse.bin", size, &places);
    let mut content = [one, vec![0; 7 * BLOCK], two].concat();
    content.resize(size as usize, 0);
    note("Data/sparse.bin", &content, &mut expected);
    let (first, last) = (bytes(60, BLOCK), bytes(61, BLOCK));
    let places = [(Some(builder.content(&first)), 1), (None, 2), (Some(builder.content(&last)), 1)];
    builder.volumes[0].file(ROOT, "gap.bin", 4 * BLOCK as u64, &places);
    note("Data/gap.bin", &[first, vec![0; 2 * BLOCK], last].concat(), &mut expected);
    let text = b"compressed ".repeat(50);
    builder.volumes[0].compressed(ROOT, "short.txt", 3, &text, None);
    note("Data/short.txt", &text, &mut expected);
    builder.volumes[0].compressed(ROOT, "plain.txt", 1, &text, None);
    note("Data/plain.txt", &text, &mut expected);
    let text = [bytes(3, 70_000), b"again and again ".repeat(9000)].concat();
    let mut fork = Vec::new();
    let mut measure = |bytes: &[u8]| {
        fork = bytes.to_vec();
        vec![]
    };
    Volume::new("none", 1, 0).compressed(ROOT, "x", 4, &text, Some(&mut measure));
    let place = builder.content(&fork);
    let count = fork.len().div_ceil(BLOCK) as u64;
    builder.volumes[0].compressed(ROOT, "long.txt", 4, &text, Some(&mut |_| vec![(Some(place), count)]));
    note("Data/long.txt", &text, &mut expected);
    let id = builder.volumes[0].file(ROOT, "with streams", 0, &[]);
    note("Data/with streams", b"", &mut expected);
    let stream = bytes(11, 5000);
    let place = builder.content(&stream);
    builder.volumes[0].streamed(id, "com.apple.ResourceFork", 5000, &[(Some(place), 2)]);
    note("Data/with streams:rsrc", &stream, &mut expected);
    let hidden = bytes(12, 700);
    builder.volumes[0].attribute(id, "user.hidden", &hidden);
    builder.volumes[0].attribute(id, "com.apple.provenance", &[1; 11]);
    note("Data/with streams:user.hidden", &hidden, &mut expected);
    for (volume, label) in [(1, "Data (2)"), (3, "System")] {
        for number in 0..20_u64 {
            let content = bytes(volume as u64 * 1000 + number, 5000);
            let name = format!("file {number}");
            add(&mut builder, (volume, ROOT), &name, &content, 1);
            note(&format!("{label}/{name}"), &content, &mut expected);
        }
    }
    add(&mut builder, (2, ROOT), "hidden.jpg", &bytes(99, 50_000), 2);
    builder.commit();
    (builder, expected)
}
