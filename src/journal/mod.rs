//! The evidence log of a run: appended and synced before anything is shown, chained, replayed, sealed, verified.
//!
//! A run folder holds `journal.jsonl`, one [`Record`] a line. Each record holds the SHA-256 of the line before it, so
//! that a line cannot be altered, removed, inserted or moved without breaking the chain behind it. The digest of the
//! last line is the [`Head`]: whoever knows it can prove the whole journal. [`Writer`] appends, [`replay`] folds the
//! journal into a `RunRecord` again, [`append_correction`] adds what is learnt after the run without touching the
//! journal, [`seal`] closes the folder with a manifest and [`verify`] finds any change.
//!
//! What this can show and what it cannot: without a signature, whoever can write to the folder can alter the
//! events, chain them again and write a new manifest, and nothing in the folder tells. The short head that the
//! operator wrote into the notebook when the run was closed does tell. [`verify`] says so in its notes.
//! `manifest.sig` ([`SIGNATURE`]) is the place of the signature over the bytes of `manifest.json`; it is neither
//! listed in the manifest nor counted as a foreign file.

mod chain;
mod clock;
mod correction;
mod error;
mod folder;
mod lines;
mod manifest;
mod record;
mod reference;
mod replay;
mod store;
mod verify;
mod writer;

pub use clock::{Clock, FixedClock, SystemClock};
pub use correction::{Correction, append_correction, append_correction_with};
pub use error::{Error, Fault};
pub use folder::case_folder;
pub use manifest::{FileLine, JournalLine, Manifest, seal, seal_with};
pub use record::{Head, Record};
pub use reference::escape_reference;
pub use replay::{Replay, replay, salvage};
pub use store::{Disk, Log, Store};
pub use verify::{SealState, Verification, verify};
pub use writer::Writer;

/// Name of the journal in the run folder.
pub const JOURNAL: &str = "journal.jsonl";
/// Name of the file of corrections in the run folder; it comes after sealing and is not in the manifest.
pub const CORRECTIONS: &str = "corrections.jsonl";
/// Name of the manifest in the run folder.
pub const MANIFEST: &str = "manifest.json";
/// Name of the signature of the manifest in the run folder; not in the manifest.
pub const SIGNATURE: &str = "manifest.sig";
/// How the names of folders begin that hold reports made after sealing; they are not in the manifest.
pub const LATER_REPORTS: &str = "report-";

/// Longest line of a journal in bytes, its newline included: memory for reading is bounded by it.
const MAX_LINE: usize = 16 << 20;

#[cfg(test)]
mod tests;
