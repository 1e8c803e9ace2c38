//! What hashdeep prints: a signature, a heading that names the columns, and rows whose last field is the name.

use super::fields::Fields;
use super::lines::Lines;
use super::reading::{Reading, Row};
use super::table::{Column, Table};
use super::{Format, Input, Sink, text};
use crate::hashset::error::excerpt;
use crate::hashset::{Error, Place, Result};
use crate::read::Confidence;

/// hashdeep(1), section "FILE FORMAT".
pub struct Hashdeep;

const SIGNATURE: &[u8] = b"%%%% HASHDEEP-";
const HEADING: &[u8] = b"%%%% ";

impl Format for Hashdeep {
    fn name(&self) -> &'static str {
        "hashdeep"
    }

    fn description(&self) -> &'static str {
        "output of hashdeep with md5, sha1 and sha256 in any order; its other kinds are passed over"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        if text::is_text(head)
            && text::significant(head).next().is_some_and(|line| line.starts_with(SIGNATURE))
        {
            Confidence::Strong
        } else {
            Confidence::No
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut lines = Lines::new(input.bytes);
        let mut reading: Option<Reading> = None;
        let mut fields = Fields::default();
        while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
            let place = Place::Line(line.number);
            if line.bytes.starts_with(HEADING) {
                text::one_line(&line, sink)?;
            }
            if text::unusable(&line, sink)
                || line.bytes.starts_with(SIGNATURE)
                || line.bytes.trim_ascii().is_empty()
            {
                continue;
            }
            if let Some(names) = line.bytes.strip_prefix(HEADING) {
                reading = Some(Reading::new(heading(names, place, sink)?, input.stated));
            } else if line.bytes.starts_with(b"##") {
                // A comment.
            } else if let Some(reading) = &mut reading {
                // No quoting here: the name is the rest of the line, commas and all.
                let (separator, width) = (reading.table().separator(), reading.table().width());
                fields.split_unquoted(line.bytes, separator, width);
                if fields.len() == width {
                    let row = Row { place, bytes: line.bytes, terminated: line.terminated };
                    reading.record(&row, &fields, sink)?;
                } else {
                    sink.reject(place, "fewer fields than the heading names", line.bytes);
                }
            } else {
                return Err(Error::malformed(
                    sink.name(),
                    place,
                    "a row before the heading that names the columns",
                ));
            }
        }
        Ok(())
    }
}

fn heading(names: &[u8], place: Place, sink: &dyn Sink) -> Result<Table> {
    let read = |column: &Column| matches!(column, Column::Digest(_) | Column::Size);
    let columns = names.split(|byte| *byte == b',').map(|name| Column::named(name).filter(read)).collect();
    Table::new(b',', columns).ok_or_else(|| {
        let reason = format!("no column md5, sha1 or sha256, or one of them twice: {}", excerpt(names));
        Error::malformed(sink.name(), place, reason)
    })
}
