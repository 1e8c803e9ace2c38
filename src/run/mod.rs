//! Starts and supervises examiners, carries their events, and keeps them before they are shown.

mod bell;
mod examiner;
mod frame;
mod listing;
mod order;
mod recorder;
mod stops;
mod supervisor;

use std::path::PathBuf;

use crate::model::{Event, RunHeader, Verdict};
use crate::platform::SharedBytes;
use crate::source::EvidenceSource;

pub use examiner::{ExaminerError, examine};
pub use listing::{list, look};
pub use recorder::{Recorded, record};
pub use stops::Stops;

/// A source and the reference of its exhibit.
pub struct Exhibit {
    /// The reference as typed, or the name that stands in for it.
    pub reference: String,
    /// Whether the operator gave it.
    pub labelled: bool,
    /// The opened source.
    pub source: EvidenceSource,
}

/// Everything that a run needs, settled before the first byte of evidence is read.
pub struct Plan {
    /// What is kept of how it was started.
    pub header: RunHeader,
    /// What is examined.
    pub exhibits: Vec<Exhibit>,
    /// The compiled sets, the control set among them.
    pub sets: Vec<SharedBytes>,
    /// Worker threads of all examiners together.
    pub threads: usize,
    /// Whether access times may change where they cannot be protected.
    pub accept_atime: bool,
    /// What the record must say before anything is examined: what is attached and cannot be.
    pub warnings: Vec<String>,
    /// The folder of this run; it exists and is empty.
    pub folder: PathBuf,
}

/// Shows what has been recorded.
pub trait Observer {
    /// An event; one that the journal keeps has been written and synced before.
    fn show(&mut self, event: &Event);

    /// An event that could not be written to the journal.
    fn show_unrecorded(&mut self, event: &Event);
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal cannot be written.
    #[error("the journal in {folder} cannot be written: {error}; what was found until then is kept there")]
    Journal {
        /// The folder of the run.
        folder: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// An examiner could not be started or broke off.
    #[error("the examiner process cannot be used: {0}")]
    Examiner(String),
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The answer.
    pub verdict: Verdict,
    /// Why the run itself failed, when it did.
    pub failed: Option<String>,
    /// Number of records and digest of the last one, for the notebook.
    pub head: String,
    /// What the writer of the journal committed last.
    pub journal_head: crate::journal::Head,
}
