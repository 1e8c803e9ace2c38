//! What the lists of one set bring in, list by list, before it is compiled.

use std::collections::HashMap;

use super::column::{Column, Settled};
use super::error::excerpt;
use super::formats::{Record, Sink};
use super::probes::Probes;
use super::{Error, Place};
use crate::model::{Algorithm, Digest, ListSummary, Role};
use crate::read::size;

/// How many rejected lines are shown.
const EXAMPLES: usize = 20;
/// Longest category that is kept, in bytes.
const MAX_CATEGORY: usize = 256;
/// Most different categories of a set: a column with more holds something else.
const MAX_CATEGORIES: usize = 65_536;
/// Most digests of one kind, and most provenances: both are counted in 32 bits.
const MAX_ROWS: usize = 0xffff_fff0;

/// Which list says so, under which category, with which size: `u32::MAX` and `u64::MAX` stand for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub list: u32,
    pub category: u32,
    pub size: u64,
}

impl Origin {
    pub const NO_CATEGORY: u32 = u32::MAX;
    pub const NO_SIZE: u64 = u64::MAX;
}

/// All lists together.
#[derive(Debug, Default)]
pub struct Collection {
    pub md5: Column<16>,
    pub sha1: Column<20>,
    pub sha256: Column<32>,
    pub origins: Interned<Origin>,
    pub categories: Interned<String>,
    pub lists: Vec<Collected>,
}

/// One list that was taken over.
#[derive(Debug)]
pub struct Collected {
    pub summary: ListSummary,
    /// Whether any of its records has a category.
    pub categorised: bool,
    pub probes: Vec<Digest>,
}

/// Values that are kept once and known by their number.
#[derive(Debug)]
pub struct Interned<T> {
    pub values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn number<Q>(&mut self, value: &Q) -> u32
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
}

impl Collection {
    fn push(&mut self, digest: &Digest, origin: u32) {
        match digest.algorithm() {
            Algorithm::Md5 => self.md5.push(digest.as_bytes(), origin),
            Algorithm::Sha1 => self.sha1.push(digest.as_bytes(), origin),
            Algorithm::Sha256 => self.sha256.push(digest.as_bytes(), origin),
        }
    }

    fn full(&self) -> bool {
        let rows =
            [self.md5.rows.len(), self.sha1.rows.len(), self.sha256.rows.len(), self.origins.values.len()];
        rows.into_iter().any(|count| count >= MAX_ROWS)
    }
}

/// Takes the records of one list; what it took is kept only when it is finished.
#[derive(Debug)]
pub struct Collector<'c> {
    collection: &'c mut Collection,
    list: u32,
    name: String,
    variant: Option<String>,
    /// The origin of the record before, which is mostly that of the next one.
    latest: Option<(Origin, u32)>,
    latest_category: (String, u32),
    probes: Probes,
    /// Digests taken over.
    taken: u64,
    empty_file: u64,
    without_digest: u64,
    rejected: u64,
    examples: Vec<String>,
    categorised: bool,
    /// Records of category 0, and of another category or none.
    zero: u64,
    other: u64,
    exceeded: Option<(&'static str, usize)>,
}

impl<'c> Collector<'c> {
    pub fn new(collection: &'c mut Collection, name: &str) -> Self {
        Self {
            list: u32::try_from(collection.lists.len()).unwrap_or(u32::MAX),
            collection,
            name: name.to_owned(),
            variant: None,
            latest: None,
            latest_category: (String::new(), Origin::NO_CATEGORY),
            probes: Probes::new(),
            taken: 0,
            empty_file: 0,
            without_digest: 0,
            rejected: 0,
            examples: Vec::new(),
            categorised: false,
            zero: 0,
            other: 0,
            exceeded: None,
        }
    }

    /// Drops everything that the list brought.
    pub fn abandon(self) {
        self.collection.md5.abandon();
        self.collection.sha1.abandon();
        self.collection.sha256.abandon();
    }

    /// Why the list cannot be used, although it could be read.
    pub fn objection(&self, role: Role, zero_is_benign: bool) -> Option<Error> {
        let list = || self.name.clone();
        if let Some((what, limit)) = self.exceeded {
            return Some(Error::TooLarge { list: list(), what, limit: size(limit) });
        }
        if let Err(error) = self.usable() {
            return Some(error);
        }
        if !zero_is_benign {
            return None;
        }
        let (zero, other) = (self.zero, self.other);
        let reason = match role {
            Role::Alert if zero > 0 && other == 0 => {
                format!("all of its {zero} records are of category 0, which means of no interest")
            }
            Role::KnownGood if other > 0 => {
                format!(
                    "{other} of its {} records are of a category other than 0, or of none",
                    zero.saturating_add(other)
                )
            }
            _ => return None,
        };
        Some(Error::Refused { list: list(), role, reason })
    }

