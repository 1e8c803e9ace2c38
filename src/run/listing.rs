//! Has one source listed, or looked at, by an examiner.

use crate::model::{Algorithms, Event};
use crate::source::EvidenceSource;

use super::RunError;
use super::bell::Bell;
use super::order::Task;
use super::supervisor::{Means, attend};

/// Lists a source; `take` gets entries, volumes and problems, and answers whether to go on.
///
/// # Errors
/// When the examiner cannot be started or ends before its work is done: what was listed until then is not all.
pub fn list(
    source: &EvidenceSource,
    wanted: Algorithms,
    threads: usize,
    accept_atime: bool,
    take: impl FnMut(Event) -> bool,
) -> Result<(), RunError> {
    let means = Means { sets: &[], roots: Vec::new(), threads, accept_atime, bell: &Bell::default() };
    carry_out(Task::List(wanted), source, &means, take)
}

/// Has an examiner say what each volume of a source is; `take` gets volumes and problems.
///
/// # Errors
/// When the examiner cannot be started or ends before its work is done.
pub fn look(source: &EvidenceSource, take: impl FnMut(Event) -> bool) -> Result<(), RunError> {
    let means =
        Means { sets: &[], roots: Vec::new(), threads: 1, accept_atime: false, bell: &Bell::default() };
    carry_out(Task::Look, source, &means, take)
}

fn carry_out(
    task: Task,
    source: &EvidenceSource,
    means: &Means<'_>,
    mut take: impl FnMut(Event) -> bool,
) -> Result<(), RunError> {
    let mut done = false;
    let mut listening = true;
    let status = attend(0, source, means, task, &[], |event| {
        done |= matches!(event, Event::Done { .. });
        listening = take(event);
        listening
    })?;
    match done || !listening {
        true => Ok(()),
        false => Err(RunError::Examiner(format!("it ended before the listing was complete: {status}"))),
    }
}
