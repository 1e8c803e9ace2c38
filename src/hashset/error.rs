//! The errors of hash lists, profiles and compiled sets.

use std::fmt;
use std::io;

use crate::model::Role;

/// Why a hash list, a profile or a compiled set cannot be used. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("hash list {list} cannot be read: {source}; nothing of it was taken over")]
    Io {
        /// Name of the list.
        list: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// No format knows the list.
    #[error(
        "hash list {list} is in no known format: found {found}; known formats: {known}. \
         Convert it to one of them, for instance one hexadecimal digest a line in UTF-8"
    )]
    Unrecognised {
        /// Name of the list.
        list: String,
        /// What its first bytes look like.
        found: String,
        /// Names of the formats that exist.
        known: String,
    },
    /// Several formats are equally sure.
    #[error("hash list {list} may be of format {formats}: state which one it is")]
    Ambiguous {
        /// Name of the list.
        list: String,
        /// Names of the formats.
        formats: String,
    },
    /// The list ends in the middle.
    #[error("hash list {list} is truncated: {reason}; nothing of it was taken over. Get a complete copy")]
    Truncated {
        /// Name of the list.
        list: String,
        /// Where it ends.
        reason: String,
    },
    /// The list contradicts its own format so that it cannot go on.
    #[error(
        "hash list {list}, {place}: {reason}; nothing of it was taken over. Correct the list or get another copy"
    )]
    Malformed {
        /// Name of the list.
        list: String,
        /// Where.
        place: Place,
        /// What was expected and what was found.
        reason: String,
    },
    /// The categories of the list contradict what the operator said it is for.
    #[error("hash list {list} is refused as {}: {reason}. Load it in the other role, or force this one", role.name())]
    Refused {
        /// Name of the list.
        list: String,
        /// What the operator said it is for.
        role: Role,
        /// What speaks against it.
        reason: String,
    },
    /// Nothing of the list can be looked for.
    #[error("hash list {list} holds no usable digest: {rejected} lines or records rejected{example}")]
    Nothing {
        /// Name of the list.
        list: String,
        /// Lines and records that could not be used.
        rejected: u64,
        /// The first of them.
        example: String,
    },
    /// A stated limit is exceeded.
    #[error(
        "hash list {list} has more than {limit} {what}; nothing of it was taken over. Split it into several sets"
    )]
    TooLarge {
        /// Name of the list.
        list: String,
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// The list may be good, but not as it lies there.
    #[error("hash list {list} cannot be used as it is: {reason}; nothing of it was taken over")]
    Unready {
        /// Name of the list.
        list: String,
        /// Why not, and what to do first.
        reason: String,
    },
    /// A mapping of columns cannot be used.
    #[error("mapping of columns {mapping}: {reason}")]
    Mapping {
        /// Name of the mapping.
        mapping: String,
        /// What is wrong.
        reason: String,
    },
    /// What 64 digits are must be said.
    #[error(
        "hash list {list}, {place}: 64 hexadecimal digits may be a SHA-256 or a PDQ hash, and the list does not say \
         which; nothing of it was taken over. State it with --long-digits sha256 or --long-digits pdq"
    )]
    Unstated {
        /// Name of the list.
        list: String,
        /// Where the first of them stands.
        place: Place,
    },
    /// What did not fit into memory could not be written.
    #[error(
        "a scratch file of the compiled set cannot be written: {source}; free some space, or build elsewhere"
    )]
    Scratch {
        /// What the operating system said.
        source: io::Error,
    },
    /// A profile cannot be used.
    #[error("profile {profile}: {reason}")]
    Profile {
        /// Name of the profile.
        profile: String,
        /// What is wrong.
        reason: String,
    },
    /// The bytes of a compiled set cannot be read where they lie.
    #[error("compiled set, {reason}; try again, or use another copy of the set")]
    Unread {
        /// Where, and what the operating system said.
        reason: String,
    },
    /// The bytes are no compiled set, or a damaged one.
    #[error("compiled set, {what}: expected {expected}, found {found}; compile it again from its lists")]
    Image {
        /// The part concerned.
        what: &'static str,
        /// What the layout demands.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// The result of this family.
pub type Result<T> = std::result::Result<T, Error>;

/// A place in a list, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a text.
    Line(u64),
    /// A record of a structured file.
    Record(u64),
    /// A byte of what comes out of gzip or zip.
    Unpacked(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Record(number) => write!(f, "record {number}"),
            Self::Unpacked(number) => write!(f, "unpacked byte {number}"),
        }
    }
}

impl Error {
    pub(super) fn io(list: &str, source: io::Error) -> Self {
        Self::Io { list: list.to_owned(), source }
    }

    pub(super) fn malformed(list: &str, place: Place, reason: impl fmt::Display) -> Self {
        Self::Malformed { list: list.to_owned(), place, reason: reason.to_string() }
    }

    pub(super) fn unready(list: &str, reason: impl fmt::Display) -> Self {
        Self::Unready { list: list.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn truncated(list: &str, reason: impl fmt::Display) -> Self {
        Self::Truncated { list: list.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn image(what: &'static str, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::Image { what, expected: expected.to_string(), found: found.to_string() }
    }
}

/// Text of a list for people: at most 60 characters, control and invisible ones escaped, in quotes.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    // Four bytes a character at most: never decode more than can be shown.
    let front = bytes.get(..SHOWN * 4).unwrap_or(bytes);
    let text = String::from_utf8_lossy(front);
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if front.len() < bytes.len() || text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_hold_nothing_that_a_terminal_obeys() {
        assert_eq!(excerpt(b"a\x1b[2J\0"), r#""a\u{1b}[2J\0""#);
        assert!(excerpt("\u{202e}abc".as_bytes()).contains("\\u{202e}"));
        assert!(excerpt(&vec![b'x'; 1 << 20]).len() < 80);
        assert_eq!(excerpt(&[0xff]), "\"\u{fffd}\"");
    }
}
