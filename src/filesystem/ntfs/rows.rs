//! What records say, compact, until it can be listed: names, parts of streams, runs.

use crate::model::{Run, Times};

use super::record::Reference;
use super::reparse::Reparse;

/// Marks of a row.
pub(super) mod mark {
    /// The record is in use.
    pub const IN_USE: u8 = 1;
    /// It is a directory's.
    pub const DIRECTORY: u8 = 1 << 1;
    /// Other records hold some of its attributes.
    pub const LISTED: u8 = 1 << 2;
    /// Some of it could not be read.
    pub const DAMAGED: u8 = 1 << 3;
    /// It has time stamps.
    pub const TIMED: u8 = 1 << 4;
    /// Its place in the tree is being looked for.
    pub const CLIMBED: u8 = 1 << 5;
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Its number.
    pub number: u32,
    /// Its sequence number.
    pub sequence: u16,
    marks: u8,
    /// What it stands for.
    pub reparse: Reparse,
    /// The record that it extends; 0 when it stands for itself.
    pub base: Reference,
    times: [u64; 4],
    names: (u32, u16),
    parts: (u32, u16),
}

/// One name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    /// The directory that holds it.
    pub parent: Reference,
    text: (u32, u16),
    /// Whether it only stands beside a longer one, for DOS.
    pub dos: bool,
}

/// How the bytes of a part are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// In the record, from that byte on.
    Resident(u16),
    /// In clusters, as they are.
    Plain,
    /// Compressed in units of that power of two of clusters.
    Compressed(u8),
    /// Encrypted.
    Encrypted,
}

/// A stream, or the part of one that a record holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// First cluster within the stream.
    pub first: u64,
    /// Size of the stream in bytes; counts where `first` is 0.
    pub size: u64,
    /// Bytes that were written; counts where `first` is 0.
    pub initialised: u64,
    runs: (u32, u32),
    text: (u32, u16),
    /// The record that holds it.
    pub record: u32,
    /// How its bytes are kept.
    pub keeping: Keeping,
    /// Whether it is a directory's index, not a stream.
    pub index: bool,
}

/// Rows in the order in which they were read.
#[derive(Default)]
pub(super) struct Rows {
    list: Vec<Row>,
    names: Vec<Name>,
    parts: Vec<Part>,
    runs: Vec<Run>,
    text: Vec<u8>,
}

/// A row on its way in.
pub(super) struct NewRow {
    pub number: u32,
    pub sequence: u16,
    pub base: Reference,
}

/// Where the columns ended before a row was added.
#[derive(Clone, Copy)]
pub(super) struct Checkpoint([usize; 5]);

impl Row {
    /// Whether it bears any of those marks.
    pub(super) const fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// The raw time stamps.
    pub(super) fn times(&self) -> Times {
        let [created, modified, changed, accessed] =
            self.times.map(|raw| self.has(mark::TIMED).then_some(raw));
        Times { created, modified, accessed, changed }
    }
}

