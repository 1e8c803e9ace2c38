//! A part of a source as a source of its own.

use super::{ReadAt, Unreadable, size};

/// The `length` bytes of `inner` from `start` on; byte 0 of the window is byte `start` of `inner`.
#[derive(Clone, Debug)]
pub struct Window<R> {
    inner: R,
    start: u64,
    length: u64,
}

impl<R: ReadAt> Window<R> {
    /// A window that may reach past the end of `inner`: what is missing there is unreadable, not absent.
    pub const fn new(inner: R, start: u64, length: u64) -> Self {
        Self { inner, start, length }
    }

    /// First byte, in the coordinates of the inner source.
    pub const fn start(&self) -> u64 {
        self.start
    }
}

impl<R: ReadAt> ReadAt for Window<R> {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let left = self.length.saturating_sub(offset);
        let wanted = size(buffer.len()).min(left);
        let Some(target) = usize::try_from(wanted).ok().and_then(|wanted| buffer.get_mut(..wanted)) else {
            return Ok(0);
        };
        if target.is_empty() {
            return Ok(0);
        }
        let failed = |reason: &str, length| Unreadable::new(offset, length, reason);
        let at = self.start.checked_add(offset).ok_or_else(|| failed("beyond any medium", left))?;
        match self.inner.read_at(at, target) {
            Ok(0) => Err(failed("the medium ends before the volume does", left)),
            Ok(read) => Ok(read),
            Err(unreadable) => Err(Unreadable {
                offset: unreadable.offset.saturating_sub(self.start),
                length: unreadable.length.min(left),
                reason: unreadable.reason,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    #[test]
    fn a_window_shows_its_part_and_reports_what_is_missing_in_its_own_coordinates() {
        let window = Window::new(Memory(b"0123456789"), 4, 10);
        let mut buffer = [0; 8];
        assert_eq!(window.read_at(2, &mut buffer), Ok(4));
        assert_eq!(&buffer[..4], b"6789");
        let missing = window.read_exact_at(2, &mut buffer).unwrap_err();
        assert_eq!((missing.offset, missing.length), (6, 4));
        assert_eq!(window.read_at(10, &mut buffer), Ok(0));
        assert_eq!(window.read_at(u64::MAX, &mut buffer), Ok(0));
    }
}
