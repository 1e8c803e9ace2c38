//! Positional, read-only access to bytes, and the errors of everything that reads evidence.
//!
//! Nothing here can write, and nothing turns a byte that could not be read into a zero.

mod error;
mod fields;
mod memory;
mod pieces;
mod placed;
mod window;

use std::sync::Arc;

pub use error::{Error, Result, Unreadable};
pub use fields::Fields;
pub use memory::Memory;
pub use pieces::Pieces;
pub use placed::Placed;
pub use window::Window;

/// Bytes that can be read at any position by several threads at once.
pub trait ReadAt: Send + Sync {
    /// Length in bytes as the source states it; reading below it may still fail.
    fn size(&self) -> u64;

    /// Reads bytes from `offset` on into the front of `buffer` and returns how many.
    ///
    /// Fewer than asked for are returned only before the end or before a range that cannot be read; zero only at
    /// or past the end, or for an empty buffer. The error is returned when the byte at `offset` itself cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable>;

    /// Fills the whole buffer or fails; the end of the source counts as unreadable.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<(), Unreadable> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(size(done));
            let length = size(rest.len());
            match self.read_at(at, rest)? {
                0 => return Err(Unreadable::new(at, length, "the data end here")),
                more => done = done.saturating_add(more),
            }
        }
        Ok(())
    }

    /// Reads `length` bytes from `offset` on. The caller has bounded `length`: it is never the evidence's own word.
    fn read_vec(&self, offset: u64, length: usize) -> std::result::Result<Vec<u8>, Unreadable> {
        // A source cannot hold more than its size: refuse before memory is taken.
        let available = self.size().saturating_sub(offset);
        if size(length) > available {
            return Err(Unreadable::new(
                offset.saturating_add(available),
                size(length) - available,
                "the data end here",
            ));
        }
        let mut bytes = vec![0; length];
        self.read_exact_at(offset, &mut bytes)?;
        Ok(bytes)
    }
}

impl<R: ReadAt + ?Sized> ReadAt for Arc<R> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        (**self).read_at(offset, buffer)
    }
}

impl<R: ReadAt + ?Sized> ReadAt for &R {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        (**self).read_at(offset, buffer)
    }
}

/// How sure a format is that bytes are its own. The strongest wins; a tie is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// They are not.
    #[default]
    No,
    /// They may be.
    Weak,
    /// Signature and structure agree.
    Strong,
}

/// The candidates that are surest of themselves, in their order; none when every one says no.
///
/// More than one is a tie, which the caller reports with all their names.
pub fn strongest<T>(candidates: impl IntoIterator<Item = (T, Confidence)>) -> (Confidence, Vec<T>) {
    let mut best = (Confidence::No, Vec::new());
    for (candidate, confidence) in candidates {
        if confidence > best.0 {
            best = (confidence, vec![candidate]);
        } else if confidence == best.0 && confidence != Confidence::No {
            best.1.push(candidate);
        }
    }
    best
}

/// Most ranges that [`gaps`] tells apart; what follows the last is one range.
const MAX_GAPS: usize = 4096;

/// Exactly which of `length` bytes from `offset` on cannot be read, neighbouring ranges together.
pub fn gaps(source: &dyn ReadAt, offset: u64, length: u64) -> Vec<Unreadable> {
    let end = offset.saturating_add(length);
    let mut buffer = vec![0; usize::try_from(length.min(1 << 16)).unwrap_or(1 << 16)];
    let mut gaps: Vec<Unreadable> = Vec::new();
    let mut at = offset;
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let failure = match source.read_at(at, buffer.get_mut(..left).unwrap_or_default()) {
            Ok(read) if read > 0 => {
                at = at.saturating_add(size(read));
                continue;
            }
            Ok(_) => Unreadable::new(at, end - at, "the data end here"),
            Err(failure) => failure,
        };
        let next = failure.offset.saturating_add(failure.length).clamp(at.saturating_add(1), end);
        match gaps.last_mut() {
            Some(last) if last.offset.saturating_add(last.length) == at => last.length += next - at,
            _ => gaps.push(Unreadable::new(at, next - at, failure.reason)),
        }
        if gaps.len() >= MAX_GAPS {
            gaps.extend(
                (next < end)
                    .then(|| Unreadable::new(next, end - next, "too many places that cannot be read")),
            );
            break;
        }
        at = next;
    }
    gaps
}

/// A length in memory as a length on a medium; `usize` is never wider than 64 bits on our platforms.
pub const fn size(length: usize) -> u64 {
    #[expect(clippy::as_conversions, reason = "widening")]
    {
        length as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_apart_and_neighbours_are_one() {
        struct Bad;
        impl ReadAt for Bad {
            fn size(&self) -> u64 {
                100
            }
            fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
                match offset {
                    20..30 | 60..80 => Err(Unreadable::new(offset, 5 - offset % 5, "bad")),
                    100.. => Ok(0),
                    _ => Ok(buffer.len().min(5 - offset as usize % 5)),
                }
            }
        }
        let found: Vec<_> = gaps(&Bad, 3, 110).iter().map(|gap| (gap.offset, gap.length)).collect();
        assert_eq!(found, [(20, 10), (60, 20), (100, 13)]);
        assert!(gaps(&Bad, 30, 30).is_empty());
    }

    #[test]
    fn the_surest_wins_and_a_tie_keeps_all_who_are_equally_sure() {
        use Confidence::{No, Strong, Weak};
        assert_eq!(strongest([("a", Weak), ("b", Strong), ("c", No)]), (Strong, vec!["b"]));
        assert_eq!(strongest([("a", Weak), ("b", Weak)]), (Weak, vec!["a", "b"]));
        assert_eq!(strongest([("a", No)]), (No, vec![]));
    }
}
