//! What one state of a container holds.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Opened;
use super::super::block::Notes;
use super::super::catalog::Catalog;
use super::super::listing::Listing;
use super::super::map::ObjectMap;
use super::*;
use crate::filesystem::{Format, detect};
use crate::model::{
    Bucket, Content, EntryKind, EntryState, EntryTable, Extent, Placement, ProblemKind, Run, Survey,
};
use crate::read::{Confidence, Memory, ReadAt};

#[test]
fn volumes_are_directories_and_every_file_is_what_it_was() {
    let (builder, expected) = sample();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert_eq!(image.problems.len(), 2, "{:#?}", image.problems);
    image.problem(ProblemKind::Corrupt, "1 files: extents are missing");
    assert_eq!(image.find("Data/gap.bin").content, Content::Likely);
    let locked = image.problem(ProblemKind::Encrypted, "APFS volume Secret: encrypted (FileVault");
    assert!(locked.advice.contains("do not power it off") && locked.detail.contains("one key"));
    let found = image.digests(EntryState::Allocated);
    for (path, content) in &expected {
        assert_eq!(found.get(path), Some(content), "{path}");
    }
    assert_eq!(found, expected);
    assert!(image.entries.iter().all(|entry| entry.state == EntryState::Allocated));
    assert_eq!(image.filesystem.label(), "Data, Data (2), Secret, System");
    let tops: Vec<_> = image.entries.iter().filter(|entry| !entry.path.contains('/')).collect();
    assert_eq!(tops.iter().map(|top| top.record >> 56).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(!image.entries.iter().any(|entry| entry.path.starts_with("Secret/")));
}

#[test]
fn record_numbers_are_unique_and_hard_links_share_one() {
    let (builder, _) = sample();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    let (one, two) = (image.find("Data/fragmented.bin"), image.find("Data/links/second name.bin"));
    assert_eq!((one.record, one.stream, &one.runs), (two.record, two.stream, &two.runs));
    assert_eq!(one.runs.len(), 9);
    let mut keys: Vec<_> = image.entries.iter().map(|entry| (entry.record, entry.stream)).collect();
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all - 1);
}

#[test]
fn holes_links_and_compressed_files_are_had_as_they_should() {
    let (builder, _) = sample();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    let sparse = image.find("Data/sparse.bin");
    let holes: Vec<u64> = sparse.runs.iter().filter(|run| run.is_hole()).map(|run| run.length).collect();
    assert_eq!(holes, [7 * BLOCK as u64, 2 * BLOCK as u64 + 100]);
    let link = image.find("Data/links/a link");
    assert_eq!((link.kind, link.content, link.size), (EntryKind::Symlink, Content::Runs, 17));
    let at = image.entries.iter().position(|entry| entry == link).unwrap();
    assert_eq!(image.bytes(at), b"../fragmented.bin");
    for name in ["short.txt", "plain.txt", "long.txt"] {
        let file = image.find(&format!("Data/{name}"));
        assert_eq!(file.content, Content::Opened, "{name}");
        assert!(!file.runs.is_empty() && !file.runs.iter().any(|run| run.is_hole()), "{name}");
    }
    assert!(!image.entries.iter().any(|entry| entry.path.contains("provenance")));
}

#[test]
fn blocks_of_an_encrypted_volume_are_claimed_for_the_ledger() {
    let (builder, _) = sample();
    let files = builder.volumes[2].extents.clone();
    let source: Arc<dyn ReadAt> = Arc::new(Memory(builder.image));
    let mut table = EntryTable::default();
    let mut survey = Survey::new(0, Placement::whole(source.size()), &mut table);
    Apfs.open(source).unwrap().survey(&mut survey).unwrap();
    let claims = survey.finish().claims;
    let locked: Vec<Extent> =
        claims.iter().filter(|(_, bucket)| *bucket == Bucket::Encrypted).map(|(place, _)| *place).collect();
    for (first, (count, _)) in files {
        let place = Extent::new(first * BLOCK as u64, count * BLOCK as u64);
        assert!(locked.iter().any(|claim| claim.offset <= place.offset && place.end() <= claim.end()));
    }
    let total: u64 = locked.iter().map(|place| place.length).sum();
    assert!(total > 50_000 && total < 70_000, "{total}");
}

