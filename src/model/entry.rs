//! The entry table of a survey: columns and an arena, so that ten million entries fit a laptop.
//!
//! An entry costs 69 bytes of columns, its name, and 16 bytes for each run of content (measured by
//! `memory_per_entry_stays_below_the_limit`). [`FileEntry`] is a view into the table.

use serde::{Deserialize, Serialize};

use super::{RawText, Times};

/// Position of an entry in its table.
pub type EntryIndex = u32;

/// Deepest chain of parents that is followed when a path is built; a longer one is a loop or a hostile tree.
const MAX_DEPTH: usize = 4096;
/// Most bytes of a path. Of a longer one the innermost names stay: escaped six-fold it still fits a frame.
const MAX_PATH: usize = 64 << 10;
/// Stands before what is left of a path that is too long.
const CUT: &[u8] = b"$Cut";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A stream of bytes that can be examined.
    File,
    /// A directory.
    Directory,
    /// A symbolic link: listed, never followed.
    Symlink,
    /// A device, socket, pipe or anything else that has no content.
    Other,
}

/// Whether the file system says the entry exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// In use.
    Allocated,
    /// Deleted; name and parent are still known.
    Deleted,
    /// Deleted, and its place in the tree is lost.
    Orphan,
}

/// How the bytes of an entry are had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// They are exactly the bytes of its runs, cut to its size.
    #[default]
    Runs,
    /// The file system must be asked: stored inside a record, compressed, or a file of a mounted folder.
    Opened,
    /// Where they lay is not recorded, or cannot be known.
    Lost,
    /// A deleted entry's place is known, and in use by something else now.
    Overwritten,
    /// They are the bytes of its runs, which are only likely: a deleted file whose pieces are not recorded.
    Likely,
    /// They are there, encrypted. The runs of an entry that exists say where, for the ledger.
    Encrypted,
    /// They are there, stored in a way that this version does not read. The runs are as for `Encrypted`.
    Unsupported,
}

impl Content {
    /// Whether they are had for certain: nothing need be said of it.
    pub const fn is_plain(&self) -> bool {
        matches!(self, Self::Runs | Self::Opened)
    }

    /// Whether there are bytes to examine.
    pub const fn is_had(self) -> bool {
        matches!(self, Self::Runs | Self::Opened | Self::Likely)
    }
}

/// A piece of content: bytes of the medium, or a hole that reads as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First byte, in the coordinates of the volume while a file system is surveyed, of the decoded
    /// medium once the entry is in the table. `u64::MAX` for a hole.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

impl Run {
    const HOLE: u64 = u64::MAX;
    /// Beyond any medium, and not a hole.
    const NOWHERE: u64 = u64::MAX - 1;

    /// Bytes of the volume. What lies beyond any medium is no hole: reading it fails.
    pub const fn new(offset: u64, length: u64) -> Self {
        let offset = if offset == Self::HOLE { Self::NOWHERE } else { offset };
        Self { offset, length }
    }

    /// Bytes that no medium holds: reading them fails.
    pub const fn nowhere(length: u64) -> Self {
        Self { offset: Self::NOWHERE, length }
    }

    /// A hole that reads as zeros.
    pub const fn hole(length: u64) -> Self {
        Self { offset: Self::HOLE, length }
    }

    /// Whether the run is a hole.
    pub const fn is_hole(self) -> bool {
        self.offset == Self::HOLE
    }
}

/// How a new entry names the directory that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parent {
    /// It stands in the root.
    Root,
    /// A directory that is already in the table.
    Entry(EntryIndex),
    /// It is unknown; the path begins with `$OrphanFiles`.
    Unknown,
}

/// An entry on its way into the table.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// The directory that holds it.
    pub parent: Parent,
    /// Its own name, without separators.
    pub name: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
    /// Whether it exists.
    pub state: EntryState,
    /// Number of its record in the file system: inode, MFT record, or index of the directory slot.
    pub record: u64,
    /// Number of the stream within the record; 0 is the main one.
    pub stream: u16,
    /// Size of the content in bytes.
    pub size: u64,
    /// Raw time stamps.
    pub times: Times,
    /// How the content is had.
    pub content: Content,
    /// The pieces of content in file order; together at least `size` long where content is [`Content::Runs`] or [`Content::Likely`].
    pub runs: &'a [Run],
}

