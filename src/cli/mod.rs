//! Arguments to a plan to one command; the only module that prints, prompts or exits.

mod args;
mod ask;
mod config;
mod demo;
mod devices;
mod exhibits;
mod formats;
mod key;
mod label;
mod lines;
mod list;
mod manual;
mod mask;
mod opening;
mod plan;
mod report;
mod say;
mod scan;
mod screen;
mod secret;
mod self_test;
mod set;
mod sets;
mod verify;

use std::process::ExitCode as ProcessExit;

use anyhow::Result;
use clap::Parser as _;

use crate::model::ExitCode;
use args::{Arguments, Command};

/// Runs the tool with the arguments of the process.
pub fn main() -> ProcessExit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let misuse = error.use_stderr();
            let _ = error.print();
            return if misuse { code(ExitCode::Failure) } else { ProcessExit::SUCCESS };
        }
    };
    // Images can have a thousand segments, and batches of small files are open at once.
    crate::platform::open_files();
    match run(arguments.command) {
        Ok(exit) => exit,
        Err(error) => {
            say::error(&format!("onscene: {}", told(&error)));
            code(ExitCode::Failure)
        }
    }
}

fn run(command: Command) -> Result<ProcessExit> {
    match command {
        Command::Scan(arguments) => scan::run(*arguments).map(code),
        Command::List(arguments) => list::run(&arguments).map(code),
        Command::Devices(arguments) => devices::run(&arguments).map(code),
        Command::Formats => formats::run().map(|()| ProcessExit::SUCCESS),
        Command::SelfTest => self_test::run().map(code),
        Command::Report(arguments) => report::run(&arguments).map(|()| ProcessExit::SUCCESS),
        Command::Set(arguments) => set::run(&arguments),
        Command::Key(arguments) => key::run(&arguments).map(|()| ProcessExit::SUCCESS),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Label(arguments) => label::run(&arguments).map(|()| ProcessExit::SUCCESS),
        Command::Completions(arguments) => manual::completions(&arguments).map(|()| ProcessExit::SUCCESS),
        Command::Man => manual::man().map(|()| ProcessExit::SUCCESS),
        Command::Examine => {
            crate::run::examine(std::io::stdin(), std::io::stdout()).map_err(anyhow::Error::from)?;
            Ok(ProcessExit::SUCCESS)
        }
    }
}

/// An error with its causes; some say theirs themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        _ if told.contains(&cause) => told,
        _ => format!("{told}: {cause}"),
    })
}

fn code(exit: ExitCode) -> ProcessExit {
    ProcessExit::from(exit.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_an_error_names_itself_is_not_told_twice() {
        let cause = std::io::Error::other("unplugged");
        let list = crate::hashset::Error::Scratch { source: cause };
        let error = anyhow::Error::from(list).context("set x");
        assert_eq!(told(&error).matches("unplugged").count(), 1);
        assert!(told(&error).starts_with("set x: a scratch file"));
    }
}
