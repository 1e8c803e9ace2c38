//! Every kind of partition, block size and revision.

use super::*;
use crate::filesystem::Format;
use crate::filesystem::udf::tag::Address;
use crate::model::ProblemKind;
use crate::read::Confidence;

#[test]
fn images_of_plain_partitions_are_read_as_7_zip_does() {
    for (media, block, revision) in [
        ("hd", 512, "0x0102"),
        ("hd", 2048, "0x0102"),
        ("hd", 4096, "0x0201"),
        ("hd", 2048, "0x0201"),
        ("dvdram", 2048, "0x0150"),
        ("dvd", 2048, "0x0200"),
    ] {
        let Some(empty) = mkudffs(media, block, revision) else { return };
        let (image, expected) = fill(empty.clone());
        assert_eq!(Udf.probe(&Memory(image.clone())), Confidence::Strong);
        let found = survey(image.clone());
        assert!(found.problems.is_empty(), "{media} {block} {revision}: {:#?}", found.problems);
        assert_eq!(found.filesystem.label(), "A LABEL");
        assert_eq!(found.filesystem.variant(), format!("UDF {}.{}", &revision[3..4], &revision[4..]));
        assert_eq!(allocated(&found), expected, "{media} {block} {revision}");
        assert_eq!(found.find("Long file").record, found.find("a second name").record);
        assert_eq!(found.find("Long file").times[0].as_deref(), Some("2021-02-03T03:05:06"));
        // 7-Zip reads neither extended descriptors nor those that go on elsewhere, nor blocks of 4096 bytes.
        let (image, expected) = fill_with(empty, &[Stored::Short, Stored::Long]);
        assert_eq!(allocated(&survey(image.clone())), expected);
        if block < 4096
            && let Some(theirs) = extracted(&image)
        {
            assert_eq!(theirs, expected, "{media} {block} {revision}");
        }
    }
}

#[test]
fn sparable_partitions_are_read_also_where_packets_have_moved() {
    for (media, revision) in [("cdrw", "0x0150"), ("cdrw", "0x0201"), ("dvdrw", "0x0201")] {
        let Some(empty) = mkudffs(media, 2048, revision) else { return };
        let (mut image, expected) = fill(empty);
        let found = survey(image.clone());
        assert!(found.problems.is_empty(), "{media} {revision}: {:#?}", found.problems);
        assert_eq!(allocated(&found), expected, "{media} {revision}");
        // A packet with content is moved to the first spare one.
        let table = (0..image.len())
            .step_by(2048)
            .find(|at| image[at + 17..].starts_with(b"*UDF Sparing Table"))
            .unwrap();
        let number = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
        let spare = number(table + 60);
        let packet = if media == "cdrw" { 32 } else { 16 };
        let logical = Builder::new(image.clone()).logical;
        let original = 96;
        let from = logical.offset(Address { partition: 0, block: original }).unwrap() as usize;
        let moved: Vec<u8> = image[from..from + packet * 2048].to_vec();
        image[from..from + packet * 2048].fill(0xee);
        image[spare as usize * 2048..][..moved.len()].copy_from_slice(&moved);
        image[table + 56..table + 60].copy_from_slice(&original.to_le_bytes());
        let length = 56 + 8 * usize::from(u16::from_le_bytes([image[table + 48], image[table + 49]]));
        let location = (table / 2048) as u32;
        build::seal(&mut image[table..], 0, location, length);
        assert_eq!(allocated(&survey(image)), expected, "{media} {revision}, moved");
    }
}

#[test]
fn virtual_partitions_of_write_once_discs_are_read_by_their_table() {
    for revision in ["0x0150", "0x0201"] {
        let Some(mut image) = mkudffs("cdr", 2048, revision) else { return };
        let found = survey(image.clone());
        found.problem(ProblemKind::Corrupt, "not closed");
        let used = image.iter().rposition(|byte| *byte != 0).unwrap();
        image.truncate((used + 1).next_multiple_of(2048));
        // The table of an empty disc: its entry is in the last block. New blocks and a new table are written behind it.
        let start = 257;
        let old = image[image.len() - 2048..].to_vec();
        assert_eq!(old[34] & 7, 3, "the table stands in its entry");
        let area = if old[..2] == [10, 1] { 216 } else { 176 };
        let number = |at: usize| u32::from_le_bytes(old[at..at + 4].try_into().unwrap()) as usize;
        let length = number(area - 4);
        let area = area + number(area - 8);
        let table = old[area..area + length].to_vec();
        let head = if revision == "0x0150" { 0 } else { usize::from(table[0]) };
        let tail = if revision == "0x0150" { 36 } else { 0 };
        let mut numbers = table[head..table.len() - tail].to_vec();
        let known = numbers.len() as u32 / 4;
        let content = bytes(5, 3000);
        let mut add = |bytes: &[u8]| {
            let block = (image.len() / 2048 - start) as u32;
            image.extend(bytes);
            image.resize(image.len().next_multiple_of(2048), 0);
            block
        };
        let data = add(&content);
        let mut builder = Builder::new(mkudffs("hd", 2048, "0x0150").unwrap());
        // Entries have virtual numbers: the next one of the table.
        let at = Address { partition: 0, block: known };
        builder.entry_at(at, 5, 1, 3000, &build::long(3000, Address { partition: 0, block: data }), None);
        let place = builder.offset(at);
        let entry = builder.image[place..place + 2048].to_vec();
        numbers.extend(add(&entry).to_le_bytes());
        // The root directory gets a new entry, too.
        let logical = Builder::new(mkudffs("cdr", 2048, revision).unwrap()).logical;
        let root = logical.file_sets(&mut Vec::new())[0].root;
        let names = [
            build::identifier("", 10, build::long(2048, root), root.block),
            build::identifier(
                "written later",
                0,
                build::long(2048, Address { partition: 1, block: known }),
                root.block,
            ),
        ];
        let names = names.concat();
        let at = Address { partition: 0, block: root.block };
        builder.entry_at(at, 4, 3, names.len(), &names, None);
        let place = builder.offset(at);
        let entry = builder.image[place..place + 2048].to_vec();
        let block = add(&entry);
        numbers[root.block as usize * 4..][..4].copy_from_slice(&block.to_le_bytes());
        let table = [&table[..head], &numbers, &table[table.len() - tail..]].concat();
        let at = Address { partition: 0, block: (image.len() / 2048 - start) as u32 };
        let kind = old[27];
        builder.entry_at(Address { partition: 0, block: 60 }, kind, 3, table.len(), &table, None);
        let place = builder.offset(Address { partition: 0, block: 60 });
        let mut entry = builder.image[place..place + 2048].to_vec();
        let length = 176 + table.len();
        build::seal(&mut entry, 261, at.block, length);
        image.extend(entry);
        let found = survey(image);
        let listed = allocated(&found);
        assert_eq!(listed, Expected::from([("written later".into(), (3000, md5(&content)))]), "{revision}");
    }
}

