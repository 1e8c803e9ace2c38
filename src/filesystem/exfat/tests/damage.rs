//! Seeded damage: nothing panics or hangs, and what is not damaged is still listed.

use super::image::{Builder, ROOT, file, folder};
use super::survey;
use crate::filesystem::exfat::Exfat;
use crate::filesystem::trial::{after_single_flips, under_damage};

/// A volume with directories of two levels and some forty files, of which some are deleted.
fn small() -> Vec<u8> {
    let mut image = Builder::new();
    let root: Vec<u32> = vec![ROOT, 200];
    image.chain(&root);
    image.directory(ROOT, &[folder("outer", 10, 1), folder("second", 11, 1), folder("third", 12, 2)]);
    image.directory(200, &[file("in the root", 15, 100), file("gone", 14, 100).deleted()]);
    image.full(ROOT);
    image.used(10..=13).used(15..=15);
    let mut cluster = 20;
    for directory in [10, 11, 12, 190] {
        let entries: Vec<_> = (0..5)
            .map(|number| {
                let name = format!("picture {number}");
                cluster += 2;
                match number {
                    1 => file(&name, cluster, 700).deleted(),
                    2 => {
                        image.chain(&[cluster + 101, cluster + 100]);
                        file(&name, cluster + 101, 700).chained()
                    }
                    0 if directory == 12 => {
                        image.used(190..=190);
                        folder("inner", 190, 1)
                    }
                    _ => {
                        image.used(cluster..=cluster + 1);
                        file(&name, cluster, 700)
                    }
                }
            })
            .collect();
        image.directory(directory, &entries);
    }
    image.seal()
}

#[test]
fn a_single_flip_costs_few_files() {
    let bytes = small();
    let found = survey(bytes.clone());
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
    let share = after_single_flips(&Exfat, &bytes, &found.metadata, 3000);
    eprintln!("hand-built: {:.2} % of the files survive a flip", share * 100.0);
    assert!(share >= 0.95, "{share}");
}

#[test]
fn many_flips_and_truncations_neither_panic_nor_hang_nor_grow() {
    let bytes = small();
    let places = survey(bytes.clone()).metadata;
    under_damage(&Exfat, &bytes, &places, 2000);
}
