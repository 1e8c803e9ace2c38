//! Mapping pairs: which clusters hold which part of an attribute.

use crate::model::Run;

/// Turns mapping pairs into runs, added to `runs`; returns the clusters that they cover.
///
/// `cluster` is the size of a cluster in bytes, `clusters` how many the volume has. What is wrong ends the decoding; the
/// runs before it stand. Layout: Microsoft, "NTFS on-disk structures", mapping pairs.
pub(super) fn decode(
    pairs: &[u8],
    cluster: u64,
    clusters: u64,
    runs: &mut Vec<Run>,
) -> (u64, Option<&'static str>) {
    let start = runs.len();
    let mut covered = 0_u64;
    let mut place = 0_i64;
    let mut rest = pairs;
    loop {
        let Some((head, after)) = rest.split_first() else { return (covered, Some("no end")) };
        if *head == 0 {
            return (covered, None);
        }
        let (length_bytes, place_bytes) = (usize::from(head & 0xf), usize::from(head >> 4));
        let Some((length, after)) = number(after, length_bytes).filter(|(length, _)| *length > 0) else {
            return (covered, Some("a length that is not positive"));
        };
        let run = match number(after, place_bytes) {
            None => return (covered, Some("a place that is too long")),
            Some((_, after)) if place_bytes == 0 => {
                rest = after;
                bytes(length, cluster).map(Run::hole)
            }
            Some((step, after)) => {
                rest = after;
                place.checked_add(step).and_then(|next| {
                    place = next;
                    let first = u64::try_from(next).ok()?;
                    let end = first.checked_add(u64::try_from(length).ok()?)?;
                    let offset = first.checked_mul(cluster)?;
                    (end <= clusters).then_some(Run::new(offset, bytes(length, cluster)?))
                })
            }
        };
        let more = run.and_then(|_| covered.checked_add(u64::try_from(length).ok()?));
        let (Some(run), Some(total)) = (run, more.filter(|total| *total < u64::MAX >> 22)) else {
            return (covered, Some("clusters outside the volume"));
        };
        covered = total;
        push(runs, start, run);
    }
}

fn bytes(length: i64, cluster: u64) -> Option<u64> {
    u64::try_from(length).ok()?.checked_mul(cluster).filter(|bytes| *bytes < 1 << 63)
}

/// Adds a run; neighbours from `start` on become one.
pub(super) fn push(runs: &mut Vec<Run>, start: usize, run: Run) {
    let last = runs.get_mut(start..).and_then(<[Run]>::last_mut);
    match last {
        Some(last) if last.is_hole() && run.is_hole() => last.length = last.length.saturating_add(run.length),
        Some(last)
            if !last.is_hole() && !run.is_hole() && last.offset.saturating_add(last.length) == run.offset =>
        {
            last.length = last.length.saturating_add(run.length);
        }
        _ => runs.push(run),
    }
}

/// A signed little-endian number of up to eight bytes, and what follows it.
fn number(bytes: &[u8], length: usize) -> Option<(i64, &[u8])> {
    let (own, rest) = bytes.split_at_checked(length).filter(|_| length <= 8)?;
    let sign = own.last().is_some_and(|last| last & 0x80 != 0);
    let mut whole = [if sign { 0xff } else { 0 }; 8];
    whole.get_mut(..length)?.copy_from_slice(own);
    Some((i64::from_le_bytes(whole), rest))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn places_are_relative_and_signed_and_holes_have_none() {
        let mut runs = Vec::new();
        let pairs = [0x11, 3, 10, 0x01, 5, 0x21, 2, 0xff, 0x00, 0x11, 1, 0x80, 0];
        assert_eq!(decode(&pairs, 512, 1 << 20, &mut runs), (11, None));
        let expected = [
            Run::new(10 * 512, 3 * 512),
            Run::hole(5 * 512),
            Run::new(265 * 512, 2 * 512),
            Run::new(137 * 512, 512),
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn hostile_pairs_end_the_decoding_and_keep_what_came_before() {
        for (pairs, covered) in [
            (&[][..], 0),
            (&[0x11, 3, 10], 3),
            (&[0x11, 3, 10, 0x11, 0, 1], 3),
            (&[0x11, 0xff, 1], 0),
            (&[0x11, 1, 0x80, 0], 0),
            (&[0x91, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),
            (&[0x08, 1, 0, 0, 0, 0, 0, 0, 0x7f, 0], 0),
            (&[0x11, 3, 100, 0x12, 0, 1, 1], 3),
        ] {
            let mut runs = Vec::new();
            let (found, flaw) = decode(pairs, 4096, 110, &mut runs);
            assert_eq!(found, covered, "{pairs:?}");
            assert!(flaw.is_some(), "{pairs:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_within_the_volume(pairs: Vec<u8>, power in 9_u32..22) {
            let mut runs = Vec::new();
            let cluster = 1_u64 << power;
            let (covered, _) = decode(&pairs, cluster, 1000, &mut runs);
            let sum: u64 = runs.iter().map(|run| run.length).sum();
            assert_eq!(sum, covered * cluster);
            assert!(runs.iter().all(|run| run.is_hole() || run.offset + run.length <= 1000 * cluster));
        }
    }
}