/// Columns of all entries of one source.
#[derive(Debug, Default)]
pub struct EntryTable {
    names: Vec<u8>,
    name_ends: Vec<u64>,
    parents: Vec<u32>,
    volumes: Vec<u16>,
    streams: Vec<u16>,
    flags: Vec<u8>,
    records: Vec<u64>,
    sizes: Vec<u64>,
    times: Vec<[u64; 4]>,
    runs: Vec<Run>,
    run_ends: Vec<u32>,
}

const ROOT: u32 = u32::MAX;
const UNKNOWN: u32 = u32::MAX - 1;
/// Raw stamps of zero are stored by every file system for "never": presence needs its own four bits.
const NO_STAMP: u64 = u64::MAX;

impl EntryTable {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Adds an entry of a volume that starts `base` bytes into the medium; `None` when the table is full.
    pub fn push(&mut self, volume: u16, base: u64, entry: NewEntry<'_>) -> Option<EntryIndex> {
        let index = u32::try_from(self.len()).ok().filter(|i| *i < UNKNOWN)?;
        let run_end = u32::try_from(self.runs.len().checked_add(entry.runs.len())?).ok()?;
        self.names.extend_from_slice(entry.name);
        self.name_ends.push(u64::try_from(self.names.len()).ok()?);
        self.parents.push(match entry.parent {
            Parent::Root => ROOT,
            // A parent is always older than its children, which is why no chain of parents can be a loop.
            Parent::Entry(parent) if parent < index => parent,
            Parent::Entry(_) | Parent::Unknown => UNKNOWN,
        });
        self.volumes.push(volume);
        self.streams.push(entry.stream);
        self.flags.push(pack(entry.kind, entry.state, entry.content));
        self.records.push(entry.record);
        self.sizes.push(entry.size);
        let Times { created, modified, accessed, changed } = entry.times;
        self.times.push([created, modified, accessed, changed].map(|t| t.unwrap_or(NO_STAMP)));
        self.runs.extend(entry.runs.iter().map(|run| match run.is_hole() {
            true => *run,
            false => Run::new(run.offset.saturating_add(base), run.length),
        }));
        self.run_ends.push(run_end);
        Some(index)
    }

    /// The entry at that position.
    pub fn get(&self, index: EntryIndex) -> Option<FileEntry<'_>> {
        let at = usize::try_from(index).ok()?;
        (at < self.len()).then_some(FileEntry { table: self, at, index })
    }

    /// All entries, in the order of the survey.
    pub fn iter(&self) -> impl Iterator<Item = FileEntry<'_>> {
        (0..self.len()).map(|at| FileEntry { table: self, at, index: u32::try_from(at).unwrap_or(UNKNOWN) })
    }

    /// Bytes of memory that the table holds, reserve included.
    pub fn memory(&self) -> usize {
        let columns = self.name_ends.capacity() * 8
            + self.parents.capacity() * 4
            + self.volumes.capacity() * 2
            + self.streams.capacity() * 2
            + self.flags.capacity()
            + self.records.capacity() * 8
            + self.sizes.capacity() * 8
            + self.times.capacity() * 32
            + self.run_ends.capacity() * 4;
        columns + self.names.capacity() + self.runs.capacity() * size_of::<Run>()
    }

    /// Gives back the reserve once the survey is over.
    pub fn shrink(&mut self) {
        self.names.shrink_to_fit();
        self.name_ends.shrink_to_fit();
        self.parents.shrink_to_fit();
        self.volumes.shrink_to_fit();
        self.streams.shrink_to_fit();
        self.flags.shrink_to_fit();
        self.records.shrink_to_fit();
        self.sizes.shrink_to_fit();
        self.times.shrink_to_fit();
        self.runs.shrink_to_fit();
        self.run_ends.shrink_to_fit();
    }
}

