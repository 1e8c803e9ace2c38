//! Writes an image from what the lists brought.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Seek, Write};
use std::path::Path;

use super::groups::{Groups, MAX_CLAIMS, Said};
use super::layout::{self, BITS};
use super::write::{Numbers, Writer};
use super::{Built, Counts, Header, Label, ListControl, MAX_HEADER, TableCounts, wide};
use crate::hashset::collect::{Claim, Collected, Collection, NOT_HARMLESS, TextLine};
use crate::hashset::sorter::{Row, Sorter};
use crate::hashset::{Error, Result};
use crate::model::{Digest, Role};
use crate::read::size;

/// Compiles a set. Everything is put in an order of its own, so that the order of lists and of the records within
/// one leaves no trace.
pub fn compile(label: Label, collection: Collection, out: &mut (impl Write + Seek)) -> Result<Built> {
    let scratch = |source: io::Error| Error::Scratch { source };
    let Collection { md5, sha1, sha256, pdq, claims, categories, lists, texts, scratch: folder, .. } =
        collection;
    let name = label.name.clone();
    let (mut lists, names) = Names::new(lists, &claims.values, &categories.values);
    let mut compiling = Compiling {
        names: &names,
        groups: Groups::default(),
        sizes: (label.role == Role::Alert).then(|| Sorter::new(folder.clone())),
        without_size: false,
        found: vec![Found::default(); lists.len()],
        scratch: folder.as_ref().map(|folder| folder.as_path()),
        said: Vec::new(),
        heard: Vec::new(),
        probes: lists.iter().flat_map(|list| &list.probes).copied().collect(),
    };
    let mut writer = Writer::new(out).map_err(scratch)?;
    let too_many = |what| Error::TooLarge { list: name.clone(), what, limit: u32::MAX.into() };
    let mut counts = Counts::default();
    counts.tables[0] = compiling.table(md5, &mut writer).map_err(scratch)?;
    counts.tables[1] = compiling.table(sha1, &mut writer).map_err(scratch)?;
    counts.tables[2] = compiling.table(sha256, &mut writer).map_err(scratch)?;
    let digests = compiling.found.clone();
    counts.tables[3] = compiling.table(pdq, &mut writer).map_err(scratch)?;
    for ((list, all), digests) in lists.iter_mut().zip(&compiling.found).zip(&digests) {
        list.summary.entries = digests.distinct;
        list.summary.near = all.distinct.saturating_sub(digests.distinct);
        list.summary.duplicates = all.surplus;
        list.probes.retain(|probe| compiling.probes.contains(probe));
    }
    let Compiling { groups, sizes, without_size, .. } = compiling;
    if groups.claims.len() > MAX_CLAIMS {
        return Err(Error::TooLarge {
            list: name,
            what: "different statements of lists",
            limit: size(MAX_CLAIMS),
        });
    }
    counts.groups = u32::try_from(groups.starts.len()).map_err(|_| too_many("groups"))?;
    counts.claims = u32::try_from(groups.claims.len()).map_err(|_| too_many("claims"))?;
    counts.without_size = without_size;
    write_groups(&groups, counts.claims, &mut writer).map_err(scratch)?;
    if let Some(sizes) = sizes {
        let count = write_sizes(sizes, &mut writer).map_err(scratch)?;
        counts.sizes = u32::try_from(count).map_err(|_| too_many("different sizes"))?;
    }
    counts.texts = write_texts(texts, &mut writer).map_err(scratch)?;
    let (controls, lists) = lists
        .into_iter()
        .map(|list| (ListControl { categorised: list.categorised, probes: list.probes }, list.summary))
        .unzip();
    let header = Header { label, lists, controls, categories: names.categories, counts };
    let json = serde_json::to_vec(&header).map_err(|error| Error::image("header", "plain data", error))?;
    if size(json.len()) > MAX_HEADER {
        return Err(Error::TooLarge {
            list: name,
            what: "bytes of list names, categories and remarks",
            limit: MAX_HEADER,
        });
    }
    let root = writer.finish(&json).map_err(scratch)?;
    Ok(Built { root, summary: header.summary(root) })
}

