//! Looks values up in an image.

use std::cmp::Ordering;

use super::groups::{MAX_CLAIMS, StoredClaim};
use super::layout::{Column, Layout, Table, prefix};
use super::verified::Verified;
use super::{CLAIM, Header, Kind, Label, Root};
use crate::hashset::collect::Claim;
use crate::hashset::{Error, Profile, Result};
use crate::model::{Action, Algorithm, Algorithms, Digest, Digests, Hit, ListSummary, Pdq, Role, SetSummary};
use crate::read::{ReadAt, size};

/// Most bytes of texts: what a builder takes, with what JSON writes around it.
const MAX_TEXTS: u64 = 2 << 30;

/// A compiled set over the bytes of its image, in memory, mapped or read by position.
///
/// Every byte that an answer rests on is checked against the root before it is used: a damaged set gives errors, never
/// another answer.
#[derive(Debug)]
pub struct KnownSet<R> {
    pub(super) bytes: Verified<R>,
    pub(super) header: Header,
    pub(super) layout: Layout,
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
    /// Whether the list says that the victim is identified.
    pub victim_identified: Option<bool>,
    /// Whether the list says that it is in circulation.
    pub distributed: Option<bool>,
}

impl<R: ReadAt> KnownSet<R> {
    /// Opens an image whose bytes stay as they are while it is open.
    pub fn open(bytes: R) -> Result<Self> {
        Self::over(Verified::open(bytes, false)?)
    }

    /// Opens an image on a disk that may go away or give other bytes: each part is checked every time that it is read.
    pub fn open_doubtful(bytes: R) -> Result<Self> {
        Self::over(Verified::open(bytes, true)?)
    }

