//! What the examiner who made the image wrote about it.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::section::{Kind, Section};
use crate::read::{ReadAt, Result};

/// Most bytes of a header, compressed or not: a page of notes, no bomb.
const MOST: usize = 1 << 20;

/// Identifiers of values and what they are called here.
///
/// Source: libewf, Expert Witness Compression Format, "Header2 values".
const VALUES: &[(&str, &str)] = &[
    ("c", "case number"),
    ("n", "evidence number"),
    ("a", "description"),
    ("e", "examiner"),
    ("t", "notes"),
    ("md", "model"),
    ("sn", "serial number"),
    ("l", "device label"),
    ("av", "software version"),
    ("ov", "operating system"),
    ("m", "acquired"),
    ("u", "system time"),
];

/// Reads a header section: names and values of its main category. Damaged text gives fewer of them.
pub(super) fn read(file: &dyn ReadAt, section: &Section) -> Result<Vec<(String, String)>> {
    let packed = section.read(file, MOST)?;
    let mut plain = Vec::new();
    let most = crate::read::size(MOST);
    // What came before the damage is text all the same: the notes are no evidence.
    let _ = ZlibDecoder::new(packed.as_slice()).take(most).read_to_end(&mut plain);
    let text = match section.kind {
        Kind::Header2 => utf16(&plain),
        _ => String::from_utf8_lossy(&plain).into_owned(),
    };
    Ok(main_category(&text))
}

/// The lines after `main` are identifiers and values, separated by tabs.
fn main_category(text: &str) -> Vec<(String, String)> {
    let mut lines =
        text.lines().map(|line| line.trim_end_matches('\r')).skip_while(|line| *line != "main").skip(1);
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        return Vec::new();
    };
    let pairs: Vec<(&str, &str)> = names.split('\t').zip(values.split('\t')).collect();
    VALUES
        .iter()
        .filter_map(|(identifier, name)| {
            let (_, value) = pairs.iter().find(|(known, _)| known == identifier)?;
            let value = if matches!(*identifier, "m" | "u") { time(value) } else { (*value).to_owned() };
            (!value.is_empty()).then(|| ((*name).to_owned(), value))
        })
        .collect()
}

/// Seconds since 1970 as UTC; six numbers as they are, because their time zone is nowhere stated.
fn time(value: &str) -> String {
    if let Some(stamp) =
        value.parse::<i64>().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
    {
        return stamp.to_string();
    }
    let parts: Vec<u16> = value.split(' ').filter_map(|part| part.parse::<u16>().ok()).collect();
    match parts[..] {
        [year, month, day, hour, minute, second] => {
            format!(
                "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} (local time of the imaging machine)"
            )
        }
        _ => value.to_owned(),
    }
}

fn utf16(bytes: &[u8]) -> String {
    let big = bytes.starts_with(&[0xfe, 0xff]);
    let pairs = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    let units = pairs.map(|pair| if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|letter| *letter != '\u{feff}')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_identifiers_and_empty_ones_are_left_out() {
        let text = "1\r\nmain\r\nc\tn\ta\te\tt\tm\tu\tp\r\nC 1\tE/7\t\tA. N.\tx\t2021 7 22 15 33 18\t1626967998\t0\r\n\r\n";
        let found = main_category(text);
        let value =
            |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!((value("case number"), value("evidence number")), (Some("C 1"), Some("E/7")));
        assert_eq!(value("description"), None);
        assert_eq!(value("acquired"), Some("2021-07-22 15:33:18 (local time of the imaging machine)"));
        assert_eq!(value("system time"), Some("2021-07-22T15:33:18Z"));
        assert_eq!(main_category("main\n"), []);
    }
}
