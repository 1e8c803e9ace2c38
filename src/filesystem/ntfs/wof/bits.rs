//! Bits of XPRESS and LZX: little-endian words of 16 bits, the highest bit first.

/// Reads bits; behind the end are zeros, which a decoder must bound by what it makes.
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    buffer: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    /// From the first byte on.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, buffer: 0, held: 0 }
    }

    /// Takes in words until `count` bits are held; not a word more, since bytes may follow that are no bits.
    pub(super) fn hold(&mut self, count: u32) {
        while self.held < count {
            let word = match self.rest.split_first_chunk() {
                Some((word, rest)) => {
                    self.rest = rest;
                    u16::from_le_bytes(*word)
                }
                None => {
                    let last = self.rest.first().copied().unwrap_or(0);
                    self.rest = &[];
                    last.into()
                }
            };
            self.buffer = self.buffer << 16 | u64::from(word);
            self.held = self.held.saturating_add(16);
        }
    }

    /// The next 16 bits, which stay.
    pub(super) fn peek(&mut self) -> u16 {
        self.hold(16);
        let shifted = self.buffer.checked_shr(self.held.saturating_sub(16)).unwrap_or(0);
        u16::try_from(shifted & 0xffff).unwrap_or(0)
    }

    /// Drops bits, at most as many as are held.
    pub(super) const fn skip(&mut self, count: u32) {
        self.held = self.held.saturating_sub(count);
    }

    /// Takes up to 17 bits.
    pub(super) fn take(&mut self, count: u32) -> u32 {
        self.hold(count);
        self.skip(count);
        let mask = 1_u64.checked_shl(count).unwrap_or(0).wrapping_sub(1);
        u32::try_from(self.buffer.checked_shr(self.held).unwrap_or(0) & mask).unwrap_or(0)
    }

    /// Takes whole bytes that stand behind the words taken in.
    pub(super) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    /// Takes a slice of bytes that stands behind the words taken in.
    pub(super) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// Drops the bits up to the next word; a whole word when none of it was taken yet.
    pub(super) fn align(&mut self) {
        self.hold(1);
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_from_words_and_bytes_from_behind_them() {
        let mut bits = Bits::new(&[0x34, 0x12, 0xcd, 0xab, 0x77, 0x88, 0x99]);
        assert_eq!((bits.take(4), bits.take(12), bits.take(0)), (1, 0x234, 0));
        assert_eq!((bits.peek(), bits.take(8)), (0xabcd, 0xab));
        assert_eq!((bits.bytes(), bits.take(8)), (Some([0x77]), 0xcd));
        bits.align();
        assert_eq!((bits.bytes::<1>(), bits.take(16), bits.take(17)), (None, 0, 0));
    }
}