    fn over(bytes: Verified<R>) -> Result<Self> {
        let (start, end) = bytes.header();
        // Not longer than the image, which is there.
        let mut json = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX)];
        bytes.read(start, &mut json)?;
        let header: Header = serde_json::from_slice(&json)
            .map_err(|error| Error::image("header", "its fields as JSON", error))?;
        if header.controls.len() != header.lists.len() {
            return Err(Error::image(
                "controls",
                format!("{} lists", header.lists.len()),
                header.controls.len(),
            ));
        }
        let (layout, sections_end) = Layout::of(&header.counts)?;
        if sections_end != start {
            return Err(Error::image("sections", format!("up to byte {start}"), sections_end));
        }
        Ok(Self { bytes, header, layout })
    }

    /// What the operator says of it.
    pub const fn label(&self) -> &Label {
        &self.header.label
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.header.label.name
    }

    /// What the operator said it is for.
    pub const fn role(&self) -> Role {
        self.header.label.role
    }

    /// What its categories mean.
    pub const fn profile(&self) -> &Profile {
        &self.header.label.profile
    }

    /// Its lists in the order of their names.
    pub fn lists(&self) -> &[ListSummary] {
        &self.header.lists
    }

    /// What stands for every byte of it.
    pub const fn root(&self) -> Root {
        self.bytes.root()
    }

    /// The Ed25519 public key and the signature of the root, unchecked.
    pub fn signed(&self) -> Option<(&[u8; 32], &[u8; 64])> {
        self.bytes.signed()
    }

    /// What a run states of it; signature and expiry, which need keys and a clock, are the caller's.
    pub fn summary(&self) -> SetSummary {
        self.header.summary(self.root())
    }

    /// The kinds of digest that a run must compute for it.
    pub fn algorithms(&self) -> Algorithms {
        Algorithm::ALL.into_iter().filter(|kind| self.count(kind_of(*kind)) > 0).collect()
    }

    /// Digests that were drawn from each list when it was imported, with the index of the list. A run looks them up
    /// again: each must be found, with that list among its provenances.
    pub fn probes(&self) -> impl Iterator<Item = (usize, Digest)> + '_ {
        let controls = self.header.controls.iter().enumerate();
        controls.flat_map(|(list, control)| control.probes.iter().map(move |probe| (list, *probe)))
    }

    /// Different values of a kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.table(kind).map_or(0, |table| table.counts.rows.into())
    }

    /// Different digests, each kind by itself.
    pub fn len(&self) -> u64 {
        Algorithm::ALL.into_iter().map(|kind| self.count(kind_of(kind))).sum()
    }

    /// Whether it holds no digest at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the lists say of a file with that digest, in the order of the lists; nothing when none holds it. The empty
    /// file is never found.
    ///
    /// # Errors
    /// When the image is damaged where the answer stands.
    pub fn find(&self, digest: &Digest) -> Result<Vec<Provenance<'_>>> {
        if digest.is_of_empty_file() {
            return Ok(Vec::new());
        }
        self.find_value(kind_of(digest.algorithm()), digest.as_bytes())
    }

    /// What the lists say of a picture with exactly that PDQ hash; see [`Self::find`].
    ///
    /// # Errors
    /// When the image is damaged where the answer stands.
    pub fn find_pdq(&self, pdq: &Pdq) -> Result<Vec<Provenance<'_>>> {
        self.find_value(Kind::Pdq, &pdq.0)
    }

    fn find_value(&self, kind: Kind, value: &[u8]) -> Result<Vec<Provenance<'_>>> {
        let Some(table) = self.table(kind) else { return Ok(Vec::new()) };
        match self.row_of(table, value)? {
            Some(row) => self.said(table, row),
            None => Ok(Vec::new()),
        }
    }

    /// A hit for every provenance of every digest that is found, sorted, each once.
    ///
    /// # Errors
    /// See [`Self::find`].
    pub fn hits(&self, digests: &Digests) -> Result<Vec<Hit>> {
        let mut hits = Vec::new();
        for digest in digests.iter() {
            for provenance in self.find(&digest)? {
                hits.push(Hit {
                    set: self.name().to_owned(),
                    list: provenance.list.to_owned(),
                    algorithm: digest.algorithm(),
                    category: provenance.category.map(str::to_owned),
                    category_name: provenance.category_name.map(str::to_owned),
                    action: provenance.action,
                    victim_identified: provenance.victim_identified,
                    distributed: provenance.distributed,
                });
            }
        }
        hits.sort_unstable();
        hits.dedup();
        Ok(hits)
    }

    /// Whether any entry is stated to have this size in bytes. Orders work; a file of another size may still match.
    ///
    /// # Errors
    /// See [`Self::find`].
    pub fn has_size(&self, wanted: u64) -> Result<bool> {
        let sizes = self.layout.sizes;
        let found = search(0, sizes.count, |at| {
            let mut bytes = [0; 8];
            self.bytes.read(sizes.at(at).unwrap_or(u64::MAX), &mut bytes)?;
            Ok(u64::from_le_bytes(bytes).cmp(&wanted))
        })?;
        Ok(found.is_some())
    }

    /// Whether some entries state no size, so that [`Self::has_size`] cannot know theirs.
    pub const fn has_entries_without_size(&self) -> bool {
        self.header.counts.without_size
    }

    /// Free text of its lists, one JSON object a line; empty when it was compiled without.
    ///
    /// # Errors
    /// See [`Self::find`].
    pub fn texts(&self) -> Result<Vec<u8>> {
        let texts = self.layout.texts;
        if texts.count > MAX_TEXTS {
            return Err(Error::image("texts", format!("at most {MAX_TEXTS} bytes"), texts.count));
        }
        let mut bytes = vec![0; usize::try_from(texts.count).unwrap_or(usize::MAX)];
        self.bytes.read(texts.start, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn table(&self, kind: Kind) -> Option<&Table> {
        let (table, _) = self.layout.tables.iter().zip(Kind::ALL).find(|(_, of)| *of == kind)?;
        (table.counts.rows > 0).then_some(table)
    }

    /// The number of a value in its table.
    fn row_of(&self, table: &Table, wanted: &[u8]) -> Result<Option<u64>> {
        let bucket = prefix(wanted, table.counts.bits);
        let mut bounds = [0; 8];
        self.bytes.read(table.prefixes.at(bucket).unwrap_or(u64::MAX), &mut bounds)?;
        let [a, b, c, d, e, f, g, h] = bounds;
        let (first, end) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let mut value = [0; 32];
        let value = value.get_mut(..wanted.len()).unwrap_or_default();
        search(first.into(), end.into(), |row| {
            self.bytes.read(table.values.at(row).unwrap_or(u64::MAX), value)?;
            Ok((*value).cmp(wanted))
        })
    }

    /// A number of a column.
    pub(super) fn number(&self, column: &Column, row: u64) -> Result<u64> {
        if column.section.width == 0 {
            return Ok(column.constant);
        }
        let mut bytes = [0; 8];
        let width = usize::try_from(column.section.width).unwrap_or(8);
        let at = column.section.at(row).unwrap_or(u64::MAX);
        self.bytes.read(at, bytes.get_mut(..width).unwrap_or_default())?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// The size beside a value.
    fn size_beside(&self, table: &Table, row: u64) -> Result<Option<u64>> {
        let size = self.number(&table.sizes, row)?;
        let bits = 64_u64.saturating_sub(table.sizes.section.width.saturating_mul(8));
        let none = if bits == 64 { u64::MAX } else { u64::MAX >> bits };
        Ok((size != none).then_some(size))
    }

    /// The claims of the group of a value.
    pub(super) fn claims(&self, group: u64) -> Result<Vec<StoredClaim>> {
        let start = self.layout.groups.at(group).filter(|_| group + 1 < self.layout.groups.count);
        let mut bounds = [0; 8];
        self.bytes.read(start.unwrap_or(u64::MAX), &mut bounds)?;
        let [a, b, c, d, e, f, g, h] = bounds;
        let (first, end) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if first >= end {
            // Nothing said of a value that is there must never pass for a value that is not there.
            return Err(Error::image("groups", "at least one claim of a value", format!("{first} to {end}")));
        }
        if size(MAX_CLAIMS) < u64::from(end - first) {
            return Err(Error::image("groups", format!("at most {MAX_CLAIMS} claims"), end - first));
        }
        let mut claims = Vec::new();
        for claim in first..end {
            let mut bytes = [0; CLAIM];
            self.bytes.read(self.layout.claims.at(claim.into()).unwrap_or(u64::MAX), &mut bytes)?;
            claims.push(StoredClaim::from_bytes(&bytes));
        }
        Ok(claims)
    }

    pub(super) fn said(&self, table: &Table, row: u64) -> Result<Vec<Provenance<'_>>> {
        let beside = self.size_beside(table, row)?;
        let claims = self.claims(self.number(&table.groups, row)?)?;
        claims.into_iter().map(|claim| self.provenance(&claim, beside)).collect()
    }

    fn provenance(&self, claim: &StoredClaim, beside: Option<u64>) -> Result<Provenance<'_>> {
        let place = usize::try_from(claim.list).unwrap_or(usize::MAX);
        let unknown = || Error::image("claim", "a list of the set", claim.list);
        let list = self.header.lists.get(place).ok_or_else(unknown)?;
        let control = self.header.controls.get(place).ok_or_else(unknown)?;
        let category = match claim.category {
            Claim::NO_CATEGORY => None,
            number => {
                let text = usize::try_from(number).ok().and_then(|number| self.header.categories.get(number));
                let text = text.ok_or_else(|| Error::image("claim", "a category of the set", number))?;
                Some(text.as_str())
            }
        };
        let profile = self.profile();
        Ok(Provenance {
            list: &list.name,
            category,
            category_name: category.and_then(|category| profile.category_name(category)),
            action: match self.role() {
                Role::Alert => profile.action(control.categorised, category),
                Role::KnownGood => Action::Ignore,
            },
            size: claim.size(beside),
            victim_identified: claim.answer(0),
            distributed: claim.answer(2),
        })
    }
}

/// The kind of the values of an algorithm.
pub(super) const fn kind_of(algorithm: Algorithm) -> Kind {
    match algorithm {
        Algorithm::Md5 => Kind::Md5,
        Algorithm::Sha1 => Kind::Sha1,
        Algorithm::Sha256 => Kind::Sha256,
    }
}

/// Binary search between two positions.
fn search(
    mut first: u64,
    mut end: u64,
    mut compare: impl FnMut(u64) -> Result<Ordering>,
) -> Result<Option<u64>> {
    while first < end {
        let middle = first + (end - first) / 2;
        match compare(middle)? {
            Ordering::Less => first = middle + 1,
            Ordering::Greater => end = middle,
            Ordering::Equal => return Ok(Some(middle)),
        }
    }
    Ok(None)
}
