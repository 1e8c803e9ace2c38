//! A reader that bounds what an XML parser behind it can be made to hold.

use std::io::{self, BufRead, Read};

/// Longest tag, text or comment, in bytes: a parser holds one of them at a time.
const MAX_PIECE: usize = 256 << 10;

/// Passes XML on and fails when the parser takes more than a bounded part of it for one piece.
pub struct Bounded<'r> {
    input: &'r mut dyn BufRead,
    left: usize,
    exceeded: bool,
    ended: bool,
}

impl<'r> Bounded<'r> {
    pub fn new(input: &'r mut dyn BufRead) -> Self {
        Self { input, left: MAX_PIECE, exceeded: false, ended: false }
    }

    /// Lets the next piece pass.
    pub const fn allow(&mut self) {
        self.left = MAX_PIECE;
    }

    /// Whether a piece was too long.
    pub const fn exceeded(&self) -> bool {
        self.exceeded
    }

    /// Whether the parser has met the end.
    pub const fn ended(&self) -> bool {
        self.ended
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let buffer = self.input.fill_buf()?;
        self.ended |= buffer.is_empty();
        if self.left == 0 && !buffer.is_empty() {
            self.exceeded = true;
            return Err(io::Error::other("too long"));
        }
        Ok(buffer.get(..buffer.len().min(self.left)).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.input.consume(amount);
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..read), available.get(..read)) {
            target.copy_from_slice(source);
        }
        self.consume(read);
        Ok(read)
    }
}
