//! What earlier examiners of a source have done: crash restart and resume are one mechanism.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{ExaminedRange, IdRange, ItemId, Outcome};

/// The state in which an examiner takes a source over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prior {
    /// Items that were examined and are not examined again.
    pub examined: Vec<ExaminedRange>,
    /// Items that an examiner died on, with others: each is tried alone, before everything else.
    pub suspects: BTreeSet<ItemId>,
    /// Items that an examiner died on alone, and volumes whose survey it died on: recorded, not tried again.
    pub culprits: BTreeSet<ItemId>,
}

/// How one item ended earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// How.
    pub outcome: Outcome,
    /// Whether it is a picture or video.
    pub media: bool,
    /// Whether a known-good set accounts for it.
    pub known: bool,
}

/// Answers quickly how an item ended earlier.
pub struct PriorIndex(Vec<(IdRange, Earlier)>);

impl Prior {
    /// Sorts what was examined for look-up.
    pub fn index(&self) -> PriorIndex {
        let of =
            |done: &ExaminedRange| Earlier { outcome: done.outcome, media: done.media, known: done.known };
        let mut ranges: Vec<(IdRange, Earlier)> = self
            .examined
            .iter()
            .flat_map(|done| done.items.iter().map(move |range| (*range, of(done))))
            .collect();
        ranges.sort_unstable_by_key(|(range, _)| *range);
        PriorIndex(ranges)
    }
}

impl PriorIndex {
    /// How the item ended; `None` when nobody has examined it.
    pub fn get(&self, item: ItemId) -> Option<Earlier> {
        let after = self.0.partition_point(|(range, _)| range.first <= item);
        let (range, earlier) = self.0.get(after.checked_sub(1)?)?;
        range.contains(item).then_some(*earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_found_in_the_range_that_holds_it_and_nowhere_else() {
        let item = |record| ItemId { volume: 1, stream: 0, record };
        let done = |first, last, outcome| ExaminedRange {
            source: 0,
            outcome,
            media: false,
            known: false,
            items: vec![IdRange { first: item(first), last }],
            bytes: 0,
        };
        let prior = Prior {
            examined: vec![done(10, 20, Outcome::Examined), done(3, 5, Outcome::Unreadable)],
            ..Prior::default()
        };
        let index = prior.index();
        assert_eq!(index.get(item(4)).map(|e| e.outcome), Some(Outcome::Unreadable));
        assert_eq!(index.get(item(20)).map(|e| e.outcome), Some(Outcome::Examined));
        assert_eq!(index.get(item(6)), None);
        assert_eq!(index.get(item(2)), None);
        assert_eq!(index.get(ItemId { volume: 2, ..item(12) }), None);
    }
}
