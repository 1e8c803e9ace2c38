//! What hashdeep prints: a signature, a heading that names the columns, and rows whose last field is the name.

use std::io::BufRead;

use super::lines::Lines;
use super::table::{Column, Fields, Table};
use super::{Format, Sink, text};
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

    fn read(&self, input: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<()> {
        let mut lines = Lines::new(input);
        let mut table: Option<Table> = None;
        let mut fields = Fields::default();
        while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
            let place = Place::Line(line.number);
            if text::unusable(&line, sink)
                || line.bytes.starts_with(SIGNATURE)
                || line.bytes.trim_ascii().is_empty()
            {
                continue;
            }
            if let Some(names) = line.bytes.strip_prefix(HEADING) {
                table = Some(heading(names, place, sink)?);
            } else if line.bytes.starts_with(b"##") {
                // A comment.
            } else if let Some(table) = &table {
                // No quoting here: the name is the rest of the line, commas and all.
                fields.split_unquoted(line.bytes, table.separator(), table.width());
                if fields.len() == table.width() {
                    table.record(place, line.bytes, &fields, sink);
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
    let columns: Vec<Option<Column>> = names.split(|byte| *byte == b',').map(Column::named).collect();
    Table::new(b',', columns).ok_or_else(|| {
        let reason = format!("no column md5, sha1 or sha256, or one of them twice: {}", excerpt(names));
        Error::malformed(sink.name(), place, reason)
    })
}