/// Numbers that do not depend on the order in which lists were added.
struct Names {
    categories: Vec<String>,
    /// What each claim is by these numbers; `None` when its list was dropped.
    claims: Vec<Option<Claim>>,
}

impl Names {
    fn new(mut lists: Vec<Collected>, claims: &[Claim], categories: &[String]) -> (Vec<Collected>, Self) {
        lists.sort_by(|a, b| {
            let key = |list: &Collected| {
                (
                    list.summary.name.clone(),
                    list.summary.files.iter().map(|f| f.sha256.clone()).collect::<Vec<_>>(),
                )
            };
            key(a).cmp(&key(b))
        });
        let numbers: HashMap<u32, u32> = lists.iter().map(|list| list.number).zip(0..).collect();
        let text = |claim: &Claim| categories.get(wide(claim.category)).map(String::as_str);
        let kept = || claims.iter().filter(|claim| numbers.contains_key(&claim.list));
        let mut used: Vec<&str> = kept().filter_map(text).collect();
        used.sort_unstable();
        used.dedup();
        let canonical = |claim: &Claim| {
            let list = *numbers.get(&claim.list)?;
            let place = text(claim).and_then(|text| used.binary_search(&text).ok());
            let category = place.and_then(|at| u32::try_from(at).ok()).unwrap_or(Claim::NO_CATEGORY);
            Some(Claim { list, category, flags: claim.flags })
        };
        let claims = claims.iter().map(canonical).collect();
        let categories = used.into_iter().map(str::to_owned).collect();
        (lists, Self { categories, claims })
    }

    fn claim(&self, number: u32) -> Option<Claim> {
        self.claims.get(wide(number)).copied().flatten()
    }
}

/// How much of a list was found.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    distinct: u64,
    surplus: u64,
}

struct Compiling<'n> {
    names: &'n Names,
    groups: Groups,
    sizes: Option<Sorter<8>>,
    without_size: bool,
    found: Vec<Found>,
    scratch: Option<&'n Path>,
    said: Vec<Said>,
    /// Which lists have rows of the present value, and how many.
    heard: Vec<(u32, u64)>,
    /// The probes of all lists; those that are left out go.
    probes: BTreeSet<Digest>,
}

