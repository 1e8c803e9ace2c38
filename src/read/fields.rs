//! Numbers in a block of evidence, every access checked.

/// A block of bytes whose numbers are taken by offset; a field past the end is `None`, never a panic.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// `length` bytes at `offset`.
    pub fn bytes(self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..offset.checked_add(length)?)
    }

    /// A fixed number of bytes at `offset`.
    pub fn array<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.bytes(offset, N)?.try_into().ok()
    }

    /// One byte.
    pub fn u8(self, offset: usize) -> Option<u8> {
        self.0.get(offset).copied()
    }

    /// Little-endian, two bytes.
    pub fn u16(self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    /// Little-endian, four bytes.
    pub fn u32(self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    /// Little-endian, eight bytes.
    pub fn u64(self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }

    /// Big-endian, two bytes.
    pub fn u16_be(self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_be_bytes)
    }

    /// Big-endian, four bytes.
    pub fn u32_be(self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_be_bytes)
    }

    /// Big-endian, eight bytes.
    pub fn u64_be(self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_be_bytes)
    }

    /// Whether those bytes stand at `offset`.
    pub fn has(self, offset: usize, expected: &[u8]) -> bool {
        self.bytes(offset, expected.len()) == Some(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_past_the_end_are_absent() {
        let fields = Fields(&[1, 2, 3, 4]);
        assert_eq!((fields.u32(0), fields.u16_be(2)), (Some(0x0403_0201), Some(0x0304)));
        assert_eq!((fields.u32(1), fields.u64(0), fields.u8(4)), (None, None, None));
        assert_eq!(fields.bytes(usize::MAX, 2), None);
        assert!(fields.has(1, &[2, 3]) && !fields.has(3, &[4, 5]));
    }
}
