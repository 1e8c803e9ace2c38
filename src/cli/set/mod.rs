//! `onscene set`: hash sets as controlled exhibits.

mod arguments;
mod build;
mod check;
mod compare;
mod info;
mod lookup;
mod texts;

use std::process::ExitCode;

use anyhow::Result;

use arguments::SetCommand;
pub use arguments::{Long, SetArguments};

/// Runs the command.
///
/// # Errors
/// Whatever keeps it from an answer.
pub fn run(arguments: &SetArguments) -> Result<ExitCode> {
    match &arguments.command {
        SetCommand::Build(arguments) => build::run(arguments).map(|()| ExitCode::SUCCESS),
        SetCommand::Check(arguments) => check::run(arguments),
        SetCommand::Conflicts(arguments) => compare::conflicts(arguments),
        SetCommand::Diff(arguments) => compare::diff(arguments),
        SetCommand::Info(arguments) => info::info(arguments).map(|()| ExitCode::SUCCESS),
        SetCommand::Lookup(arguments) => lookup::run(arguments),
        SetCommand::Texts(arguments) => texts::run(arguments).map(|()| ExitCode::SUCCESS),
        SetCommand::Verify(arguments) => info::verify(arguments),
    }
}
