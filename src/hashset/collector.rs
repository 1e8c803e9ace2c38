//! Takes the records of one list and keeps what is to be said of it.

use std::collections::BTreeMap;
use std::io;

use sha2::{Digest as _, Sha256};

use super::collect::{Claim, Collected, Collection, NOT_HARMLESS, TextLine, flags};
use super::error::excerpt;
use super::formats::{Record, Sink, Text};
use super::probes::Probes;
use super::sorter::Row;
use super::{Error, Place};
use crate::model::{CategoryRecords, Digest, Digests, ListFile, ListSummary, Pdq, Role};
use crate::read::size;

/// How many rejected lines are shown.
const EXAMPLES: usize = 20;
/// Most remarks of a list.
const REMARKS: usize = 20;
/// Longest category that is kept, in bytes.
const MAX_CATEGORY: usize = 256;
/// Most different categories of a set: a column with more holds something else.
const MAX_CATEGORIES: usize = 65_536;
/// Most rows of one kind: they are counted in 32 bits.
const MAX_ROWS: u64 = 0xffff_fff0;
/// Most records that are kept until the end of a list because later ones may replace them.
const MAX_KEYED: usize = 4 << 20;
/// Most bytes of free text in a set.
const MAX_TEXT: usize = 256 << 20;

/// Takes the records of one list; what it took is kept only when it is finished.
#[derive(Debug)]
pub struct Collector<'c> {
    collection: &'c mut Collection,
    role: Role,
    with_text: bool,
    list: u32,
    /// How many categories the lists before have.
    earlier_categories: usize,
    summary: ListSummary,
    /// The category and the claim of the record before, which are mostly those of the next one.
    latest: Option<(Claim, u32)>,
    latest_category: (String, u32),
    /// Records of each category by its number, and of none.
    categorised: Vec<u64>,
    uncategorised: u64,
    variant: Option<String>,
    keyed: BTreeMap<Vec<u8>, Kept>,
    texts: Vec<TextLine>,
    text_bytes: usize,
    probes: Probes,
    taken: u64,
    /// Whether category 0 means "of no interest" in the format that is being read.
    zero_is_benign: bool,
    tally: Tally,
    /// Records that were to be taken back and are not there.
    unmatched: u64,
    failure: Option<Failure>,
}

/// Records of formats in which category 0 means "of no interest".
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    zero: u64,
    /// Of another category or of none.
    other: u64,
}

/// Why a list cannot be taken over although it can be read.
#[derive(Debug)]
enum Failure {
    TooMuch(&'static str, u64),
    Scratch(io::Error),
}

/// A record that a later one may replace.
#[derive(Debug)]
struct Kept {
    digests: Digests,
    pdq: Option<Pdq>,
    /// Number of the category: a text for each would have no bound.
    category: u32,
    size: Option<u64>,
    flags: [Option<bool>; 2],
    not_harmless: bool,
}

/// A key in at most 32 bytes, which a list can make as long as it likes.
fn short(key: &[u8]) -> Vec<u8> {
    if key.len() > 32 { Sha256::digest(key).to_vec() } else { key.to_vec() }
}

impl<'c> Collector<'c> {
    pub fn new(collection: &'c mut Collection, name: &str, role: Role, with_text: bool) -> Self {
        let list = collection.next_list;
        collection.next_list = list.saturating_add(1);
        Self {
            list,
            earlier_categories: collection.categories.values.len(),
            collection,
            role,
            with_text,
            summary: ListSummary { name: name.to_owned(), ..ListSummary::default() },
            latest: None,
            latest_category: (String::new(), Claim::NO_CATEGORY),
            categorised: Vec::new(),
            uncategorised: 0,
            variant: None,
            keyed: BTreeMap::new(),
            texts: Vec::new(),
            text_bytes: 0,
            probes: Probes::default(),
            taken: 0,
            zero_is_benign: false,
            tally: Tally::default(),
            unmatched: 0,
            failure: None,
        }
    }

    /// Begins a file of the list. `zero_is_benign`: category 0 means "of no interest" in its format.
    pub const fn begin(&mut self, zero_is_benign: bool) {
        self.zero_is_benign = zero_is_benign;
    }

