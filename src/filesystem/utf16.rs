//! Names in UTF-16 as UTF-8, without loss, for every file system that keeps them so.

/// What stands for a `/` inside a name, which no path could hold: U+F000 plus the byte, as in Cygwin.
pub(super) const SLASH: char = '\u{f02f}';

/// Adds a name to `text` as UTF-8. Surrogates without their other half stay distinct as generalised UTF-8 (WTF-8),
/// and `/` becomes [`SLASH`], so that two names never become one path.
pub(super) fn append(units: impl IntoIterator<Item = u16>, text: &mut Vec<u8>) {
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => {
                let character = if character == '/' { SLASH } else { character };
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                let middle = 0x80 | (high & 0x0f) << 2 | low >> 6;
                text.extend_from_slice(&[0xe0 | high >> 4, middle, 0x80 | (low & 0x3f)]);
            }
        }
    }
}

/// Little-endian UTF-16 as its units; an odd last byte is left out.
pub(super) fn little_endian(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_and_slashes_stay_distinct() {
        let name = |units: &[u16]| {
            let mut text = Vec::new();
            append(units.iter().copied(), &mut text);
            text
        };
        assert_eq!(name(&[0xd800, 0x78]), b"\xed\xa0\x80x");
        assert_eq!(name(&[0xdfff, 0x78]), b"\xed\xbf\xbfx");
        assert_eq!(name(&[0x20ac, 0xd83d, 0xde00]), "€😀".as_bytes());
        assert_eq!(name(&[0x2f]), "\u{f02f}".as_bytes());
        assert_eq!(little_endian(b"a\0b\0c").collect::<Vec<_>>(), [0x61, 0x62]);
    }
}
