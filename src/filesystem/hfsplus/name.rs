//! Names: UTF-16 as stored, given as UTF-8.

/// The name in UTF-8, decomposed as it is stored. `/` is shown as `:`, as macOS does: it separates the parts of a path.
///
/// Units that are no character keep their value, as three bytes, so that two names never become one.
pub(super) fn decode(stored: &[u8], name: &mut Vec<u8>) {
    let units = stored.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
    for unit in char::decode_utf16(units) {
        match unit {
            Ok('/') => name.push(b':'),
            Ok(character) => name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                let byte = |bits: u16, mark: u8| mark | u8::try_from(bits & 0x3f).unwrap_or(0);
                name.extend([byte(unit >> 12, 0xe0), byte(unit >> 6, 0x80), byte(unit, 0x80)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_as_stored_and_stay_distinct() {
        let decoded = |units: &[u16]| {
            let mut name = Vec::new();
            decode(&units.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<_>>(), &mut name);
            name
        };
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        assert_eq!(decoded(&units("a/b:c")), b"a:b:c");
        assert_eq!(decoded(&units("e\u{301}\u{1f600}")), "e\u{301}\u{1f600}".as_bytes());
        assert_eq!(decoded(&[0xd800, 0x78]), b"\xed\xa0\x80x");
        assert_eq!(decoded(&[0, 0]), b"\0\0");
    }
}
