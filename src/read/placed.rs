//! A volume that is put together from pieces of a medium.

use std::sync::Arc;

use super::{ReadAt, Unreadable, size};
use crate::model::Placement;

/// A volume on `medium` whose bytes lie as its placement says.
pub struct Placed {
    medium: Arc<dyn ReadAt>,
    placement: Placement,
}

impl Placed {
    /// The volume of that placement.
    pub const fn new(medium: Arc<dyn ReadAt>, placement: Placement) -> Self {
        Self { medium, placement }
    }
}

impl ReadAt for Placed {
    fn size(&self) -> u64 {
        self.placement.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let left = self.size().saturating_sub(offset);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let mut done = 0_usize;
        while let Some(target) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(size(done));
            if at >= self.size() {
                break;
            }
            match self.read_piece(at, target) {
                Ok(read) => done = done.saturating_add(read),
                // What was read before the place that failed stands.
                Err(_) if done > 0 => break,
                Err(unreadable) => return Err(unreadable),
            }
        }
        Ok(done)
    }
}

impl Placed {
    fn read_piece(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let failed = |reason: &str| Unreadable::new(offset, 1, reason);
        let piece =
            self.placement.at(offset).ok_or_else(|| failed("no member of the set holds these bytes"))?;
        let wanted = usize::try_from(piece.length).unwrap_or(usize::MAX).min(buffer.len());
        let target = buffer.get_mut(..wanted).unwrap_or_default();
        match self.medium.read_at(piece.offset, target) {
            Ok(0) => Err(failed("the medium ends before the volume does")),
            Ok(read) => Ok(read),
            Err(unreadable) => {
                let length = unreadable.length.min(piece.length);
                let place = piece.offset;
                Err(Unreadable::new(
                    offset,
                    length,
                    format!("{} (byte {place} of the medium)", unreadable.reason),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Extent, Segment};
    use crate::read::Memory;

    #[test]
    fn bytes_come_in_the_order_of_the_volume_and_what_is_nowhere_fails() {
        let medium: Arc<dyn ReadAt> = Arc::new(Memory(b"0123456789abcdef"));
        let piece = |offset| (Placement::piece(Extent::new(offset, 6)), 0);
        let striped = Segment { length: 12, members: vec![piece(0), piece(10)], chunk: 2 };
        let missing = Segment { length: 3, members: Vec::new(), chunk: 0 };
        let volume = Placed::new(medium, Placement::set([striped, missing]));
        assert_eq!(volume.read_vec(1, 11).unwrap(), b"1ab23cd45ef");
        let mut buffer = [0; 9];
        assert_eq!(volume.read_at(8, &mut buffer), Ok(4));
        let nowhere = volume.read_at(12, &mut buffer).unwrap_err();
        assert_eq!(nowhere.offset, 12);
        assert_eq!(volume.read_at(15, &mut buffer), Ok(0));
    }
}
