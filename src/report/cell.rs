//! Cells of a sheet that no program takes for a formula.

use std::borrow::Cow;
use std::io;

use crate::model::{RawText, visible};

/// A writer of sheets: every cell quoted, every cell neutral.
pub(super) struct Sheet<'a>(csv::Writer<&'a mut dyn io::Write>);

impl<'a> Sheet<'a> {
    /// Begins a sheet with its headings.
    pub(super) fn new(out: &'a mut dyn io::Write, headings: &[&str]) -> io::Result<Self> {
        let writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(out);
        let mut sheet = Self(writer);
        sheet.0.write_record(headings)?;
        Ok(sheet)
    }

    /// Writes a row; it has as many cells as there are headings.
    pub(super) fn row<'c>(&mut self, cells: impl IntoIterator<Item = Cow<'c, str>>) -> io::Result<()> {
        for cell in cells {
            self.0.write_field(neutral(&cell).as_bytes())?;
        }
        self.0.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Ends the sheet.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The two cells of a path: what can be shown, and its bytes in hexadecimal wherever the first is not exactly them.
pub(super) fn path(path: &RawText) -> [Cow<'_, str>; 2] {
    let text = path.lossy();
    let exact = neutral(&text).as_bytes() == path.as_bytes();
    let hex = if exact { String::new() } else { hex::encode(path.as_bytes()) };
    [text, hex.into()]
}

/// The text with everything hidden made visible, and an apostrophe before what would begin a formula: at the start
/// of the cell, and after `;`, which programs of many countries take for the end of a cell.
fn neutral(cell: &str) -> Cow<'_, str> {
    let shown = visible(cell);
    let begins = starts_formula(&shown);
    if !begins && !shown.split(';').skip(1).any(starts_formula) {
        return shown;
    }
    let mut text = String::with_capacity(shown.len() + 2);
    for (at, piece) in shown.split(';').enumerate() {
        if at > 0 {
            text.push(';');
        }
        if starts_formula(piece) {
            text.push('\'');
        }
        text.push_str(piece);
    }
    Cow::Owned(text)
}

/// Full-width forms count too: programs set to Chinese or Japanese read them as operators.
fn starts_formula(text: &str) -> bool {
    const FORMULA: [char; 10] =
        ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    text.trim_start().starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_defused_and_plain_text_is_left_alone() {
        for (raw, cell) in [
            ("DCIM/a-b=c.jpg", "DCIM/a-b=c.jpg"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("  @sum(1)", "'  @sum(1)"),
            ("\t=1", "\\u{9}=1"),
            ("a;=1;b;+2", "a;'=1;b;'+2"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
        ] {
            assert_eq!(neutral(raw), cell);
        }
    }

    #[test]
    fn the_bytes_of_a_path_stand_beside_it_wherever_it_had_to_be_changed() {
        for (bytes, hex) in [
            (&b"plain.jpg"[..], ""),
            (b"=1.jpg", "3d312e6a7067"),
            (b"\xff.jpg", "ff2e6a7067"),
            (b"a\nb", "610a62"),
        ] {
            assert_eq!(path(&RawText::new(bytes))[1], hex);
        }
    }

    proptest! {
        #[test]
        fn cells_parse_back_and_none_begins_a_formula(
            rows in prop::collection::vec(
                prop::collection::vec("[=+@\\-\t\r\n;,\"' a\u{202e}\u{e9}]{0,8}|\\PC{0,8}", 3), 1..8)
        ) {
            let mut out = Vec::new();
            let mut sheet = Sheet::new(&mut out, &["a", "b", "c"]).unwrap();
            for row in &rows {
                sheet.row(row.iter().map(|cell| Cow::Borrowed(cell.as_str()))).unwrap();
            }
            sheet.finish().unwrap();
            let read: Vec<csv::StringRecord> =
                csv::Reader::from_reader(&out[..]).records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read.len(), rows.len());
            for (record, row) in read.iter().zip(&rows) {
                for (cell, raw) in record.iter().zip(row) {
                    let expected = neutral(raw);
                    prop_assert_eq!(cell, expected.as_ref());
                    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
                    prop_assert!(!formula);
                    let hidden = cell.contains(['\n', '\r', '\t', '\u{202e}']);
                    prop_assert!(!hidden);
                    prop_assert!(![";=", ";+", ";-", ";@"].iter().any(|inner| cell.contains(inner)));
                }
            }
        }
    }
}
