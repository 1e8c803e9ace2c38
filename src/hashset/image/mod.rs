//! The compiled set: one run of bytes, the same in memory and in a `.set` file, wherever it lies.
//!
//! All numbers are little endian, all sections follow one another without gaps, nothing is aligned.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | signature `onscene-set` CR LF 1A LF 00 |
//! | 4 | version, 1 |
//! | 4 | zero |
//! | 8 | length of the header |
//! | 32 | SHA-256 of the 32 bytes above and of everything behind this field |
//! | header | JSON: the [`Header`] |
//! | MD5, SHA-1, SHA-256 in this order | a table of each kind, see below |
//! | entries | `entries + 1` numbers of 4 bytes: where the origins of each entry begin, counted in origins |
//! | origins | `origins` numbers of 4 bytes: provenances of the entries, ascending within each |
//! | provenances | 16 bytes each, ascending: list (4), category (4, all ones: none), size in bytes (8, all ones: none) |
//! | sizes | different sizes, 8 bytes each, ascending |
//!
//! A table is `2^bits + 1` numbers of 4 bytes, then `count` rows. A row is a digest and the number of its entry in 4
//! bytes; rows ascend by digest, each digest stands once. Number `p` of the first part says how many rows have a
//! digest whose first `bits` bits are below `p`. An empty table has neither part.
//!
//! An entry stands for everything that the lists say of a file: digests of which all lists say the same share one.
//! So a list without categories and sizes costs one entry, and 4 bytes a digest beside the digest itself.

mod compile;
mod known;
mod layout;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(super) use compile::compile;
pub use known::{Entry, KnownSet, Provenance};

use super::Profile;
use crate::model::{Digest, ListSummary, Role};

const SIGNATURE: &[u8; 16] = b"onscene-set\r\n\x1a\n\0";
const VERSION: u32 = 1;
/// Where the digest stands; what lies before it is covered by it.
const DIGEST_AT: usize = 32;
/// Where the header begins.
const HEADER_AT: usize = 64;
/// Width of a provenance.
const PROVENANCE: usize = 16;

/// What the operator says of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// What its categories mean.
    pub profile: Profile,
    /// Whether it is the demonstration set.
    pub demonstration: bool,
}

/// The JSON at the start of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What the operator says of the set.
    #[serde(flatten)]
    pub label: Label,
    /// The lists in the order in which they were added.
    pub lists: Vec<ListSummary>,
    /// For each list, what else is known of it.
    pub controls: Vec<ListControl>,
    /// The categories as the lists write them, ascending.
    pub categories: Vec<String>,
    /// How long the sections are.
    pub counts: Counts,
}

/// What a run needs to know of a list beside its summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListControl {
    /// Whether any of its records has a category.
    pub categorised: bool,
    /// Digests that a run looks up again.
    pub probes: Vec<Digest>,
}

/// Lengths of the sections, in the units of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows and prefix bits of the table of each kind, in the order of `Algorithm::ALL`.
    pub tables: [TableCounts; 3],
    /// Entries.
    pub entries: u32,
    /// Origins of all entries.
    pub origins: u32,
    /// Provenances.
    pub provenances: u32,
    /// Different sizes.
    pub sizes: u32,
    /// Whether some provenance has no size.
    pub without_size: bool,
}

/// Length of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCounts {
    /// Rows.
    pub rows: u32,
    /// Bits of a digest that the prefix part resolves; 8 to 24, 0 when there are no rows.
    pub bits: u8,
}

/// A number of 32 bits as a position in memory; our platforms are at least that wide.
fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
