//! Raw images: the bytes of the medium as they are, in one file or split over several.

use std::sync::Arc;

use super::{Format, Image};
use crate::model::Digests;
use crate::read::{Confidence, ReadAt, Result, Unreadable, size};

/// The name of the format that takes what no other one claims.
pub(super) const NAME: &str = "raw";

/// One file, or several that are simply joined.
pub(super) struct Raw;

impl Format for Raw {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "raw (.dd, .img, .raw) and split raw (.001, .002 ...): the bytes of the medium, with no check of their own"
    }

    fn probe(&self, _first: &dyn ReadAt) -> Confidence {
        Confidence::Weak
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        Ok(Image {
            format: NAME,
            medium: Arc::new(Joined::new(segments)),
            stored: Digests::default(),
            notes: Vec::new(),
            problems: Vec::new(),
        })
    }
}

/// The files of an image that was cut into parts as the one file they were.
pub(super) fn joined(mut segments: Vec<Arc<dyn ReadAt>>) -> Arc<dyn ReadAt> {
    match segments.pop() {
        Some(only) if segments.is_empty() => only,
        last => {
            segments.extend(last);
            Arc::new(Joined::new(segments))
        }
    }
}

/// Several sources one after the other.
struct Joined {
    /// Where each begins in the whole, with the source.
    parts: Vec<(u64, Arc<dyn ReadAt>)>,
    size: u64,
}

impl Joined {
    fn new(segments: Vec<Arc<dyn ReadAt>>) -> Self {
        let mut end = 0_u64;
        let parts = segments
            .into_iter()
            .map(|segment| {
                let start = end;
                end = end.saturating_add(segment.size());
                (start, segment)
            })
            .collect();
        Self { parts, size: end }
    }
}

impl ReadAt for Joined {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Unreadable> {
        let after = self.parts.partition_point(|(start, _)| *start <= offset);
        let parts = after.checked_sub(1).and_then(|at| self.parts.get(at..)).unwrap_or_default();
        let mut done = 0_usize;
        for (start, part) in parts {
            let at = offset.saturating_add(size(done));
            let within = at.saturating_sub(*start);
            let left = part.size().saturating_sub(within);
            let rest = buffer.get_mut(done..).unwrap_or_default();
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let target = rest.get_mut(..wanted).unwrap_or_default();
            if target.is_empty() {
                continue;
            }
            match part.read_at(within, target) {
                Ok(read) => {
                    done = done.saturating_add(read);
                    if read == 0 && done == 0 {
                        return Err(Unreadable::new(
                            at,
                            left,
                            "the segment file ends before its stated size",
                        ));
                    }
                    if read < wanted {
                        break;
                    }
                }
                Err(unreadable) if done == 0 => return Err(unreadable.shifted(*start)),
                Err(_) => break,
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read::Memory;

    proptest! {
        #[test]
        fn joined_segments_read_like_one_file(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..6),
            offset in 0_u64..60,
            length in 0_usize..60,
        ) {
            let whole = Memory(parts.concat());
            let segments = parts.into_iter().map(|part| Arc::new(Memory(part)) as Arc<dyn ReadAt>).collect();
            let medium = Raw.open(segments).unwrap().medium;
            prop_assert_eq!(medium.size(), whole.size());
            let (mut one, mut other) = (vec![0; length], vec![0; length]);
            let read = medium.read_at(offset, &mut one).unwrap();
            prop_assert_eq!(read, whole.read_at(offset, &mut other).unwrap());
            prop_assert_eq!(one, other);
        }
    }

    struct Torn;

    impl ReadAt for Torn {
        fn size(&self) -> u64 {
            4
        }
        fn read_at(&self, offset: u64, _: &mut [u8]) -> std::result::Result<usize, Unreadable> {
            Err(Unreadable::new(offset, 1, "torn"))
        }
    }

    #[test]
    fn a_read_stops_before_an_unreadable_segment_and_errors_count_from_the_start_of_the_medium() {
        let segments: Vec<Arc<dyn ReadAt>> = vec![Arc::new(Memory(*b"abc")), Arc::new(Torn)];
        let medium = Raw.open(segments).unwrap().medium;
        let mut buffer = [0; 8];
        assert_eq!(medium.read_at(1, &mut buffer), Ok(2));
        assert_eq!(medium.read_at(4, &mut buffer).unwrap_err().offset, 4);
    }
}
