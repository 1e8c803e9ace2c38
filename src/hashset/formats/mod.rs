//! Hash-list formats: the bytes of a list in, its records out.
//!
//! Adding one is a new file here with a [`Format`] and its line in [`FORMATS`]. A format with a signature of its own
//! is `Strong`; a general one that would also take what others know better is `Weak`.

mod bsd;
mod delimited;
mod hashdeep;
mod icse;
mod lines;
mod md5sum;
mod plain;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod vics;

use std::io::BufRead;

use super::error::excerpt;
use super::{Error, Place, Result};
use crate::model::Digests;
use crate::read::{Confidence, strongest};

/// Most bytes that a format sees when it is probed.
pub const HEAD: usize = 64 * 1024;

/// A hash-list format.
pub trait Format: Sync {
    /// Its name in options, tables and reports.
    fn name(&self) -> &'static str;

    /// What a reader of `onscene formats` needs to know beyond the name: variants read and not read.
    fn description(&self) -> &'static str;

    /// How sure it is that a list is its own. `head` is the first [`HEAD`] bytes, or the whole list when shorter.
    fn probe(&self, head: &[u8]) -> Confidence;

    /// Reads a whole list from its first byte on and gives its records to the sink, holding no more than a bounded
    /// part of it in memory. A line or record that cannot be read is rejected there; an error is returned only when
    /// the list cannot be trusted as a whole, and then nothing of it is used.
    fn read(&self, input: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<()>;

    /// Whether category 0 means "of no interest" in this format, so that it can contradict the role of a list.
    fn zero_is_benign(&self) -> bool {
        false
    }
}

/// One record of a list: what it says of ONE file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Digests of that file; none when the record has none of a kind that is read here.
    pub digests: Digests,
    /// Its category as the list writes it.
    pub category: Option<&'a str>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// Where a format puts what it reads.
pub trait Sink {
    /// Name of the list, for errors.
    fn name(&self) -> &str;

    /// Takes a record.
    fn record(&mut self, record: Record<'_>);

    /// Counts a line, record or value that cannot be read. `text` is what stands there; it is shown cut and escaped.
    fn reject(&mut self, place: Place, reason: &str, text: &[u8]);

    /// Notes which variant of the format the list says it is.
    fn variant(&mut self, variant: &str);
}

/// Every format, alphabetical.
pub static FORMATS: &[&dyn Format] = &[
    &bsd::Bsd,
    &delimited::Delimited,
    &hashdeep::Hashdeep,
    &icse::Icse,
    &md5sum::Md5sum,
    &plain::Plain,
    &vics::Vics,
];

/// The format of that name.
pub fn named(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// The format that is surest that a list with these first bytes is its own.
pub fn detect(list: &str, head: &[u8]) -> Result<&'static dyn Format> {
    let (_, surest) = strongest(FORMATS.iter().map(|format| (*format, format.probe(head))));
    match surest.as_slice() {
        [] => Err(Error::Unrecognised {
            list: list.to_owned(),
            found: describe(head),
            known: FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", "),
        }),
        [format] => Ok(*format),
        several => Err(Error::Ambiguous {
            list: list.to_owned(),
            formats: several.iter().map(|format| format.name()).collect::<Vec<_>>().join(" or "),
        }),
    }
}

/// What the first bytes of an unknown list look like, in words.
fn describe(head: &[u8]) -> String {
    let every_other_is_zero = || {
        let odd = head.iter().skip(1).step_by(2).take(64);
        let even = head.iter().step_by(2).take(64);
        head.len() >= 4 && (odd.clone().all(|byte| *byte == 0) != even.clone().all(|byte| *byte == 0))
    };
    if head.is_empty() {
        "an empty file".into()
    } else if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || every_other_is_zero() {
        "text in UTF-16 (save it as UTF-8)".into()
    } else if head.starts_with(b"SQLite format 3\0") {
        "an SQLite database".into()
    } else if head.contains(&0) {
        format!(
            "bytes with zeros among them (binary, or text damaged or ended by NUL), starting {}",
            excerpt(head)
        )
    } else {
        let first = text::significant(head).next().unwrap_or_default();
        format!("text whose first line is {}", excerpt(first))
    }
}
