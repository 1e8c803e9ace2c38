//! `onscene verify`: whether a run's folder is as the tool left it.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::journal::{self, SealState};

use super::args::CaseArguments;
use super::say;

/// Says SEALED, UNSEALED or ALTERED, and why.
///
/// # Errors
/// When the folder cannot be read as one of a run.
pub fn run(arguments: &CaseArguments) -> Result<ExitCode> {
    let checked = journal::verify(&arguments.folder)
        .with_context(|| format!("{}: cannot be checked", arguments.folder.display()))?;
    checked.faults.iter().for_each(|fault| say::line(&format!("fault: {fault}")));
    checked.notes.iter().for_each(|note| say::line(&format!("note: {note}")));
    let (word, code) = match (checked.faults.is_empty(), checked.state) {
        (false, _) => ("ALTERED", 1),
        (true, SealState::Sealed) => ("SEALED", 0),
        (true, SealState::Unsealed) => ("UNSEALED", 2),
    };
    say::line(&format!("{word}  {} records, head {}", checked.head.records, checked.head.short()));
    Ok(ExitCode::from(code))
}
