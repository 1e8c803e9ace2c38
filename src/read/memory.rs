//! Bytes in memory as a source.

use super::{ReadAt, Unreadable, size};

/// Bytes that are already in memory: inline content, the control image, test data.
#[derive(Clone, Debug, Default)]
pub struct Memory<B>(pub B);

impl<B: AsRef<[u8]> + Send + Sync> ReadAt for Memory<B> {
    fn size(&self) -> u64 {
        size(self.0.as_ref().len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.as_ref().get(at..)).unwrap_or_default();
        let (target, source): (&mut [u8], &[u8]) = match buffer.get_mut(..rest.len()) {
            Some(front) => (front, rest),
            None => {
                let length = buffer.len();
                (buffer, rest.get(..length).unwrap_or_default())
            }
        };
        target.copy_from_slice(source);
        Ok(source.len())
    }
}
