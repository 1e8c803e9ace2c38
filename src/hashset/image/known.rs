//! Looks digests up in an image.

use std::cmp::Ordering;
use std::sync::OnceLock;

use sha2::Digest as _;

use super::layout::{self, Layout, Table, prefix, u32_at, u64_at};
use super::{DIGEST_AT, HEADER_AT, Header, PROVENANCE, wide};
use crate::hashset::collect::Origin;
use crate::hashset::{Error, Profile, Result};
use crate::model::{Action, Algorithm, Algorithms, Digest, Digests, Hit, ListSummary, Role, SetSummary};
use crate::read::size;

/// A compiled set over the bytes of its image, in memory or mapped.
#[derive(Debug)]
pub struct KnownSet<B> {
    bytes: B,
    index: Index,
    sha256: OnceLock<String>,
}

/// What is known of an image beside its bytes.
#[derive(Debug)]
struct Index {
    header: Header,
    layout: Layout,
}

impl<B: AsRef<[u8]>> KnownSet<B> {
    /// Opens an image. Checks that its sections fill it; no look-up can panic or run long afterwards, whatever the
    /// bytes are. That they are those that were compiled is shown by [`Self::verify`].
    pub fn open(bytes: B) -> Result<Self> {
        let (header, layout) = layout::parse(bytes.as_ref())?;
        Ok(Self { bytes, index: Index { header, layout }, sha256: OnceLock::new() })
    }

    /// Reads the whole image: its digest must be the stated one, and every section in order and within its bounds.
    pub fn verify(&self) -> Result<()> {
        let bytes = self.bytes.as_ref();
        let stated = bytes.get(DIGEST_AT..HEADER_AT).unwrap_or_default();
        let found = layout::digest(bytes);
        if stated != found {
            return Err(Error::image("digest", hex::encode(stated), hex::encode(found)));
        }
        self.index.verify(bytes)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.index.header.label.name
    }

    /// What the operator said it is for.
    pub fn role(&self) -> Role {
        self.index.header.label.role
    }

    /// What its categories mean.
    pub fn profile(&self) -> &Profile {
        &self.index.header.label.profile
    }

    /// Whether it is the demonstration set.
    pub fn demonstration(&self) -> bool {
        self.index.header.label.demonstration
    }

    /// Its lists in the order in which they were added.
    pub fn lists(&self) -> &[ListSummary] {
        &self.index.header.lists
    }

    /// What a run states of it. Reads the whole image the first time, for its SHA-256.
    pub fn summary(&self) -> SetSummary {
        let sha256 = self.sha256.get_or_init(|| hex::encode(sha2::Sha256::digest(self.bytes.as_ref())));
        SetSummary {
            name: self.name().to_owned(),
            role: self.role(),
            profile: self.profile().name().to_owned(),
            demonstration: self.demonstration(),
            sha256: sha256.clone(),
            lists: self.lists().to_vec(),
        }
    }

    /// The kinds of digest that a run must compute for it.
    pub fn algorithms(&self) -> Algorithms {
        let tables = self.index.layout.tables.iter().zip(Algorithm::ALL);
        tables.filter(|(table, _)| table.counts.rows > 0).map(|(_, kind)| kind).collect()
    }