impl Rows {
    /// Where everything ends now.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint([self.list.len(), self.names.len(), self.parts.len(), self.runs.len(), self.text.len()])
    }

    /// Takes back what was added since.
    pub(super) fn roll_back(&mut self, Checkpoint([list, names, parts, runs, text]): Checkpoint) {
        self.list.truncate(list);
        self.names.truncate(names);
        self.parts.truncate(parts);
        self.runs.truncate(runs);
        self.text.truncate(text);
    }

    /// Begins a row; what is added then belongs to it. `None` when the columns are full.
    pub(super) fn begin(&mut self, row: &NewRow) -> Option<usize> {
        // A record brings in less than 2^17 of anything: with this reserve no column outgrows its 32 bits.
        let end = |length: usize| u32::try_from(length).ok().filter(|end| *end < u32::MAX >> 1);
        end(self.runs.len())?;
        end(self.text.len())?;
        self.list.push(Row {
            number: row.number,
            sequence: row.sequence,
            marks: 0,
            reparse: Reparse::None,
            base: row.base,
            times: [0; 4],
            names: (end(self.names.len())?, 0),
            parts: (end(self.parts.len())?, 0),
        });
        self.list.len().checked_sub(1)
    }

    /// Sets marks of the last row.
    pub(super) fn mark_last(&mut self, mark: u8) {
        self.change_last(|row| row.marks |= mark);
    }

    /// Sets time stamps of the last row: created, modified, changed, accessed.
    pub(super) fn set_times(&mut self, times: [u64; 4]) {
        self.change_last(|row| {
            row.times = times;
            row.marks |= mark::TIMED;
        });
    }

    /// Says what the last row stands for.
    pub(super) fn set_reparse(&mut self, reparse: Reparse) {
        self.change_last(|row| row.reparse = reparse);
    }

    fn change_last(&mut self, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.list.last_mut() {
            change(row);
        }
    }

    /// What a file stands for whose rows are at those positions: a record that extends it may say so, too.
    pub(super) fn reparse(&self, members: &[usize]) -> Reparse {
        let mut own = members.iter().filter_map(|at| self.get(*at)).map(|row| row.reparse);
        own.find(|reparse| *reparse != Reparse::None).unwrap_or(Reparse::None)
    }

    /// Adds a name to the last row.
    pub(super) fn name(&mut self, parent: Reference, dos: bool, units: impl Iterator<Item = u16>) {
        let text = self.text(units);
        self.names.push(Name { parent, text, dos });
        self.change_last(|row| row.names.1 = row.names.1.saturating_add(1));
    }

    /// Adds a part to the last row; its name and runs are set here.
    pub(super) fn part(&mut self, name: impl Iterator<Item = u16>, runs: &[Run], part: NewPart) {
        let text = self.text(name);
        let start = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        self.runs.extend_from_slice(runs);
        let NewPart { first, size, initialised, keeping, index, record } = part;
        let runs = (start, u32::try_from(runs.len()).unwrap_or(0));
        self.parts.push(Part { first, size, initialised, runs, text, record, keeping, index });
        self.change_last(|row| row.parts.1 = row.parts.1.saturating_add(1));
    }

    fn text(&mut self, units: impl Iterator<Item = u16>) -> (u32, u16) {
        let start = self.text.len();
        crate::filesystem::utf16::append(units, &mut self.text);
        let length = self.text.len().saturating_sub(start);
        (u32::try_from(start).unwrap_or(u32::MAX), u16::try_from(length).unwrap_or(0))
    }

    /// All rows.
    pub(super) fn list(&self) -> &[Row] {
        &self.list
    }

    /// The row at a position.
    pub(super) fn get(&self, at: usize) -> Option<&Row> {
        self.list.get(at)
    }

    /// Sets a mark on the row at a position; true when it was not set.
    pub(super) fn mark(&mut self, at: usize, mark: u8) -> bool {
        self.list.get_mut(at).is_some_and(|row| {
            let new = !row.has(mark);
            row.marks |= mark;
            new
        })
    }

    /// Position of the record's row; rows stand in the order of their numbers.
    pub(super) fn find(&self, number: u32) -> Option<usize> {
        self.list.binary_search_by_key(&number, |row| row.number).ok()
    }

    /// The names of a row.
    pub(super) fn names(&self, row: &Row) -> &[Name] {
        slice(&self.names, row.names.0, row.names.1.into())
    }

    /// The parts of a row, and where the first of them stands.
    pub(super) fn parts(&self, row: &Row) -> impl Iterator<Item = u32> + use<> {
        let start = row.parts.0;
        (0..u32::from(row.parts.1)).map(move |index| start.saturating_add(index))
    }

    /// The part at a position.
    pub(super) fn get_part(&self, at: u32) -> Option<&Part> {
        self.parts.get(usize::try_from(at).ok()?)
    }

    /// The text of a name.
    pub(super) fn name_text(&self, name: &Name) -> &[u8] {
        slice(&self.text, name.text.0, name.text.1.into())
    }

    /// The name of a part's stream; empty for the main one.
    pub(super) fn stream_name(&self, part: &Part) -> &[u8] {
        slice(&self.text, part.text.0, part.text.1.into())
    }

    /// The runs of a part.
    pub(super) fn runs(&self, part: &Part) -> &[Run] {
        slice(&self.runs, part.runs.0, part.runs.1)
    }
}

/// A part without its name and runs.
pub(super) struct NewPart {
    pub first: u64,
    pub size: u64,
    pub initialised: u64,
    pub keeping: Keeping,
    pub index: bool,
    pub record: u32,
}

fn slice<T>(column: &[T], start: u32, count: u32) -> &[T] {
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let count = usize::try_from(count).unwrap_or(0);
    column.get(start..start.saturating_add(count)).unwrap_or_default()
}
