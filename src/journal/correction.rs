//! Corrections after the run: a chain of its own that begins at the head of the journal and never touches it.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Form, Step, add_check, is_checked};
use super::clock::{Clock, SystemClock};
use super::error::shown;
use super::record::{Head, Record};
use super::replay::replay;
use super::store::{Disk, Log as _, Store, lock, open_regular};
use super::{CORRECTIONS, Error, Fault, JOURNAL, MAX_LINE};
use crate::model::{RunRecord, Warning};

/// The reference of an exhibit, given or put right after the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Which source, as typed: the reference it has so far, or its index within the run.
    pub source: String,
    /// The reference it shall have, as typed.
    pub reference: String,
    /// Who says so.
    pub operator: String,
}

/// What a line of `corrections.jsonl` may say.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Amendment {
    ReferenceCorrected(Correction),
}

/// Appends a correction to `corrections.jsonl` and returns the head of that file once it is durable.
///
/// The line is a [`Record`] with its own SHA-256 as a last field, `check`, because nothing behind the last
/// line vouches for it. The first one follows the head of the journal. Refused when the source is not known or not
/// the only one that fits, when the reference is empty, and while the run is going on. A torn line that an earlier
/// failure left at the end, and that was therefore never confirmed, is cut off.
pub fn append_correction(folder: &Path, correction: &Correction) -> Result<Head, Error> {
    append_correction_with(&Disk, &SystemClock::start(), folder, correction)
}

/// The same on another disk or with another clock.
pub fn append_correction_with(
    store: &impl Store,
    clock: &dyn Clock,
    folder: &Path,
    correction: &Correction,
) -> Result<Head, Error> {
    let journal = folder.join(JOURNAL);
    let held = open_regular(&journal).map_err(Error::io(&journal))?;
    if !lock(&held) {
        return Err(Error::Refused("the run is going on, or is being corrected by someone else".into()));
    }
    let so_far = replay(folder)?;
    find(&so_far.record, &correction.source)?;
    if correction.reference.is_empty() {
        return Err(Error::Refused("the new reference is empty".into()));
    }
    let read = read(folder, so_far.head)?;
    let path = folder.join(CORRECTIONS);
    if read.torn && ends_in_a_record(&path, read.end)? {
        let found = format!("a whole record without it behind byte {}", read.end);
        return Err(Error::Corrupt(Fault::of_file(CORRECTIONS, "a newline", &found)));
    }
    let event = Amendment::ReferenceCorrected(correction.clone());
    let record = Record::after(read.head, clock.utc(), 0, event);
    let mut line = serde_json::to_vec(&record).map_err(|error| Error::io(&path)(error.into()))?;
    add_check(&mut line);
    if line.len() >= MAX_LINE {
        return Err(Error::Refused(format!("the correction is longer than {MAX_LINE} bytes")));
    }
    let head = read.head.then(&line);
    line.push(b'\n');
    let written = || {
        let mut log = match read.exists {
            true => store.open_append(&path, read.end)?,
            false => store.create_new(&path)?,
        };
        log.write_all(&line)?;
        log.sync_data()?;
        store.sync_folder(folder)
    };
    written().map_err(Error::io(&path))?;
    Ok(head)
}

/// Whether what looks torn is a record whose newline was damaged later: that one may have been confirmed.
fn ends_in_a_record(path: &Path, end: u64) -> Result<bool, Error> {
    let mut tail = Vec::new();
    let mut file = open_regular(path).map_err(Error::io(path))?;
    file.seek(SeekFrom::Start(end)).map_err(Error::io(path))?;
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut tail).map_err(Error::io(path))?;
    Ok([tail.as_slice(), tail.split_last().map_or(&[], |(_, line)| line)].into_iter().any(is_checked))
}

/// What stands in `corrections.jsonl`, as far as the chain holds.
pub(super) struct Corrections {
    /// The corrections with their stamps, oldest first.
    pub corrections: Vec<(String, Correction)>,
    /// Whether there is such a file.
    pub exists: bool,
    /// Its head; without a correction the head it begins at.
    pub head: Head,
    /// First byte behind its whole records.
    pub end: u64,
    /// Whether it ends in a torn line.
    pub torn: bool,
    /// Where it breaks, when it does.
    pub fault: Option<Fault>,
}

/// Reads the corrections that follow a journal with that head.
pub(super) fn read(folder: &Path, journal: Head) -> Result<Corrections, Error> {
    let start = Head { records: 0, digest: journal.digest };
    let mut read =
        Corrections { corrections: Vec::new(), exists: true, head: start, end: 0, torn: false, fault: None };
    let mut chain = match Chain::open(folder, CORRECTIONS, start.digest, Form::Checked) {
        Err(error) if error.is_not_found() => return Ok(Corrections { exists: false, ..read }),
        chain => chain?,
    };
    loop {
        match chain.step::<Amendment>()? {
            Step::Record(Record { utc, event: Amendment::ReferenceCorrected(correction), .. }) => {
                read.corrections.push((utc, correction));
            }
            Step::Torn(_) => read.torn = true,
            Step::Broken(fault) => read.fault = Some(fault),
            Step::End => break,
        }
        if read.torn || read.fault.is_some() {
            break;
        }
    }
    (read.head, read.end) = (chain.head(), chain.end());
    Ok(read)
}

/// Puts a correction into effect: the source, its findings and its verdict get the new reference, and a warning tells.
pub(super) fn apply(record: &mut RunRecord, utc: &str, correction: &Correction) -> Result<(), Error> {
    let Correction { source, reference, operator } = correction;
    let index = find(record, source)?;
    let mut before = String::new();
    for header in record.sources.iter_mut().filter(|header| header.source == index) {
        before = std::mem::replace(&mut header.exhibit, reference.clone());
        header.labelled = true;
    }
    for finding in record.findings.iter_mut().filter(|finding| finding.source == index) {
        finding.exhibit.clone_from(reference);
    }
    let verdicts = record.end.iter_mut().flat_map(|end| &mut end.verdict.exhibits);
    for verdict in verdicts.filter(|verdict| verdict.source == index) {
        verdict.exhibit.clone_from(reference);
    }
    record.warnings.push(Warning {
        source: Some(index),
        detail: format!("reference corrected from {before} to {reference} on {utc} by {operator}"),
    });
    Ok(())
}

/// The index of the only source with that reference or that index.
fn find(record: &RunRecord, typed: &str) -> Result<u32, Error> {
    let fits = |exhibit: &str, index: u32| exhibit == typed || index.to_string() == typed;
    let mut found: Vec<u32> =
        record.sources.iter().filter(|s| fits(&s.exhibit, s.source)).map(|s| s.source).collect();
    found.dedup();
    match found.as_slice() {
        [index] => Ok(*index),
        [] => {
            let known: Vec<String> =
                record.sources.iter().map(|s| format!("{} ({})", s.source, shown(&s.exhibit))).collect();
            let known = known.join(", ");
            Err(Error::Refused(format!("no source is called {}; there are: {known}", shown(typed))))
        }
        several => Err(Error::Refused(format!(
            "{} names several sources, by reference or by index: {several:?}; name one by the other",
            shown(typed)
        ))),
    }
}
