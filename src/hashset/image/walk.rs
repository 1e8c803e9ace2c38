//! The values of a set one after the other, for comparing sets.

use std::cmp::Ordering;

use super::known::Provenance;
use super::layout::Table;
use super::{Kind, KnownSet};
use crate::hashset::Result;
use crate::read::ReadAt;

/// Values that are read at once.
const BATCH: u64 = 1024;

/// The values of one kind, ascending.
#[derive(Debug)]
pub struct Entries<'s, R> {
    set: &'s KnownSet<R>,
    table: Option<Table>,
    length: usize,
    row: u64,
    batch: Vec<u8>,
    batch_from: u64,
}

impl<R: ReadAt> KnownSet<R> {
    /// The values of a kind, ascending.
    pub fn entries(&self, kind: Kind) -> Entries<'_, R> {
        let table = self.table(kind).copied();
        Entries { set: self, table, length: kind.length(), row: 0, batch: Vec::new(), batch_from: 0 }
    }
}

impl<'s, R: ReadAt> Entries<'s, R> {
    /// The value at the present place; `None` at the end.
    ///
    /// # Errors
    /// When the image is damaged there.
    pub fn value(&mut self) -> Result<Option<&[u8]>> {
        let Some(table) = self.table.filter(|table| self.row < table.values.count) else { return Ok(None) };
        if self.batch.is_empty() || self.row >= self.batch_from + BATCH {
            let rows = (table.values.count - self.row).min(BATCH);
            self.batch.resize(usize::try_from(rows).unwrap_or(0).saturating_mul(self.length), 0);
            self.set.bytes.read(table.values.at(self.row).unwrap_or(u64::MAX), &mut self.batch)?;
            self.batch_from = self.row;
        }
        let place =
            usize::try_from(self.row - self.batch_from).unwrap_or(usize::MAX).saturating_mul(self.length);
        Ok(self.batch.get(place..place.saturating_add(self.length)))
    }

    /// What the lists say of the value at the present place.
    ///
    /// # Errors
    /// When the image is damaged there.
    pub fn said(&self) -> Result<Vec<Provenance<'s>>> {
        match &self.table {
            Some(table) if self.row < table.values.count => self.set.said(table, self.row),
            _ => Ok(Vec::new()),
        }
    }

    /// Goes on to the next value.
    pub fn advance(&mut self) {
        self.row = self.row.saturating_add(1);
    }
}

/// What is called for each value that either of two sets holds: the value, and where each set stands that holds it.
pub type Visit<'v, 's, A, B> =
    &'v mut dyn FnMut(&[u8], Option<&Entries<'s, A>>, Option<&Entries<'s, B>>) -> Result<()>;

/// Goes through the values of a kind in two sets at once, ascending.
///
/// # Errors
/// When an image is damaged, or whatever the visitor gives.
pub fn join<'s, A: ReadAt, B: ReadAt>(
    left: &'s KnownSet<A>,
    right: &'s KnownSet<B>,
    kind: Kind,
    visit: Visit<'_, 's, A, B>,
) -> Result<()> {
    let (mut left, mut right) = (left.entries(kind), right.entries(kind));
    loop {
        let (a, b) = (left.value()?.map(<[u8]>::to_owned), right.value()?.map(<[u8]>::to_owned));
        let order = match (&a, &b) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b),
        };
        let value = if order == Ordering::Greater { b } else { a };
        visit(
            &value.unwrap_or_default(),
            (order != Ordering::Greater).then_some(&left),
            (order != Ordering::Less).then_some(&right),
        )?;
        if order != Ordering::Greater {
            left.advance();
        }
        if order != Ordering::Less {
            right.advance();
        }
    }
}
