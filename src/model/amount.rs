//! Amounts in words, rounded down so that nothing is overstated.

/// Bytes with a binary unit and one decimal, cut off and not rounded: `61.2 MiB`.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut text = counted(bytes, "byte", "bytes");
    for (unit, shift) in UNITS.into_iter().zip((10_u32..).step_by(10)) {
        if bytes >> shift == 0 {
            break;
        }
        let tenths = (u128::from(bytes) * 10) >> shift;
        text = format!("{}.{} {unit}", tenths / 10, tenths % 10);
    }
    text
}

/// A part of a whole in per cent, cut off; what is not all is never `100 %`, what is not none never `0 %`.
pub fn share_text(part: u64, whole: u64) -> String {
    match (u128::from(part) * 100).checked_div(u128::from(whole)) {
        None => "of nothing".to_owned(),
        Some(0) if part > 0 => "<1 %".to_owned(),
        Some(percent) => format!("{percent} %"),
    }
}

/// A number and its noun: `1 file`, `12,000 files`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", grouped(number))
}

/// A number with its digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_cut_off_and_never_rounded_up() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1,023 bytes"),
            (1024, "1.0 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (64_172_851, "61.1 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }

    #[test]
    fn a_share_says_all_or_none_only_when_it_is() {
        for (part, whole, text) in [
            (0, 10, "0 %"),
            (1, 1000, "<1 %"),
            (999, 1000, "99 %"),
            (1000, 1000, "100 %"),
            (u64::MAX - 1, u64::MAX, "99 %"),
            (0, 0, "of nothing"),
        ] {
            assert_eq!(share_text(part, whole), text);
        }
    }

    #[test]
    fn numbers_are_grouped_in_threes() {
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(counted(1_234_567, "file", "files"), "1,234,567 files");
        assert_eq!(counted(1, "file", "files"), "1 file");
    }
}
