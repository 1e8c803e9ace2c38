//! Damaged and hostile volumes: nothing panics, nothing hangs, and what is sound is still listed.

use super::*;
use crate::filesystem::trial::{after_single_flips, under_damage, walk};

const VARIANTS: [(&str, u64); 3] =
    [("-M -m single -d single -n 4096", 16), ("-m single", 48), ("-m dup -n 4096", 110)];

fn made((options, mib): (&str, u64)) -> Option<Vec<u8>> {
    let folder = folder();
    let (path, _folder) = format(&format!("{options} --rootdir {}", folder.path().display()), mib)?;
    Some(std::fs::read(path).unwrap())
}

#[test]
fn after_a_single_flip_in_metadata_the_files_are_still_listed() {
    for variant in VARIANTS {
        let Some(image) = made(variant) else { return };
        let places = Image::survey(&Btrfs, image.clone()).unwrap().metadata;
        let share = after_single_flips(&Btrfs, &image, &places, 60);
        eprintln!("{}: {:.2} % of files listed whole", variant.0, share * 100.0);
        assert!(share >= 0.95, "{}: {share}", variant.0);
    }
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang() {
    for variant in VARIANTS {
        let Some(image) = made(variant) else { return };
        let places = Image::survey(&Btrfs, image.clone()).unwrap().metadata;
        under_damage(&Btrfs, &image, &places, 40);
    }
}

#[test]
fn a_copy_stands_in_for_the_first_superblock() {
    let folder = folder();
    let Some((path, _folder)) = format(&format!("-m single --rootdir {}", folder.path().display()), 80)
    else {
        return;
    };
    let mut content = std::fs::read(path).unwrap();
    assert_eq!(Btrfs.probe(&Memory(&content)), Confidence::Strong);
    content[65536..65536 + 4096].fill(0);
    assert_eq!(Btrfs.probe(&Memory(&content)), Confidence::Weak);
    let image = Image::survey(&Btrfs, content.clone()).unwrap();
    image.problem(ProblemKind::Corrupt, "is used instead");
    assert_eq!(image.digests(EntryState::Allocated), walk(folder.path()));
    content[64 << 20..(64 << 20) + 4096].fill(0);
    assert_eq!(Btrfs.probe(&Memory(&content)), Confidence::No);
    assert!(Btrfs.open(Arc::new(Memory(content))).is_err());
}

#[test]
fn a_damaged_node_is_read_from_its_copy() {
    let folder = folder();
    let Some((path, _folder)) = format(&format!("--rootdir {}", folder.path().display()), 116) else {
        return;
    };
    let sound = survey(&path);
    let expected = walk(folder.path());
    let nodes: Vec<_> = sound.metadata.iter().filter(|place| place.offset > 1 << 20).copied().collect();
    assert!(!nodes.is_empty());
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    for place in nodes {
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes(1, place.length as usize), place.offset)
            .unwrap();
    }
    let image = survey(&path);
    image.problem(ProblemKind::Corrupt, "a copy is damaged");
    assert_eq!(image.digests(EntryState::Allocated), expected);
}
