//! Snapshots, and what older checkpoints still know.

use super::*;
use crate::model::{Content, EntryState, ProblemKind};

/// A volume with a few files, and its first state.
fn started() -> Builder {
    let mut builder = Builder::new(1500, vec![Volume::new("Data", PLAIN, 1)]);
    let directory = builder.volumes[0].directory(ROOT, "pictures");
    for number in 0..10 {
        add(&mut builder, (0, directory), &format!("{number}.jpg"), &bytes(number, 6000), 1);
    }
    let gone = builder.volumes[0].directory(ROOT, "gone");
    add(&mut builder, (0, gone), "only here.jpg", &bytes(50, 9000), 2);
    builder.volumes[0].compressed(gone, "note.txt", 3, &b"note ".repeat(100), None);
    builder.commit();
    builder
}

fn remove_all(builder: &mut Builder) {
    let volume = &mut builder.volumes[0];
    volume.remove(16, "3.jpg");
    volume.remove(ROOT, "gone");
    let gone = volume.records.keys().map(|key| key.0).filter(|id| *id >= 27).collect::<Vec<_>>();
    volume.records.retain(|key, _| key.0 < 27);
    volume.extents.retain(|_, (_, owner)| !gone.contains(owner));
    builder.commit();
}

#[test]
fn files_that_only_older_checkpoints_know_are_deleted_ones() {
    let mut builder = started();
    remove_all(&mut builder);
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.digests(EntryState::Allocated).len(), 9);
    let deleted = image.digests(EntryState::Deleted);
    assert_eq!(deleted["Data/pictures/3.jpg"], (6000, md5(&bytes(3, 6000))));
    assert_eq!(deleted["Data/gone/only here.jpg"], (9000, md5(&bytes(50, 9000))));
    assert_eq!(deleted["Data/gone/note.txt"].1, md5(&b"note ".repeat(100)));
    assert_eq!(deleted.len(), 3);
    assert_eq!(image.find("Data/gone").state, EntryState::Deleted);
    assert_eq!(image.entries.iter().filter(|entry| entry.path == "Data/pictures").count(), 1);
}

#[test]
fn blocks_in_use_are_overwritten_and_blocks_that_wait_are_not() {
    let mut builder = started();
    let first = *builder.volumes[0].extents.iter().find(|(_, (_, owner))| *owner == 20).unwrap().0;
    let other = *builder.volumes[0].extents.iter().find(|(_, (_, owner))| *owner == 28).unwrap().0;
    builder.extra.insert(first);
    builder.queue(other, 1);
    remove_all(&mut builder);
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert_eq!(image.find("Data/pictures/3.jpg").content, Content::Overwritten);
    assert_eq!(image.find("Data/gone/only here.jpg").content, Content::Runs);
}

#[test]
fn a_space_manager_that_names_its_tables_again_and_again_takes_no_more_memory() {
    let mut builder = started();
    remove_all(&mut builder);
    let manager = builder.image.chunks(BLOCK).rposition(|block| block[24..28] == [5, 0, 0, 0x80]).unwrap();
    let block = &mut builder.image[manager * BLOCK..][..BLOCK];
    let list = u32::from_le_bytes(block[80..84].try_into().unwrap()) as usize;
    let table: [u8; 8] = block[list..list + 8].try_into().unwrap();
    block[list..].chunks_exact_mut(8).for_each(|place| place.copy_from_slice(&table));
    block[64..68].copy_from_slice(&u32::MAX.to_le_bytes());
    build::reseal(block);
    let table = u64::from_le_bytes(table) as usize;
    let block = &mut builder.image[table * BLOCK..][..BLOCK];
    let cell = block[40..72].to_vec();
    block[40..].chunks_exact_mut(32).for_each(|place| place.copy_from_slice(&cell));
    block[36..40].copy_from_slice(&u32::MAX.to_le_bytes());
    build::reseal(block);
    let opened =
        super::super::Opened::open(&(std::sync::Arc::new(crate::read::Memory(builder.image)) as _)).unwrap();
    assert_eq!(opened.space(&mut super::super::Notes::default()).length(), 1);
}

#[test]
fn states_whose_nodes_were_written_over_give_no_wrong_entries() {
    let mut builder = started();
    let before = builder.image.clone();
    remove_all(&mut builder);
    // Every node of the first state that is not one of the second.
    for at in 0..before.len() / BLOCK {
        let block = &mut builder.image[at * BLOCK..][..BLOCK];
        if before[at * BLOCK..][24..32] == [2, 0, 0, 0, 14, 0, 0, 0]
            && block == &before[at * BLOCK..][..BLOCK]
        {
            block.copy_from_slice(&bytes(at as u64, BLOCK));
        }
    }
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert!(image.entries.iter().all(|entry| entry.state == EntryState::Allocated));
}

#[test]
fn a_snapshot_lists_what_the_volume_does_not_hold_any_more() {
    let mut builder = started();
    builder.snapshot(0, "before");
    builder.commit();
    builder.snapshot(0, "the same");
    remove_all(&mut builder);
    add(&mut builder, (0, 16), "new.jpg", &bytes(77, 3000), 1);
    builder.commit();
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    let found = image.digests(EntryState::Allocated);
    let kept: Vec<&str> =
        found.keys().map(String::as_str).filter(|path| path.contains(".snapshot")).collect();
    let expected = [
        "Data/.snapshot before/gone/note.txt",
        "Data/.snapshot before/gone/only here.jpg",
        "Data/.snapshot before/pictures/3.jpg",
    ];
    assert_eq!(kept, expected);
    assert_eq!(found[expected[2]].1, md5(&bytes(3, 6000)));
    assert_eq!(image.find(expected[2]).record >> 56, 100);
    // What a snapshot holds is not deleted.
    assert!(image.entries.iter().all(|entry| entry.state == EntryState::Allocated));
}

#[test]
fn files_of_a_snapshot_of_an_encrypted_volume_are_encrypted() {
    let mut builder = started();
    builder.snapshot(0, "before");
    remove_all(&mut builder);
    for block in builder.image.chunks_mut(BLOCK).filter(|block| &block[32..36] == b"APSB") {
        block[264] = 0;
        build::reseal(block);
    }
    let image = Image::survey(&Apfs, builder.image).unwrap();
    assert_eq!(image.find("Data/.snapshot before/pictures/3.jpg").content, Content::Encrypted);
    assert_eq!(image.find("Data/pictures/4.jpg").content, Content::Encrypted);
}

#[test]
fn a_damaged_newest_checkpoint_gives_way_to_block_0_and_then_to_an_older_one() {
    let mut builder = started();
    builder.snapshot(0, "kept");
    remove_all(&mut builder);
    // The second superblock stands in block 4 of the ring.
    builder.image[4 * BLOCK + 2000] ^= 4;
    let image = Image::survey(&Apfs, builder.image.clone()).unwrap();
    image.problem(ProblemKind::Corrupt, "superblock of a checkpoint at byte 16384 is damaged");
    assert_eq!(image.digests(EntryState::Allocated).len(), 12);
    builder.image[100] ^= 1;
    let image = Image::survey(&Apfs, builder.image).unwrap();
    image.problem(ProblemKind::Corrupt, "superblock in block 0 at byte 0 is damaged");
    assert!(image.digests(EntryState::Allocated).contains_key("Data/pictures/3.jpg"));
}
