//! HashKeeper's CSV, in which the column `hash` holds MD5.

use super::delimited::{Layout, Width, read_table};
use super::table::{self, Column};
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::model::Algorithm;
use crate::read::Confidence;

/// The heading starts `"file_id","hashset_id","file_name","directory","hash","file_size"`.
pub struct HashKeeper;

const COLUMNS: [&str; 6] = ["fileid", "hashsetid", "filename", "directory", "hash", "filesize"];

impl Format for HashKeeper {
    fn name(&self) -> &'static str {
        "hashkeeper"
    }

    fn description(&self) -> &'static str {
        "HashKeeper .hsh: MD5 and size of each row; its comments and dates are not read"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        let first = text::significant(head).next().filter(|_| text::is_text(head));
        if first.is_some_and(|line| table::names(line).starts_with(&COLUMNS.map(str::to_owned))) {
            Confidence::Strong
        } else {
            Confidence::No
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        read_table(input, sink, &Layout { width: Width::Exact, named })
    }
}

fn named(heading: &[u8]) -> Option<Column> {
    match table::letters(heading)?.as_str() {
        "hash" => Some(Column::Digest(Algorithm::Md5)),
        "filesize" => Some(Column::Size),
        _ => None,
    }
}
