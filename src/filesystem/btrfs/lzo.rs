//! LZO1X, one of the kinds of compression of Btrfs, bounded by the caller. Source: Linux documentation,
//! "LZO stream format as understood by Linux's LZO decompressor".

/// Unpacks one stream of at most `most` bytes; `None` when it contradicts the format.
pub(super) fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut reader = Reader { rest: packed };
    let mut plain = Vec::with_capacity(most);
    // How many literals the last instruction copied, 4 standing for more.
    let mut state = 0;
    if let Some(first) = packed.first().copied().filter(|first| *first > 17) {
        reader.byte()?;
        let count = usize::from(first.checked_sub(17)?);
        reader.literals(count, most, &mut plain)?;
        state = count.min(4);
    }
    loop {
        let code = usize::from(reader.byte()?);
        let (length, distance, literals) = match code {
            0..16 if state == 0 => {
                let count = reader.length(code, 15)?.checked_add(3)?;
                reader.literals(count, most, &mut plain)?;
                state = 4;
                continue;
            }
            0..16 => {
                let far = usize::from(reader.byte()?).checked_mul(4)?.checked_add(code >> 2)?;
                match state {
                    4 => (3, far.checked_add(2049)?, code & 3),
                    _ => (2, far.checked_add(1)?, code & 3),
                }
            }
            16..32 => {
                let length = reader.length(code & 7, 7)?.checked_add(2)?;
                let word = reader.word()?;
                let far = ((code & 8) << 11).checked_add(word >> 2)?;
                if far == 0 {
                    return Some(plain);
                }
                (length, far.checked_add(16384)?, word & 3)
            }
            32..64 => {
                let length = reader.length(code & 31, 31)?.checked_add(2)?;
                let word = reader.word()?;
                (length, (word >> 2).checked_add(1)?, word & 3)
            }
            _ => {
                let length = if code < 128 {
                    (code >> 5 & 1).checked_add(3)?
                } else {
                    (code >> 5 & 3).checked_add(5)?
                };
                let far = usize::from(reader.byte()?).checked_mul(8)?.checked_add(code >> 2 & 7)?;
                (length, far.checked_add(1)?, code & 3)
            }
        };
        copy(&mut plain, distance, length, most)?;
        reader.literals(literals, most, &mut plain)?;
        state = literals;
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn word(&mut self) -> Option<usize> {
        let (low, high) = (self.byte()?, self.byte()?);
        Some(usize::from(u16::from_le_bytes([low, high])))
    }

    /// A length of which the instruction has the front: zero means that it goes on behind it.
    fn length(&mut self, stated: usize, most: usize) -> Option<usize> {
        let mut length = most;
        if stated != 0 {
            return Some(stated);
        }
        loop {
            match self.byte()? {
                0 => length = length.checked_add(255)?,
                last => return length.checked_add(last.into()),
            }
        }
    }

    fn literals(&mut self, count: usize, most: usize, plain: &mut Vec<u8>) -> Option<()> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        (plain.len().checked_add(count)? <= most).then(|| plain.extend_from_slice(bytes))?;
        self.rest = rest;
        Some(())
    }
}

/// Copies what stands `distance` bytes before the end to the end; what is copied may itself have been.
fn copy(plain: &mut Vec<u8>, distance: usize, length: usize, most: usize) -> Option<()> {
    let start = plain.len().checked_sub(distance)?;
    if plain.len().checked_add(length)? > most {
        return None;
    }
    for at in start..start.checked_add(length)? {
        let byte = *plain.get(at)?;
        plain.push(byte);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instructions_of_every_kind_are_followed() {
        // Four literals, a match of 3 at distance 4, then the end.
        let stream = [21, b'a', b'b', b'c', b'd', 0b0100_1100, 0, 17, 0, 0];
        assert_eq!(unpack(&stream, 100).unwrap(), b"abcdabc");
        // A long match: 2 + 31 + 5 bytes at distance 1, with one literal behind it.
        let stream = [18, b'x', 32, 5, 1, 0, b'y', 17, 0, 0];
        assert_eq!(unpack(&stream, 100).unwrap(), [&[b'x'; 39][..], b"y"].concat());
        assert_eq!(unpack(&stream, 39), None);
        assert_eq!(unpack(&stream[..8], 100), None);
        assert_eq!(unpack(&[0b0100_1100, 0], 100), None);
    }

    proptest! {
        #[test]
        fn no_stream_panics_or_grows(packed: Vec<u8>, most in 0_usize..5000) {
            prop_assert!(unpack(&packed, most).is_none_or(|plain| plain.len() <= most));
        }
    }
}
