//! Writes an image from what the lists brought.

use std::collections::HashMap;

use super::layout::{self, BITS, Layout};
use super::{
    Counts, DIGEST_AT, HEADER_AT, Header, Label, ListControl, SIGNATURE, TableCounts, VERSION, wide,
};
use crate::hashset::collect::{Collection, Origin};
use crate::hashset::column::Column;
use crate::hashset::{Error, Result};

/// Compiles a set. Everything is put in an order of its own, so that the order of records within a list leaves no
/// trace in the entries.
pub fn compile(label: Label, mut collection: Collection) -> Result<Vec<u8>> {
    let name = label.name.clone();
    let (categories, provenances) = canonical(&mut collection);
    let mut entries = Entries::new(provenances.len());
    collection.md5.merge(|origins| entries.number(origins));
    collection.sha1.merge(|origins| entries.number(origins));
    collection.sha256.merge(|origins| entries.number(origins));
    let mut sizes: Vec<u64> =
        provenances.iter().map(|origin| origin.size).filter(|size| *size != Origin::NO_SIZE).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let count = |what, length: usize| {
        u32::try_from(length).map_err(|_| Error::TooLarge {
            list: name.clone(),
            what,
            limit: u32::MAX.into(),
        })
    };
    let table = |rows: usize| -> Result<TableCounts> {
        Ok(TableCounts { rows: count("digests of one kind", rows)?, bits: bits_for(rows) })
    };
    let counts = Counts {
        tables: [
            table(collection.md5.rows.len())?,
            table(collection.sha1.rows.len())?,
            table(collection.sha256.rows.len())?,
        ],
        entries: count("entries", entries.starts.len())?,
        origins: count("origins", entries.origins.len())?,
        provenances: count("provenances", provenances.len())?,
        sizes: count("sizes", sizes.len())?,
        without_size: provenances.iter().any(|origin| origin.size == Origin::NO_SIZE),
    };
    let (controls, lists) = collection
        .lists
        .into_iter()
        .map(|list| (ListControl { categorised: list.categorised, probes: list.probes }, list.summary))
        .unzip();
    let header = Header { label, lists, controls, categories, counts };

    let mut image = front(&header)?;
    let total = Layout::of(image.len(), &counts).map_or(0, |(_, end)| end);
    image.reserve_exact(total.saturating_sub(image.len()));
    write_table(&mut image, collection.md5, counts.tables[0]);
    write_table(&mut image, collection.sha1, counts.tables[1]);
    write_table(&mut image, collection.sha256, counts.tables[2]);
    let end = counts.origins;
    entries.starts.iter().chain([&end]).for_each(|start| image.extend_from_slice(&start.to_le_bytes()));
    entries.origins.iter().for_each(|origin| image.extend_from_slice(&origin.to_le_bytes()));
    for origin in &provenances {
        image.extend_from_slice(&origin.list.to_le_bytes());
        image.extend_from_slice(&origin.category.to_le_bytes());
        image.extend_from_slice(&origin.size.to_le_bytes());
    }
    sizes.iter().for_each(|size| image.extend_from_slice(&size.to_le_bytes()));

    let digest = layout::digest(&image);
    if let Some(place) = image.get_mut(DIGEST_AT..HEADER_AT) {
        place.copy_from_slice(&digest);
    }
    Ok(image)
}

/// Signature to header; the digest is still zero.
fn front(header: &Header) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(header).map_err(|error| Error::image("header", "plain data", error))?;
    let mut image = SIGNATURE.to_vec();
    image.extend_from_slice(&VERSION.to_le_bytes());
    image.extend_from_slice(&[0; 4]);
    image.extend_from_slice(&crate::read::size(json.len()).to_le_bytes());
    image.resize(HEADER_AT, 0);
    image.extend_from_slice(&json);
    Ok(image)
}

/// One or two rows for each prefix.
fn bits_for(rows: usize) -> u8 {
    match rows.checked_ilog2() {
        None => 0,
        Some(bits) => u8::try_from(bits).unwrap_or(u8::MAX).clamp(*BITS.start(), *BITS.end()),
    }
}

