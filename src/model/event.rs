//! What happens in a run, as the examiner tells it, the journal keeps it and `--json` prints it.

use serde::{Deserialize, Serialize};

use super::{Coverage, Digests, Extent, Finding, ItemRecord, Problem, SetSummary, Verdict};

/// Identity of an item within its source; it does not depend on the order of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId {
    /// Volume number.
    pub volume: u32,
    /// Number of the stream within the record.
    pub stream: u16,
    /// Record number in the file system, inode in a folder.
    pub record: u64,
}

impl ItemId {
    /// Stands for the survey of a volume: what an examiner is at before it knows any item.
    pub const fn survey_of(volume: u32) -> Self {
        Self { volume, stream: u16::MAX, record: u64::MAX }
    }

    /// Whether it stands for the survey of a volume.
    pub const fn is_survey(self) -> bool {
        self.stream == u16::MAX && self.record == u64::MAX
    }
}

/// Items of one volume and stream number whose records follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdRange {
    /// The first item.
    #[serde(flatten)]
    pub first: ItemId,
    /// Record number of the last item.
    pub last: u64,
}

impl IdRange {
    /// The shortest list of ranges that holds exactly those items.
    pub fn of(items: Vec<ItemId>) -> Vec<Self> {
        Self::joined(items.into_iter().map(|item| Self { first: item, last: item.record }).collect())
    }

    /// The shortest list of ranges that holds exactly the items of those.
    pub fn joined(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_unstable();
        let mut joined: Vec<Self> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last)
                    if (last.first.volume, last.first.stream) == (range.first.volume, range.first.stream)
                        && range.first.record <= last.last.saturating_add(1) =>
                {
                    last.last = last.last.max(range.last);
                }
                _ => joined.push(range),
            }
        }
        joined
    }

    /// Whether the item is one of the range.
    pub const fn contains(&self, item: ItemId) -> bool {
        self.first.volume == item.volume
            && self.first.stream == item.stream
            && self.first.record <= item.record
            && item.record <= self.last
    }
}

/// How the examination of items ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Digested and looked up.
    Examined,
    /// Digested as a container that was recognised and not opened.
    ExaminedWhole,
    /// Could not be read in whole; a problem says why.
    Unreadable,
    /// Not examined for another reason; a problem says which.
    NotExamined,
}

/// Items that were examined and need not be again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedRange {
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the items are pictures or videos by content.
    pub media: bool,
    /// Whether a known-good set or an ignored category accounts for them.
    #[serde(default)]
    pub known: bool,
    /// Which items.
    pub items: Vec<IdRange>,
    /// Bytes of their content.
    pub bytes: u64,
}

/// What sort of thing the operator pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A block device.
    Device,
    /// The file or files of a disk image.
    Image,
    /// A folder of a mounted file system.
    Folder,
}

/// What a device says of itself; absent fields were not available, and nothing is changed or guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceIdentity {
    /// Vendor and model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Capacity in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// Logical sector size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_size: Option<u32>,
    /// Whether it is a spinning disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotational: Option<bool>,
}

/// What kept the source from being written to, as far as could be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// Whether the kernel says the device, or the mount of the folder, is read-only.
    pub read_only: Option<bool>,
    /// Whether the examiner process had given up the right to write anywhere.
    pub sandboxed: bool,
    /// What a reader must know of it, in plain words.
    pub remarks: Vec<String>,
}

/// A source as the recorder opened it, before anything in it was parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHeader {
    /// Index of the source within the run.
    pub source: u32,
    /// Reference of the exhibit as typed, or the name that stands in for it.
    pub exhibit: String,
    /// Whether the operator gave the reference.
    pub labelled: bool,
    /// What was pointed at, as typed.
    pub name: String,
    /// What sort of thing it is.
    pub kind: SourceKind,
    /// Size in bytes of the device or of all image files together; 0 for a folder.
    pub size: u64,
    /// What the device says of itself.
    pub device: DeviceIdentity,
}

/// The decoded medium, or the folder, as the examiner opened it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSummary {
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// The image format, `device` or `folder`.
    pub format: String,
    /// The partition table found, or that there is none.
    pub table: String,
    /// Size of the decoded medium in bytes; 0 for a folder.
    pub size: u64,
    /// Digests that the image says were taken when it was made.
    pub stored: Digests,
    /// What else the image says of itself.
    pub notes: Vec<(String, String)>,
    /// What kept it from being written to.
    pub protection: Protection,
}