    /// Digests that were drawn from each list when it was imported, with the index of the list. A run looks them up
    /// again: each must be found, with that list among its provenances.
    pub fn probes(&self) -> impl Iterator<Item = (usize, Digest)> + '_ {
        let controls = self.index.header.controls.iter().enumerate();
        controls.flat_map(|(list, control)| control.probes.iter().map(move |probe| (list, *probe)))
    }

    /// Different digests, each kind by itself.
    pub fn len(&self) -> u64 {
        self.index.layout.tables.iter().map(|table| u64::from(table.counts.rows)).sum()
    }

    /// Whether it holds no digest at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the lists say of a file with that digest. The empty file is never found.
    pub fn find(&self, digest: &Digest) -> Option<Entry<'_>> {
        if digest.is_of_empty_file() {
            return None;
        }
        let bytes = self.bytes.as_ref();
        let table = self.index.layout.table(digest.algorithm())?;
        let entry = wide(row_of(bytes, table, digest)?);
        let entries = bytes.get(self.index.layout.entries.clone())?;
        let start = u32_at(entries, entry.checked_mul(4)?)?;
        let end = u32_at(entries, entry.checked_add(1)?.checked_mul(4)?)?;
        let origins = bytes.get(self.index.layout.origins.clone())?;
        let origins = origins.get(wide(start).checked_mul(4)?..wide(end).checked_mul(4)?)?;
        let provenances = bytes.get(self.index.layout.provenances.clone())?;
        Some(Entry { index: &self.index, provenances, origins })
    }

    /// A hit for every provenance of every digest that is found, sorted, each once.
    pub fn hits(&self, digests: &Digests) -> Vec<Hit> {
        let mut hits = Vec::new();
        for digest in digests.iter() {
            for provenance in self.find(&digest).into_iter().flatten() {
                hits.push(Hit {
                    set: self.name().to_owned(),
                    list: provenance.list.to_owned(),
                    algorithm: digest.algorithm(),
                    category: provenance.category.map(str::to_owned),
                    category_name: provenance.category_name.map(str::to_owned),
                    action: provenance.action,
                });
            }
        }
        hits.sort_unstable();
        hits.dedup();
        hits
    }

    /// Whether any entry is stated to have this size in bytes. Orders work; a file of another size may still match.
    pub fn has_size(&self, wanted: u64) -> bool {
        let sizes = self.bytes.as_ref().get(self.index.layout.sizes.clone()).unwrap_or_default();
        let count = sizes.len() / 8;
        search(0, count, |at| Some(u64_at(sizes, at.checked_mul(8)?)?.cmp(&wanted))).is_some()
    }

    /// Whether some entries state no size, so that [`Self::has_size`] cannot know theirs.
    pub fn has_entries_without_size(&self) -> bool {
        self.index.header.counts.without_size
    }
}

impl Layout {
    fn table(&self, kind: Algorithm) -> Option<&Table> {
        let (table, _) = self.tables.iter().zip(Algorithm::ALL).find(|(_, of)| *of == kind)?;
        (table.counts.rows > 0).then_some(table)
    }
}

/// The entry number in the row of a digest.
fn row_of(bytes: &[u8], table: &Table, digest: &Digest) -> Option<u32> {
    let wanted = digest.as_bytes();
    let width = wanted.len() + 4;
    let prefixes = bytes.get(table.prefixes.clone())?;
    let rows = bytes.get(table.rows.clone())?;
    let bucket = prefix(wanted, table.counts.bits).checked_mul(4)?;
    let first = wide(u32_at(prefixes, bucket)?);
    let end = wide(u32_at(prefixes, bucket.checked_add(4)?)?);
    let at = search(first, end, |row| {
        let start = row.checked_mul(width)?;
        Some(rows.get(start..start.checked_add(wanted.len())?)?.cmp(wanted))
    })?;
    u32_at(rows, at.checked_mul(width)?.checked_add(wanted.len())?)
}

/// Binary search between two positions; `compare` gives `None` for a position that does not exist.
fn search(mut first: usize, mut end: usize, compare: impl Fn(usize) -> Option<Ordering>) -> Option<usize> {
    while first < end {
        let middle = first + (end - first) / 2;
        match compare(middle)? {
            Ordering::Less => first = middle + 1,
            Ordering::Greater => end = middle,
            Ordering::Equal => return Some(middle),
        }
    }
    None
}

/// What the lists say of one file: iterates over its provenances.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    index: &'a Index,
    provenances: &'a [u8],
    origins: &'a [u8],
}

/// That one list holds the file, and what it says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance<'a> {
    /// Name of the list.
    pub list: &'a str,
    /// Its category as the list writes it.
    pub category: Option<&'a str>,
    /// The name that the profile gives to the category.
    pub category_name: Option<&'a str>,
    /// What a match asks for; `Ignore` in a known-good set.
    pub action: Action,
    /// Its size in bytes as the list states it.
    pub size: Option<u64>,
}