fn write_table<const N: usize>(image: &mut Vec<u8>, column: Column<N>, counts: TableCounts) {
    if counts.rows == 0 {
        return;
    }
    let mut below: u32 = 0;
    let mut next = 0;
    for row in &column.rows {
        let prefix = layout::prefix(&row.digest, counts.bits);
        while next <= prefix {
            image.extend_from_slice(&below.to_le_bytes());
            next += 1;
        }
        below = below.saturating_add(1);
    }
    while next <= 1_usize << counts.bits {
        image.extend_from_slice(&below.to_le_bytes());
        next += 1;
    }
    for row in &column.rows {
        image.extend_from_slice(&row.digest);
        image.extend_from_slice(&row.origin.to_le_bytes());
    }
}

/// The categories and provenances that rows refer to, each in ascending order; the rows refer to these afterwards.
fn canonical(collection: &mut Collection) -> (Vec<String>, Vec<Origin>) {
    let mut used = vec![false; collection.origins.values.len()];
    let mut mark = |origin: u32| {
        if let Some(flag) = used.get_mut(wide(origin)) {
            *flag = true;
        }
    };
    collection.md5.rows.iter().for_each(|row| mark(row.origin));
    collection.sha1.rows.iter().for_each(|row| mark(row.origin));
    collection.sha256.rows.iter().for_each(|row| mark(row.origin));
    let origins = &collection.origins.values;
    let kept = || origins.iter().zip(&used).filter(|(_, used)| **used).map(|(origin, _)| *origin);

    let text = |category: u32| collection.categories.values.get(wide(category));
    let mut categories: Vec<String> = kept().filter_map(|origin| text(origin.category)).cloned().collect();
    categories.sort_unstable();
    categories.dedup();
    let number: HashMap<&String, u32> = categories.iter().zip(0..).collect();
    let renumbered = |origin: Origin| {
        let category = text(origin.category).and_then(|text| number.get(text).copied());
        Origin { category: category.unwrap_or(Origin::NO_CATEGORY), ..origin }
    };
    let mut provenances: Vec<Origin> = kept().map(renumbered).collect();
    provenances.sort_unstable();
    let position = |origin: Origin| provenances.binary_search(&renumbered(origin)).ok();
    let renamed: Vec<u32> = origins
        .iter()
        .map(|origin| position(*origin).and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX))
        .collect();

    let rename = |origin: &mut u32| *origin = renamed.get(wide(*origin)).copied().unwrap_or(u32::MAX);
    collection.md5.rows.iter_mut().for_each(|row| rename(&mut row.origin));
    collection.sha1.rows.iter_mut().for_each(|row| rename(&mut row.origin));
    collection.sha256.rows.iter_mut().for_each(|row| rename(&mut row.origin));
    (categories, provenances)
}

/// Groups of provenances, each kept once, numbered as they first occur in the order of the digests.
struct Entries {
    starts: Vec<u32>,
    origins: Vec<u32>,
    /// The entry of each provenance that stands alone, which is the usual case.
    single: Vec<Option<u32>>,
    several: HashMap<Vec<u32>, u32>,
}

impl Entries {
    fn new(provenances: usize) -> Self {
        Self {
            starts: Vec::new(),
            origins: Vec::new(),
            single: vec![None; provenances],
            several: HashMap::new(),
        }
    }

    fn number(&mut self, origins: &[u32]) -> u32 {
        let known = match origins {
            [origin] => self.single.get(wide(*origin)).copied().flatten(),
            _ => self.several.get(origins).copied(),
        };
        if let Some(number) = known {
            return number;
        }
        // Counts that do not fit are refused before anything is written.
        let fit = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let number = fit(self.starts.len());
        self.starts.push(fit(self.origins.len()));
        self.origins.extend_from_slice(origins);
        match origins {
            [origin] => {
                if let Some(place) = self.single.get_mut(wide(*origin)) {
                    *place = Some(number);
                }
            }
            _ => {
                self.several.insert(origins.to_vec(), number);
            }
        }
        number
    }
}
