//! The records that the rows of a table make, and what has to be said of them together.

use std::collections::BTreeSet;
use std::fmt;

use super::fields::Fields;
use super::table::{Column, Table};
use super::values::{PdqQuality, Value, kind_of};
use super::{LongDigits, Record, Sink, Stated, text};
use crate::hashset::error::excerpt;
use crate::hashset::{Place, Result};

/// How many special codes are named.
const CODES: usize = 8;

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Where it starts.
    pub place: Place,
    /// Its bytes without line end.
    pub bytes: &'a [u8],
    /// Whether a line end shows that it is whole.
    pub terminated: bool,
}

/// Reads the rows of one table.
#[derive(Debug)]
pub struct Reading {
    table: Table,
    long_digits: Option<LongDigits>,
    /// Most digits of a value whose kind its length says.
    longest: usize,
    notes: Notes,
}

/// What is counted over all rows, to be said once.
#[derive(Debug, Default)]
struct Notes {
    photodna: u64,
    unclear: u64,
    codes: BTreeSet<String>,
    pdq: PdqQuality,
    /// Whether the file ends in a category, of which the end may be missing.
    open_category: bool,
}

/// A row while its fields are read.
struct Found<'s> {
    place: Place,
    sink: &'s mut dyn Sink,
    record: Record<'static>,
    quality: Option<u32>,
    rejected: bool,
}

impl Reading {
    /// Nothing read yet.
    pub fn new(table: Table, stated: &Stated) -> Self {
        Self { table, long_digits: stated.long_digits, longest: 0, notes: Notes::default() }
    }

    /// The table that is read.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// Gives the record of a row, which has been split into `fields`, to the sink. A digest that cannot be read is
    /// rejected by itself: the others of its row still identify the file.
    ///
    /// # Errors
    /// When 64 digits stand where neither the table nor the operator says what they are.
    pub fn record(&mut self, row: &Row<'_>, fields: &Fields, sink: &mut dyn Sink) -> Result<()> {
        let columns = self.table.width();
        if self.ends_before_its_code(row, fields) {
            let reason = "the last line ends where its special code starts: the list may be cut here";
            sink.reject(row.place, reason, b"");
            return Ok(());
        }
        let mut found = Found::new(row.place, sink);
        let (mut any, mut category) = (None, None);
        for (at, (column, field)) in self.table.columns().iter().zip(fields.iter(row.bytes)).enumerate() {
            let value = field.trim_ascii();
            match column {
                None => {}
                Some(_) if is_absent(value) => {}
                Some(Column::AnyDigest) => any = Some((at, field)),
                Some(Column::Category) => category = Some(field),
                Some(column) => self.notes.value(*column, value, &mut found),
            }
        }
        // After those whose kind the heading says: of two that contradict each other, that one stays.
        if let Some((at, field)) = any {
            let uncertain = !row.terminated && at.saturating_add(1) == columns;
            self.any_digest(field.trim_ascii(), uncertain, &mut found)?;
        }
        let Found { mut record, quality, rejected, .. } = found;
        // Otherwise it has been rejected already and is not counted twice.
        if !record.digests.is_empty() || record.pdq.is_some() || !rejected {
            if let Some(pdq) = &record.pdq {
                self.notes.pdq.count(pdq, quality);
            }
            let category = category.as_deref().map(|text| String::from_utf8_lossy(text.trim_ascii()));
            record.category = category.as_deref();
            self.notes.open_category |=
                !row.terminated && self.table.columns().last() == Some(&Some(Column::Category));
            sink.record(record);
        }
        Ok(())
    }

    /// An empty code says that a file is harmless, which the end of a file must not say.
    fn ends_before_its_code(&self, row: &Row<'_>, fields: &Fields) -> bool {
        let coded = self.table.columns().last() == Some(&Some(Column::SpecialCode));
        coded
            && !row.terminated
            && fields.len() == self.table.width()
            && row.bytes.ends_with(&[self.table.separator()])
    }

