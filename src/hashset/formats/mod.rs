//! Hash-list formats: the bytes of a list in, its records out.
//!
//! Adding one is a new file here with a [`Format`] and its line in [`FORMATS`]. A format with a signature of its own
//! is `Strong`; a general one that would also take what others know better is `Weak`.

mod bsd;
mod delimited;
mod encase;
mod fields;
mod hashdeep;
mod hashkeeper;
mod icse;
mod kdb;
mod lines;
mod mapping;
mod md5sum;
mod ncmec;
mod nsrl_v2;
mod nsrl_v3;
mod pdq;
mod plain;
mod reading;
mod sql;
mod sqlite;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod threatexchange;
mod tsk_idx;
mod values;
mod vics;
mod xways;

use std::io::{self, BufRead, Read};
use std::path::Path;

pub use mapping::Mapping;

use super::error::excerpt;
use super::{Error, Place, Result};
use crate::model::{Digest, Digests, Pdq};
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
    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()>;

    /// Whether category 0 means "of no interest" in this format, so that it can contradict the role of a list.
    fn zero_is_benign(&self) -> bool {
        false
    }
}

/// A list as a format meets it.
pub struct Input<'a> {
    /// Its bytes from the first on, unpacked.
    pub bytes: &'a mut dyn BufRead,
    /// Where it lies, when it is a file by itself: a database is opened there. `None` for what is packed or piped.
    pub path: Option<&'a Path>,
    /// What the operator says of it.
    pub stated: &'a Stated,
}

/// What the operator says of lists that cannot be seen from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// What 64 hexadecimal digits are where the list does not say it.
    pub long_digits: Option<LongDigits>,
    /// Which columns of a table hold what; lists that come with one are read as `csv`.
    pub mapping: Option<Mapping>,
}

/// What 64 hexadecimal digits may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongDigits {
    /// A digest.
    Sha256,
    /// A near-duplicate hash of a picture.
    Pdq,
}

/// One record of a list: what it says of ONE file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// Digests of that file; none when the record has none of a kind that is read here.
    pub digests: Digests,
    /// PDQ hash of the picture.
    pub pdq: Option<Pdq>,
    /// Its category as the list writes it.
    pub category: Option<&'a str>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Whether the list says that the victim is identified.
    pub victim_identified: Option<bool>,
    /// Whether the list says that it is in circulation.
    pub distributed: Option<bool>,
    /// Whether the list itself says that the file is not harmless though it is known: no known-good set takes it.
    pub not_harmless: bool,
    /// Free text; may name victims. Only where [`Sink::wants_text`].
    pub text: Text<'a>,
}

/// Free text of a record, for a lab's export; never shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a> {
    /// The series that the picture belongs to.
    pub series: Option<&'a str>,
    /// Key words.
    pub tags: Option<&'a str>,
    /// Comments.
    pub comments: Option<&'a str>,
}

/// Where a format puts what it reads.
pub trait Sink {
    /// Name of the list, for errors.
    fn name(&self) -> &str;

    /// Takes a record.
    fn record(&mut self, record: Record<'_>);

    /// Takes a record of which the list says nothing but a digest.
    fn digest(&mut self, digest: Digest) {
        let mut digests = Digests::default();
        digests.set(digest);
        self.record(Record { digests, ..Record::default() });
    }

    /// Takes a record that a later one with the same key replaces, also from a later file of the same list.
    fn update(&mut self, key: &[u8], record: Record<'_>);

    /// Takes back the record with that key, if there is one.
    fn withdraw(&mut self, key: &[u8]);

    /// Counts a line, record or value that cannot be read. `text` is what stands there; it is shown cut and escaped.
    fn reject(&mut self, place: Place, reason: &str, text: &[u8]);

    /// Notes which variant of the format the list says it is.
    fn variant(&mut self, variant: &str);

    /// Notes a date that the list states of itself or of a record; the latest is kept.
    fn date(&mut self, date: &str);

    /// Notes something that whoever uses the list must know.
    fn remark(&mut self, remark: String);

    /// Whether free text is kept.
    fn wants_text(&self) -> bool;
}

/// Every format, alphabetical.
pub static FORMATS: &[&dyn Format] = &[
    &kdb::Kdb,
    &bsd::Bsd,
    &delimited::Delimited,
    &encase::EnCase,
    &hashdeep::Hashdeep,
    &hashkeeper::HashKeeper,
    &icse::Icse,
    &md5sum::Md5sum,
    &ncmec::Ncmec,
    &nsrl_v2::NsrlV2,
    &nsrl_v3::NsrlV3,
    &pdq::PdqText,
    &plain::Plain,
    &threatexchange::ThreatExchange,
    &tsk_idx::TskIdx,
    &vics::Vics,
    &xways::XWays,
];

/// The format of that name.
pub fn named(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// The first [`HEAD`] bytes, or all there are.
pub(super) fn head(input: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(crate::read::size(HEAD)).read_to_end(&mut head)?;
    Ok(head)
}

/// The format that is surest that a list with these first bytes is its own.
pub fn detect(list: &str, head: &[u8], stated: &Stated) -> Result<&'static dyn Format> {
    if stated.mapping.is_some() {
        return Ok(&delimited::Delimited);
    }
    if sql::is_script(head) {
        return Err(Error::unready(list, sql::ADVICE));
    }
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
        "an SQLite database without the tables of NSRL RDSv3 or Autopsy".into()
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
