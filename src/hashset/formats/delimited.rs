//! Any table of delimited text whose heading names a digest column.

use super::fields::Fields;
use super::lines::{Line, Lines};
use super::reading::{Reading, Row};
use super::table::{Column, Table};
use super::{Format, Input, Mapping, Sink, text};
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
        "table with a heading, separated by , ; or tab; columns md5, sha1, sha256, pdq, quality, hash, \
         category, size, victim identified, distributed and special code in any spelling, or by a mapping"
    }

    /// Weak: a format that knows the table better comes first.
    fn probe(&self, head: &[u8]) -> Confidence {
        let first = text::significant(head).next().filter(|_| text::is_text(head));
        if first.and_then(Table::of_heading).is_some() { Confidence::Weak } else { Confidence::No }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        read_table(input, sink, &Layout { width: Width::Exact, named: Column::named })
    }
}

/// What a format says of its tables beyond their heading.
pub struct Layout {
    /// How strictly rows follow the heading.
    pub width: Width,
    /// What the names in the heading mean.
    pub named: fn(&[u8]) -> Option<Column>,
}

/// What is done with a row that has more or fewer fields than the heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// It is rejected.
    Exact,
    /// Its first fields are read, unless the end of the file may have cut it.
    Ragged,
}

/// Reads a heading and the rows below it.
pub fn read_table(input: Input<'_>, sink: &mut dyn Sink, layout: &Layout) -> Result<()> {
    let mut lines = Lines::new(input.bytes);
    let (table, first) = match &input.stated.mapping {
        Some(mapping) => mapped(&mut lines, sink, mapping)?,
        None => (heading(&mut lines, sink, layout)?, None),
    };
    let Some(table) = table else {
        let reason = "no heading that names one column md5, sha1, sha256, pdq or hash, each at most once";
        return Err(Error::malformed(sink.name(), Place::Line(1), reason));
    };
    let mut rows = Rows {
        reading: Reading::new(table, input.stated),
        width: layout.width,
        fields: Fields::default(),
        held: Vec::new(),
        held_from: 0,
        held_lines: 0,
    };
    if let Some((number, bytes, terminated)) = first {
        rows.line(&Line { number, bytes: &bytes, terminated, too_long: false }, sink)?;
    }
    while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
        rows.line(&line, sink)?;
    }
    rows.take_apart(sink)?;
    rows.reading.finish(sink);
    Ok(())
}

fn heading(lines: &mut Lines<'_>, sink: &mut dyn Sink, layout: &Layout) -> Result<Option<Table>> {
    while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
        if line.too_long && text::unusable(&line, sink) {
            continue;
        }
        if !text::is_comment(line.bytes.trim_ascii()) {
            text::one_line(&line, sink)?;
            // Not trimmed: a tab at its end is an empty column.
            return Ok(Table::described(line.bytes, layout.named));
        }
    }
    Ok(None)
}

/// The number of a row, its bytes, and whether its line has ended.
type FirstRow = (u64, Vec<u8>, bool);

/// The table as a mapping describes it, and the first row where that is no heading.
fn mapped(
    lines: &mut Lines<'_>,
    sink: &mut dyn Sink,
    mapping: &Mapping,
) -> Result<(Option<Table>, Option<FirstRow>)> {
    while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
        if line.too_long && text::unusable(&line, sink) {
            continue;
        }
        let text = line.bytes.trim_ascii();
        // Without a heading, a row may begin with the separator as a comment does.
        if text.is_empty() || (mapping.has_heading() && text::is_comment(text)) {
            continue;
        }
        text::one_line(&line, sink)?;
        let refused = |reason| Error::malformed(sink.name(), Place::Line(line.number), reason);
        let table = mapping.table(line.bytes).map_err(refused)?;
        let first = (line.number, line.bytes.to_vec(), line.terminated);
        return Ok((Some(table), (!mapping.has_heading()).then_some(first)));
    }
    Ok((None, None))
}

/// Puts rows together from lines.
struct Rows {
    reading: Reading,
    width: Width,
    fields: Fields,
    /// A row whose quoted field has not ended yet.
    held: Vec<u8>,
    held_from: u64,
    held_lines: usize,
}

impl Rows {
    fn line(&mut self, line: &Line<'_>, sink: &mut dyn Sink) -> Result<()> {
        if text::unusable(line, sink) {
            return self.take_apart(sink);
        }
        let separator = self.reading.table().separator();
        if self.held.is_empty() {
            if line.bytes.trim_ascii().is_empty() {
                return Ok(());
            }
            if self.fields.split(line.bytes, separator) {
                let place = Place::Line(line.number);
                return self.row(Row { place, bytes: line.bytes, terminated: line.terminated }, sink);
            }
            self.held_from = line.number;
        } else {
            self.held.push(b'\n');
        }
        self.held.extend_from_slice(line.bytes);
        self.held_lines += 1;
        let first = self.held_lines == 1;
        let ended = !first && self.fields.split(&self.held, separator);
        // Otherwise a stray quote would give one row the end of another, and lose that one.
        let is_row = ended
            && self.fields.len() == self.reading.table().width()
            && self.fields.are_well_quoted(&self.held);
        if is_row {
            let place = Place::Line(self.held_from);
            let row = Row { place, bytes: &self.held, terminated: line.terminated };
            self.reading.record(&row, &self.fields, sink)?;
            self.held.clear();
            self.held_lines = 0;
        } else if ended || self.held.len() > MAX_HELD || self.held_lines >= MAX_HELD_LINES {
            self.take_apart(sink)?;
        }
        Ok(())
    }

    fn row(&mut self, row: Row<'_>, sink: &mut dyn Sink) -> Result<()> {
        let (found, expected) = (self.fields.len(), self.reading.table().width());
        if found == expected || (self.width == Width::Ragged && row.terminated) {
            return self.reading.record(&row, &self.fields, sink);
        }
        sink.reject(row.place, &format!("{found} fields where the heading has {expected}"), b"");
        Ok(())
    }

    /// A stray quote must not swallow the rows behind it: only its own line is lost, the others are read singly.
    fn take_apart(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        self.held_lines = 0;
        if held.is_empty() {
            return Ok(());
        }
        let mut number = self.held_from;
        for (at, bytes) in held.split(|byte| *byte == b'\n').enumerate() {
            let place = Place::Line(number);
            number = number.saturating_add(1);
            if at > 0 && self.fields.split(bytes, self.reading.table().separator()) {
                // Counted as if not terminated: what a stray quote has mixed up must at least have the right width.
                self.row(Row { place, bytes, terminated: false }, sink)?;
            } else {
                sink.reject(place, "a quoted field that does not end, or a row of several lines with a wrong number of fields", b"");
            }
        }
        Ok(())
    }
}
