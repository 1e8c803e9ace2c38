//! Lines for people: made visible, and never a reason to end what is going on.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use crate::model::visible;

/// A line for standard output. What could command or deceive a terminal is shown as an escape.
///
/// A closed terminal or pipe is ignored: what matters is on disk, and the exit code still tells.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{}", visible(text));
}

/// Many lines for standard output, written in blocks.
pub struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    /// Holds standard output until it is dropped.
    pub fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 16, io::stdout().lock()))
    }

    /// A line; see [`line`].
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.0, "{}", visible(text));
    }
}

/// A line for standard error, likewise.
pub fn error(text: &str) {
    let _ = writeln!(io::stderr(), "{}", visible(text));
}

/// A question on standard error, without an end of line.
pub fn question(text: &str) {
    let mut output = io::stderr();
    let _ = write!(output, "{}", visible(text)).and_then(|()| output.flush());
}

/// A line for standard error that must not be overlooked: red where a terminal shows it.
pub fn alarm(text: &str) {
    let mut output = io::stderr();
    let text = visible(text);
    let coloured = output.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let _ =
        if coloured { writeln!(output, "\u{1b}[1;31m{text}\u{1b}[0m") } else { writeln!(output, "{text}") };
}