impl<'a> Iterator for Entry<'a> {
    type Item = Provenance<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (origin, rest) = self.origins.split_first_chunk()?;
            self.origins = rest;
            // In an image that passes `verify` every origin is there.
            if let Some(provenance) = self.provenance(wide(u32::from_le_bytes(*origin))) {
                return Some(provenance);
            }
        }
    }
}

impl<'a> Entry<'a> {
    fn provenance(&self, at: usize) -> Option<Provenance<'a>> {
        let header = &self.index.header;
        let origin = origin_at(self.provenances, at)?;
        let list = header.lists.get(wide(origin.list))?;
        let control = header.controls.get(wide(origin.list))?;
        let category = header.categories.get(wide(origin.category)).map(String::as_str);
        let profile = &header.label.profile;
        Some(Provenance {
            list: &list.name,
            category,
            category_name: category.and_then(|category| profile.category_name(category)),
            action: match header.label.role {
                Role::Alert => profile.action(control.categorised, category),
                Role::KnownGood => Action::Ignore,
            },
            size: (origin.size != Origin::NO_SIZE).then_some(origin.size),
        })
    }
}

fn origin_at(provenances: &[u8], at: usize) -> Option<Origin> {
    let start = at.checked_mul(PROVENANCE)?;
    Some(Origin {
        list: u32_at(provenances, start)?,
        category: u32_at(provenances, start.checked_add(4)?)?,
        size: u64_at(provenances, start.checked_add(8)?)?,
    })
}

impl Index {
    /// Checks the order and the bounds of every section.
    fn verify(&self, bytes: &[u8]) -> Result<()> {
        let Header { counts, lists, categories, .. } = &self.header;
        let section = |range: &std::ops::Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        for (table, kind) in self.layout.tables.iter().zip(Algorithm::ALL) {
            verify_table(section(&table.prefixes), section(&table.rows), table, kind, counts.entries)?;
        }
        let starts = numbers(section(&self.layout.entries));
        if !starts.clone().is_sorted_by(|a, b| a < b) || starts.last() != Some(counts.origins) {
            return Err(Error::image("entries", "ascending starts up to the last origin", "others"));
        }
        if numbers(section(&self.layout.origins)).any(|origin| origin >= counts.provenances) {
            return Err(Error::image(
                "origins",
                format!("numbers below {}", counts.provenances),
                "a greater one",
            ));
        }
        let provenances = section(&self.layout.provenances);
        let origins = (0..wide(counts.provenances)).filter_map(|at| origin_at(provenances, at));
        let known = |origin: Origin| {
            size(lists.len()) > origin.list.into()
                && (origin.category == Origin::NO_CATEGORY || size(categories.len()) > origin.category.into())
        };
        if !origins.clone().is_sorted_by(|a, b| a < b) || !origins.clone().all(known) {
            return Err(Error::image("provenances", "ascending, of known lists and categories", "others"));
        }
        let sizes = section(&self.layout.sizes).chunks_exact(8).filter_map(|bytes| u64_at(bytes, 0));
        if !sizes.is_sorted_by(|a, b| a < b) {
            return Err(Error::image("sizes", "ascending numbers", "others"));
        }
        Ok(())
    }
}

fn verify_table(prefixes: &[u8], rows: &[u8], table: &Table, kind: Algorithm, entries: u32) -> Result<()> {
    let width = kind.length() + 4;
    let rows = rows.chunks_exact(width).map(|row| row.split_at_checked(kind.length()).unwrap_or_default());
    if !rows.clone().is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(Error::image("digests", "ascending values", "others"));
    }
    if rows.clone().any(|(_, entry)| u32_at(entry, 0).is_none_or(|entry| entry >= entries)) {
        return Err(Error::image("digests", format!("entries below {entries}"), "a greater one"));
    }
    let mut rows = rows.peekable();
    let mut below = 0;
    for (bucket, stated) in numbers(prefixes).enumerate() {
        while rows.next_if(|(digest, _)| prefix(digest, table.counts.bits) < bucket).is_some() {
            below += 1;
        }
        if stated != below {
            return Err(Error::image("prefixes", below, stated));
        }
    }
    Ok(())
}

fn numbers(section: &[u8]) -> impl Iterator<Item = u32> + Clone + '_ {
    section.chunks_exact(4).filter_map(|bytes| u32_at(bytes, 0))
}
