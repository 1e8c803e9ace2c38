//! A match: an entry and why it is reported.

use serde::{Deserialize, Serialize};

use super::{Algorithm, Content, Digests, EntryKind, EntryState, Extent, RawText, Timestamps};

/// What the operator said a set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Entries are looked for.
    Alert,
    /// Entries are known and of no interest.
    KnownGood,
}

impl Role {
    /// The word used in options and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::KnownGood => "known-good",
        }
    }
}

/// What a hit asks for, by the profile of its list; the highest of all hits of an entry wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Counted, not reported.
    Ignore,
    /// A person must look at it before anything is concluded.
    Review,
    /// A match.
    Alert,
}

impl Action {
    /// Its name in options, lists and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Review => "review",
            Self::Alert => "alert",
        }
    }
}

/// How certain a finding is and where it lay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// A digest of an existing file equals an entry.
    #[serde(rename = "exact")]
    Exact,
    /// A digest of a deleted file's recovered content equals an entry.
    #[serde(rename = "exact, deleted")]
    ExactDeleted,
}

impl Grade {
    /// The words used in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::ExactDeleted => "exact, deleted",
        }
    }
}

/// An entry of a list that equals a digest of the evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hit {
    /// Name of the compiled set.
    pub set: String,
    /// Name of the list within the set.
    pub list: String,
    /// The digest that is equal.
    pub algorithm: Algorithm,
    /// The list's category as the list writes it, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The name that the profile gives to that category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_name: Option<String>,
    /// What the profile asks for.
    pub action: Action,
    /// Whether that list says that the victim is identified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victim_identified: Option<bool>,
    /// Whether that list says that it is in circulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributed: Option<bool>,
}

impl Hit {
    /// The category and the list it is quoted from, in words.
    pub fn category_text(&self) -> String {
        let Self { list, category, category_name, .. } = self;
        match (category, category_name) {
            (Some(number), Some(name)) => format!("category {number} ({name}) by list {list}"),
            (Some(number), None) => format!("category {number} (no name configured) by list {list}"),
            (None, _) => format!("no category, list {list}"),
        }
    }
}

/// What is said of an entry outside the entry table: in listings, findings and reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// Volume number within the source; 0 is a file system without a partition table, or a folder.
    pub volume: u32,
    /// Path from the root of the volume.
    #[serde(flatten)]
    pub path: RawText,
    /// Number of the record in the file system.
    pub record: u64,
    /// Number of the stream within the record; 0 is the main one.
    #[serde(default)]
    pub stream: u16,
    /// What it is.
    pub kind: EntryKind,
    /// Where the content lies, from the start of the decoded medium; holes are left out.
    pub extents: Vec<Extent>,
    /// How many more pieces there are than `extents` holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_extents: u64,
    /// Size in bytes.
    pub size: u64,
    /// Whether it exists.
    pub state: EntryState,
    /// How its content is had; left out where it simply is.
    #[serde(default, skip_serializing_if = "Content::is_plain")]
    pub content: Content,
    /// The digests that were computed.
    #[serde(flatten)]
    pub digests: Digests,
    /// Time stamps.
    pub times: Timestamps,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// An entry and why it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How certain it is.
    pub grade: Grade,
    /// Reference of the exhibit; filled in by the recorder.
    #[serde(default)]
    pub exhibit: String,
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// The entry.
    #[serde(flatten)]
    pub item: ItemRecord,
    /// The hits, sorted; never empty.
    pub hits: Vec<Hit>,
    /// Facts that a reader must know beside it.
    #[serde(default)]
    pub remarks: Vec<String>,
}

impl Finding {
    /// The highest action of its hits.
    pub fn action(&self) -> Action {
        self.hits.iter().map(|hit| hit.action).max().unwrap_or(Action::Review)
    }

    /// The order of every report: source, volume, bytes of the path, then what tells equal paths apart.
    pub fn sort_key(&self) -> impl Ord + '_ {
        (
            self.source,
            self.item.volume,
            self.item.path.as_bytes(),
            self.item.record,
            self.item.stream,
            self.grade,
        )
    }
}