    /// Ends a file of the list. `packing` is what was around it.
    pub fn file(&mut self, name: &str, format: &str, packing: Option<&str>, sha256: String) {
        let mut format = match self.variant.take() {
            Some(variant) => format!("{format} ({variant})"),
            None => format.to_owned(),
        };
        if let Some(packing) = packing {
            format = format!("{format}, in {packing}");
        }
        self.summary.files.push(ListFile { name: name.to_owned(), format, sha256 });
    }

    /// Drops everything that the list brought.
    pub fn abandon(self) {
        self.collection.md5.abandon();
        self.collection.sha1.abandon();
        self.collection.sha256.abandon();
        self.collection.pdq.abandon();
        // They would count against the lists that follow.
        self.collection.categories.forget(self.earlier_categories);
    }

    /// Why the list cannot be used in its role, although it could be read.
    pub fn objection(&mut self, forced: bool) -> Option<Error> {
        self.settle();
        let list = self.summary.name.clone();
        match self.failure.take() {
            Some(Failure::TooMuch(what, limit)) => return Some(Error::TooLarge { list, what, limit }),
            Some(Failure::Scratch(source)) => return Some(Error::Scratch { source }),
            None => {}
        }
        let unusable = self.summary.rejected.saturating_add(self.summary.without_digest);
        let used =
            self.taken.saturating_add(self.summary.empty_file).saturating_add(self.summary.not_harmless);
        if used == 0 && unusable > 0 {
            // An alert set that alerts on nothing must not pass for one.
            let example = self.summary.rejected_examples.first();
            let example = example.map(|example| format!(", for instance {example}")).unwrap_or_default();
            return Some(Error::Nothing { list, rejected: unusable, example });
        }
        let reason = self.contradiction()?;
        if forced {
            let role = self.role.name();
            // Before all others, however many there are: none may crowd it out.
            let remark = format!("taken as {role} on the operator's word although {reason}");
            self.summary.remarks.insert(0, remark);
            return None;
        }
        Some(Error::Refused { list, role: self.role, reason })
    }

    /// What the categories say against the role.
    fn contradiction(&self) -> Option<String> {
        let Tally { zero, other } = self.tally;
        let all = zero.saturating_add(other);
        match self.role {
            Role::Alert if zero > 0 && other == 0 => {
                Some(format!("all of its {zero} records are of category 0, which means of no interest"))
            }
            Role::KnownGood if other > 0 => {
                Some(format!("{other} of its {all} records are of a category other than 0, or of none"))
            }
            _ => None,
        }
    }

    /// Keeps the list.
    pub fn finish(mut self) -> io::Result<()> {
        self.settle();
        let collection = self.collection;
        collection.keep()?;
        let names = collection.categories.values.iter().map(|name| Some(name.clone()));
        let counts = names.zip(self.categorised).chain([(None, self.uncategorised)]);
        let mut categories: Vec<CategoryRecords> = counts
            .filter(|(_, records)| *records > 0)
            .map(|(category, records)| CategoryRecords { category, records })
            .collect();
        categories.sort_by(|a, b| a.category.cmp(&b.category));
        let categorised = categories.iter().any(|category| category.category.is_some());
        if categorised {
            self.summary.categories = categories;
        }
        collection.text_bytes = collection.text_bytes.saturating_add(self.text_bytes);
        collection.texts.append(&mut self.texts);
        let probes = self.probes.finish();
        collection.lists.push(Collected { summary: self.summary, number: self.list, categorised, probes });
        Ok(())
    }

    /// Takes the records over that nothing replaces any more.
    fn settle(&mut self) {
        if self.unmatched > 0 {
            let unmatched = std::mem::take(&mut self.unmatched);
            self.remark(format!(
                "{unmatched} records are taken back that this list does not hold: give all of its files, oldest first, \
                 as one list (onscene set build --list NAME=FILE --list NAME=FILE)"
            ));
        }
        for kept in std::mem::take(&mut self.keyed).into_values() {
            let number = usize::try_from(kept.category).unwrap_or(usize::MAX);
            let category = self.collection.categories.values.get(number).cloned();
            self.record(Record {
                digests: kept.digests,
                pdq: kept.pdq,
                category: category.as_deref(),
                size: kept.size,
                victim_identified: kept.flags[0],
                distributed: kept.flags[1],
                not_harmless: kept.not_harmless,
                text: Text::default(),
            });
        }
    }

