//! Seeded damage: nothing panics or hangs, and what is not damaged is still listed.

use super::image::{Image, file, folder, utf16};
use super::survey;
use super::tools::make;
use crate::filesystem::fat::Fat;
use crate::filesystem::trial::{after_single_flips, under_damage};
use crate::model::{EntryKind, Extent};

/// A volume with directories of three levels and some forty files.
fn small() -> Vec<u8> {
    let mut image = Image::new();
    let mut cluster = 20;
    for number in 0..3_u16 {
        let outer = 3 + number * 2;
        let inner = outer + 1;
        image.root(usize::from(number), folder(b"OUTER      ", outer)).chain(&[outer]).dots(outer, 0);
        image.put(outer, 2, folder(b"INNER      ", inner)).chain(&[inner]).dots(inner, outer);
        for slot in 2..15 {
            image.put(inner, slot, file(b"PICTURE JPG", cluster, 700)).chain(&[cluster, cluster + 2]);
            cluster += if cluster % 2 == 0 { 1 } else { 3 };
        }
    }
    let slot = image.long(10, &utf16("a name that is long"), b"ANAMET~1   ", false);
    image.root(slot, file(b"ANAMET~1   ", 180, 512)).chain(&[180]);
    image.root(slot + 1, file(b"GONE       ", 185, 900).deleted());
    image.0
}

#[test]
fn a_single_flip_costs_few_files() {
    let bytes = small();
    let metadata = survey(bytes.clone()).unwrap().metadata;
    let share = after_single_flips(&Fat, &bytes, &metadata, 3000);
    eprintln!("hand-built: {:.2} % of the files survive a flip", share * 100.0);
    assert!(share >= 0.95, "{share}");
}

#[test]
fn a_single_flip_in_made_volumes_costs_few_files() {
    let temporary = tempfile::tempdir().unwrap();
    for (name, kib, arguments, fat) in [
        ("fat12", "1024", ["-F", "12", "-s", "1"], Extent::new(512, 3584)),
        ("fat16", "8192", ["-F", "16", "-s", "2"], Extent::new(512, 3584)),
        ("fat32", "40960", ["-F", "32", "-s", "1"], Extent::new(32 * 512, 4 * 512)),
    ] {
        let Some(image) = make(temporary.path(), name, kib, &arguments) else { return };
        let bytes = std::fs::read(image).unwrap();
        let undamaged = survey(bytes.clone()).unwrap();
        let directories = undamaged.entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
        let whole = directories.filter(|entry| entry.runs.len() == 1);
        let mut places: Vec<_> =
            whole.map(|entry| Extent::new(entry.runs[0].offset, entry.runs[0].length)).collect();
        places.extend([Extent::new(0, 512), fat]);
        let share = after_single_flips(&Fat, &bytes, &places, 40);
        eprintln!("{name}: {:.2} % of the files survive a flip", share * 100.0);
        assert!(share >= 0.95, "{name} {share}");
    }
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang_nor_grow() {
    under_damage(&Fat, &small(), &[Extent::new(0, 16 * 512)], 1000);
}
