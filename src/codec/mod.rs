//! Compression that several rooms meet in evidence: LZFSE and LZVN; and the checksum CRC-32C.
//!
//! Written without `unsafe`, because what they decode is evidence; their output is never longer than the caller says
//! it must be.

pub(crate) mod crc32c;
pub(crate) mod lzfse;
pub(crate) mod lzvn;

use std::fmt;

/// What is wrong with compressed data, and where, in bytes from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    at: usize,
    expected: &'static str,
    found: String,
}

impl Flaw {
    pub(crate) fn new(at: usize, expected: &'static str, found: impl fmt::Display) -> Self {
        Self { at, expected, found: found.to_string() }
    }

    /// The same when the data are a part that begins `by` bytes later.
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        self.at = self.at.saturating_add(by);
        self
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at byte {} of the compressed data: expected {}, found {}",
            self.at, self.expected, self.found
        )
    }
}

/// Appends bytes that stand `distance` bytes before the end, repeating them when there are fewer than `length`.
///
/// `None` when the distance is 0 or leads before the start.
fn repeat(output: &mut Vec<u8>, distance: usize, length: usize) -> Option<()> {
    let from = output.len().checked_sub(distance).filter(|_| distance > 0)?;
    let mut left = length;
    while left > 0 {
        // What was appended continues the pattern, so each turn can take twice as much.
        let piece = left.min(output.len().saturating_sub(from));
        output.extend_from_within(from..from.saturating_add(piece));
        left = left.saturating_sub(piece);
    }
    Some(())
}
