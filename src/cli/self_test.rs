//! `onscene self-test`: checks this binary on this machine, and leaves nothing behind.

use anyhow::Result;

use crate::digest;
use crate::model::{Algorithms, Event, ExitCode};
use crate::run;

use super::{demo, say};

/// Runs the known answers, then lists the demonstration image through an examiner of its own and counts what it must hold.
///
/// # Errors
/// When the examiner cannot be started.
pub fn run() -> Result<ExitCode> {
    let mut failures = Vec::new();
    match digest::self_test() {
        Ok(detail) => say::line(&format!("held    {detail}")),
        Err(failure) => failures.push(failure),
    }
    let exhibit = demo::exhibit()?;
    let mut records = Vec::new();
    run::list(&exhibit.source, Algorithms::ALL, 2, false, |event| {
        match event {
            Event::Entry(entry) => records.push(entry),
            Event::Problem(problem) if problem.kind == crate::model::ProblemKind::Unreadable => {
                failures.push(problem.detail);
            }
            _ => {}
        }
        true
    })?;
    let missing = demo::missing_from(&records)?;
    if missing.is_empty() {
        say::line("held    every file that the demonstration must find is listed with its digests");
    }
    failures.extend(missing);
    if failures.is_empty() {
        say::line("PASSED; `onscene scan --demo` checks the whole job, with a case folder");
        return Ok(ExitCode::NothingFound);
    }
    failures.iter().for_each(|failure| say::error(&format!("onscene: FAILED: {failure}")));
    say::error("onscene: do not use this binary on this machine");
    Ok(ExitCode::Failure)
}