#[test]
fn metadata_partitions_are_read_by_their_file_or_its_mirror() {
    let Some(image) = mkudffs("hd", 2048, "0x0201") else { return };
    let image = with_metadata_partition(image);
    let (mut image, expected) = fill(image);
    let found = survey(image.clone());
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
    assert_eq!(allocated(&found), expected);
    // The entry of the metadata file is lost.
    let at = (257 + 1000) * 2048;
    image[at..at + 2048].fill(0);
    let found = survey(image);
    assert_eq!(allocated(&found), expected);
    found.problem(ProblemKind::Corrupt, "its mirror is used");
}

/// Puts the file set and the root directory into a metadata partition of two extents, which begins at block 1010.
fn with_metadata_partition(image: Vec<u8>) -> Vec<u8> {
    let mut builder = Builder::new(image);
    let set = builder.logical.file_sets;
    let physical = |block| Address { partition: 0, block };
    let area = [
        &(100 * 2048_u32).to_le_bytes()[..],
        &1010_u32.to_le_bytes(),
        &(100 * 2048_u32).to_le_bytes(),
        &1200_u32.to_le_bytes(),
    ]
    .concat();
    for (block, kind) in [(1000, 250), (1400, 251)] {
        builder.entry_at(physical(block), kind, 0, 200 * 2048, &area, None);
    }
    // The bitmap: all free.
    let mut bitmap = vec![0; 24];
    bitmap[16..20].copy_from_slice(&200_u32.to_le_bytes());
    bitmap[20..24].copy_from_slice(&25_u32.to_le_bytes());
    bitmap.extend([0xff; 25]);
    build::seal(&mut bitmap, 264, 0, 49);
    builder.put(physical(1002), &bitmap);
    let area = [49_u32.to_le_bytes(), 1002_u32.to_le_bytes()].concat();
    builder.entry_at(physical(1001), 252, 0, 49, &area, None);
    let at = builder.offset(set.at);
    let mut descriptor = builder.image[at..at + 512].to_vec();
    descriptor[400..416].copy_from_slice(&build::long(2048, Address { partition: 1, block: 1 }));
    build::seal(&mut descriptor, 256, 0, 512);
    builder.put(physical(1010), &descriptor);
    builder.entry_at(physical(1011), 4, 3, 0, &[], None);
    let at = builder.offset(physical(1011));
    let mut root = builder.image[at..at + 2048].to_vec();
    build::seal(&mut root, 261, 1, 176);
    builder.put(physical(1011), &root);
    let mut image = builder.image;
    let sequences: Vec<usize> = (0..image.len())
        .step_by(2048)
        .filter(|at| image[*at..].starts_with(&[6, 0]) && image[at + 217..].starts_with(b"*OSTA UDF"))
        .collect();
    assert_eq!(sequences.len(), 2);
    for at in sequences {
        let descriptor = &mut image[at..at + 2048];
        descriptor[248..264].copy_from_slice(&build::long(2048, Address { partition: 1, block: 0 }));
        descriptor[264] = 6 + 64;
        descriptor[268] = 2;
        let mut map = vec![0; 64];
        map[..2].copy_from_slice(&[2, 64]);
        map[5..28].copy_from_slice(b"*UDF Metadata Partition");
        map[28..30].copy_from_slice(&[0x50, 2]);
        map[36] = 1;
        for (place, number) in [(40, 1000_u32), (44, 1400), (48, 1001), (52, 32)] {
            map[place..place + 4].copy_from_slice(&number.to_le_bytes());
        }
        map[56] = 1;
        map[58] = 1;
        descriptor[446..510].copy_from_slice(&map);
        build::seal(descriptor, 6, (at / 2048) as u32, 510);
    }
    image
}