#[test]
fn a_tree_that_can_be_read_in_an_encrypted_volume_is_listed_and_its_files_are_encrypted() {
    let mut builder = Builder::new(300, vec![Volume::new("Phone", PLAIN, 1)]);
    add(&mut builder, (0, ROOT), "a.jpg", &bytes(1, 9000), 1);
    builder.commit();
    // The superblock of the volume is the only block that says what the flags are.
    let at = builder.image.chunks(BLOCK).position(|block| &block[32..36] == b"APSB").unwrap();
    let block = &mut builder.image[at * BLOCK..][..BLOCK];
    block[264] = 0;
    build::reseal(block);
    let image = Image::survey(&Apfs, builder.image).unwrap();
    image.problem(ProblemKind::Encrypted, "a key for each file");
    let file = image.find("Phone/a.jpg");
    assert_eq!((file.content, file.size, file.runs.len()), (Content::Encrypted, 9000, 1));
}

#[test]
fn containers_are_known_by_their_superblock_and_fusion_drives_are_refused() {
    let (builder, _) = sample();
    let image = builder.image;
    assert_eq!(Apfs.probe(&Memory(&image)), Confidence::Strong);
    assert_eq!(detect(&Memory(&image)).format.map(Format::name), Some("apfs"));
    let mut without = image.clone();
    without[..BLOCK].fill(0);
    assert_eq!(Apfs.probe(&Memory(&without)), Confidence::Weak);
    for length in [0, 1, 4095, 5000] {
        assert_eq!(Apfs.probe(&Memory(vec![0; length])), Confidence::No);
    }
    let mut fusion = image;
    for block in fusion.chunks_mut(BLOCK).filter(|block| &block[32..36] == b"NXSB") {
        block[65] |= 1;
        build::reseal(block);
    }
    let refused = Image::survey(&Apfs, fusion).err().unwrap().to_string();
    assert!(refused.contains("Fusion drive"), "{refused}");
}

#[test]
fn numbers_of_a_volume_group_and_hostile_ones_stay_apart() {
    let mark = 0x0800_0000_0000_0000_u64;
    let mut builder = Builder::new(300, vec![Volume::new("System", PLAIN, 1)]);
    builder.volumes[0].next = mark + 20;
    let first = add(&mut builder, (0, ROOT), "in the group", &bytes(1, 100), 1);
    builder.commit();
    let image = Image::survey(&Apfs, builder.image.clone()).unwrap();
    assert_eq!((first, image.find("System/in the group").record), (mark + 20, 20));
    // The same low bits again.
    builder.volumes[0].next = 20;
    add(&mut builder, (0, ROOT), "another", &bytes(2, 100), 1);
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    let (one, two) = (image.find("System/in the group"), image.find("System/another"));
    assert_ne!(one.record, two.record);
    assert_eq!(image.digests(EntryState::Allocated)["System/another"].1, md5(&bytes(2, 100)));
}

#[test]
fn a_name_without_a_record_never_stands_for_a_file_that_has_one() {
    let mut builder = Builder::new(300, vec![Volume::new("Data", PLAIN, 1)]);
    let id = add(&mut builder, (0, ROOT), "known.jpg", &bytes(1, 5000), 1);
    let other = 0x0100_0000_0000_0000 | id;
    builder.volumes[0].link(ROOT, "a", other, 8);
    let place = builder.content(&bytes(2, 5000));
    builder.volumes[0].stream(other, &[(Some(place), 2)]);
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    let (known, lost) = (image.find("Data/known.jpg"), image.find("Data/a"));
    assert_ne!(known.record, lost.record);
    assert_eq!((known.content, lost.content), (Content::Runs, Content::Likely));
}

/// A volume with a compressed file of two pieces of which the first is stored as it is, and where its fork lies.
fn with_fork(places: impl Fn(u64, u64) -> Vec<(Option<u64>, u64)>) -> Builder {
    let mut builder = Builder::new(400, vec![Volume::new("Data", PLAIN, 1)]);
    let text = [bytes(3, 1 << 16), b"again ".repeat(2000)].concat();
    let mut fork = Vec::new();
    let mut measure = |bytes: &[u8]| {
        fork = bytes.to_vec();
        vec![]
    };
    Volume::new("none", PLAIN, 0).compressed(ROOT, "x", 4, &text, Some(&mut measure));
    let place = builder.content(&fork);
    let count = fork.len().div_ceil(BLOCK) as u64;
    builder.volumes[0].compressed(ROOT, "packed", 4, &text, Some(&mut |_| places(place, count)));
    builder.commit();
    builder
}

