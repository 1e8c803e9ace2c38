//! Tables of delimited text: what a heading names, how a row is split, and the record that a row makes.

use std::borrow::Cow;
use std::ops::Range;

use super::{Record, Sink, text};
use crate::hashset::Place;
use crate::model::{Algorithm, Digests};

/// Separators that are tried on a heading.
const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Digests of that kind.
    Digest(Algorithm),
    /// Categories.
    Category,
    /// Sizes in bytes.
    Size,
}

impl Column {
    /// The column that a heading names, in any usual spelling: `SHA-1`, `md5_hash`, `File Size`.
    pub fn named(heading: &[u8]) -> Option<Self> {
        let heading = std::str::from_utf8(heading).ok()?;
        // Names only: a line of JSON that mentions a digest is no heading.
        if !heading.chars().all(|c| c.is_ascii_alphanumeric() || " _-.()[]".contains(c)) {
            return None;
        }
        let plain: String = heading.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        match plain.as_str() {
            "category" | "categoryid" | "categorynumber" | "severity" => Some(Self::Category),
            "size" | "filesize" | "mediasize" | "sizebytes" | "sizeinbytes" | "filesizebytes"
            | "filesizeinbytes" => Some(Self::Size),
            _ => {
                let bare = ["hash", "sum", "digest", "value", "file"]
                    .iter()
                    .fold(plain.clone(), |name, word| name.replace(word, ""));
                Algorithm::named(&bare).map(Self::Digest)
            }
        }
    }
}

/// The columns of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    separator: u8,
    columns: Vec<Option<Column>>,
}

impl Table {
    /// `None` when no column holds digests, or two claim the same content: neither can be chosen without a guess.
    pub fn new(separator: u8, columns: Vec<Option<Column>>) -> Option<Self> {
        let known: Vec<Column> = columns.iter().copied().flatten().collect();
        let twice = known
            .iter()
            .enumerate()
            .any(|(at, column)| known.iter().skip(at + 1).any(|other| other == column));
        let digests = known.iter().any(|column| matches!(column, Column::Digest(_)));
        (digests && !twice).then_some(Self { separator, columns })
    }

    /// The table that a heading describes, with the separator that gives it most columns.
    pub fn of_heading(line: &[u8]) -> Option<Self> {
        let mut fields = Fields::default();
        let read = |separator: u8| {
            let whole = fields.split(line, separator);
            let columns = fields.iter(line).map(|name| Column::named(name.trim_ascii())).collect();
            whole.then(|| Self::new(separator, columns)).flatten()
        };
        SEPARATORS.into_iter().filter_map(read).max_by_key(Self::width)
    }

    /// How many fields a row has.
    pub const fn width(&self) -> usize {
        self.columns.len()
    }

    /// The byte between fields.
    pub const fn separator(&self) -> u8 {
        self.separator
    }

    /// Gives the record of a row to the sink. A digest that cannot be read is rejected by itself: the others of its
    /// row still identify the file.
    pub fn record(&self, place: Place, row: &[u8], fields: &Fields, sink: &mut dyn Sink) {
        let mut digests = Digests::default();
        let (mut category, mut size, mut unreadable) = (None, None, false);
        for (column, field) in self.columns.iter().zip(fields.iter(row)) {
            let Some(column) = column else { continue };
            let value = field.trim_ascii();
            if is_absent(value) {
                continue;
            }
            match column {
                Column::Category => category = Some(field),
                Column::Size => size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()),
                Column::Digest(kind) => {
                    match text::digest(value).filter(|digest| digest.algorithm() == *kind) {
                        Some(digest) => digests.set(digest),
                        None => {
                            unreadable = true;
                            sink.reject(place, &format!("not the hexadecimal digits of {kind}"), value);
                        }
                    }
                }
            }
        }
        // Otherwise it has been rejected already and is not counted twice.
        if digests != Digests::default() || !unreadable {
            let category = category.as_deref().map(|text| String::from_utf8_lossy(text.trim_ascii()));
            sink.record(Record { digests, category: category.as_deref(), size });
        }
    }
}

/// Where the fields of a row lie in it. Kept from row to row, so that splitting allocates nothing.
#[derive(Debug, Default)]
pub struct Fields {
    ranges: Vec<Range<usize>>,
}

