//! One line of a journal, and the head that proves all lines before it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::clock::stamp;

/// One line: compact JSON in this order of fields, then a newline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record<E> {
    /// Number of the record, from 1: the number of its line.
    pub seq: u64,
    /// What the wall clock of the machine said, RFC 3339 in UTC with milliseconds; may go backwards.
    pub utc: String,
    /// Nanoseconds since the journal was opened, by a clock that only goes forward; 0 in corrections.
    pub mono_ns: u64,
    /// SHA-256 of the bytes of the line before, without its newline; of the first record, where the chain begins.
    #[serde(with = "hex::serde")]
    pub prev: [u8; 32],
    /// What happened.
    pub event: E,
}

impl<E: Serialize> Record<E> {
    /// The record that follows `head`.
    pub(super) fn after(head: Head, utc: Timestamp, mono_ns: u64, event: E) -> Self {
        Self { seq: head.records.saturating_add(1), utc: stamp(utc), mono_ns, prev: head.digest, event }
    }
}

/// How far a chain reaches: whoever knows the head can prove every record before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of records.
    pub records: u64,
    /// SHA-256 of the last line without its newline; 32 zeros when there is none.
    pub digest: [u8; 32],
}

impl Head {
    /// The head once that line, without its newline, follows.
    pub(super) fn then(self, line: &[u8]) -> Self {
        Self { records: self.records.saturating_add(1), digest: Sha256::digest(line).into() }
    }

    /// The first 16 hexadecimal digits in groups of four, to be written by hand into a notebook.
    pub fn short(&self) -> String {
        let groups: Vec<String> = self.digest.chunks(2).take(4).map(hex::encode).collect();
        groups.join(" ")
    }
}

/// The digest in hexadecimal.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_head_is_four_groups_of_four_digits() {
        let head = Head::default().then(b"abc");
        assert_eq!(head.short(), "ba78 16bf 8f01 cfea");
        assert!(head.to_string().starts_with("ba7816bf8f01cfea414140de"));
        assert_eq!(head.records, 1);
    }

    #[test]
    fn the_form_of_a_line_does_not_change() {
        let record = Record::after(Head::default(), Timestamp::UNIX_EPOCH, 7, "event");
        let zeros = "0".repeat(64);
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            format!(
                r#"{{"seq":1,"utc":"1970-01-01T00:00:00.000Z","mono_ns":7,"prev":"{zeros}","event":"event"}}"#
            )
        );
    }
}
