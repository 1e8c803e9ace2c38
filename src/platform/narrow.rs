//! Finding what can be read before a bad sector, in few attempts.

use std::io;

use crate::read::size;

/// Reads as much of `length` bytes from `offset` on as stands before the first sector that cannot be read.
///
/// `read(from, to)` reads those bytes of the wanted range and returns how many it got; fewer mean that the source
/// ends there. It is asked again in halves after a failure, so at most `2 + log2(length / sector)` times.
///
/// # Errors
/// When the sector at `offset` itself cannot be read: how many of the wanted bytes lie in it, and why.
pub fn narrow(
    offset: u64,
    length: usize,
    sector: u32,
    mut read: impl FnMut(usize, usize) -> io::Result<usize>,
) -> Result<usize, (usize, io::Error)> {
    let mut error = match read(0, length) {
        Ok(got) => return Ok(got),
        Err(error) => error,
    };
    // Everything before `good` has been read, and somewhere between it and `bad` lies a sector that cannot be.
    let (mut good, mut bad) = (0, length);
    loop {
        let Some(middle) = middle(offset, good, bad, sector.max(1)) else {
            return if good > 0 { Ok(good) } else { Err((bad, error)) };
        };
        match read(good, middle) {
            Ok(got) if got < middle - good => return Ok(good + got),
            Ok(_) => good = middle,
            Err(failure) => {
                bad = middle;
                error = failure;
            }
        }
    }
}

/// The end of a sector about halfway between the two; `None` when they lie in one sector.
fn middle(offset: u64, good: usize, bad: usize, sector: u32) -> Option<usize> {
    let sector = u64::from(sector);
    let (begin, end) = (offset.saturating_add(size(good)), offset.saturating_add(size(bad)));
    let (first, last) = (begin / sector, end.saturating_sub(1) / sector);
    if end <= begin || first >= last {
        return None;
    }
    let boundary = (first + (last - first).div_ceil(2)) * sector;
    usize::try_from(boundary.checked_sub(offset)?).ok().filter(|middle| (good + 1..bad).contains(middle))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn exactly_what_stands_before_the_first_bad_sector_is_read(
            offset in 0_u64..5_000,
            length in 1_usize..40_000,
            end in 1_u64..60_000,
            sector in prop_oneof![Just(512_u32), Just(4096)],
            bad in prop::collection::btree_set(0_u64..90, 0..4),
        ) {
            prop_assume!(offset < end);
            let readable = |at: u64| !bad.contains(&(at / u64::from(sector)));
            let mut attempts = 0_u32;
            let answer = narrow(offset, length, sector, |from, to| {
                attempts += 1;
                let stop = (offset + to as u64).min(end);
                let begin = (offset + from as u64).min(stop);
                match (begin..stop).all(readable) {
                    true => Ok((stop - begin) as usize),
                    false => Err(io::ErrorKind::Other.into()),
                }
            });
            let wanted = (offset..(offset + length as u64).min(end)).take_while(|at| readable(*at)).count();
            prop_assert!(attempts <= 3 + (length as u32 / sector + 2).ilog2(), "{} attempts", attempts);
            match answer {
                Ok(got) => prop_assert_eq!(got, wanted),
                Err((unreadable, _)) => {
                    prop_assert_eq!(wanted, 0);
                    let rest = u64::from(sector) - offset % u64::from(sector);
                    prop_assert_eq!(unreadable as u64, rest.min(length as u64));
                }
            }
        }
    }

    #[test]
    fn a_source_that_fails_everywhere_is_asked_a_few_times_only() {
        let mut asked = BTreeSet::new();
        let answer = narrow(0, 1 << 20, 512, |from, to| {
            assert!(asked.insert((from, to)), "asked twice");
            Err(io::ErrorKind::Other.into())
        });
        assert_eq!((answer.unwrap_err().0, asked.len()), (512, 12));
    }
}
