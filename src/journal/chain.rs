//! Reading a chain of records and checking each link on the way.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::{Digest as _, Sha256};

use super::error::shown;
use super::lines::{Line, Lines};
use super::record::{Head, Record};
use super::store::open_regular;
use super::{Error, Fault, JOURNAL, MAX_LINE};
use crate::model::Event;

/// A chain that is being read. It ends for good at the first step that is not a record.
pub(super) struct Chain {
    path: PathBuf,
    file: &'static str,
    form: Form,
    lines: Lines<BufReader<File>>,
    head: Head,
    end: u64,
}

/// What a line of a chain looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A record.
    Plain,
    /// A record with its own digest behind it, for a file whose last line nothing else vouches for.
    Checked,
}

/// What comes next in a chain.
pub(super) enum Step<E> {
    /// A record whose link holds.
    Record(Record<E>),
    /// The file ends in so many bytes that are no record: a write that was cut short.
    Torn(u64),
    /// The chain is broken here.
    Broken(Fault),
    /// The file ends behind a whole record.
    End,
}

impl Chain {
    /// Opens a file of the run folder whose first record follows the digest `start`.
    pub(super) fn open(
        folder: &Path,
        file: &'static str,
        start: [u8; 32],
        form: Form,
    ) -> Result<Self, Error> {
        let path = folder.join(file);
        let reader = open_regular(&path).map_err(Error::io(&path))?;
        let lines = Lines::new(BufReader::with_capacity(1 << 16, reader), MAX_LINE);
        let head = Head { records: 0, digest: start };
        Ok(Self { path, file, form, lines, head, end: 0 })
    }

    /// The head of the records read so far.
    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// First byte behind the records read so far.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// The next record, or why there is none.
    pub(super) fn step<E: DeserializeOwned>(&mut self) -> Result<Step<E>, Error> {
        let Self { path, form, lines, head, .. } = self;
        let line = match lines.next_line().map_err(Error::io(path))? {
            None => return Ok(Step::End),
            Some(Line::Whole(line)) => line,
            Some(Line::Torn(tail)) if is_cut_short(tail) => return self.torn(),
            Some(Line::Torn(_)) => return Ok(self.broken("a newline behind a record", "more bytes")),
            Some(Line::TooLong) => {
                return Ok(self.broken(format!("a line of at most {MAX_LINE} bytes"), "a longer one"));
            }
        };
        let next = head.then(line);
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(1);
        let record: Record<E> = match parse(line, *form) {
            Ok(record) => record,
            // A page that never reached the disk reads as zeros; only the last line can be such a one.
            Err(Unread::Garbage) if is_cut_short(line) && lines.at_end().map_err(Error::io(path))? => {
                return self.torn();
            }
            Err(Unread::Garbage) => return Ok(self.broken("a record in JSON", "something else")),
            Err(Unread::Unknown(found)) => {
                return Ok(self.broken("a record that this version knows", &found));
            }
            Err(Unread::Unproved(found)) => {
                return Ok(self.broken("a record that ends in its own digest", &found));
            }
        };
        if record.prev != head.digest {
            let expected = format!("prev {head}");
            return Ok(self.broken(expected, &hex::encode(record.prev)));
        }
        if record.seq != next.records {
            return Ok(self.broken(format!("seq {}", next.records), &record.seq.to_string()));
        }
        if record.utc.parse::<Timestamp>().is_err() {
            return Ok(self.broken("utc as RFC 3339", &record.utc));
        }
        self.head = next;
        self.end = self.end.saturating_add(length);
        Ok(Step::Record(record))
    }

    /// Names the current line as the place of a fault.
    pub(super) fn fault(&self, expected: impl Into<String>, found: &str) -> Fault {
        Fault {
            line: Some(self.lines.number),
            offset: Some(self.lines.offset),
            ..Fault::of_file(self.file, expected, found)
        }
    }