/// One entry of a table.
#[derive(Clone, Copy)]
pub struct FileEntry<'a> {
    table: &'a EntryTable,
    at: usize,
    index: EntryIndex,
}

#[expect(
    clippy::indexing_slicing,
    reason = "every column has a row for each position that get() and iter() hand out"
)]
impl<'a> FileEntry<'a> {
    /// Position in the table.
    pub const fn index(self) -> EntryIndex {
        self.index
    }

    /// Its own name.
    pub fn name(self) -> &'a [u8] {
        let end = usize::try_from(self.table.name_ends[self.at]).unwrap_or(0);
        let start = match self.at.checked_sub(1) {
            Some(before) => usize::try_from(self.table.name_ends[before]).unwrap_or(0),
            None => 0,
        };
        &self.table.names[start..end]
    }

    /// The directory that holds it, when that is an entry.
    pub fn parent(self) -> Option<FileEntry<'a>> {
        self.table.get(self.table.parents[self.at])
    }

    /// Path from the root of its volume, separators `/`, none at the start. Of one that is longer than 64 KiB or deeper
    /// than 4096 names the outer names are left out, and it begins with `$Cut`.
    pub fn path(self) -> RawText {
        let mut names = vec![self.name()];
        let mut length = self.name().len();
        let mut top = self;
        while let Some(parent) = top.parent() {
            length = length.saturating_add(parent.name().len()).saturating_add(1);
            if names.len() >= MAX_DEPTH || length > MAX_PATH {
                names.push(CUT);
                break;
            }
            names.push(parent.name());
            top = parent;
        }
        if self.table.parents[top.at] == UNKNOWN {
            names.push(b"$OrphanFiles");
        }
        names.reverse();
        RawText::new(names.join(&b'/'))
    }

    /// Volume number within the source.
    pub fn volume(self) -> u32 {
        u32::from(self.table.volumes[self.at])
    }

    /// Number of its record in the file system.
    pub fn record(self) -> u64 {
        self.table.records[self.at]
    }

    /// Number of the stream within the record.
    pub fn stream(self) -> u16 {
        self.table.streams[self.at]
    }

    /// Size of the content in bytes.
    pub fn size(self) -> u64 {
        self.table.sizes[self.at]
    }

    /// What it is.
    pub fn kind(self) -> EntryKind {
        match self.table.flags[self.at] & 3 {
            0 => EntryKind::File,
            1 => EntryKind::Directory,
            2 => EntryKind::Symlink,
            _ => EntryKind::Other,
        }
    }

    /// Whether it exists.
    pub fn state(self) -> EntryState {
        match (self.table.flags[self.at] >> 2) & 3 {
            0 => EntryState::Allocated,
            1 => EntryState::Deleted,
            _ => EntryState::Orphan,
        }
    }

    /// How its content is had.
    pub fn content(self) -> Content {
        match (self.table.flags[self.at] >> 4) & 7 {
            0 => Content::Runs,
            1 => Content::Opened,
            2 => Content::Lost,
            3 => Content::Encrypted,
            4 => Content::Unsupported,
            5 => Content::Overwritten,
            _ => Content::Likely,
        }
    }

    /// Raw time stamps.
    pub fn times(self) -> Times {
        let [created, modified, accessed, changed] =
            self.table.times[self.at].map(|raw| (raw != NO_STAMP).then_some(raw));
        Times { created, modified, accessed, changed }
    }

    /// Pieces of content in file order, offsets from the start of the decoded medium.
    pub fn runs(self) -> &'a [Run] {
        let place = |at: usize| usize::try_from(self.table.run_ends[at]).unwrap_or(0);
        let start = self.at.checked_sub(1).map_or(0, place);
        &self.table.runs[start..place(self.at)]
    }
}