#[test]
fn a_piece_of_a_compressed_file_in_a_gap_or_behind_an_overlap_is_not_made_of_zeros() {
    let sound = with_fork(|place, count| vec![(Some(place), count)]);
    let image = Image::survey(&Apfs, sound.image).unwrap();
    let at = |image: &Image| image.entries.iter().position(|entry| entry.path == "Data/packed").unwrap();
    assert_eq!(image.bytes(at(&image)).len(), (1 << 16) + 12_000);
    let gap = with_fork(|place, count| vec![(Some(place), 5), (None, 2), (Some(place + 7), count - 7)]);
    let image = Image::survey(&Apfs, gap.image).unwrap();
    assert!(image.content(at(&image)).is_err());
    image.problem(ProblemKind::Corrupt, "1 files: extents are missing");
}

#[test]
fn a_compressed_file_whose_fork_is_encrypted_is_encrypted() {
    let mut builder = with_fork(|place, count| vec![(Some(place), count)]);
    let at = builder.image.chunks(BLOCK).position(|block| &block[32..36] == b"APSB").unwrap();
    let block = &mut builder.image[at * BLOCK..][..BLOCK];
    block[264] = 0;
    build::reseal(block);
    let image = Image::survey(&Apfs, builder.image).unwrap();
    let file = image.find("Data/packed");
    assert_eq!((file.content, file.size), (Content::Encrypted, (1 << 16) + 12_000));
    assert!(!file.runs.is_empty());
}

#[test]
fn extents_inside_others_and_records_with_the_same_key_are_said() {
    let mut builder = Builder::new(300, vec![Volume::new("Data", PLAIN, 1)]);
    let (one, two) = (builder.content(&bytes(1, 4 * BLOCK)), builder.content(&bytes(2, BLOCK)));
    let volume = &mut builder.volumes[0];
    let first = volume.file(ROOT, "inside", 4 * BLOCK as u64, &[(Some(one), 4)]);
    volume.extent(first, BLOCK as u64, 0, (two, 1));
    let second = volume.file(ROOT, "twice", BLOCK as u64, &[(Some(one), 1)]);
    volume.extent(second, 0, 1, (two, 1));
    let third = volume.file(ROOT, "attributes", 0, &[]);
    volume.attribute(third, "user.one", &bytes(3, 200));
    volume.again(third, 4);
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert_eq!(image.find("Data/inside").content, Content::Likely);
    assert_eq!(image.find("Data/twice").content, Content::Likely);
    image.problem(ProblemKind::Corrupt, "2 files: extents overlap");
    assert_eq!(image.problem(ProblemKind::Corrupt, "expected one of each key").count, 1);
}

#[test]
fn a_container_that_is_longer_than_its_volume_is_said() {
    let (builder, _) = sample();
    let mut image = builder.image;
    image.truncate(1990 * BLOCK);
    let image = Image::survey(&Apfs, image).unwrap();
    image.problem(ProblemKind::Corrupt, "has 8192000 bytes, but the volume ends after 8151040");
}

#[test]
fn attributes_that_are_no_part_of_the_content_are_listed_once() {
    let mut builder = Builder::new(400, vec![Volume::new("Data", PLAIN, 1)]);
    let place = builder.content(&bytes(5, 2 * BLOCK));
    let volume = &mut builder.volumes[0];
    volume.attribute(ROOT, "user.root", &bytes(1, 300));
    let plain = volume.file(ROOT, "plain", 0, &[]);
    volume.attribute(plain, "com.apple.decmpfs", &bytes(2, 300));
    volume.attribute(plain, "com.apple.fs.symlink", &bytes(3, 300));
    volume.attribute(plain, "a/b", &bytes(4, 300));
    volume.attribute(plain, "a%2Fb", &bytes(5, 300));
    volume.link(ROOT, "second", plain, 8);
    let packed = volume.compressed(ROOT, "packed", 3, &b"text ".repeat(50), None);
    volume.streamed(packed, "com.apple.ResourceFork", 5000, &[(Some(place), 2)]);
    volume.stream(packed, &[(Some(place), 1)]);
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    let paths: Vec<&str> = image.entries.iter().map(|entry| entry.path.as_str()).collect();
    let count = |path: &str| paths.iter().filter(|other| **other == path).count();
    assert_eq!(count("Data/plain:a%2Fb"), 2);
    for stream in
        [":user.root", "plain:com.apple.decmpfs", "plain:com.apple.fs.symlink", "packed:rsrc", "packed:data"]
    {
        assert_eq!(count(&format!("Data/{stream}")), 1, "{stream}");
    }
    let streams = paths.iter().filter(|path| path.contains("second:")).count();
    assert_eq!((count("Data/second"), streams), (1, 0));
    assert_eq!(image.find("Data/packed").content, Content::Opened);
    let mut keys: Vec<_> = image.entries.iter().map(|entry| (entry.record, entry.stream)).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), paths.len() - 1);
}

