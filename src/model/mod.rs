//! The nouns of the field as plain data: no input, no output.
//!
//! Everything that crosses from the examiner to the recorder, that is kept in the journal or that a
//! report prints is a type of this module, and has one serialised form everywhere.

mod amount;
mod digest;
mod entry;
mod event;
mod finding;
mod found;
mod gaps;
mod json;
mod kept;
mod ledger;
mod near;
mod placement;
mod problem;
mod record;
mod set;
mod survey;
mod text;
mod time;
mod verdict;

pub use amount::{counted, grouped, share_text, size_text};
pub use digest::{Algorithm, Algorithms, Digest, Digests, EMPTY_FILE};
pub use entry::{Content, EntryIndex, EntryKind, EntryState, EntryTable, FileEntry, NewEntry, Parent, Run};
pub use event::{
    Control, ControlKind, DeviceIdentity, Event, ExaminedRange, IdRange, ItemId, Outcome, Progress,
    Protection, RunEnd, RunHeader, SourceHeader, SourceKind, SourceSummary, Started, VolumeSummary, Warning,
};
pub use finding::{Action, Finding, Grade, Hit, ItemRecord, Role};
pub use json::write_json;
pub use ledger::{Bucket, Coverage, CoverageCounts, Ledger, SkipRule};
pub use near::Pdq;
pub use placement::{Placement, Segment};
pub use problem::{Problem, ProblemKind};
pub use record::{CategoryCount, RunRecord};
pub use set::{CategoryRecords, Edition, ListFile, ListSummary, SetSignature, SetSummary};
pub use survey::{Survey, SurveyEnd};
pub use text::{RawText, is_hidden, visible};
pub use time::{Stamp, TimeEncoding, Times, Timestamps};
pub use verdict::{ExhibitVerdict, ExitCode, Verdict, VerdictResult};

use serde::{Deserialize, Serialize};

/// A range of bytes of the decoded medium, counted from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Extent {
    /// First byte, from the start of the decoded medium.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

impl Extent {
    /// The range of `length` bytes from `offset` on.
    pub const fn new(offset: u64, length: u64) -> Self {
        Self { offset, length }
    }

    /// First byte after the range; saturates, so that a hostile length cannot wrap.
    pub const fn end(self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}
