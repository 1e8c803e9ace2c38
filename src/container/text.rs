//! Words, dates and identifiers as images state them, made readable.

/// UTF-16, little-endian, up to the first zero; what is no character becomes U+FFFD.
pub(super) fn utf16_le(bytes: &[u8]) -> String {
    utf16(bytes, u16::from_le_bytes)
}

/// UTF-16, big-endian, up to the first zero.
pub(super) fn utf16_be(bytes: &[u8]) -> String {
    utf16(bytes, u16::from_be_bytes)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// An identifier whose bytes stand in the order in which they are written.
pub(super) fn guid_be(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// An identifier in the manner of Windows: its first three parts are little-endian.
pub(super) fn guid_le(bytes: &[u8]) -> String {
    let mut swapped = bytes.to_vec();
    for part in [0..4, 4..6, 6..8] {
        if let Some(part) = swapped.get_mut(part) {
            part.reverse();
        }
    }
    guid_be(&swapped)
}

/// Seconds since 1970 as a date in UTC; none when they are outside of any calendar.
pub(super) fn date(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_dates_and_names_read_as_people_write_them() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(guid_be(&bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(guid_le(&bytes), "03020100-0504-0706-0809-0a0b0c0d0e0f");
        assert_eq!(date(946_684_800).as_deref(), Some("2000-01-01T00:00:00Z"));
        assert_eq!(
            (utf16_le(b"a\0\xe4\0\0\0x\0"), utf16_be(b"\0a\xd8\0")),
            ("aä".into(), "a\u{fffd}".into())
        );
    }
}
