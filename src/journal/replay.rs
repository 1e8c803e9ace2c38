//! Reading a run back from its journal: the only way in which a report learns what happened.

use std::path::Path;

use super::chain::walk;
use super::correction::{self, Correction};
use super::record::Head;
use super::{Error, Fault};
use crate::model::{RunRecord, Warning};

/// A run as its journal and its corrections tell it.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What the run recorded, corrections applied, in the order of the reports.
    pub record: RunRecord,
    /// The head of the journal's whole records.
    pub head: Head,
    /// Whether the run ended; a run that did not is reported as incomplete.
    pub ended: bool,
    /// Whether the journal ends in a torn line, which does not count. Only possible when the run never ended.
    pub torn_tail: bool,
    /// The corrections that were applied, oldest first.
    pub corrections: Vec<Correction>,
}

/// Replays the journal of a run folder and checks its chain on the way.
///
/// A torn last line of a run that never ended is tolerated; any other break is [`Error::Corrupt`] with line,
/// expected and found. Memory is bounded by the longest line and the record itself.
pub fn replay(folder: &Path) -> Result<Replay, Error> {
    match salvage(folder)? {
        (replay, None) => Ok(replay),
        (_, Some(fault)) => Err(Error::Corrupt(fault)),
    }
}

/// Replays as far as the chain holds, and says where it breaks.
///
/// For a journal that a failing disk has damaged: what stands before the break is still proved, what follows is
/// not counted. A break in the corrections leaves out the correction at the break and all that follow.
pub fn salvage(folder: &Path) -> Result<(Replay, Option<Fault>), Error> {
    let mut record = RunRecord::default();
    let walked = walk(folder, |line| {
        if line.seq == 1 {
            record.started.clone_from(&line.utc);
        }
        record.apply(line.event);
        if record.end.is_some() {
            record.ended = line.utc;
        }
    })?;
    let mut replay = Replay {
        record,
        head: walked.head,
        ended: walked.ended,
        torn_tail: walked.torn.is_some(),
        corrections: Vec::new(),
    };
    let mut fault = walked.fault;
    if fault.is_none() {
        let read = correction::read(folder, replay.head)?;
        for (utc, corrected) in read.corrections {
            correction::apply(&mut replay.record, &utc, &corrected)?;
            replay.corrections.push(corrected);
        }
        if read.torn {
            let detail = "the file of corrections ends in a torn line, which is not applied".into();
            replay.record.warnings.push(Warning { source: None, detail });
        }
        fault = read.fault;
    }
    replay.record.sort();
    Ok((replay, fault))
}
