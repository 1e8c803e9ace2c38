//! Reading of small structures that lie close together: large pieces, a few of which are kept.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::read::{ReadAt, Unreadable, size};

/// Bytes read at once: a multiple of every block size.
const PIECE: u64 = 1 << 16;
/// Pieces that are kept.
const KEPT: usize = 64;

/// A volume whose last pieces are kept.
pub(in crate::filesystem) struct Cache {
    volume: Arc<dyn ReadAt>,
    pieces: VecDeque<(u64, Arc<[u8]>)>,
}

impl Cache {
    pub(in crate::filesystem) fn new(volume: Arc<dyn ReadAt>) -> Self {
        Self { volume, pieces: VecDeque::new() }
    }

    /// `length` bytes from `at` on, at most 64 KiB.
    pub(in crate::filesystem) fn read(&mut self, at: u64, length: usize) -> Result<Vec<u8>, Unreadable> {
        let start = at & !(PIECE - 1);
        let within = usize::try_from(at & (PIECE - 1)).unwrap_or(usize::MAX);
        let end = within.saturating_add(length);
        if size(end) > PIECE {
            return self.volume.read_vec(at, length.min(1 << 16));
        }
        let piece = match self.pieces.iter().find(|(place, _)| *place == start) {
            Some((_, piece)) => Arc::clone(piece),
            None => {
                let whole = PIECE.min(self.volume.size().saturating_sub(start));
                match self.volume.read_vec(start, usize::try_from(whole).unwrap_or(0)) {
                    Ok(piece) => self.keep(start, piece.into()),
                    // A piece with a bad place is read in the parts that are asked for.
                    Err(_) => return self.volume.read_vec(at, length),
                }
            }
        };
        match piece.get(within..end) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(Unreadable::new(at, size(length), "the volume ends here")),
        }
    }

    fn keep(&mut self, start: u64, piece: Arc<[u8]>) -> Arc<[u8]> {
        if self.pieces.len() >= KEPT {
            self.pieces.pop_front();
        }
        self.pieces.push_back((start, Arc::clone(&piece)));
        piece
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::read::Memory;

    #[test]
    fn reads_cross_pieces_and_end_with_the_volume() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        let mut cache = Cache::new(Arc::new(Memory(bytes.clone())));
        for (at, length) in [(0, 10), (65_530, 20), (99_000, 1000), (10, 5)] {
            assert_eq!(cache.read(at, length).unwrap(), bytes[at as usize..][..length]);
        }
        assert!(cache.read(99_999, 2).is_err());
    }
}
