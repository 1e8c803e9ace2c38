//! What the recorder asks of an examiner: the one thing that it sends besides "stop".

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{Algorithms, SourceKind};
use crate::platform::{SharedToken, Token};
use crate::scan::Prior;

/// The work of one examiner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What sort of thing the source is.
    pub kind: SourceKind,
    /// As the operator named it; used to walk a folder, shown otherwise.
    #[serde(with = "crate::platform::path_text")]
    pub path: PathBuf,
    /// Its files, in order.
    pub files: Vec<Token>,
    /// The compiled sets.
    pub sets: Vec<SharedToken>,
    /// Their roots as the record states them; the control set, which is the last, is not stated.
    pub roots: Vec<String>,
    /// Worker threads.
    pub threads: usize,
    /// Whether access times may change where they cannot be protected.
    pub accept_atime: bool,
    /// Whether the kernel refuses writes to the source.
    pub read_only: Option<bool>,
    /// What the record says of its protection.
    pub remarks: Vec<String>,
    /// What to do.
    pub task: Task,
}

/// What to do with a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Look everything up; what was done earlier is not done again.
    Scan {
        /// What was done earlier, and what an examiner died of.
        prior: Prior,
        /// So many frames follow the order and the sets, each with more items that were examined: a large source
        /// has more of them than one frame holds.
        more: u32,
    },
    /// List every entry, with those digests.
    List(Algorithms),
    /// Say what each volume is.
    Look,
}
