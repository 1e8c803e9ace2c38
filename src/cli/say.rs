//! Lines for people: made visible, and never a reason to end what is going on.

use std::io::{self, Write as _};

use crate::model::visible;

/// A line for standard output. What could command or deceive a terminal is shown as an escape.
///
/// A closed terminal or pipe is ignored: what matters is on disk, and the exit code still tells.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{}", visible(text));
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
