//! The digests of one kind while a set is being built: one flat vector, sorted list by list.

use std::cmp::Ordering;

/// A digest and where it is from: a provenance while lists are imported, an entry of the image afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<const N: usize> {
    pub digest: [u8; N],
    pub origin: u32,
}

impl<const N: usize> Row<N> {
    /// Compares machine words first: digests differ in their first bytes.
    fn order(&self, other: &Self) -> Ordering {
        lead(&self.digest)
            .cmp(&lead(&other.digest))
            .then_with(|| self.digest.cmp(&other.digest))
            .then_with(|| self.origin.cmp(&other.origin))
    }
}

/// All rows of one kind.
#[derive(Debug, Default)]
pub struct Column<const N: usize> {
    pub rows: Vec<Row<N>>,
    /// Where the rows of the list that is being imported begin.
    start: usize,
}

/// What sorting the rows of one list has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Different digests.
    pub distinct: u64,
    /// Rows beyond the first of each digest.
    pub surplus: u64,
}

impl<const N: usize> Column<N> {
    /// Adds a digest of `N` bytes; one of another length is not added.
    pub fn push(&mut self, digest: &[u8], origin: u32) {
        if let Ok(digest) = digest.try_into() {
            self.rows.push(Row { digest, origin });
        }
    }

    /// Takes back what was added since the last list was settled.
    pub fn abandon(&mut self) {
        self.rows.truncate(self.start);
    }

    /// Ends a list: sorts its rows and drops those that say the same twice.
    pub fn settle(&mut self) -> Settled {
        let start = self.start;
        let mut settled = Settled::default();
        if let Some(tail) = self.rows.get_mut(start..) {
            tail.sort_unstable_by(Row::order);
        }
        let mut before: Option<Row<N>> = None;
        let mut kept = start;
        for at in start..self.rows.len() {
            let Some(&row) = self.rows.get(at) else { break };
            if before.is_some_and(|before| before.digest == row.digest) {
                settled.surplus += 1;
            } else {
                settled.distinct += 1;
            }
            if before != Some(row) {
                if let Some(place) = self.rows.get_mut(kept) {
                    *place = row;
                }
                kept += 1;
            }
            before = Some(row);
        }
        self.rows.truncate(kept);
        self.start = kept;
        settled
    }

    /// Sorts all rows, replaces the origins of equal digests by what `entry` makes of them and keeps each digest once.
    pub fn merge(&mut self, mut entry: impl FnMut(&[u32]) -> u32) {
        self.rows.sort_unstable_by(Row::order);
        let mut origins = Vec::new();
        let mut kept = 0;
        let mut at = 0;
        while let Some(&Row { digest, .. }) = self.rows.get(at) {
            let same = self.rows.iter().skip(at).take_while(|row| row.digest == digest);
            origins.clear();
            origins.extend(same.map(|row| row.origin));
            at += origins.len();
            origins.dedup();
            if let Some(place) = self.rows.get_mut(kept) {
                *place = Row { digest, origin: entry(&origins) };
            }
            kept += 1;
        }
        self.rows.truncate(kept);
        self.start = kept;
    }
}

/// The first eight bytes as a number.
fn lead(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(rows: &[([u8; 16], u32)]) -> Column<16> {
        let mut column = Column::default();
        rows.iter().for_each(|(digest, origin)| column.push(digest, *origin));
        column
    }

    #[test]
    fn settling_counts_surplus_rows_and_keeps_each_origin_once() {
        let mut column = column(&[([2; 16], 0), ([1; 16], 0), ([2; 16], 1), ([2; 16], 0)]);
        assert_eq!(column.settle(), Settled { distinct: 2, surplus: 2 });
        assert_eq!(column.rows.len(), 3);
        column.push(&[9; 16], 3);
        column.push(&[9; 15], 3);
        column.abandon();
        assert_eq!(column.rows.len(), 3);
        let mut seen = Vec::new();
        column.merge(|origins| {
            seen.push(origins.to_vec());
            7
        });
        assert_eq!(seen, [vec![0], vec![0, 1]]);
        assert_eq!(column.rows, [Row { digest: [1; 16], origin: 7 }, Row { digest: [2; 16], origin: 7 }]);
    }
}
