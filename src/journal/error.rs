//! What can be wrong with a journal: the disk, the chain, or the request.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Longest text of a file that an error repeats, in characters.
const SHOWN: usize = 160;

/// Why something could not be done with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused: try again, or on another disk.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file of the run folder is not what it was when it was written.
    #[error("{0}")]
    Corrupt(Fault),
    /// The request makes no sense for this folder, and nothing was changed.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// Names the file that an I/O error concerns.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// Whether the file does not exist.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// A place of a run folder that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name of the file within the run folder.
    pub file: String,
    /// Number of the line, from 1, when the fault concerns one.
    pub line: Option<u64>,
    /// First byte of that line, from the start of the file.
    pub offset: Option<u64>,
    /// What should be there.
    pub expected: String,
    /// What is there; bounded in length, control characters escaped.
    pub found: String,
}

impl Fault {
    /// A fault of a file as a whole.
    pub(super) fn of_file(file: &str, expected: impl Into<String>, found: &str) -> Self {
        Self { file: file.into(), line: None, offset: None, expected: expected.into(), found: shown(found) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

/// Text of a possibly altered file, safe to repeat.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_place_expected_and_found_and_escapes_what_it_repeats() {
        let fault = Fault {
            line: Some(3),
            offset: Some(512),
            ..Fault::of_file("journal.jsonl", "seq 3", "\u{1b}[2J\n")
        };
        assert_eq!(
            fault.to_string(),
            "journal.jsonl, line 3 at byte 512: expected seq 3, found \\u{1b}[2J\\n"
        );
        assert!(shown(&"x".repeat(100_000)).len() < 200);
    }
}