    fn broken<E>(&self, expected: impl Into<String>, found: &str) -> Step<E> {
        Step::Broken(self.fault(expected, found))
    }

    fn torn<E>(&self) -> Result<Step<E>, Error> {
        let size = std::fs::metadata(&self.path).map_err(Error::io(&self.path))?.len();
        Ok(Step::Torn(size.saturating_sub(self.end)))
    }
}

/// Whether a tail may be what an interrupted write leaves: part of a record, or a whole one and nothing behind it.
///
/// A whole record with more behind it is none: there, the newline between two records was altered.
fn is_cut_short(tail: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(tail).into_iter::<IgnoredAny>();
    !matches!(values.next(), Some(Ok(_))) || values.byte_offset() == tail.len()
}

/// Why a line is no record.
enum Unread {
    Garbage,
    Unknown(String),
    Unproved(String),
}

fn parse<E: DeserializeOwned>(line: &[u8], form: Form) -> Result<Record<E>, Unread> {
    let unread = |error: serde_json::Error| match error.is_data() {
        true => Unread::Unknown(shown(&error.to_string())),
        false => Unread::Garbage,
    };
    match form {
        Form::Plain => serde_json::from_slice(line).map_err(unread),
        Form::Checked => serde_json::from_slice(&strip_check(line)?).map_err(unread),
    }
}

/// Puts the digest of a record into its own line, as the last field.
pub(super) fn add_check(record: &mut Vec<u8>) {
    let check = hex::encode(Sha256::digest(&*record));
    if record.pop_if(|last| *last == b'}').is_some() {
        record.extend_from_slice(format!("{CHECK}{check}\"}}").as_bytes());
    }
}

/// Whether a line ends in the digest of its own record.
pub(super) fn is_checked(line: &[u8]) -> bool {
    strip_check(line).is_ok()
}

const CHECK: &str = ",\"check\":\"";

/// The record without its digest; fails when the digest is not that of the record, to the bit.
fn strip_check(line: &[u8]) -> Result<Vec<u8>, Unread> {
    let length = CHECK.len() + 64 + "\"}".len();
    let cut = line.len().checked_sub(length).and_then(|at| line.split_at_checked(at));
    let Some((record, _)) = cut else { return Err(Unread::Unproved("a short line".into())) };
    let record = [record, b"}"].concat();
    let mut again = record.clone();
    add_check(&mut again);
    if again == line { Ok(record) } else { Err(Unread::Unproved("another digest".into())) }
}

/// A journal that was read to its end, or to where it breaks.
pub(super) struct Walked {
    /// The head of the records that hold.
    pub head: Head,
    /// Whether the last of them ended the run.
    pub ended: bool,
    /// Bytes of a torn line behind them, when there is one.
    pub torn: Option<u64>,
    /// Where the chain breaks, when it does.
    pub fault: Option<Fault>,
}

/// Reads a journal record by record, in memory that does not depend on its size.
pub(super) fn walk(folder: &Path, mut visit: impl FnMut(Record<Event>)) -> Result<Walked, Error> {
    let mut chain = Chain::open(folder, JOURNAL, [0; 32], Form::Plain)?;
    let mut walked = Walked { head: chain.head(), ended: false, torn: None, fault: None };
    loop {
        let step = chain.step::<Event>()?;
        if walked.ended && !matches!(step, Step::End) {
            walked.fault = Some(chain.fault("nothing behind the end of the run", "more"));
            return Ok(walked);
        }
        match step {
            Step::Record(record) => {
                walked.head = chain.head();
                walked.ended = matches!(record.event, Event::RunEnded(_));
                visit(record);
            }
            Step::Torn(bytes) => walked.torn = Some(bytes),
            Step::Broken(fault) => walked.fault = Some(fault),
            Step::End => return Ok(walked),
        }
        if walked.torn.is_some() || walked.fault.is_some() {
            return Ok(walked);
        }
    }
}
