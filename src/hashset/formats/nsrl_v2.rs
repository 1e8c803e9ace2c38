//! NSRLFile.txt of the NSRL's Reference Data Set up to version 2: a table of files that are known, not of good ones.

use super::delimited::{Layout, Width, read_table};
use super::table::{self, Column};
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::read::Confidence;

/// Both orders of columns; "RDS Format", nsrl.nist.gov. Names may be in ISO-8859-1 and are not used.
pub struct NsrlV2;

/// Columns that no other table has together.
const COLUMNS: [&str; 6] = ["sha1", "filename", "filesize", "productcode", "opsystemcode", "specialcode"];

impl Format for NsrlV2 {
    fn name(&self) -> &'static str {
        "nsrl-v2"
    }

    fn description(&self) -> &'static str {
        "NSRLFile.txt of NSRL RDS 1 and 2; rows with a special code (M malicious, S special) never enter a known-good set"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        let first = text::significant(head).next().filter(|_| text::is_text(head));
        let names = first.map(table::names).unwrap_or_default();
        if COLUMNS.iter().all(|column| names.iter().any(|name| name == column)) {
            Confidence::Strong
        } else {
            Confidence::No
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        read_table(input, sink, &Layout { width: Width::Exact, named: Column::named })
    }
}
