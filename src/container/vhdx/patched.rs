//! A file with some ranges replaced in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::read::{ReadAt, Unreadable, size};

/// What replaces a range.
#[derive(Clone, Debug)]
enum Patch {
    Zeros,
    /// These bytes, from that one on.
    Bytes(Arc<[u8]>, usize),
}

/// The file; later patches cover earlier ones.
pub(super) struct Patched {
    inner: Arc<dyn ReadAt>,
    /// Patches that do not overlap, by their first byte, with their length.
    patches: BTreeMap<u64, (u64, Patch)>,
    size: u64,
}

impl Patched {
    /// A file without patches, of at least `size` bytes.
    pub(super) fn new(inner: Arc<dyn ReadAt>, size: u64) -> Self {
        let size = inner.size().max(size);
        Self { inner, patches: BTreeMap::new(), size }
    }

    /// Replaces bytes from `at` on.
    pub(super) fn write(&mut self, at: u64, bytes: Arc<[u8]>) {
        let length = size(bytes.len());
        self.put(at, length, Patch::Bytes(bytes, 0));
    }

    /// Replaces bytes from `at` on by zeros.
    pub(super) fn zero(&mut self, at: u64, length: u64) {
        self.put(at, length, Patch::Zeros);
    }

    fn put(&mut self, at: u64, length: u64, patch: Patch) {
        let end = at.saturating_add(length);
        // What is covered goes; what sticks out on either side stays.
        let before = self.patches.range(..at).next_back().map(|(start, (length, _))| (*start, *length));
        if let Some((start, _)) = before.filter(|(start, length)| start.saturating_add(*length) > at) {
            self.cut(start, at);
        }
        self.cut_at(end);
        let covered: Vec<u64> = self.patches.range(at..end).map(|(start, _)| *start).collect();
        for start in covered {
            self.patches.remove(&start);
        }
        if length > 0 {
            self.patches.insert(at, (length, patch));
        }
    }

    /// Divides the patch over `place`, if there is one.
    fn cut_at(&mut self, place: u64) {
        let before = self.patches.range(..place).next_back().map(|(start, (length, _))| (*start, *length));
        if let Some((start, _)) = before.filter(|(start, length)| start.saturating_add(*length) > place) {
            self.cut(start, place);
        }
    }

    /// Divides the patch that begins at `start` at `place` within it.
    fn cut(&mut self, start: u64, place: u64) {
        let Some((length, patch)) = self.patches.remove(&start) else {
            return;
        };
        let front = place.saturating_sub(start);
        let back = match &patch {
            Patch::Zeros => Patch::Zeros,
            Patch::Bytes(bytes, from) => {
                Patch::Bytes(Arc::clone(bytes), from.saturating_add(usize::try_from(front).unwrap_or(0)))
            }
        };
        self.patches.insert(start, (front, patch));
        self.patches.insert(place, (length.saturating_sub(front), back));
    }
}

impl ReadAt for Patched {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let mut wanted = self.size.saturating_sub(offset).min(size(buffer.len()));
        let over = self.patches.range(..=offset).next_back();
        let over = over.filter(|(start, (length, _))| start.saturating_add(*length) > offset);
        let next =
            self.patches.range(offset.saturating_add(1)..).next().map_or(u64::MAX, |(start, _)| *start);
        wanted = match over {
            Some((start, (length, _))) => wanted.min(start.saturating_add(*length).saturating_sub(offset)),
            None => wanted.min(next.saturating_sub(offset)),
        };
        let count = usize::try_from(wanted).unwrap_or(0);
        let target = buffer.get_mut(..count).unwrap_or_default();
        if target.is_empty() {
            return Ok(0);
        }
        match over {
            None => self.inner.read_at(offset, target),
            Some((_, (_, Patch::Zeros))) => {
                target.fill(0);
                Ok(count)
            }
            Some((start, (_, Patch::Bytes(bytes, from)))) => {
                let within = usize::try_from(offset.saturating_sub(*start)).unwrap_or(usize::MAX);
                let rest = bytes.get(from.saturating_add(within)..).unwrap_or_default();
                let part = rest
                    .get(..count)
                    .ok_or_else(|| Unreadable::new(offset, wanted, "the log entry is too short"))?;
                target.copy_from_slice(part);
                Ok(count)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read::Memory;

    proptest! {
        #[test]
        fn later_patches_cover_earlier_ones(
            patches in prop::collection::vec((0_usize..60, 0_usize..30, any::<bool>()), 0..12),
        ) {
            let mut plain: Vec<u8> = (1..=64).collect();
            let mut patched = Patched::new(Arc::new(Memory(plain.clone())), 100);
            plain.resize(100, 0);
            for (number, (at, length, zero)) in patches.into_iter().enumerate() {
                let value = if zero { 0 } else { 100 + number as u8 };
                plain[at..at + length].fill(value);
                if zero {
                    patched.zero(at as u64, length as u64);
                } else {
                    patched.write(at as u64, vec![value; length].into());
                }
            }
            for (at, expected) in plain.iter().enumerate() {
                let mut byte = [0];
                match patched.read_at(at as u64, &mut byte) {
                    Ok(1) => prop_assert_eq!(byte[0], *expected, "{}", at),
                    other => prop_assert!(at >= 64 && other == Ok(0), "{} {:?}", at, other),
                }
            }
        }
    }
}
