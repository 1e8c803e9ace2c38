//! References as typed into names of folders: reversible, and safe on every system that a case folder may go to.

use sha2::{Digest as _, Sha256};

/// Longest name in bytes.
const MAX_NAME: usize = 100;

/// The name of the folder for a reference such as `JS/1`.
///
/// Bytes other than `A-Z a-z 0-9 . _ -` become `%XX`, as do a leading `.` or `-`, a trailing `.` and the first
/// letter of a name that Windows reserves (`CON`, `NUL.txt`): `JS/1` gives `JS%2F1`. Where capitals and small letters
/// are the same name, `js/1` and `JS/1` must still be two: a name with small letters ends in `+` and one hexadecimal
/// digit for each four letters that says which of them are capitals, zeros at the end left out: `js/1` gives
/// `js%2F1+0`, `Falcon` gives `Falcon+8`. The empty reference is `+`. Up to 100 bytes this can be reversed; a longer
/// name keeps its first 66 bytes and ends in `++` and half of the SHA-256 of the reference.
pub fn escape_reference(reference: &str) -> String {
    if reference.is_empty() {
        return "+".into();
    }
    let reserved = is_reserved(reference);
    let last = reference.len().saturating_sub(1);
    let mut name = String::new();
    let mut capitals = Vec::new();
    for (at, byte) in reference.bytes().enumerate() {
        let literal = match byte {
            b'.' => at != 0 && at != last,
            b'-' => at != 0,
            _ if byte.is_ascii_alphabetic() => at != 0 || !reserved,
            _ => byte == b'_' || byte.is_ascii_digit(),
        };
        if literal {
            name.push(char::from(byte));
            if byte.is_ascii_alphabetic() {
                capitals.push(byte.is_ascii_uppercase());
            }
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if capitals.contains(&false) {
        name.push('+');
        name.push_str(&mark(&capitals));
    }
    if name.len() > MAX_NAME {
        let mut digest = hex::encode(Sha256::digest(reference.as_bytes()));
        digest.truncate(32);
        // Every character is one byte, so any cut is between characters.
        name.truncate(MAX_NAME - digest.len() - 2);
        name = format!("{name}++{digest}");
    }
    name
}

/// Which letters are capitals, four to a digit, the first letter in the highest bit.
fn mark(capitals: &[bool]) -> String {
    let digits: String = capitals
        .chunks(4)
        .map(|letters| {
            let bits = [8, 4, 2, 1].into_iter().zip(letters).filter(|(_, capital)| **capital);
            char::from_digit(bits.map(|(bit, _)| bit).sum(), 16).unwrap_or('0')
        })
        .collect();
    match digits.trim_end_matches('0') {
        "" => "0".into(),
        digits => digits.into(),
    }
}

/// Microsoft, "Naming Files, Paths, and Namespaces": device names, with any extension. Those with a `$` or with
/// superscript digits are escaped anyway.
fn is_reserved(reference: &str) -> bool {
    let stem = reference.split('.').next().unwrap_or(reference).to_ascii_uppercase();
    let numbered = |device| {
        stem.strip_prefix(device).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_references_stay_readable() {
        for (reference, name) in [
            ("JS/1", "JS%2F1"),
            ("js/1", "js%2F1+0"),
            ("OP-2026.117_A", "OP-2026.117_A"),
            ("Falcon", "Falcon+8"),
            ("", "+"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("NUL", "%4EUL"),
            ("com1.TXT", "%63om1.TXT+38"),
            ("COMET", "COMET"),
            ("-rf", "%2Drf+0"),
            ("A B.", "A%20B%2E"),
            ("Ü", "%C3%9C"),
        ] {
            assert_eq!(escape_reference(reference), name, "{reference}");
        }
    }

    /// Reads a name as a system would that does not tell capitals from small letters.
    fn unescape(name: &str) -> String {
        let folded = name.to_ascii_lowercase();
        let (body, mark) = folded.split_once('+').unwrap_or((&folded, "ffffffffffffffffffffffffffffffff"));
        let mut letter = 0;
        let mut bytes = Vec::new();
        let mut rest = body.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            rest = tail;
            if *first == b'%' {
                bytes.extend(hex::decode(&tail[..2]).unwrap());
                rest = &tail[2..];
            } else if first.is_ascii_alphabetic() {
                let digit = mark.chars().nth(letter / 4).map_or(0, |d| d.to_digit(16).unwrap());
                let capital = digit & (8 >> (letter % 4)) != 0;
                bytes.push(if capital { first.to_ascii_uppercase() } else { *first });
                letter += 1;
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    fn references() -> impl Strategy<Value = String> {
        prop_oneof![
            "[A-Ca-c./+%~ -]{0,6}",
            "(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])[. $]{0,2}[a-z]{0,2}",
            any::<String>(),
            "[A-Za-z0-9/]{30,150}",
        ]
    }

    proptest! {
        #[test]
        fn every_name_is_safe_on_every_system(reference in references()) {
            let name = escape_reference(&reference);
            prop_assert!(!name.is_empty() && name.len() <= 100);
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-%+".contains(&b)), "{}", name);
            prop_assert!(!name.starts_with(['.', '-']) && !name.ends_with('.'), "{}", name);
            prop_assert!(!is_reserved(&name), "{}", name);
        }

        #[test]
        fn names_can_be_read_back_even_where_capitals_do_not_count(reference in references()) {
            let name = escape_reference(&reference);
            if !name.contains("++") {
                prop_assert_eq!(unescape(&name), reference);
            }
        }

        #[test]
        fn two_references_never_share_a_name(a in references(), b in references()) {
            let fold = |reference: &str| escape_reference(reference).to_ascii_lowercase();
            prop_assert_eq!(fold(&a) == fold(&b), a == b);
            for other in [a.to_ascii_lowercase(), a.to_ascii_uppercase(), format!("{a}x"), format!("{a}.")] {
                prop_assert_eq!(fold(&a) == fold(&other), a == other);
            }
        }
    }
}
