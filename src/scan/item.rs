//! An entry of the table as an item to examine and as a record to report.

use crate::filesystem::{Facts, Stream};
use crate::model::{
    Content, Digests, EntryKind, EntryState, Extent, FileEntry, Grade, ItemId, ItemRecord, Problem,
    ProblemKind, Run,
};
use crate::read::{Error, Pieces};

use super::survey::Surveyed;

/// Most pieces of a content that a record lists; a fragmented file must not make its finding too long to be kept.
const MAX_EXTENTS: usize = 4096;

/// Identity of an entry; it does not depend on the order of work.
pub fn identity(entry: FileEntry<'_>) -> ItemId {
    ItemId { volume: entry.volume(), stream: entry.stream(), record: entry.record() }
}

/// Whether an entry has content that can be examined.
pub fn is_examinable(entry: FileEntry<'_>) -> bool {
    entry.kind() == EntryKind::File && entry.content().is_had()
}

/// Opens the content of an entry.
pub fn open(surveyed: &Surveyed, entry: FileEntry<'_>) -> Result<Box<dyn Stream>, Error> {
    let place = || Error::unsupported("content", 0, "nothing can open it");
    match entry.content() {
        Content::Runs | Content::Likely => {
            let medium = surveyed.medium.clone().ok_or_else(place)?;
            Ok(Box::new(Pieces::new(medium, entry.runs(), entry.size())))
        }
        Content::Opened => surveyed.filesystem(entry.volume()).ok_or_else(place)?.open(entry),
        Content::Lost | Content::Overwritten | Content::Encrypted | Content::Unsupported => Err(place()),
    }
}

/// What is said of an entry: by its open handle where that is surer, by the survey otherwise.
pub fn record(
    surveyed: &Surveyed,
    entry: FileEntry<'_>,
    facts: Option<Facts>,
    digests: Digests,
) -> ItemRecord {
    let facts = facts.unwrap_or(Facts { size: entry.size(), times: entry.times() });
    let mut extents = extents(entry);
    let more_extents = crate::read::size(extents.len().saturating_sub(MAX_EXTENTS));
    extents.truncate(MAX_EXTENTS);
    let times = surveyed.filesystem(entry.volume()).map(|filesystem| filesystem.times()).unwrap_or_default();
    ItemRecord {
        volume: entry.volume(),
        path: entry.path(),
        record: entry.record(),
        stream: entry.stream(),
        kind: entry.kind(),
        extents,
        more_extents,
        content: entry.content(),
        size: facts.size,
        state: entry.state(),
        digests,
        times: times.decode(facts.times),
    }
}

/// Where the content of an entry lies on the medium, cut to its size; holes are left out.
pub fn extents(entry: FileEntry<'_>) -> Vec<Extent> {
    places(entry.runs(), 0, entry.size())
}

/// Where bytes `from` to `from + length` of a content lie on the medium.
pub fn places(runs: &[Run], from: u64, length: u64) -> Vec<Extent> {
    let end = from.saturating_add(length);
    let mut at = 0_u64;
    let mut places = Vec::new();
    for run in runs {
        let next = at.saturating_add(run.length);
        let (first, last) = (at.max(from), next.min(end));
        if first < last && !run.is_hole() {
            places.push(Extent::new(run.offset.saturating_add(first - at), last - first));
        }
        at = next;
        if at >= end {
            break;
        }
    }
    places
}

/// The grade of an exact match in an entry of that state.
pub const fn grade(state: EntryState) -> Grade {
    match state {
        EntryState::Allocated => Grade::Exact,
        EntryState::Deleted | EntryState::Orphan => Grade::ExactDeleted,
    }
}

/// That reading an entry ended in a panic of this thread, and where.
pub fn died(entry: FileEntry<'_>) -> Problem {
    let detail = format!("reading this item failed inside the tool{}", super::panics::last());
    problem(entry, ProblemKind::Crashed, detail)
}

/// A problem that concerns an entry.
pub fn problem(entry: FileEntry<'_>, kind: ProblemKind, detail: impl Into<String>) -> Problem {
    Problem::new(kind, detail).in_volume(entry.volume()).of_entry(entry.path(), entry.record())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_content_is_found_on_the_medium() {
        let runs = [Run::new(100, 10), Run::hole(5), Run::new(50, 10)];
        assert_eq!(places(&runs, 0, 25), [Extent::new(100, 10), Extent::new(50, 10)]);
        assert_eq!(places(&runs, 8, 9), [Extent::new(108, 2), Extent::new(50, 2)]);
        assert_eq!(places(&runs, 11, 2), []);
        assert_eq!(places(&runs, 20, u64::MAX), [Extent::new(55, 5)]);
    }
}
