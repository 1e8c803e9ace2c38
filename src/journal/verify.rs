//! Whether a run folder is what it was when it was written, and how far that can be known.

use std::path::Path;

use super::chain::{Walked, walk};
use super::record::Head;
use super::{CORRECTIONS, Error, Fault, JOURNAL, correction, manifest};

/// Whether a folder is closed and whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealState {
    /// The chain holds up to the end of the run and every file is the one that the manifest lists: no faults.
    Sealed,
    /// There is no manifest, the run never ended, or there are faults.
    Unsealed,
}

/// What verification found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Whether the folder is closed and whole.
    pub state: SealState,
    /// Every flipped, removed, inserted or moved byte or record that can be known; empty in a sound folder.
    pub faults: Vec<Fault>,
    /// What a reader must know of the limits of the answer, in plain words.
    pub notes: Vec<String>,
    /// How far the chain of the journal holds.
    pub head: Head,
}

/// Verifies a run folder in memory that does not depend on the size of its files.
///
/// Without a manifest only the chain of the journal is checked, and its last record cannot be proved. Nothing is
/// written. Fails only when something cannot be read, or when the folder holds neither journal nor manifest.
pub fn verify(folder: &Path) -> Result<Verification, Error> {
    let bytes = manifest::read(folder)?;
    let mut faults = Vec::new();
    let mut notes = Vec::new();
    let walked = match walk(folder, |_| ()) {
        Err(error) if error.is_not_found() && bytes.is_some() => {
            faults.push(Fault::of_file(JOURNAL, "a journal", "none"));
            None
        }
        walked => Some(walked?),
    };
    let head = walked.as_ref().map_or_else(Head::default, |walked| walked.head);
    let contents = manifest::contents(folder)?;
    for name in &contents.later {
        notes.push(format!("{name}: a report made after sealing, not covered by the manifest"));
    }
    let ended = walked.as_ref().is_some_and(|walked| walked.ended);
    if let Some(walked) = walked {
        judge_journal(walked, bytes.is_some(), &mut faults, &mut notes);
        judge_corrections(folder, head, &mut faults, &mut notes)?;
    }
    let sealed = match &bytes {
        Some(bytes) => {
            faults.extend(manifest::compare(bytes, head, contents)?);
            ended && faults.is_empty()
        }
        None => false,
    };
    notes.push(
        "no signature was checked: shows accidental damage and partial alteration, not a full rewrite; \
         compare the head with the one in the notebook"
            .into(),
    );
    let state = if sealed { SealState::Sealed } else { SealState::Unsealed };
    Ok(Verification { state, faults, notes, head })
}

fn judge_journal(walked: Walked, has_manifest: bool, faults: &mut Vec<Fault>, notes: &mut Vec<String>) {
    let Walked { head, ended, torn, fault } = walked;
    let broken = fault.is_some();
    faults.extend(fault);
    match (torn, has_manifest) {
        (Some(bytes), true) => {
            let expected = "a whole record at the end of a sealed journal";
            faults.push(Fault::of_file(JOURNAL, expected, &format!("{bytes} bytes of a torn one")));
        }
        (Some(bytes), false) => notes.push(format!(
            "{JOURNAL}: the last {bytes} bytes are a torn record, which does not count: writing was interrupted"
        )),
        (None, true) if !ended && !broken => {
            faults.push(Fault::of_file(JOURNAL, "the end of the run in a sealed journal", "none"));
        }
        (None, _) => {}
    }
    if has_manifest {
        return;
    }
    let records = head.records;
    notes.push(match ended {
        true => format!(
            "the run ended after {records} records, and there is no manifest: it was never sealed, or its manifest \
             was removed; the last record and the other files cannot be proved"
        ),
        false => format!(
            "the run never ended: the chain holds for {records} records, its tail and the other files cannot be \
             proved"
        ),
    });
}

fn judge_corrections(
    folder: &Path,
    head: Head,
    faults: &mut Vec<Fault>,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let read = correction::read(folder, head)?;
    if !read.exists {
        return Ok(());
    }
    if read.torn {
        let found = format!("a torn one behind byte {}", read.end);
        faults.push(Fault::of_file(CORRECTIONS, "whole records", &found));
    }
    faults.extend(read.fault);
    notes.push(format!(
        "{} corrections were made after the run; that later ones were not removed cannot be proved",
        read.head.records
    ));
    Ok(())
}
