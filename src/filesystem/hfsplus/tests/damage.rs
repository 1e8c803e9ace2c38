//! Damage: what is sound is still listed, and nothing panics, hangs or grows.

use std::collections::BTreeMap;

use super::HfsPlus;
use super::honest::everything;
use super::image::{BLOCK, CATALOG_NODE};
use crate::filesystem::Format;
use crate::filesystem::trial::{self, after_single_flips, under_damage};
use crate::model::{EntryState, Extent, ProblemKind};
use crate::read::{Confidence, Memory};

fn digests(bytes: Vec<u8>) -> (trial::Image, BTreeMap<String, (u64, String)>) {
    let image = trial::Image::survey(&HfsPlus, bytes).unwrap();
    let digests = image.digests(EntryState::Allocated);
    (image, digests)
}

/// Where the catalog of a made volume begins.
fn catalog(bytes: &[u8]) -> usize {
    let at = 1024 + 272 + 16;
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize * BLOCK
}

#[test]
fn a_single_flipped_bit_in_metadata_costs_almost_nothing() {
    let bytes = everything().0.finish();
    let image = trial::Image::survey(&HfsPlus, bytes.clone()).unwrap();
    let kept = after_single_flips(&HfsPlus, &bytes, &image.metadata, 200);
    let header = [Extent::new(1024, 512)];
    let headers = after_single_flips(&HfsPlus, &bytes, &header, 100);
    let start = catalog(&bytes) as u64;
    let first = [Extent::new(start, 256)];
    let heads = after_single_flips(&HfsPlus, &bytes, &first, 100);
    eprintln!(
        "kept after one flip: {:.2} % anywhere in metadata, {:.2} % in the volume header, {:.2} % in the header node",
        kept * 100.0,
        headers * 100.0,
        heads * 100.0
    );
    assert!(kept > 0.99 && headers > 0.95 && heads > 0.95);
}

#[test]
fn flips_and_truncation_do_no_harm() {
    let bytes = everything().0.finish();
    let image = trial::Image::survey(&HfsPlus, bytes.clone()).unwrap();
    under_damage(&HfsPlus, &bytes, &image.metadata, 200);
}

#[test]
fn the_copy_of_the_volume_header_is_used_when_the_first_is_damaged() {
    let bytes = everything().0.finish();
    let (_, expected) = digests(bytes.clone());
    for (place, length) in
        [(1024, 512), (1024, 2), (1024 + 40, 4), (1024 + 272 + 16, 4), (1024 + 352 + 16, 4)]
    {
        let mut damaged = bytes.clone();
        damaged[place..place + length].fill(0x7f);
        assert_ne!(HfsPlus.probe(&Memory(&damaged)), Confidence::No, "{place}");
        let (image, found) = digests(damaged);
        assert_eq!(found, expected, "{place}");
        image.problem(ProblemKind::Corrupt, "copy at byte");
    }
}

#[test]
fn damaged_links_indexes_and_headers_of_trees_cost_nothing() {
    let bytes = everything().0.finish();
    let (_, expected) = digests(bytes.clone());
    let start = catalog(&bytes);
    let node = |number: usize| start + number * CATALOG_NODE;
    // The link of a leaf to itself, to nowhere, to the header; the header node; the kind and the count of a leaf.
    let cases: [(usize, &[u8]); 8] = [
        (node(3), &[0, 0, 0, 3]),
        (node(3), &[9, 9, 9, 9]),
        (node(3), &[0, 0, 0, 0]),
        (node(0), &[0xff; 512]),
        (node(0) + 32, &[0x13, 0x88]),
        (node(3) + 8, &[7]),
        (node(3) + 10, &[0, 2]),
        (node(3) + 10, &[0xff, 0xff]),
    ];
    for (place, patch) in cases {
        let mut damaged = bytes.clone();
        damaged[place..place + patch.len()].copy_from_slice(patch);
        let (image, found) = digests(damaged);
        assert_eq!(found, expected, "{place} {patch:?} {:#?}", image.problems);
        assert!(place == node(0) + 32 || !image.problems.is_empty(), "{place} {patch:?}");
    }
}
