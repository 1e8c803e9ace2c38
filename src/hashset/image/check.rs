//! Reads a whole image and checks that every section is in order and within its bounds.

use super::groups::StoredClaim;
use super::layout::{Section, Table, prefix};
use super::{CLAIM, Counts, Kind, KnownSet};
use crate::hashset::collect::Claim;
use crate::hashset::{Error, Result};
use crate::read::{ReadAt, size};

/// Bytes that are read at once.
const BLOCK: u64 = 256 << 10;

impl<R: ReadAt> KnownSet<R> {
    /// Reads the whole image: every chunk must be the compiled one, and every section in order and within its bounds.
    /// Does not check the signature, whose keys are not known here.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<()> {
        self.bytes.check_all()?;
        let counts = &self.header.counts;
        for kind in Kind::ALL {
            if let Some(table) = self.table(kind) {
                self.verify_table(table, counts)?;
            }
        }
        self.verify_groups(counts)?;
        let mut before = None;
        self.each(self.layout.sizes, |bytes| {
            let stated = bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            let ascending = stated > before;
            before = stated;
            ascending.then_some(()).ok_or_else(|| Error::image("sizes", "ascending numbers", "others"))
        })
    }

    fn verify_table(&self, table: &Table, counts: &Counts) -> Result<()> {
        let mut below = vec![0_u32; usize::try_from(table.prefixes.count).unwrap_or(usize::MAX)];
        let mut before: Vec<u8> = Vec::new();
        self.each(table.values, |value| {
            if value <= before.as_slice() && !before.is_empty() {
                return Err(Error::image("values", "ascending ones", "others"));
            }
            before.clear();
            before.extend_from_slice(value);
            let bucket = usize::try_from(prefix(value, table.counts.bits)).unwrap_or(usize::MAX);
            if let Some(count) = below.get_mut(bucket.saturating_add(1)) {
                *count = count.saturating_add(1);
            }
            Ok(())
        })?;
        let (mut sum, mut counted) = (0_u32, below.into_iter());
        self.each(table.prefixes, |bytes| {
            sum = sum.saturating_add(counted.next().unwrap_or_default());
            let stated = bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            (stated == Some(sum))
                .then_some(())
                .ok_or_else(|| Error::image("prefixes", sum, stated.unwrap_or(0)))
        })?;
        let known = |group: u64| match group < u64::from(counts.groups) {
            true => Ok(()),
            false => Err(Error::image("groups of values", format!("below {}", counts.groups), group)),
        };
        if table.groups.section.width == 0 {
            return known(table.groups.constant);
        }
        self.each(table.groups.section, |bytes| {
            let mut number = [0; 8];
            number.iter_mut().zip(bytes).for_each(|(target, byte)| *target = *byte);
            known(u64::from_le_bytes(number))
        })
    }

    fn verify_groups(&self, counts: &Counts) -> Result<()> {
        let (mut before, mut last) = (None, 0);
        self.each(self.layout.groups, |bytes| {
            let start = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            let ascending = before.is_none_or(|before| before < start) && (before.is_some() || start == 0);
            (before, last) = (Some(start), start);
            ascending.then_some(()).ok_or_else(|| Error::image("groups", "ascending starts from 0 on", start))
        })?;
        if last != counts.claims {
            return Err(Error::image("groups", format!("starts up to {}", counts.claims), last));
        }
        let (lists, categories) = (size(self.header.lists.len()), size(self.header.categories.len()));
        self.each(self.layout.claims, |bytes| {
            let claim = bytes.first_chunk::<CLAIM>().map(StoredClaim::from_bytes);
            let known = claim.is_some_and(|claim| {
                u64::from(claim.list) < lists
                    && (claim.category == Claim::NO_CATEGORY || u64::from(claim.category) < categories)
                    && claim.is_known()
            });
            known.then_some(()).ok_or_else(|| Error::image("claims", "known lists and categories", "others"))
        })
    }

    /// Calls for each unit of a section.
    fn each(&self, section: Section, mut check: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let at_once = (BLOCK / section.width.max(1)).max(1);
        let (mut unit, mut block) = (0, Vec::new());
        while unit < section.count && section.width > 0 {
            let units = (section.count - unit).min(at_once);
            block.resize(usize::try_from(units * section.width).unwrap_or(0), 0);
            self.bytes.read(section.at(unit).unwrap_or(u64::MAX), &mut block)?;
            block.chunks_exact(usize::try_from(section.width).unwrap_or(1)).try_for_each(&mut check)?;
            unit += units;
        }
        Ok(())
    }
}
