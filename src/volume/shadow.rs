//! Shadow copies of NTFS volumes: counted, with the times at which they were made.
//!
//! Source: libvshadow documentation, "Volume Shadow Snapshot (VSS) format", sections "Volume header" and "Catalog".

use std::collections::BTreeSet;

use super::encryption::filetime;
use crate::model::Extent;
use crate::read::{Fields, ReadAt};

/// `3808876B-C176-4E48-B7AE-04046E6CC752` as stored.
const IDENTIFIER: &[u8] = b"\x6b\x87\x08\x38\x76\xc1\x48\x4e\xb7\xae\x04\x04\x6e\x6c\xc7\x52";
const HEADER: u64 = 0x1e00;
const BLOCK: usize = 0x4000;
const ENTRY: usize = 128;
/// Most blocks of a catalog; Windows keeps at most 512 copies, with two entries each.
const MAX_BLOCKS: usize = 256;

/// What a volume says of its shadow copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadows {
    /// When each was made, in UTC, in the order of the time; absent where the stored value is no date.
    pub made: Vec<Option<String>>,
    /// Places that were read, from the start of the volume.
    pub metadata: Vec<Extent>,
    /// Why there may be more, when the catalog was not read to its end.
    pub damage: Option<String>,
}

impl Shadows {
    /// What is there, as one sentence.
    pub fn sentence(&self) -> String {
        const LISTED: usize = 64;
        let count = crate::read::size(self.made.len());
        let copies = crate::model::counted(count, "shadow copy", "shadow copies");
        let times: Vec<&str> = self
            .made
            .iter()
            .take(LISTED)
            .map(|time| time.as_deref().unwrap_or("at an unknown time"))
            .collect();
        let more = if self.made.len() > LISTED { " and others" } else { "" };
        let made =
            if times.is_empty() { String::new() } else { format!(", made {}{more}", times.join(", ")) };
        let damage =
            self.damage.as_ref().map(|why| format!("; there may be more: {why}")).unwrap_or_default();
        format!("{copies} of earlier states of this volume{made}: not examined by this version{damage}")
    }
}

/// The shadow copies of an NTFS volume; `None` when it has none and never had.
pub fn examine(volume: &dyn ReadAt) -> Option<Shadows> {
    if !volume.read_vec(0, 11).is_ok_and(|front| Fields(&front).has(3, b"NTFS    ")) {
        return None;
    }
    let header = volume.read_vec(HEADER, 512).ok()?;
    let fields = Fields(&header);
    if !fields.has(0, IDENTIFIER) || fields.u32(20)? != 1 {
        return None;
    }
    let mut shadows = Shadows { metadata: vec![Extent::new(HEADER, 512)], ..Shadows::default() };
    let mut times = Vec::new();
    let mut visited = BTreeSet::new();
    let mut at = fields.u64(48)?;
    while at != 0 {
        if !visited.insert(at) || visited.len() > MAX_BLOCKS {
            shadows.damage = Some(format!("its catalog comes back to byte {at}, or is longer than any"));
            break;
        }
        let Ok(block) = volume.read_vec(at, BLOCK) else {
            shadows.damage = Some(format!("its catalog cannot be read at byte {at}"));
            break;
        };
        let fields = Fields(&block);
        if !fields.has(0, IDENTIFIER) || fields.u32(20) != Some(2) {
            shadows.damage = Some(format!("no catalog stands at byte {at}"));
            break;
        }
        shadows.metadata.push(Extent::new(at, crate::read::size(BLOCK)));
        // Entries of type 2 describe a copy, those of type 3 where its store is.
        let copies = block.chunks_exact(ENTRY).skip(1).filter(|entry| Fields(entry).u64(0) == Some(2));
        times.extend(copies.filter_map(|entry| Fields(entry).u64(48)));
        at = fields.u64(40).unwrap_or(0);
    }
    times.sort_unstable();
    shadows.made = times.into_iter().map(filetime).collect();
    (!shadows.made.is_empty() || shadows.damage.is_some()).then_some(shadows)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::read::Memory;

    const FIRST: u64 = 131_543_567_240_000_000;

    fn entry(volume: &mut [u8], at: usize, kind: u64, made: u64) {
        volume[at..at + 8].copy_from_slice(&kind.to_le_bytes());
        volume[at + 48..at + 56].copy_from_slice(&made.to_le_bytes());
    }

    fn block(volume: &mut [u8], at: usize, next: u64) {
        volume[at..at + 16].copy_from_slice(IDENTIFIER);
        volume[at + 20] = 2;
        volume[at + 40..at + 48].copy_from_slice(&next.to_le_bytes());
    }

    fn volume() -> Vec<u8> {
        let mut volume = vec![0; 1 << 20];
        volume[3..11].copy_from_slice(b"NTFS    ");
        volume[0x1e00..0x1e10].copy_from_slice(IDENTIFIER);
        volume[0x1e00 + 20] = 1;
        volume[0x1e00 + 48..][..8].copy_from_slice(&0x2_0000_u64.to_le_bytes());
        block(&mut volume, 0x2_0000, 0x8_0000);
        block(&mut volume, 0x8_0000, 0);
        entry(&mut volume, 0x2_0080, 2, FIRST + 36_000_000_000);
        entry(&mut volume, 0x2_0100, 3, 0);
        entry(&mut volume, 0x8_0180, 2, FIRST);
        volume
    }

    #[test]
    fn shadow_copies_are_counted_with_their_times() {
        let found = examine(&Memory(volume())).unwrap();
        let times = ["2017-11-05T11:58:44Z", "2017-11-05T12:58:44Z"].map(|time| Some(time.to_owned()));
        assert_eq!((found.made.as_slice(), &found.damage), (times.as_slice(), &None));
        assert!(
            found
                .sentence()
                .starts_with("2 shadow copies of earlier states of this volume, made 2017-11-05T11:58:44Z")
        );
        assert_eq!(found.metadata.len(), 3);
        assert_eq!(examine(&Memory(vec![0; 1 << 20])), None);
    }

    #[test]
    fn catalogs_that_loop_or_end_are_said_and_what_was_found_is_kept() {
        let mut looped = volume();
        block(&mut looped, 0x8_0000, 0x2_0000);
        let found = examine(&Memory(looped)).unwrap();
        assert!(
            found.made.len() == 2 && found.sentence().contains("there may be more: its catalog comes back")
        );
        let mut cut = volume();
        cut.truncate(0x7_0000);
        let found = examine(&Memory(cut)).unwrap();
        assert!(found.made.len() == 1 && found.damage.is_some());
    }

    #[test]
    fn mutated_catalogs_never_panic() {
        let whole = volume();
        let mut state = 0x1234_5678_9abc_def1_u64;
        for round in 0..3000_usize {
            let mut damaged = whole.clone();
            for _ in 0..=round % 8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place =
                    [0x1e00, 0x2_0000, 0x8_0000][(state >> 60) as usize % 3] + (state >> 33) as usize % 1024;
                damaged[place] ^= 1 << (state >> 61);
            }
            damaged.truncate(if round % 5 == 0 { (state >> 40) as usize % whole.len() } else { whole.len() });
            examine(&Memory(damaged));
        }
    }
}
