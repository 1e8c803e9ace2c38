//! The order of work: best first, then as the bytes lie. It orders and never excludes.

use std::ops::Range;

use crate::model::{Content, EntryIndex, EntryState, EntryTable, FileEntry};

use super::item;

/// Most files of one batch.
const BATCH_FILES: usize = 128;
/// A batch ends with the file that brings it to this many bytes.
const BATCH_BYTES: u64 = 16 * 1024 * 1024;
/// Files of a folder from this size on are begun first, so that none is left for the end on one thread.
const LARGE: u64 = 16 * 1024 * 1024;
/// Files of a folder of this size, and files with so many bytes of holes, come last.
const HUGE: u64 = 4 * 1024 * 1024 * 1024;

/// Groups of entries that are one content (the names of a hard-linked file), in the order of work.
pub struct Schedule {
    /// Entries, those of a group next to each other.
    grouped: Vec<EntryIndex>,
    /// Where each group begins in `grouped`, in the order of work.
    order: Vec<u32>,
    /// Bytes of content of all groups.
    pub bytes: u64,
}

impl Schedule {
    /// Orders every entry that can be examined. `in_set` tells whether a file of that size occurs in an alert set.
    pub fn new(table: &EntryTable, in_set: impl Fn(u64) -> bool) -> Self {
        let mut grouped: Vec<EntryIndex> =
            table.iter().filter(|entry| item::is_examinable(*entry)).map(FileEntry::index).collect();
        grouped.sort_by_key(|index| table.get(*index).map(|entry| (content_key(entry), *index)));
        let mut order: Vec<u32> = Vec::new();
        let mut bytes = 0_u64;
        let mut last = None;
        for (at, index) in (0_u32..).zip(&grouped) {
            let Some(entry) = table.get(*index) else { continue };
            let key = Some(content_key(entry));
            if key != last {
                order.push(at);
                bytes = bytes.saturating_add(entry.size());
                last = key;
            }
        }
        let first = |at: &u32| usize::try_from(*at).ok().and_then(|at| table.get(*grouped.get(at)?));
        // Cached: each asks the sets for a size, which a plain sort would do again with every comparison.
        order.sort_by_cached_key(|at| first(at).map(|entry| (tier(entry, &in_set), place(entry))));
        Self { grouped, order, bytes }
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The entries of the group that is `at`-th in the order of work, the first of them standing for all.
    pub fn group<'a>(&'a self, table: &'a EntryTable, at: usize) -> &'a [EntryIndex] {
        let start = self.order.get(at).and_then(|start| usize::try_from(*start).ok()).unwrap_or(usize::MAX);
        let rest = self.grouped.get(start..).unwrap_or_default();
        let key = |index: &EntryIndex| table.get(*index).map(content_key);
        let head = rest.first().and_then(key);
        let length = rest.iter().take_while(|index| key(index) == head).count();
        rest.get(..length).unwrap_or_default()
    }

    /// Cuts the order into batches that workers take one after another.
    pub fn batches(&self, table: &EntryTable) -> Vec<Range<usize>> {
        let mut batches = Vec::new();
        let mut start = 0;
        let mut bytes = 0_u64;
        for at in 0..self.order.len() {
            let size = self.group(table, at).first().and_then(|i| table.get(*i)).map_or(0, FileEntry::size);
            bytes = bytes.saturating_add(size);
            if bytes >= BATCH_BYTES || at + 1 - start >= BATCH_FILES {
                batches.push(start..at + 1);
                start = at + 1;
                bytes = 0;
            }
        }
        if start < self.order.len() {
            batches.push(start..self.order.len());
        }
        batches
    }
}

/// Entries with an equal key have the same content.
fn content_key(entry: FileEntry<'_>) -> impl Ord + Copy + use<> {
    (item::identity(entry), entry.state() != EntryState::Allocated, entry.content(), entry.size())
}

fn tier(entry: FileEntry<'_>, in_set: impl Fn(u64) -> bool) -> u8 {
    match (entry.state(), in_set(entry.size())) {
        // Zeros that nobody wrote keep nothing else waiting, not even deleted entries.
        _ if holes(entry) >= HUGE => 3,
        (EntryState::Allocated, true) => 0,
        (EntryState::Allocated, false) => 1,
        (EntryState::Deleted | EntryState::Orphan, _) => 2,
    }
}

/// Bytes of a content that are nowhere and read as zeros.
fn holes(entry: FileEntry<'_>) -> u64 {
    entry.runs().iter().filter(|run| run.is_hole()).map(|run| run.length).fold(0, u64::saturating_add)
}

/// Physical order on a medium. In a folder, where places are not known: large files first, then as they were listed. What is
/// larger still, or all holes, comes last: it may be there to keep everything else waiting.
fn place(entry: FileEntry<'_>) -> (u64, u64) {
    match (entry.runs().iter().find(|run| !run.is_hole()), entry.content()) {
        (Some(run), _) => (run.offset, 0),
        (None, Content::Opened) if entry.size() >= HUGE => (u64::MAX, entry.size()),
        (None, Content::Opened) if entry.size() >= LARGE => (0, u64::MAX - entry.size()),
        (None, Content::Opened) => (1, u64::from(entry.index())),
        (None, _) => (u64::MAX, entry.size()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntryKind, NewEntry, Parent, Run, Times};

    fn table(files: &[(u64, u64, u64, EntryState)]) -> EntryTable {
        let mut table = EntryTable::default();
        for (record, size, offset, state) in files {
            let runs = [Run::new(*offset, *size)];
            let entry = NewEntry {
                parent: Parent::Root,
                name: b"f",
                kind: EntryKind::File,
                state: *state,
                record: *record,
                stream: 0,
                size: *size,
                times: Times::default(),
                content: Content::Runs,
                runs: &runs,
            };
            table.push(1, 0, entry).unwrap();
        }
        table
    }

    #[test]
    fn known_sizes_come_first_then_physical_order_then_deleted_entries_and_links_are_one_group() {
        let live = EntryState::Allocated;
        let table = table(&[
            (1, 10, 900, live),
            (2, 11, 500, live),
            (3, 77, 800, live),
            (2, 11, 500, live),
            (4, 12, 100, EntryState::Deleted),
        ]);
        let schedule = Schedule::new(&table, |size| size == 77);
        let groups: Vec<_> = (0..schedule.len()).map(|at| schedule.group(&table, at).to_vec()).collect();
        assert_eq!(groups, [vec![2], vec![1, 3], vec![0], vec![4]]);
        assert_eq!(schedule.bytes, 10 + 11 + 77 + 12);
        assert_eq!(schedule.batches(&table).len(), 1);
    }

    #[test]
    fn each_content_asks_the_sets_for_its_size_once() {
        let files: Vec<_> = (0..100).map(|n| (n, 1 + n, n * 37 % 100, EntryState::Allocated)).collect();
        let asked = std::cell::Cell::new(0);
        let schedule = Schedule::new(&table(&files), |_| {
            asked.set(asked.get() + 1);
            false
        });
        assert_eq!((schedule.len(), asked.get()), (100, 100));
    }

    #[test]
    fn batches_cover_the_order_once() {
        let files: Vec<_> =
            (0..100).map(|n| (n, 1 + n % 7 * 1_000_000, n * 10, EntryState::Allocated)).collect();
        let table = table(&files);
        let schedule = Schedule::new(&table, |_| false);
        let covered: Vec<usize> = schedule.batches(&table).into_iter().flatten().collect();
        assert_eq!(covered, (0..100).collect::<Vec<_>>());
    }
}
