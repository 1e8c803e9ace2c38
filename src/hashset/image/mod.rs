//! The compiled set: one run of bytes, the same in memory and in a `.set` file, wherever it lies.
//!
//! All numbers are little endian, all sections follow one another without gaps, nothing is aligned.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | signature `onscene-set` CR LF 1A LF 00 |
//! | 4 | version, 2 |
//! | 4 | bytes of a chunk, 16,384 |
//! | 8 | where the header begins, from the first byte of the image |
//! | 8 | length of the header |
//! | 8 | zero |
//! | 32 | root: SHA-256 of the 48 bytes above and of all chunk digests |
//! | sections | those of MD5, SHA-1, SHA-256, PDQ, then groups, claims, sizes, texts; see below |
//! | header | JSON: the [`Header`] |
//! | chunk digests | SHA-256 of each chunk: the bytes from 80 to the end of the header, cut every 16,384 |
//! | 0 or 96 | Ed25519 public key (32) and signature (64) of the root |
//!
//! So the root stands for every byte, and a reader checks what it touches: the chunk digests when it opens the image,
//! each chunk before its first use.
//!
//! Of each kind that has values: the values, ascending, each once; for each value the number of its group; for each
//! value the size of its file; then `2^bits + 1` numbers of 4 bytes, of which number `p` says how many values have a
//! number below `p` as their first `bits` bits. Groups and sizes are columns of the fewest bytes that hold them, none
//! where all are equal; all ones in a size is "not stated".
//!
//! A group is what lists say of a value: `groups` holds `groups + 1` numbers of 4 bytes, where the claims of each
//! begin, counted in claims. A claim is 20 bytes: list (4), category (4, all ones: none), flags (4), size (8). Flags:
//! bits 0 and 1 victim identified, 2 and 3 distributed, each 0 not stated, 1 no, 2 yes; bits 4 and 5: 0 the list states
//! no size, 1 the size is the one in the column, 2 it is the one in the claim, because lists differ. `sizes` are the
//! different sizes of an alert set, 8 bytes each, ascending; `texts` is JSON, one line a record.

mod check;
mod compile;
mod groups;
mod known;
mod layout;
#[cfg(test)]
mod tests;
mod verified;
mod walk;
mod write;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use compile::compile;
pub use known::{KnownSet, Provenance};
pub use walk::{Entries, join};

use super::Profile;
use crate::model::{Digest, Edition, ListSummary, Role, SetSummary};

const SIGNATURE: &[u8; 16] = b"onscene-set\r\n\x1a\n\0";
const VERSION: u32 = 2;
/// Where the root stands; what lies before it is covered by it.
const ROOT_AT: usize = 48;
/// Where sections begin.
const FRONT: usize = 80;
/// Bytes of a chunk. Small enough that checking one costs a look-up little, great enough that opening 100 million
/// entries reads 4 MB.
const CHUNK: usize = 16 * 1024;
/// Length of a chunk digest.
const DIGEST: usize = 32;
/// Length of public key and signature.
const SIGNED: usize = 96;
/// Longest header in bytes: it is read into memory as a whole.
const MAX_HEADER: u64 = 64 << 20;
/// Greatest image: its chunk digests, which are held, take a 512th of it.
const MAX_IMAGE: u64 = 128 << 30;
/// Width of a claim.
const CLAIM: usize = 20;

/// A SHA-256 that stands for every byte of an image but its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root(pub [u8; 32]);

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The root of the image, to be signed.
    pub root: Root,
    /// What is to be said of the set.
    pub summary: SetSummary,
}

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
    /// Which edition it is.
    #[serde(flatten)]
    pub edition: Edition,
}

impl Header {
    /// What a run states of the set; signature and expiry, which need keys and a clock, are the caller's.
    pub fn summary(&self, root: Root) -> SetSummary {
        let label = &self.label;
        SetSummary {
            demonstration: label.demonstration,
            edition: label.edition.clone(),
            lists: self.lists.clone(),
            ..SetSummary::new(&label.name, label.role, label.profile.name(), root.to_string())
        }
    }
}

impl Label {
    /// A label that states nothing else.
    pub fn new(name: &str, role: Role, profile: Profile) -> Self {
        Self { name: name.to_owned(), role, profile, demonstration: false, edition: Edition::default() }
    }
}

/// The JSON of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What the operator says of the set.
    #[serde(flatten)]
    pub label: Label,
    /// The lists in the order of their names.
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

/// A kind of value that a set holds, in the order of its sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// MD5 digests.
    Md5,
    /// SHA-1 digests.
    Sha1,
    /// SHA-256 digests.
    Sha256,
    /// PDQ hashes of pictures.
    Pdq,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Pdq => "PDQ",
        })
    }
}

impl Kind {
    /// Every kind, in the order of its sections.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Pdq];

    /// Length of a value in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Pdq => 32,
        }
    }
}

/// Lengths of the sections, in the units of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The tables, in the order of [`Kind::ALL`].
    pub tables: [TableCounts; 4],
    /// Groups.
    pub groups: u32,
    /// Claims of all groups.
    pub claims: u32,
    /// Different sizes of an alert set.
    pub sizes: u32,
    /// Whether some value has no size.
    pub without_size: bool,
    /// Bytes of free text.
    pub texts: u64,
}

/// Length of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCounts {
    /// Values.
    pub rows: u32,
    /// Bits of a value that the prefixes resolve; 8 to 24, 0 when there are no values.
    pub bits: u8,
    /// The column of groups.
    pub groups: ColumnCounts,
    /// The column of sizes.
    pub sizes: ColumnCounts,
}

/// Width of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnCounts {
    /// Bytes a value; 0 when all values are `constant`.
    pub width: u8,
    /// What every value is when there is no column.
    pub constant: u64,
}

/// A number of 32 bits as a position in memory; our platforms are at least that wide.
fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
