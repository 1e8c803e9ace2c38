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
        let share = after_single_flips(&Btrfs, &image, &places, 40);
        eprintln!("{}: {:.2} % of files listed whole", variant.0, share * 100.0);
        assert!(share >= 0.95, "{}: {share}", variant.0);
    }
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang() {
    for variant in VARIANTS {
        let Some(image) = made(variant) else { return };
        let places = Image::survey(&Btrfs, image.clone()).unwrap().metadata;
        under_damage(&Btrfs, &image, &places, 100);
    }
}

/// An image with what only the kernel makes: snapshots, every kind of compression, removed files.
fn made_by_the_kernel() -> Option<Vec<u8>> {
    let (path, _folder) = format("-M -m single -d single -n 4096", 32)?;
    for compression in ["zlib", "lzo", "zstd"] {
        let mount = Mounted::new(&path, &format!("noatime,compress-force={compression}"))?;
        for number in 0..30 {
            let text = format!("text number {number} ").repeat(30 * number);
            std::fs::write(mount.at(&format!("{compression} {number}")), text).unwrap();
        }
        mount.sync();
        run("btrfs", &["subvolume", "snapshot", &mount.at(""), &mount.at(&format!("with {compression}"))]);
        std::fs::remove_file(mount.at(&format!("{compression} 3"))).unwrap();
        drop(mount);
    }
    Some(std::fs::read(path).unwrap())
}

#[test]
fn snapshots_and_compressed_files_stand_damage_too() {
    let Some(image) = made_by_the_kernel() else { return };
    let sound = Image::survey(&Btrfs, image.clone()).unwrap();
    assert!(sound.entries.len() > 250, "{}", sound.entries.len());
    under_damage(&Btrfs, &image, &sound.metadata, 60);
    let share = after_single_flips(&Btrfs, &image, &sound.metadata, 60);
    eprintln!("snapshots: {:.2} % of files listed whole", share * 100.0);
    assert!(share >= 0.95, "{share}");
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

#[test]
fn pointers_that_all_lead_to_one_node_are_followed_once() {
    let folder = folder();
    let options = format!("-m single -n 4096 --csum blake2 --rootdir {}", folder.path().display());
    let Some((path, _folder)) = format(&options, 48) else { return };
    let mut content = std::fs::read(path).unwrap();
    let sound = Image::survey(&Btrfs, content.clone()).unwrap();
    // Checksums of this kind are not verified, so that what is written here is believed.
    let node = |at: usize, content: &[u8]| {
        let number = |from: usize| u64::from_le_bytes(content[at + from..at + from + 8].try_into().unwrap());
        (content[at + 100] == 1 && number(88) == 5).then(|| number(48))
    };
    let places = sound.metadata.iter().filter(|place| place.offset > 1 << 20);
    let mut starts = places.flat_map(|place| (place.offset as usize..place.end() as usize).step_by(4096));
    let root = starts.find(|at| node(*at, &content).is_some()).unwrap();
    let first: Vec<u8> = content[root + 101..root + 134].to_vec();
    for number in 0..121 {
        content[root + 101 + number * 33..root + 134 + number * 33].copy_from_slice(&first);
    }
    content[root + 96..root + 100].copy_from_slice(&121_u32.to_le_bytes());
    let image = Image::survey(&Btrfs, content).unwrap();
    assert!(image.entries.len() < sound.entries.len(), "{}", image.entries.len());
}
