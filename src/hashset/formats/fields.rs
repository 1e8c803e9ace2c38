//! The fields of a row of delimited text, quoted or not.

use std::borrow::Cow;
use std::ops::Range;

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

    /// Whether nothing but blanks stands between a closing quote and the end of its field in the row that was split: a
    /// stray quote that is closed by the next one somewhere behind it leaves more there.
    pub fn are_well_quoted(&self, row: &[u8]) -> bool {
        self.ranges.iter().all(|range| {
            let quoted = row.get(range.start) == Some(&b'"');
            let behind = end_of_quotes(row, range.start).and_then(|at| row.get(at..range.end));
            !quoted || behind.is_some_and(|behind| behind.trim_ascii().is_empty())
        })
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
    let at = end_of_quotes(row, start)?;
    let rest = row.get(at..).unwrap_or_default();
    Some(at + rest.iter().position(|byte| *byte == separator).unwrap_or(rest.len()))
}

/// Position behind the quote that closes the field at `start`, or `start` when it is not quoted; `None` without one.
fn end_of_quotes(row: &[u8], start: usize) -> Option<usize> {
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
    Some(at)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_that_are_quoted_and_joined_split_into_what_they_were(fields in prop::collection::vec("[a\", \n;]{0,8}", 1..6)) {
            let row = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            let mut split = Fields::default();
            prop_assert!(split.split(row.as_bytes(), b','));
            let found: Vec<_> = split.iter(row.as_bytes()).map(|field| String::from_utf8(field.into_owned()).unwrap()).collect();
            prop_assert_eq!(found, fields);
            prop_assert!(split.are_well_quoted(row.as_bytes()));
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
