//! The errors of every evidence reader, one triad for all families.

use std::fmt;

/// Bytes that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes at byte {offset} cannot be read: {reason}")]
pub struct Unreadable {
    /// First byte, in the coordinates of the reader that was asked.
    pub offset: u64,
    /// How many bytes at least.
    pub length: u64,
    /// What the layer below said.
    pub reason: String,
}

impl Unreadable {
    /// Bytes that could not be had, and why.
    pub fn new(offset: u64, length: u64, reason: impl fmt::Display) -> Self {
        Self { offset, length, reason: reason.to_string() }
    }

    /// The same failure in the coordinates of a reader in which it lies `by` bytes later.
    #[must_use]
    pub fn shifted(mut self, by: u64) -> Self {
        self.offset = self.offset.saturating_add(by);
        self
    }
}

/// Why a container, volume system or file system could not be read. Tells the operator what to do next:
/// read again, use another tool, or note damage. Offsets count from the start of what was being parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The layer below failed: read again.
    #[error(transparent)]
    Io(#[from] Unreadable),
    /// Valid as far as can be seen, but not read by this version: use another tool.
    #[error("{what} at byte {offset} is not supported: {found}")]
    Unsupported {
        /// What has the unsupported property.
        what: &'static str,
        /// Where it stands.
        offset: u64,
        /// The value found.
        found: String,
    },
    /// The bytes contradict their own format: note damage.
    #[error("{what} at byte {offset} is damaged: expected {expected}, found {found}")]
    Corrupt {
        /// What is damaged.
        what: &'static str,
        /// Where it stands.
        offset: u64,
        /// What the format demands.
        expected: String,
        /// The value found.
        found: String,
    },
    /// It is not what the survey saw any more: look at it again.
    #[error("{what} changed: {found}")]
    Changed {
        /// What has changed.
        what: &'static str,
        /// How it stands now.
        found: String,
    },
    /// It was not opened, because reading would alter the evidence or the system does not allow it.
    #[error("{what} was not opened: {found}")]
    Refused {
        /// What was not opened.
        what: &'static str,
        /// Why.
        found: String,
    },
}

impl Error {
    /// The evidence contradicts its format.
    pub fn corrupt(
        what: &'static str,
        offset: u64,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self::Corrupt { what, offset, expected: expected.to_string(), found: found.to_string() }
    }

    /// The evidence uses something that is not read yet.
    pub fn unsupported(what: &'static str, offset: u64, found: impl fmt::Display) -> Self {
        Self::Unsupported { what, offset, found: found.to_string() }
    }

    /// Where it happened; 0 for what concerns an item as a whole.
    pub const fn offset(&self) -> u64 {
        match self {
            Self::Io(unreadable) => unreadable.offset,
            Self::Unsupported { offset, .. } | Self::Corrupt { offset, .. } => *offset,
            Self::Changed { .. } | Self::Refused { .. } => 0,
        }
    }

    /// How many bytes it concerns at least; 0 when only the place is known.
    pub const fn length(&self) -> u64 {
        match self {
            Self::Io(unreadable) => unreadable.length,
            _ => 0,
        }
    }

    /// The kind of problem that it is when a run goes on without the bytes concerned.
    pub const fn problem_kind(&self) -> crate::model::ProblemKind {
        match self {
            Self::Io(_) => crate::model::ProblemKind::Unreadable,
            Self::Unsupported { .. } => crate::model::ProblemKind::Unsupported,
            Self::Corrupt { .. } => crate::model::ProblemKind::Corrupt,
            Self::Changed { .. } => crate::model::ProblemKind::Changed,
            Self::Refused { .. } => crate::model::ProblemKind::Refused,
        }
    }

    /// The problem that a run records when it goes on without the bytes concerned.
    pub fn into_problem(self) -> crate::model::Problem {
        let problem = crate::model::Problem::new(self.problem_kind(), self.to_string());
        match self {
            Self::Changed { .. } | Self::Refused { .. } => problem,
            _ => problem.at(crate::model::Extent::new(self.offset(), self.length())),
        }
    }
}

/// The result of an evidence reader.
pub type Result<T> = std::result::Result<T, Error>;
