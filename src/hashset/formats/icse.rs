//! The CSV of INTERPOL's ICSE database, whose rows may be longer or shorter than its heading.

use super::delimited::{Layout, Width, read_table};
use super::table::Column;
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::read::Confidence;

/// Semicolons; the heading starts `MD5;SHA1;PhotoDNA;Image ID;`. Free text, PhotoDNA and `Baseline` are not used.
pub struct Icse;

const HEADING: &[u8] = b"MD5;SHA1;PhotoDNA;Image ID;";

impl Format for Icse {
    fn name(&self) -> &'static str {
        "icse"
    }

    fn description(&self) -> &'static str {
        "CSV export of INTERPOL ICSE: MD5, SHA-1, victim and distribution are read, PhotoDNA is not"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        let first = text::significant(head).next().filter(|_| text::is_text(head));
        match first.and_then(|line| line.get(..HEADING.len())) {
            Some(start) if start.eq_ignore_ascii_case(HEADING) => Confidence::Strong,
            _ => Confidence::No,
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        read_table(input, sink, &Layout { width: Width::Ragged, named: Column::named })
    }
}
