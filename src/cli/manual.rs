//! `onscene completions` and `onscene man`.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::CommandFactory as _;

use super::args::{Arguments, CompletionArguments};

/// Prints a completion script.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(arguments: &CompletionArguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "onscene", &mut script);
    print(&script)
}

/// Prints the manual page: the tool, then each command.
///
/// # Errors
/// When standard output cannot be written.
pub fn man() -> Result<()> {
    let mut page = Vec::new();
    let command = Arguments::command();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        clap_mangen::Man::new(inner.clone()).render(&mut page)?;
    }
    print(&page)
}

/// Whoever reads only the first lines has what they wanted.
fn print(text: &[u8]) -> Result<()> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
