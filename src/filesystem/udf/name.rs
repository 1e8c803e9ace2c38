//! Text in CS0 (OSTA UDF 2.60, section 2.1.1): one byte says how wide the characters are.

use crate::filesystem::iso9660::name::{clean, ucs2};

/// A name of a file identifier.
pub(super) fn file(stored: &[u8]) -> Vec<u8> {
    clean(&text(stored))
}

/// A string of a fixed length whose last byte says how many are used (`dstring`, section 2.1.3).
pub(super) fn fixed(stored: &[u8]) -> String {
    let Some((used, field)) = stored.split_last() else { return String::new() };
    let used = usize::from(*used).min(field.len());
    let text = text(field.get(..used).unwrap_or_default());
    String::from_utf8_lossy(&text).trim_end_matches(['\0', ' ']).to_owned()
}

/// 8 and 16 are widths in bits; 254 and 255 the same for names that were deleted. Anything else is shown as it is.
fn text(stored: &[u8]) -> Vec<u8> {
    match stored.split_first() {
        None => Vec::new(),
        Some((8 | 254, bytes)) => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes(),
        Some((16 | 255, bytes)) => ucs2(bytes),
        Some(_) => stored.to_vec(),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn text_of_either_width_is_unicode() {
        assert_eq!(file(b"\x08na\xefve"), "naïve".as_bytes());
        assert_eq!(file(b"\x10\x20\xac\0/"), "€%2F".as_bytes());
        assert_eq!(fixed(b"\x08ABC\0\0\x04"), "ABC");
        assert_eq!(
            (fixed(b""), fixed(b"\xff"), file(b"\x07x")),
            (String::new(), String::new(), b"\x07x".to_vec())
        );
    }
}