    fn category(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Claim::NO_CATEGORY;
        };
        if self.latest_category.1 == Claim::NO_CATEGORY || self.latest_category.0 != text {
            let kept = text.get(..text.floor_char_boundary(MAX_CATEGORY)).unwrap_or_default();
            if self.collection.categories.values.len() >= MAX_CATEGORIES {
                self.too_much("different categories", size(MAX_CATEGORIES));
            } else {
                let number = self.collection.categories.number(kept);
                self.latest_category = (text.to_owned(), number);
            }
        }
        self.latest_category.1
    }

    /// Counts a record of a category.
    fn count(&mut self, category: u32) {
        let place = usize::try_from(category).unwrap_or(usize::MAX);
        let counter = match category {
            Claim::NO_CATEGORY => &mut self.uncategorised,
            _ => {
                if place >= self.categorised.len() {
                    self.categorised.resize(place.saturating_add(1), 0);
                }
                match self.categorised.get_mut(place) {
                    Some(counter) => counter,
                    None => return,
                }
            }
        };
        *counter = counter.saturating_add(1);
    }

    /// Whether no more rows can be counted, which ends the list.
    fn is_full(&mut self) -> bool {
        let full = self.collection.rows().into_iter().any(|rows| rows >= MAX_ROWS);
        if full {
            self.too_much("digests of one kind", MAX_ROWS);
        }
        full
    }

    /// Takes a digest over, but for that of the empty file.
    fn take(&mut self, digest: &Digest, claim: Claim, size: u64) {
        if digest.is_of_empty_file() {
            self.summary.empty_file = self.summary.empty_file.saturating_add(1);
            return;
        }
        let claim_flags = claim.flags;
        let claim = self.claim(claim);
        if let Err(error) = self.collection.push(digest, claim, size) {
            self.failure.get_or_insert(Failure::Scratch(error));
            return;
        }
        if claim_flags & NOT_HARMLESS == 0 {
            self.probes.offer(*digest);
            self.taken = self.taken.saturating_add(1);
        }
    }

    fn claim(&mut self, claim: Claim) -> u32 {
        match self.latest {
            Some((latest, number)) if latest == claim => number,
            _ => {
                let number = self.collection.claims.number(&claim);
                self.latest = Some((claim, number));
                number
            }
        }
    }

    fn too_much(&mut self, what: &'static str, limit: u64) {
        self.failure.get_or_insert(Failure::TooMuch(what, limit));
    }

    fn keep_text(&mut self, record: &Record<'_>) {
        let Text { series, tags, comments } = record.text;
        let Some(digest) = record.digests.iter().next() else { return };
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let line = TextLine {
            digest: digest.to_string(),
            list: self.summary.name.clone(),
            series: owned(series),
            tags: owned(tags),
            comments: owned(comments),
        };
        let texts = [&line.digest, &line.list, &line.series, &line.tags, &line.comments];
        let bytes = texts.iter().fold(size_of::<TextLine>(), |sum, text| sum.saturating_add(text.len()));
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        if self.collection.text_bytes.saturating_add(self.text_bytes) > MAX_TEXT {
            return self.too_much("bytes of series, tags and comments", size(MAX_TEXT));
        }
        self.texts.push(line);
    }
}

