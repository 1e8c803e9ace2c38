//! Seeded damage: no panic, bounded work, and nearly every file is still listed.

use super::*;
use crate::filesystem::trial::{after_single_flips, under_damage};

#[test]
fn one_flipped_bit_costs_hardly_a_file() {
    for options in ["-J -R", "-R", "-J", "-iso-level 3 -D"] {
        let Some(bytes) = genisoimage(options) else { return };
        let places = survey(bytes.clone()).metadata;
        let kept = after_single_flips(&Iso9660, &bytes, &places, 200);
        eprintln!("{options:?}: {:.2} % of the files are kept after a flipped bit", kept * 100.0);
        assert!(kept >= 0.95, "{options}: {kept}");
    }
}

#[test]
fn nothing_panics_or_hangs_under_damage() {
    for options in ["-J -R", ""] {
        let Some(bytes) = genisoimage(options) else { return };
        let places = survey(bytes.clone()).metadata;
        under_damage(&Iso9660, &bytes, &places, 200);
    }
}
