//! A stream of bits that is read from its end to its start.

use super::Flaw;

/// Bits of a payload; the last ones come first.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits not taken yet.
    left: usize,
}

impl<'a> Bits<'a> {
    /// The bits of a payload of which the `unused` topmost (0 to 7) are padding, which is zero.
    pub(super) fn new(bytes: &'a [u8], unused: usize) -> Result<Self, Flaw> {
        let left = bytes.len().saturating_mul(8).checked_sub(unused);
        let left = left.ok_or_else(|| Flaw::new(0, "a payload", "none"))?;
        let mut bits = Self { bytes, left: bytes.len().saturating_mul(8) };
        if bits.take(unused)? != 0 {
            return Err(Flaw::new(bytes.len(), "padding of zeros", "something else"));
        }
        bits.left = left;
        Ok(bits)
    }

    /// The next `count` bits, at most 24, as a number.
    pub(super) fn take(&mut self, count: usize) -> Result<u32, Flaw> {
        let flaw = || Flaw::new(0, "more bits", "the start of the payload");
        self.left = self.left.checked_sub(count).ok_or_else(flaw)?;
        let first = self.left / 8;
        let bytes = self.bytes.get(first..).unwrap_or_default();
        let word = match bytes.first_chunk::<4>() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)),
        };
        let shift = u32::try_from(self.left & 7).unwrap_or(0);
        let above = 32_u32.saturating_sub(u32::try_from(count).unwrap_or(0));
        Ok(word.wrapping_shr(shift) & u32::MAX.checked_shr(above).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_from_the_end_and_end_at_the_start() {
        let mut bits = Bits::new(&[0b1010_0101, 0b0000_0110], 5).unwrap();
        assert_eq!((bits.take(3).unwrap(), bits.take(0).unwrap()), (0b110, 0));
        assert_eq!((bits.take(5).unwrap(), bits.take(3).unwrap()), (0b10100, 0b101));
        assert!(bits.take(1).is_err());
        assert!(Bits::new(&[0x80], 1).is_err() && Bits::new(&[], 1).is_err());
    }
}
