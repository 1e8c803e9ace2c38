//! What was not examined, and why.

use serde::{Deserialize, Serialize};

use super::{Extent, RawText};

/// The sort of a problem; decides what the verdict says about completeness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Encrypted: cannot be looked into without a key.
    Encrypted,
    /// It cannot be told from random bytes: it may be encrypted.
    PossiblyEncrypted,
    /// Recognised, or not recognised at all, and not read by this version.
    Unsupported,
    /// The evidence could not be read at this place.
    Unreadable,
    /// The evidence contradicts its own format at this place.
    Corrupt,
    /// A container inside the source that was hashed as a whole and not opened.
    NotOpened,
    /// The item changed while it was read.
    Changed,
    /// Reading would have altered the evidence, or was refused.
    Refused,
    /// A stated limit was reached.
    Limit,
    /// The examiner died on this item.
    Crashed,
    /// The source stopped answering: it was unplugged, or its connection broke.
    Gone,
    /// The run was stopped before this was reached.
    NotReached,
    /// The content of deleted entries is gone: it belongs to other files, or nothing says where it was.
    Lost,
    /// Two readings of the same bytes differ, or two formats claim the same bytes.
    Ambiguous,
}

impl ProblemKind {
    /// The word used in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::PossiblyEncrypted => "possibly encrypted",
            Self::Unsupported => "unsupported",
            Self::Unreadable => "unreadable",
            Self::Corrupt => "corrupt",
            Self::NotOpened => "not opened",
            Self::Changed => "changed during read",
            Self::Refused => "refused",
            Self::Limit => "limit reached",
            Self::Crashed => "examiner died",
            Self::Gone => "source gone",
            Self::NotReached => "not reached",
            Self::Lost => "content lost",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// A thing that was not examined, or not as it should be, and why. Data, not an error: a run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What sort of problem it is.
    pub kind: ProblemKind,
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// Volume number within the source, when it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u32>,
    /// The entry, when it concerns one.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RawText>,
    /// Record number of the entry in its file system, when it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The bytes concerned, from the start of the decoded medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// What is wrong: where, what was expected, what was found. Text of ours; evidence in it is escaped.
    pub detail: String,
    /// What the operator can do about it; empty when there is nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
    /// How many like it this record stands for; repeated ones are aggregated.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
}

const fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_one(count: &u64) -> bool {
    *count == 1
}

impl Problem {
    /// A problem of that sort, with what is wrong.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            source: 0,
            volume: None,
            path: None,
            record: None,
            extent: None,
            detail: detail.into(),
            advice: String::new(),
            count: 1,
        }
    }

    /// Names the bytes concerned, from the start of the decoded medium.
    #[must_use]
    pub const fn at(mut self, extent: Extent) -> Self {
        self.extent = Some(extent);
        self
    }

    /// Names the volume concerned.
    #[must_use]
    pub const fn in_volume(mut self, volume: u32) -> Self {
        self.volume = Some(volume);
        self
    }

    /// Names the entry concerned.
    #[must_use]
    pub fn of_entry(mut self, path: RawText, record: u64) -> Self {
        self.path = Some(path);
        self.record = Some(record);
        self
    }

    /// Says what the operator can do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}