impl Fields {
    /// Splits a row of RFC 4180 text. False when it ends inside a quoted field, which the next line goes on.
    pub fn split(&mut self, row: &[u8], separator: u8) -> bool {
        self.ranges.clear();
        let mut start = 0;
        loop {
            let Some(end) = end_of_field(row, start, separator) else { return false };
            self.ranges.push(start..end);
            if end >= row.len() {
                return true;
            }
            start = end + 1;
        }
    }

    /// Splits a row without quoting into at most `limit` fields; the last one is the rest of the row.
    pub fn split_unquoted(&mut self, row: &[u8], separator: u8, limit: usize) {
        self.ranges.clear();
        let mut start = 0;
        for part in row.splitn(limit, |byte| *byte == separator) {
            self.ranges.push(start..start + part.len());
            start += part.len() + 1;
        }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The fields of the row that was split, without their quotes.
    pub fn iter<'a>(&self, row: &'a [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.ranges.iter().map(|range| unquoted(row.get(range.clone()).unwrap_or_default()))
    }
}

/// Position of the separator that ends the field at `start`, or of the end of the row; `None` inside a quoted field.
fn end_of_field(row: &[u8], start: usize, separator: u8) -> Option<usize> {
    let mut at = start;
    if row.get(start) == Some(&b'"') {
        at += 1;
        loop {
            at += row.get(at..)?.iter().position(|byte| *byte == b'"')? + 1;
            match row.get(at) {
                // A doubled quote is a quote in the text.
                Some(b'"') => at += 1,
                _ => break,
            }
        }
    }
    let rest = row.get(at..).unwrap_or_default();
    Some(at + rest.iter().position(|byte| *byte == separator).unwrap_or(rest.len()))
}

fn unquoted(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = field.strip_prefix(b"\"").and_then(|field| field.trim_ascii_end().strip_suffix(b"\""))
    else {
        return Cow::Borrowed(field);
    };
    if !inner.contains(&b'"') {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == b'"' {
            bytes.next_if(|next| **next == b'"');
        }
        text.push(*byte);
    }
    Cow::Owned(text)
}

/// Ways in which lists write that there is no value.
fn is_absent(value: &[u8]) -> bool {
    value.is_empty()
        || value == b"-"
        || [&b"null"[..], b"none", b"n/a"].iter().any(|w| value.eq_ignore_ascii_case(w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headings_are_known_in_their_usual_spellings() {
        for (heading, column) in [
            ("MD5", Some(Column::Digest(Algorithm::Md5))),
            ("SHA-1", Some(Column::Digest(Algorithm::Sha1))),
            ("sha_256 hash", Some(Column::Digest(Algorithm::Sha256))),
            ("File MD5", Some(Column::Digest(Algorithm::Md5))),
            ("Severity", Some(Column::Category)),
            ("File Size (bytes)", Some(Column::Size)),
            ("PhotoDNA", None),
            ("ParentMD5", None),
            ("hash", None),
            ("SHA512", None),
            ("{\"value\": [{\"MD5\": \"", None),
        ] {
            assert_eq!(Column::named(heading.as_bytes()), column, "{heading}");
        }
    }

    #[test]
    fn a_heading_without_digests_or_with_a_kind_twice_describes_no_table() {
        assert_eq!(
            Table::of_heading(b"md5;\"sha1\";x").map(|table| (table.separator, table.width())),
            Some((b';', 3))
        );
        assert_eq!(Table::of_heading(b"md5").map(|table| table.width()), Some(1));
        assert_eq!(Table::of_heading(b"category,size"), None);
        assert_eq!(Table::of_heading(b"md5,MD-5"), None);
        assert_eq!(Table::of_heading(b"\"md5"), None);
    }

    proptest! {
        #[test]
        fn rows_that_are_quoted_and_joined_split_into_what_they_were(fields in prop::collection::vec("[a\", \n;]{0,8}", 1..6)) {
            let row = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            let mut split = Fields::default();
            prop_assert!(split.split(row.as_bytes(), b','));
            let found: Vec<_> = split.iter(row.as_bytes()).map(|field| String::from_utf8(field.into_owned()).unwrap()).collect();
            prop_assert_eq!(found, fields);
        }

        #[test]
        fn any_bytes_split_without_panic(row in prop::collection::vec(prop::sample::select(b"\",a".to_vec()), 0..20)) {
            let mut split = Fields::default();
            if split.split(&row, b',') {
                prop_assert!(split.iter(&row).count() >= 1);
            }
            split.split_unquoted(&row, b',', 3);
            prop_assert!(split.len() <= 3);
        }
    }
}