    fn any_digest(&mut self, value: &[u8], uncertain: bool, found: &mut Found<'_>) -> Result<()> {
        let read = match kind_of(value, self.long_digits) {
            Ok(read) => read,
            Err(unstated) => return Err(unstated.refuse(found.sink.name(), found.place)),
        };
        // The start of a long digest has the length of a short one.
        if uncertain && value.len() < self.longest {
            let reason = "the last line has no line end and is shorter than others: the list may be cut here";
            found.take(None, &reason, value);
        } else {
            self.longest = self.longest.max(value.len());
            found.take(read, &"not 32, 40 or 64 hexadecimal digits", value);
        }
        Ok(())
    }

    /// Says what is to be said of all rows together.
    pub fn finish(self, sink: &mut dyn Sink) {
        let Notes { photodna, unclear, codes, pdq, open_category } = self.notes;
        if open_category {
            sink.remark(
                "the last line has no line end: if the list was cut, its last category may be too".into(),
            );
        }
        if photodna > 0 {
            sink.remark(format!(
                "{photodna} PhotoDNA values are not compared: only digests and PDQ hashes are"
            ));
        }
        if unclear > 0 {
            sink.remark(format!(
                "{unclear} statements on victim or distribution are neither yes nor no and are not carried"
            ));
        }
        if !codes.is_empty() {
            let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
            sink.remark(format!("special codes other than M and S are taken for not harmless: {codes}"));
        }
        pdq.remark(sink);
    }
}

impl<'s> Found<'s> {
    fn new(place: Place, sink: &'s mut dyn Sink) -> Self {
        Self { place, sink, record: Record::default(), quality: None, rejected: false }
    }

    /// Keeps a value, unless it cannot be read or another of its kind stands in the row already.
    fn take(&mut self, value: Option<Value>, reason: &dyn fmt::Display, text: &[u8]) {
        let reason = match value {
            Some(value) if value.set(&mut self.record) => return,
            Some(_) => "a second value of its kind in one row, which differs from the first".to_owned(),
            None => reason.to_string(),
        };
        self.rejected = true;
        self.sink.reject(self.place, &reason, text);
    }
}

impl Notes {
    /// Takes the value of one field whose column says what it is.
    fn value(&mut self, column: Column, value: &[u8], found: &mut Found<'_>) {
        match column {
            Column::Size => found.record.size = number(value),
            Column::Quality => found.quality = number(value),
            Column::VictimIdentified => found.record.victim_identified = self.answer(value),
            Column::Distributed => found.record.distributed = self.answer(value),
            Column::PhotoDna => self.photodna = self.photodna.saturating_add(1),
            Column::SpecialCode => {
                found.record.not_harmless = true;
                self.code(value);
            }
            Column::Digest(kind) => {
                let digest = text::digest(value).filter(|digest| digest.algorithm() == kind);
                let reason = format_args!("not the hexadecimal digits of {kind}");
                found.take(digest.map(Value::Digest), &reason, value);
            }
            Column::Pdq => {
                found.take(Value::pdq(value), &"not the 64 hexadecimal digits of a PDQ hash", value);
            }
            // Kept for the end of the row.
            Column::AnyDigest | Column::Category => {}
        }
    }

    fn answer(&mut self, value: &[u8]) -> Option<bool> {
        let is_one_of = |words: [&str; 4]| words.iter().any(|w| value.eq_ignore_ascii_case(w.as_bytes()));
        if is_one_of(["true", "yes", "y", "1"]) {
            Some(true)
        } else if is_one_of(["false", "no", "n", "0"]) {
            Some(false)
        } else {
            self.unclear = self.unclear.saturating_add(1);
            None
        }
    }

    fn code(&mut self, code: &[u8]) {
        let expected = code.eq_ignore_ascii_case(b"M") || code.eq_ignore_ascii_case(b"S");
        if !expected && self.codes.len() < CODES {
            self.codes.insert(excerpt(code));
        }
    }
}

fn number<N: std::str::FromStr>(value: &[u8]) -> Option<N> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Ways in which lists write that there is no value.
fn is_absent(value: &[u8]) -> bool {
    value.is_empty()
        || value == b"-"
        || [&b"null"[..], b"none", b"n/a"].iter().any(|w| value.eq_ignore_ascii_case(w))
}