    /// Fails when nothing of the list is usable though it holds something: an alert set that alerts on nothing must
    /// not pass for one.
    fn usable(&self) -> Result<(), Error> {
        let unusable = self.rejected.saturating_add(self.without_digest);
        if self.taken > 0 || self.empty_file > 0 || unusable == 0 {
            return Ok(());
        }
        let example =
            self.examples.first().map(|example| format!(", for instance {example}")).unwrap_or_default();
        Err(Error::Nothing { list: self.name.clone(), rejected: unusable, example })
    }

    /// Keeps the list.
    pub fn finish(self, format: &str, sha256: String) -> ListSummary {
        let collection = self.collection;
        let settled = [collection.md5.settle(), collection.sha1.settle(), collection.sha256.settle()];
        let total = |count: fn(&Settled) -> u64| settled.iter().map(count).fold(0, u64::saturating_add);
        let entries = total(|settled| settled.distinct);
        let format = match &self.variant {
            Some(variant) => format!("{format} ({variant})"),
            None => format.to_owned(),
        };
        let summary = ListSummary {
            name: self.name,
            format,
            sha256,
            date: None,
            entries,
            duplicates: total(|settled| settled.surplus),
            empty_file: self.empty_file,
            without_digest: self.without_digest,
            rejected: self.rejected,
            rejected_examples: self.examples,
        };
        let (categorised, probes) = (self.categorised, self.probes.finish());
        collection.lists.push(Collected { summary: summary.clone(), categorised, probes });
        summary
    }

    fn category(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Origin::NO_CATEGORY;
        };
        if self.latest_category.1 == Origin::NO_CATEGORY || self.latest_category.0 != text {
            let kept = text.get(..text.floor_char_boundary(MAX_CATEGORY)).unwrap_or_default();
            if self.collection.categories.values.len() >= MAX_CATEGORIES {
                self.exceeded.get_or_insert(("different categories", MAX_CATEGORIES));
            } else {
                let number = self.collection.categories.number(kept);
                self.latest_category = (text.to_owned(), number);
            }
        }
        self.latest_category.1
    }

    fn origin(&mut self, category: u32, size: Option<u64>) -> u32 {
        let origin = Origin { list: self.list, category, size: size.unwrap_or(Origin::NO_SIZE) };
        match self.latest {
            Some((latest, number)) if latest == origin => number,
            _ => {
                let number = self.collection.origins.number(&origin);
                self.latest = Some((origin, number));
                number
            }
        }
    }
}

impl Sink for Collector<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn record(&mut self, record: Record<'_>) {
        let category = self.category(record.category);
        self.categorised |= category != Origin::NO_CATEGORY;
        if record.category.map(str::trim) == Some("0") {
            self.zero = self.zero.saturating_add(1);
        } else {
            self.other = self.other.saturating_add(1);
        }
        if self.collection.full() {
            self.exceeded.get_or_insert(("digests of one kind", MAX_ROWS));
        }
        if self.exceeded.is_some() {
            return;
        }
        let mut any = false;
        let mut origin = None;
        for digest in record.digests.iter() {
            any = true;
            if digest.is_of_empty_file() {
                self.empty_file = self.empty_file.saturating_add(1);
                continue;
            }
            let origin = *origin.get_or_insert_with(|| self.origin(category, record.size));
            self.collection.push(&digest, origin);
            self.probes.offer(digest);
            self.taken = self.taken.saturating_add(1);
        }
        if !any {
            self.without_digest = self.without_digest.saturating_add(1);
        }
    }

    fn reject(&mut self, place: Place, reason: &str, text: &[u8]) {
        self.rejected = self.rejected.saturating_add(1);
        if self.examples.len() < EXAMPLES {
            let shown = if text.is_empty() { String::new() } else { format!(": {}", excerpt(text)) };
            self.examples.push(format!("{place}: {reason}{shown}"));
        }
    }

    fn variant(&mut self, variant: &str) {
        let quoted = excerpt(variant.as_bytes());
        // The whole statement where it is harmless: it is the record of which data model the list follows.
        let plain = variant.len() <= 256 && variant.bytes().all(|byte| byte.is_ascii_graphic());
        self.variant = Some(if plain { variant.to_owned() } else { quoted });
    }
}