/// A volume as it was surveyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSummary {
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// Its number; 0 is a file system without a partition table, or a folder.
    pub volume: u32,
    /// Its place on the decoded medium; of a volume in several pieces the place of its first byte, with its own length.
    pub extent: Extent,
    /// The places that it lies on, in the order of the medium, when they are several; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extents: Vec<Extent>,
    /// How many places more there are than listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_extents: u64,
    /// Numbers of the volumes that it lies on, when it was put together from them or stands in one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<u32>,
    /// The type that the partition table states.
    pub kind: String,
    /// The name that the partition table gives it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub table_label: String,
    /// The file system found; absent when none was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<String>,
    /// What it holds instead, in words: it is part of a set, or has a table of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
    /// The name that the file system gives itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Files in use.
    pub files: u64,
    /// Deleted entries.
    pub deleted: u64,
    /// Directories in use.
    pub directories: u64,
}

impl VolumeSummary {
    /// How many places of the medium it lies on.
    pub fn places(&self) -> u64 {
        u64::try_from(self.extents.len()).unwrap_or(u64::MAX).saturating_add(self.more_extents).max(1)
    }

    /// `on volume 3`, `on volumes 1, 2`; `None` for a partition of the medium and for the whole of it.
    pub fn on_words(&self) -> Option<String> {
        let numbers: Vec<String> = self.on.iter().map(u32::to_string).collect();
        match numbers.as_slice() {
            [] => None,
            [one] => Some(format!("on volume {one}")),
            many => Some(format!("on volumes {}", many.join(", "))),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a control checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlKind {
    /// Known answers of every digest.
    SelfTest,
    /// The control file, found through the whole pipeline.
    ControlFile,
    /// Entries drawn from a loaded list, looked up again.
    SetEntries,
    /// The digest that an image stores of its medium, computed again.
    StoredDigest,
}

/// A check of the run itself. A run with a failed control has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// What was checked.
    pub kind: ControlKind,
    /// Whether it held.
    pub passed: bool,
    /// What was expected and what was seen.
    pub detail: String,
}

/// How far an examiner is. Not kept in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Index of the source within the run; filled in by the recorder.
    #[serde(default)]
    pub source: u32,
    /// What it is doing, in a word or two.
    pub phase: String,
    /// Files examined.
    pub files: u64,
    /// Files to examine.
    pub files_total: u64,
    /// Bytes of content examined.
    pub bytes: u64,
    /// Bytes of content to examine.
    pub bytes_total: u64,
}

/// Items that an examiner has taken up: if it dies, they are the suspects. Not kept in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Number of the worker thread.
    pub worker: u32,
    /// Which items; empty when the worker has finished them.
    pub items: Vec<ItemId>,
}

/// Something about the run or its machine that a reader must know: a restart, a suspended laptop, a low battery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The source concerned, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<u32>,
    /// What happened.
    pub detail: String,
}

/// The run as it was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// Version of the tool.
    pub version: String,
    /// SHA-256 of the running binary.
    pub binary_sha256: String,
    /// Operating system and kernel.
    pub system: String,
    /// Reference of the case, as typed.
    pub case: String,
    /// Who ran it.
    pub operator: String,
    /// Under which authority.
    pub authority: String,
    /// Every option that bears on the result, as name and value.
    pub options: Vec<(String, String)>,
    /// The sets that were loaded.
    pub sets: Vec<SetSummary>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// Whether the operator or a failure stopped it early.
    pub stopped: bool,
    /// Why, when it was.
    pub reason: String,
    /// The answer.
    pub verdict: Verdict,
}

/// One thing that happened. The examiner sends some, the recorder makes others; all but
/// `Progress`, `Started`, `Entry` and `Done` are kept in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// The run began.
    RunStarted(RunHeader),
    /// A source was opened by the recorder.
    SourceStarted(SourceHeader),
    /// A source was decoded by its examiner.
    SourceOpened(SourceSummary),
    /// A volume was surveyed.
    Volume(VolumeSummary),
    /// Items were examined.
    Examined(ExaminedRange),
    /// A match.
    Finding(Finding),
    /// Something was not examined.
    Problem(Problem),
    /// A check of the run itself.
    Control(Control),
    /// The ledger of a source.
    Coverage(Coverage),
    /// Something that a reader must know.
    Warning(Warning),
    /// How far an examiner is.
    Progress(Progress),
    /// What an examiner has taken up.
    Started(Started),
    /// An entry of a listing.
    Entry(ItemRecord),
    /// The examiner has sent everything; `stopped` when it was told to stop early.
    Done {
        /// Whether it was told to stop.
        stopped: bool,
    },
    /// The run ended.
    RunEnded(RunEnd),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_hold_exactly_the_items_they_were_made_of(
            items in prop::collection::vec((0_u32..3, 0_u16..2, 0_u64..40), 0..60)
        ) {
            let items: Vec<ItemId> =
                items.into_iter().map(|(volume, stream, record)| ItemId { volume, stream, record }).collect();
            let ranges = IdRange::of(items.clone());
            for volume in 0..3 {
                for stream in 0..2 {
                    for record in 0..41 {
                        let item = ItemId { volume, stream, record };
                        let held = ranges.iter().any(|range| range.contains(item));
                        prop_assert_eq!(held, items.contains(&item));
                    }
                }
            }
        }
    }
}