impl Compiling<'_> {
    /// Writes the table of one kind.
    fn table<const N: usize>(
        &mut self,
        sorter: Sorter<N>,
        out: &mut Writer<'_, impl Write + Seek>,
    ) -> io::Result<TableCounts> {
        if sorter.len() == 0 {
            return Ok(TableCounts::default());
        }
        // Rows that say the same are not told apart yet: as many bits as may be needed.
        let most = bits_for(sorter.len());
        let mut below = vec![0_u32; (1 << most) + 1];
        let (mut groups, mut sizes) =
            (Numbers::new(None, self.scratch), Numbers::new(Some(Row::<N>::NO_SIZE), self.scratch));
        let mut rows = 0_u32;
        let mut merge = sorter.merge()?;
        let mut next = merge.next()?;
        while let Some(row) = next {
            let key = row.key;
            self.said.clear();
            self.heard.clear();
            while let Some(same) = next.filter(|row| row.key == key) {
                self.hear(self.names.claim(same.claim), same.size());
                next = merge.next()?;
            }
            if self.said.iter().any(|(claim, _)| claim.flags & NOT_HARMLESS != 0) {
                // Whatever others say of it: it cannot be looked up again.
                Digest::new(&key).map(|digest| self.probes.remove(&digest));
                continue;
            }
            let (group, size) = self.group()?;
            out.write_all(&key)?;
            groups.push(group.into())?;
            sizes.push(size.unwrap_or(Row::<N>::NO_SIZE))?;
            rows = rows.saturating_add(1);
            let bucket = usize::try_from(layout::prefix(&key, most)).unwrap_or(usize::MAX);
            if let Some(count) = below.get_mut(bucket.saturating_add(1)) {
                *count = count.saturating_add(1);
            }
        }
        if rows == 0 {
            // All were left out.
            return Ok(TableCounts::default());
        }
        let counts = TableCounts {
            rows,
            bits: bits_for(rows.into()),
            groups: groups.finish(out)?,
            sizes: sizes.finish(out)?,
        };
        write_prefixes(&below, 1 << (most - counts.bits.min(most)), out)?;
        Ok(counts)
    }

    /// Takes in what one row says of the present value. Rows come sorted, so that those of a list stand together, and
    /// those that say the same; a value that stands in a list a million times takes the memory of one.
    fn hear(&mut self, claim: Option<Claim>, stated: Option<u64>) {
        let Some(claim) = claim else { return };
        match self.heard.last_mut() {
            Some((list, rows)) if *list == claim.list => *rows = rows.saturating_add(1),
            _ => self.heard.push((claim.list, 1)),
        }
        // One more than there may be is enough for the set to be refused.
        if self.said.last() != Some(&(claim, stated)) && self.said.len() <= MAX_CLAIMS {
            self.said.push((claim, stated));
        }
    }

    /// Takes over what is said of one value.
    fn group(&mut self) -> io::Result<(u32, Option<u64>)> {
        for (list, rows) in &self.heard {
            if let Some(found) = self.found.get_mut(wide(*list)) {
                found.distinct = found.distinct.saturating_add(1);
                found.surplus = found.surplus.saturating_add(rows.saturating_sub(1));
            }
        }
        for (_, stated) in &self.said {
            match (stated, &mut self.sizes) {
                (None, _) => self.without_size = true,
                (Some(stated), Some(sizes)) => sizes.push(Row::new(stated.to_be_bytes(), 0, 0))?,
                (Some(_), None) => {}
            }
        }
        Ok(self.groups.number(&mut self.said))
    }
}

/// One or two values for each prefix.
fn bits_for(rows: u64) -> u8 {
    match rows.checked_ilog2() {
        None => 0,
        Some(bits) => u8::try_from(bits).unwrap_or(u8::MAX).clamp(*BITS.start(), *BITS.end()),
    }
}

/// Sums counts up and writes every `step`th sum.
fn write_prefixes(counts: &[u32], step: usize, out: &mut impl Write) -> io::Result<()> {
    let mut below = 0_u32;
    for (at, count) in counts.iter().enumerate() {
        below = below.saturating_add(*count);
        if at.is_multiple_of(step) {
            out.write_all(&below.to_le_bytes())?;
        }
    }
    Ok(())
}

fn write_groups(groups: &Groups, claims: u32, out: &mut impl Write) -> io::Result<()> {
    for start in groups.starts.iter().chain([&claims]) {
        out.write_all(&start.to_le_bytes())?;
    }
    let mut bytes = Vec::new();
    for claim in &groups.claims {
        bytes.clear();
        claim.write(&mut bytes);
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// The different sizes, ascending; how many there are.
fn write_sizes(sizes: Sorter<8>, out: &mut impl Write) -> io::Result<u64> {
    let (mut merge, mut before, mut count) = (sizes.merge()?, None, 0_u64);
    while let Some(row) = merge.next()? {
        if before != Some(row.key) {
            out.write_all(&u64::from_be_bytes(row.key).to_le_bytes())?;
            count = count.saturating_add(1);
            before = Some(row.key);
        }
    }
    Ok(count)
}

fn write_texts(mut texts: Vec<TextLine>, out: &mut impl Write) -> io::Result<u64> {
    texts.sort_unstable();
    texts.dedup();
    let mut written = 0_u64;
    for text in &texts {
        let mut line = serde_json::to_vec(text)?;
        line.push(b'\n');
        out.write_all(&line)?;
        written = written.saturating_add(size(line.len()));
    }
    Ok(written)
}