#[test]
fn attributes_beyond_those_that_can_be_numbered_are_said() {
    let mut builder = Builder::new(7000, vec![Volume::new("Data", PLAIN, 1)]);
    let file = builder.volumes[0].file(ROOT, "many", 0, &[]);
    for number in 0..65_540 {
        builder.volumes[0].attribute(file, &format!("{number:05}"), &[1; 128]);
    }
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert_eq!(image.problem(ProblemKind::Limit, "more than 65534 of them").count, 6);
}

#[test]
fn a_volume_that_was_being_encrypted_is_said() {
    let mut builder = Builder::new(300, vec![Volume::new("Disk", PLAIN, 1)]);
    builder.commit();
    let at = builder.image.chunks(BLOCK).position(|block| &block[32..36] == b"APSB").unwrap();
    let block = &mut builder.image[at * BLOCK..][..BLOCK];
    block[976] = 5;
    build::reseal(block);
    let image = Image::survey(&Apfs, builder.image).unwrap();
    image.problem(ProblemKind::Encrypted, "APFS volume Disk: it was being encrypted or decrypted");
}

#[test]
fn names_that_share_many_extents_are_listed_without_them_when_it_is_too_much() {
    let mut builder = Builder::new(300, vec![Volume::new("Data", PLAIN, 1)]);
    let file = add(&mut builder, (0, ROOT), "first", &bytes(1, 9 * BLOCK), 9);
    builder.volumes[0].link(ROOT, "second", file, 8);
    builder.commit();
    let source: Arc<dyn ReadAt> = Arc::new(Memory(builder.image));
    let opened = Opened::open(&source).unwrap();
    let (mut notes, blocks) = (Notes::default(), &opened.blocks);
    let volume = opened.volumes[0].superblock.as_ref().unwrap();
    let map = ObjectMap::read(blocks, volume.map, &mut notes).unwrap();
    let catalog = Catalog::read(blocks, volume, &map, 1, &mut notes).unwrap();
    let (mut table, mut packed) = (EntryTable::default(), HashMap::new());
    let mut survey = Survey::new(0, Placement::whole(source.size()), &mut table);
    let mut listing = Listing::new(blocks, &catalog, &mut survey, &mut packed, (0, 0));
    listing.extents_left = 10;
    listing.list().report("Data", &mut survey);
    let problems = survey.finish().problems;
    assert!(problems.iter().any(|problem| problem.kind == ProblemKind::Limit && problem.count == 1));
    let found: Vec<_> = table.iter().map(|entry| (entry.content(), entry.runs().len())).collect();
    assert_eq!(found, [(Content::Runs, 9), (Content::Lost, 0)]);
}

#[test]
fn trees_of_several_levels_are_walked() {
    let mut builder = Builder::new(3000, vec![Volume::new("Deep", PLAIN, 1)]);
    builder.volumes[0].room = 700;
    for number in 0..300 {
        builder.volumes[0].file(ROOT, &format!("a rather long name of a file, number {number}"), 0, &[]);
    }
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.digests(EntryState::Allocated).len(), 300);
}

#[test]
fn a_name_with_a_separator_and_a_size_that_cannot_be_are_told() {
    let mut builder = Builder::new(300, vec![Volume::new("A/B", PLAIN, 1), Volume::new("", PLAIN, 1)]);
    builder.volumes[0].file(ROOT, "x/y", u64::MAX, &[]);
    builder.volumes[0].file(ROOT, "beyond", 5000, &[(Some(100_000), 2)]);
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    let huge = image.find("A%2FB/x%2Fy");
    assert_eq!((huge.content, huge.size), (Content::Lost, u64::MAX));
    let beyond = image.find("A%2FB/beyond");
    assert_eq!(
        (beyond.content, beyond.runs.as_slice()),
        (Content::Likely, &[Run::new(409_600_000, 5000)][..])
    );
    image.problem(ProblemKind::Corrupt, "2 files: extents overlap or lie beyond the container");
    assert_eq!(image.find("untitled").kind, EntryKind::Directory);
}
