//! Names of files: plain, Joliet, and what no name may hold.

/// A name of the primary or the enhanced tree without version 1 and without the dot that an empty extension leaves
/// (ECMA-119, section 7.5). Another version is kept: it tells two files apart.
pub(super) fn plain(stored: &[u8]) -> Vec<u8> {
    let (name, version) = match stored.iter().rposition(|byte| *byte == b';') {
        Some(at) => stored.split_at(at),
        None => (stored, &[][..]),
    };
    let bare = |name: &[u8]| match name {
        [front @ .., b'.'] if !front.is_empty() && !front.contains(&b'.') => front.to_vec(),
        _ => name.to_vec(),
    };
    match version {
        b"" | b";1" => clean(&bare(name)),
        [_, digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            clean(&[&bare(name), version].concat())
        }
        _ => clean(stored),
    }
}

/// A name of a Joliet tree: big-endian UCS-2 as UTF-8, lone surrogates as generalised UTF-8; without version 1.
pub(super) fn joliet(stored: &[u8]) -> Vec<u8> {
    let name = clean(&ucs2(stored));
    match name.strip_suffix(b";1") {
        Some(front) if !front.is_empty() => front.to_vec(),
        _ => name,
    }
}

/// Big-endian UCS-2 as generalised UTF-8. A last odd byte is one unit.
pub(in crate::filesystem) fn ucs2(stored: &[u8]) -> Vec<u8> {
    let units = stored.chunks(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        [single, ..] => u16::from(*single),
        [] => 0,
    });
    let mut name = Vec::with_capacity(stored.len());
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => name.extend(character.encode_utf8(&mut [0; 4]).bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                let [high, low] = unit.to_be_bytes();
                let low_six = |byte: u8| 0x80 | byte & 0x3f;
                name.extend([0xe0 | high >> 4, low_six(high << 2 | low >> 6), low_six(low)]);
            }
        }
    }
    name
}

/// A name with separators and zero bytes, which no sound name holds, escaped; an empty one gets a name.
pub(in crate::filesystem) fn clean(name: &[u8]) -> Vec<u8> {
    if name.is_empty() {
        return b"%".to_vec();
    }
    let mut cleaned = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'/' => cleaned.extend(b"%2F"),
            0 => cleaned.extend(b"%00"),
            byte => cleaned.push(*byte),
        }
    }
    cleaned
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_empty_extensions_are_left_out() {
        for (stored, name) in [
            (&b"README.TXT;1"[..], &b"README.TXT"[..]),
            (b"README.;1", b"README"),
            (b"README.;2", b"README;2"),
            (b".;1", b"."),
            (b"A.B.;1", b"A.B."),
            (b"odd;x", b"odd;x"),
            (b"DIR", b"DIR"),
            (b"a/b\0", b"a%2Fb%00"),
        ] {
            assert_eq!(plain(stored), name, "{}", String::from_utf8_lossy(stored));
        }
    }

    #[test]
    fn joliet_names_are_unicode_and_lone_surrogates_stay_distinct() {
        assert_eq!(joliet(b"\0\xe4\x20\xac\0;\0\x31"), "ä€".as_bytes());
        assert_eq!(joliet(b"\xd8\x3d\xde\0\xd8\0"), b"\xf0\x9f\x98\x80\xed\xa0\x80");
        assert_eq!(joliet(b"\xdf\xff"), b"\xed\xbf\xbf");
        assert_eq!(joliet(b"\0a\x62"), b"ab");
    }
}
