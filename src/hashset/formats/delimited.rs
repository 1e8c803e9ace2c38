//! Any table of delimited text whose heading names a digest column.

use std::io::BufRead;

use super::lines::{Line, Lines};
use super::table::{Fields, Table};
use super::{Format, Sink, text};
use crate::hashset::{Error, Place, Result};
use crate::read::Confidence;

/// RFC 4180, also with semicolons or tabs.
pub struct Delimited;

/// A row that spans lines is held until it ends: at most this many bytes ...
const MAX_HELD: usize = 64 * 1024;
/// ... and this many lines, because it is split anew with each of them.
const MAX_HELD_LINES: usize = 64;

impl Format for Delimited {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn description(&self) -> &'static str {
        "table with a heading, separated by , ; or tab; columns md5, sha1, sha256, category and size in any spelling"
    }

    /// Weak: a format that knows the table better comes first. A column of special codes says that rows differ in
    /// what they are good for (NSRL), which must not be read as if they did not.
    fn probe(&self, head: &[u8]) -> Confidence {
        let Some(first) = text::significant(head).next().filter(|_| text::is_text(head)) else {
            return Confidence::No;
        };
        let letters: Vec<u8> =
            first.iter().filter(|byte| byte.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
        let coded = letters.windows(SPECIAL_CODE.len()).any(|window| window == SPECIAL_CODE);
        if coded || Table::of_heading(first).is_none() { Confidence::No } else { Confidence::Weak }
    }

    fn read(&self, input: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<()> {
        read_table(input, sink, Width::Exact)
    }
}

const SPECIAL_CODE: &[u8] = b"specialcode";

/// What is done with a row that has more or fewer fields than the heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// It is rejected.
    Exact,
    /// Its first fields are read, unless the end of the file may have cut it.
    Ragged,
}

/// Reads a heading and the rows below it.
pub fn read_table(input: &mut dyn BufRead, sink: &mut dyn Sink, width: Width) -> Result<()> {
    let mut lines = Lines::new(input);
    let Some(table) = heading(&mut lines, sink)? else {
        let reason = "no heading that names one column md5, sha1 or sha256, each at most once";
        return Err(Error::malformed(sink.name(), Place::Line(1), reason));
    };
    let mut rows =
        Rows { table, width, fields: Fields::default(), held: Vec::new(), held_from: 0, held_lines: 0 };
    while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
        rows.line(&line, sink);
    }
    rows.take_apart(sink);
    Ok(())
}

fn heading(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Result<Option<Table>> {
    while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
        if !text::is_comment(line.bytes.trim_ascii()) {
            // Not trimmed: a tab at its end is an empty column.
            return Ok(Table::of_heading(line.bytes));
        }
    }
    Ok(None)
}

/// Puts rows together from lines.
struct Rows {
    table: Table,
    width: Width,
    fields: Fields,
    /// A row whose quoted field has not ended yet.
    held: Vec<u8>,
    held_from: u64,
    held_lines: usize,
}

impl Rows {
    fn line(&mut self, line: &Line<'_>, sink: &mut dyn Sink) {
        if text::unusable(line, sink) {
            return self.take_apart(sink);
        }
        if self.held.is_empty() {
            if line.bytes.trim_ascii().is_empty() {
                return;
            }
            if self.fields.split(line.bytes, self.table.separator()) {
                return self.row(Place::Line(line.number), line.bytes, line.terminated, sink);
            }
            self.held_from = line.number;
        } else {
            self.held.push(b'\n');
        }
        self.held.extend_from_slice(line.bytes);
        self.held_lines += 1;
        let first = self.held_lines == 1;
        let ended = !first && self.fields.split(&self.held, self.table.separator());
        if ended && self.fields.len() == self.table.width() {
            self.table.record(Place::Line(self.held_from), &self.held, &self.fields, sink);
            self.held.clear();
            self.held_lines = 0;
        } else if ended || self.held.len() > MAX_HELD || self.held_lines >= MAX_HELD_LINES {
            self.take_apart(sink);
        }
    }

    fn row(&mut self, place: Place, row: &[u8], terminated: bool, sink: &mut dyn Sink) {
        let (found, expected) = (self.fields.len(), self.table.width());
        if found == expected || (self.width == Width::Ragged && terminated) {
            self.table.record(place, row, &self.fields, sink);
        } else {
            sink.reject(place, &format!("{found} fields where the heading has {expected}"), b"");
        }
    }

    /// A stray quote must not swallow the rows behind it: only its own line is lost, the others are read singly.
    fn take_apart(&mut self, sink: &mut dyn Sink) {
        let held = std::mem::take(&mut self.held);
        self.held_lines = 0;
        if held.is_empty() {
            return;
        }
        let mut number = self.held_from;
        for (at, line) in held.split(|byte| *byte == b'\n').enumerate() {
            let place = Place::Line(number);
            number = number.saturating_add(1);
            if at > 0 && self.fields.split(line, self.table.separator()) {
                // Counted as if not terminated: what a stray quote has mixed up must at least have the right width.
                self.row(place, line, false, sink);
            } else {
                sink.reject(place, "a quoted field that does not end, or a row of several lines with a wrong number of fields", b"");
            }
        }
    }
}