const fn pack(kind: EntryKind, state: EntryState, content: Content) -> u8 {
    let kind = match kind {
        EntryKind::File => 0,
        EntryKind::Directory => 1,
        EntryKind::Symlink => 2,
        EntryKind::Other => 3,
    };
    let state = match state {
        EntryState::Allocated => 0,
        EntryState::Deleted => 1,
        EntryState::Orphan => 2,
    };
    let content = match content {
        Content::Runs => 0,
        Content::Opened => 1,
        Content::Lost => 2,
        Content::Encrypted => 3,
        Content::Unsupported => 4,
        Content::Overwritten => 5,
        Content::Likely => 6,
    };
    kind | state << 2 | content << 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(name: &'a [u8], parent: Parent, runs: &'a [Run]) -> NewEntry<'a> {
        NewEntry {
            parent,
            name,
            kind: EntryKind::File,
            state: EntryState::Deleted,
            record: 7,
            stream: 0,
            size: 10,
            times: Times { modified: Some(0), ..Times::default() },
            content: Content::Lost,
            runs,
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mut table = EntryTable::default();
        let folder = table.push(1, 100, entry(b"DCIM", Parent::Root, &[])).unwrap();
        let runs = [Run::new(5, 8), Run::hole(2)];
        let file = table.push(1, 100, entry(b"a.jpg", Parent::Entry(folder), &runs)).unwrap();
        let lost = table.push(2, 0, entry(b"b", Parent::Entry(99), &[])).unwrap();
        let file = table.get(file).unwrap();
        assert_eq!(file.path(), "DCIM/a.jpg".into());
        assert_eq!(file.runs(), [Run::new(105, 8), Run::hole(2)]);
        assert_eq!(
            (file.kind(), file.state(), file.content()),
            (EntryKind::File, EntryState::Deleted, Content::Lost)
        );
        assert_eq!(file.times(), Times { modified: Some(0), ..Times::default() });
        assert_eq!(table.get(lost).unwrap().path(), "$OrphanFiles/b".into());
        assert!(table.get(3).is_none());
    }

    #[test]
    fn a_path_is_never_longer_than_a_record_can_be() {
        let mut table = EntryTable::default();
        let name = [1_u8; 255];
        let mut parent = Parent::Root;
        for _ in 0..3000 {
            parent = Parent::Entry(table.push(0, 0, entry(&name, parent, &[])).unwrap());
        }
        let path = table.get(2999).unwrap().path();
        assert!(
            path.lossy().len() <= 65 << 10 && path.lossy().starts_with("$Cut/"),
            "{}",
            path.lossy().len()
        );
    }

    #[test]
    fn what_lies_beyond_any_medium_is_no_hole() {
        let mut table = EntryTable::default();
        let run = Run::new(u64::MAX - 5, 10);
        let index = table.push(0, 1 << 40, entry(b"far", Parent::Root, &[run, Run::hole(1)])).unwrap();
        let runs = table.get(index).unwrap().runs();
        assert_eq!(runs, [Run::nowhere(10), Run::hole(1)]);
        assert!(!runs[0].is_hole() && runs[1].is_hole());
    }

    #[test]
    fn every_kind_state_and_content_survives_being_packed() {
        use {Content as C, EntryKind as K, EntryState as S};
        for kind in [K::File, K::Directory, K::Symlink, K::Other] {
            for state in [S::Allocated, S::Deleted, S::Orphan] {
                for content in
                    [C::Runs, C::Opened, C::Lost, C::Overwritten, C::Likely, C::Encrypted, C::Unsupported]
                {
                    let mut table = EntryTable::default();
                    let new = NewEntry { kind, state, content, ..entry(b"a", Parent::Root, &[]) };
                    let packed = table.push(0, 0, new).and_then(|index| table.get(index)).unwrap();
                    assert_eq!((packed.kind(), packed.state(), packed.content()), (kind, state, content));
                }
            }
        }
    }

    #[test]
    fn memory_per_entry_stays_below_the_limit() {
        let mut table = EntryTable::default();
        for _ in 0..100_000 {
            table.push(0, 0, entry(b"IMG_20261121_172701.jpg", Parent::Root, &[Run::new(0, 1)])).unwrap();
        }
        table.shrink();
        assert!(table.memory() / table.len() <= 200, "{} bytes", table.memory() / table.len());
    }
}
