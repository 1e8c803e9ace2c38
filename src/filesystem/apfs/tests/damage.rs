//! Damage: nothing panics, and what is sound is still listed.

use super::*;
use crate::filesystem::trial::{after_single_flips, under_damage};
use crate::model::ProblemKind;

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang() {
    let (mut builder, _) = sample();
    builder.snapshot(0, "one");
    builder.volumes[0].remove(ROOT, "sparse.bin");
    builder.commit();
    let image = Image::survey(&Apfs, builder.image.clone()).unwrap();
    under_damage(&Apfs, &builder.image, &image.metadata, 150);
}

#[test]
fn after_a_single_flip_in_metadata_the_files_are_still_listed() {
    let (builder, _) = sample();
    let image = Image::survey(&Apfs, builder.image.clone()).unwrap();
    let share = after_single_flips(&Apfs, &builder.image, &image.metadata, 300);
    eprintln!("{:.3} % of files after a single flip", share * 100.0);
    assert!(share >= 0.95, "{share}");
}

#[test]
fn a_lost_index_costs_no_file_and_a_lost_leaf_what_it_holds() {
    let (builder, expected) = sample();
    let is_node = |block: &[u8], leaf: bool| {
        block[28] == 14 && block[24..26] == [3 - u8::from(!leaf), 0] && (block[32] & 2 == 2) == leaf
    };
    let place = |leaf: bool| builder.image.chunks(BLOCK).position(|block| is_node(block, leaf)).unwrap();
    let mut lost = builder.image.clone();
    lost[place(false) * BLOCK..][..BLOCK].fill(0x55);
    let image = Image::survey(&Apfs, lost).unwrap();
    image.problem(ProblemKind::Corrupt, "node of a file-system tree");
    let found = image.digests(crate::model::EntryState::Allocated);
    let whole = expected.iter().filter(|(path, content)| found.get(*path) == Some(content)).count();
    assert_eq!(whole, expected.len());
    let mut lost = builder.image.clone();
    lost[place(true) * BLOCK..][..BLOCK].fill(0x55);
    let image = Image::survey(&Apfs, lost).unwrap();
    let found = image.digests(crate::model::EntryState::Allocated);
    let whole = expected.values().filter(|content| found.values().any(|found| found == *content)).count();
    assert!(whole + 8 > expected.len(), "{whole} of {}", expected.len());
}