impl Sink for Collector<'_> {
    fn name(&self) -> &str {
        &self.summary.name
    }

    fn record(&mut self, record: Record<'_>) {
        if self.failure.is_some() {
            return;
        }
        if self.is_full() {
            return;
        }
        let not_harmless = record.not_harmless && self.role == Role::KnownGood;
        if not_harmless {
            self.summary.not_harmless = self.summary.not_harmless.saturating_add(1);
        }
        let category = self.category(record.category);
        self.count(category);
        let empty = record.digests.is_empty() && record.pdq.is_none();
        // A record without a digest makes no list fit to alert, but shows that it is not all harmless.
        if self.zero_is_benign && !(empty && self.role == Role::Alert) {
            let zero = record.category.map(str::trim) == Some("0");
            let count = if zero { &mut self.tally.zero } else { &mut self.tally.other };
            *count = count.saturating_add(1);
        }
        if empty {
            self.summary.without_digest = self.summary.without_digest.saturating_add(1);
            return;
        }
        let mut flags = flags(record.victim_identified, record.distributed);
        if not_harmless {
            flags |= NOT_HARMLESS;
        }
        let size = record.size.unwrap_or(Row::<16>::NO_SIZE);
        for digest in record.digests.iter() {
            self.take(&digest, Claim { list: self.list, category, flags }, size);
        }
        if let Some(pdq) = record.pdq {
            let claim = self.claim(Claim { list: self.list, category, flags });
            if let Err(error) = self.collection.pdq.push(Row::new(pdq.0, claim, size)) {
                self.failure.get_or_insert(Failure::Scratch(error));
                return;
            }
            self.taken = self.taken.saturating_add(1);
        }
        if self.with_text && record.text != Text::default() {
            self.keep_text(&record);
        }
    }

    /// The same as a record without anything else: most lists are nothing but digests, and long.
    fn digest(&mut self, digest: Digest) {
        if self.failure.is_none() && !self.is_full() {
            self.uncategorised = self.uncategorised.saturating_add(1);
            let claim = Claim { list: self.list, category: Claim::NO_CATEGORY, flags: 0 };
            self.take(&digest, claim, Row::<16>::NO_SIZE);
        }
    }

    fn update(&mut self, key: &[u8], record: Record<'_>) {
        let kept = Kept {
            digests: record.digests,
            pdq: record.pdq,
            category: self.category(record.category),
            size: record.size,
            flags: [record.victim_identified, record.distributed],
            not_harmless: record.not_harmless,
        };
        if self.keyed.insert(short(key), kept).is_some() {
            self.summary.withdrawn = self.summary.withdrawn.saturating_add(1);
        }
        if self.keyed.len() > MAX_KEYED {
            self.too_much("records that can be taken back", size(MAX_KEYED));
            self.keyed.clear();
        }
    }

    fn withdraw(&mut self, key: &[u8]) {
        if self.keyed.remove(&short(key)).is_some() {
            self.summary.withdrawn = self.summary.withdrawn.saturating_add(1);
        } else {
            self.unmatched = self.unmatched.saturating_add(1);
        }
    }

    fn reject(&mut self, place: Place, reason: &str, text: &[u8]) {
        self.summary.rejected = self.summary.rejected.saturating_add(1);
        if self.summary.rejected_examples.len() < EXAMPLES {
            self.summary.rejected_examples.push(format!("{place}: {reason}{}", shown(text)));
        }
    }

    fn variant(&mut self, variant: &str) {
        let quoted = excerpt(variant.as_bytes());
        // The whole statement where it is harmless: it is the record of which data model the list follows.
        let plain = variant.len() <= 256 && variant.bytes().all(|byte| byte.is_ascii_graphic());
        self.variant = Some(if plain { variant.to_owned() } else { quoted });
    }

    /// Dates as ISO 8601 writes them have the order of their text; others are not compared.
    fn date(&mut self, date: &str) {
        let date = date.trim();
        let is_date = date.len() >= 10
            && date.len() <= 40
            && date.bytes().zip(*b"0000-00-00").all(|(found, form)| match form {
                b'0' => found.is_ascii_digit(),
                other => found == other,
            })
            // Nothing else: what stands behind the day could be free text.
            && date.bytes().all(|byte| byte.is_ascii_digit() || b"-:.+TZ".contains(&byte));
        if is_date && self.summary.date.as_deref().is_none_or(|latest| latest < date) {
            self.summary.date = Some(date.to_owned());
        }
    }

    fn remark(&mut self, remark: String) {
        if self.summary.remarks.len() < REMARKS && !self.summary.remarks.contains(&remark) {
            self.summary.remarks.push(remark);
        }
    }

    fn wants_text(&self) -> bool {
        self.with_text
    }
}

/// What stands in a rejected line, as far as it is no free text: one word, or the digits that it begins with.
fn shown(text: &[u8]) -> String {
    const SEPARATORS: &[u8] = b" \t,;|";
    let word = text.split(|byte| SEPARATORS.contains(byte)).next().unwrap_or_default();
    let digits = !word.is_empty() && word.iter().all(u8::is_ascii_hexdigit);
    match (text.is_empty(), word.len() == text.len(), digits) {
        (true, _, _) => String::new(),
        (_, true, _) => format!(": {}", excerpt(text)),
        (_, _, true) => format!(": {} and more", excerpt(word)),
        _ => format!(": {} bytes of text", text.len()),
    }
}

#[cfg(test)]
mod tests;
