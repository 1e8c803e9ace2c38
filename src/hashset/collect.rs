//! What the lists of one set bring in, list by list, before it is compiled.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::sorter::{Row, Sorter};
use crate::model::{Algorithm, Digest, ListSummary};

/// What one list says of a file, its size apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Number of the list.
    pub list: u32,
    /// Number of the category; `NO_CATEGORY` for none.
    pub category: u32,
    /// What else it says, see [`flags`].
    pub flags: u32,
}

impl Claim {
    pub const NO_CATEGORY: u32 = u32::MAX;
}

/// Marks rows, while lists are imported, of files that a list says are not harmless: a known-good set holds none that any
/// of its lists marks so.
pub const NOT_HARMLESS: u32 = 1 << 31;

/// What a list says of victim and distribution, as it stands in an image: two bits each, 0 nothing, 1 no, 2 yes.
pub fn flags(victim_identified: Option<bool>, distributed: Option<bool>) -> u32 {
    let bits = |answer: Option<bool>| answer.map_or(0, |yes| 1 + u32::from(yes));
    bits(victim_identified) | bits(distributed) << 2
}

/// All lists together.
#[derive(Debug)]
pub struct Collection {
    pub md5: Sorter<16>,
    pub sha1: Sorter<20>,
    pub sha256: Sorter<32>,
    pub pdq: Sorter<32>,
    pub claims: Interned<Claim>,
    pub categories: Interned<String>,
    pub lists: Vec<Collected>,
    pub texts: Vec<TextLine>,
    /// Folder for what does not fit into memory.
    pub scratch: Option<Arc<PathBuf>>,
    /// Bytes of the texts.
    pub text_bytes: usize,
    /// Numbers are not used again, so that the claims of a list that was dropped are nobody's.
    pub next_list: u32,
}

/// One list that was taken over.
#[derive(Debug)]
pub struct Collected {
    /// What is said of it; entries and duplicates are counted when the set is compiled.
    pub summary: ListSummary,
    /// Its number while lists are imported.
    pub number: u32,
    /// Whether any of its records has a category.
    pub categorised: bool,
    pub probes: Vec<Digest>,
}

/// Free text of one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct TextLine {
    pub digest: String,
    pub list: String,
    pub series: String,
    pub tags: String,
    pub comments: String,
}

/// Values that are kept once and known by their number.
#[derive(Debug)]
pub struct Interned<T> {
    pub values: Vec<T>,
    pub numbers: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    pub fn number<Q>(&mut self, value: &Q) -> u32
    where
        T: std::borrow::Borrow<Q>,
        Q: Eq + std::hash::Hash + ToOwned<Owned = T> + ?Sized,
    {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        // The collector ends a list long before the numbers do.
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.to_owned());
        self.numbers.insert(value.to_owned(), number);
        number
    }

    /// Forgets the values from that number on.
    pub fn forget(&mut self, from: usize) {
        for value in self.values.drain(from.min(self.values.len())..) {
            self.numbers.remove(&value);
        }
    }
}

impl Collection {
    /// Nothing yet. Rows beyond what memory is meant to hold go to nameless files in the scratch folder.
    pub fn new(scratch: Option<PathBuf>) -> Self {
        let scratch = scratch.map(Arc::new);
        Self {
            md5: Sorter::new(scratch.clone()),
            sha1: Sorter::new(scratch.clone()),
            sha256: Sorter::new(scratch.clone()),
            pdq: Sorter::new(scratch.clone()),
            claims: Interned::default(),
            categories: Interned::default(),
            lists: Vec::new(),
            texts: Vec::new(),
            scratch,
            text_bytes: 0,
            next_list: 0,
        }
    }

    pub fn push(&mut self, digest: &Digest, claim: u32, size: u64) -> io::Result<()> {
        // Each arm has the length of its kind: none fails.
        let bytes = digest.as_bytes();
        match digest.algorithm() {
            Algorithm::Md5 => {
                bytes.try_into().map_or(Ok(()), |key| self.md5.push(Row::new(key, claim, size)))
            }
            Algorithm::Sha1 => {
                bytes.try_into().map_or(Ok(()), |key| self.sha1.push(Row::new(key, claim, size)))
            }
            Algorithm::Sha256 => {
                bytes.try_into().map_or(Ok(()), |key| self.sha256.push(Row::new(key, claim, size)))
            }
        }
    }

    pub fn rows(&self) -> [u64; 4] {
        [self.md5.len(), self.sha1.len(), self.sha256.len(), self.pdq.len()]
    }

    pub fn keep(&mut self) -> io::Result<()> {
        self.md5.keep()?;
        self.sha1.keep()?;
        self.sha256.keep()?;
        self.pdq.keep()
    }
}
