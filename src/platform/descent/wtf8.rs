//! Windows names as bytes: WTF-8, which is UTF-8 that may also hold lone surrogates.

/// The name in 16-bit units; `None` when the bytes are not WTF-8 (The WTF-8 encoding, section 2.3).
pub(super) fn to_wide(mut bytes: &[u8]) -> Option<Vec<u16>> {
    let mut wide = Vec::with_capacity(bytes.len());
    loop {
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => {
                wide.extend(text.encode_utf16());
                return Some(wide);
            }
            Err(error) => error.valid_up_to(),
        };
        let (text, rest) = bytes.split_at_checked(valid)?;
        wide.extend(std::str::from_utf8(text).ok()?.encode_utf16());
        // A surrogate is what UTF-8 would make of it: ED A0..BF 80..BF.
        let (&[0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf], after) = rest.split_first_chunk()? else {
            return None;
        };
        wide.push(0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f));
        bytes = after;
    }
}

#[cfg(test)]
mod tests {
    use super::to_wide;

    #[test]
    fn lone_surrogates_survive_and_other_bytes_are_no_name() {
        assert_eq!(to_wide("a\u{10348}".as_bytes()), Some(vec![0x61, 0xd800, 0xdf48]));
        assert_eq!(to_wide(b"x\xed\xa0\xbdy\xed\xbf\xbf"), Some(vec![0x78, 0xd83d, 0x79, 0xdfff]));
        assert_eq!((to_wide(b"\xff"), to_wide(b"\xed\xa0"), to_wide(b"")), (None, None, Some(vec![])));
    }
}
