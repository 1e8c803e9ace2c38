//! The tree of a volume, directory by directory, and what was deleted from it.

use std::collections::HashSet;

use super::directory::{self, Identifier};
use super::icb::{Entry, Form, file_type};
use super::tag::{Address, Trust};
use super::volume::Logical;
use crate::filesystem::iso9660::tally::Tally;
use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, Extent, NewEntry, Parent, Problem, ProblemKind, Run, Survey,
    Times,
};

/// Blocks of a partition in which a root directory is looked for when the file set descriptor is lost.
const SEARCHED: u32 = 512;
/// Most bytes of one directory, which is held in memory: room for millions of names.
const MAX_DIRECTORY: u64 = 256 << 20;

/// A directory that is to be read.
struct Directory {
    icb: Address,
    parent: Parent,
    state: EntryState,
    runs: Vec<Run>,
}

/// Everything that a survey works with.
pub(super) struct Listing<'s, 't> {
    pub(super) logical: &'s Logical,
    pub(super) survey: &'s mut Survey<'t>,
    pub(super) tally: Tally,
    pub(super) places: Vec<Run>,
    /// Entries that a name in use leads to, by their first byte.
    pub(super) used: HashSet<u64>,
    /// Directories that were read.
    pub(super) entered: HashSet<u64>,
    /// Deleted names wait until it is known what those in use lead to.
    pub(super) deleted: Vec<(Parent, Address, Identifier)>,
    /// First byte and length of every file, for the comparison with another tree.
    pub(super) known: HashSet<(u64, u64)>,
    pub(super) full: bool,
}

/// A file entry, its block, and its place.
pub(super) type Found = (Entry, Vec<u8>, u64);

impl<'s, 't> Listing<'s, 't> {
    pub(super) fn new(logical: &'s Logical, survey: &'s mut Survey<'t>) -> Self {
        logical.renew();
        Self {
            logical,
            survey,
            tally: Tally::default(),
            places: Vec::new(),
            used: HashSet::new(),
            entered: HashSet::new(),
            deleted: Vec::new(),
            known: HashSet::new(),
            full: false,
        }
    }

    /// Lists everything that can be listed; first byte and length of the files.
    pub(super) fn run(mut self) -> HashSet<(u64, u64)> {
        self.logical.flaws.iter().for_each(|problem| self.survey.problem(problem.clone()));
        let sets = self.logical.file_sets(&mut self.places);
        let mut roots: Vec<(Address, Option<Address>)> =
            sets.iter().map(|set| (set.root, set.streams)).collect();
        if sets.iter().any(|set| !set.sound) {
            let place = self.logical.file_sets.at;
            self.note("a file set descriptor whose checksums do not hold", self.offset(place));
        }
        if !roots.first().is_some_and(|(root, _)| self.is_directory(*root)) {
            let place = self.offset(self.logical.file_sets.at);
            self.note(
                "the root directory is not where the file set descriptor says: it was searched for",
                place,
            );
            let found = self.search();
            roots = found.into_iter().map(|root| (root, None)).chain(roots.into_iter().skip(1)).collect();
        }
        for (number, (root, streams)) in roots.into_iter().enumerate() {
            let parent = self.set_parent(number);
            if let Some(found) = self.logical.entry(root, &mut self.places) {
                self.used.insert(found.2);
                let runs = self.pieces(&found, root);
                self.descend(vec![Directory { icb: root, parent, state: EntryState::Allocated, runs }]);
                self.streams(&found, b"", parent, EntryState::Allocated);
            }
            if let Some(streams) = streams {
                self.stream_directory(streams, b"", parent, EntryState::Allocated);
            }
        }
        self.gone();
        self.finish()
    }

    /// Where the entries of a file set are put: those of the first in the root.
    fn set_parent(&mut self, number: usize) -> Parent {
        if number == 0 {
            return Parent::Root;
        }
        let name = format!(".file set {number}");
        let entry = NewEntry {
            parent: Parent::Root,
            name: name.as_bytes(),
            kind: EntryKind::Directory,
            state: EntryState::Allocated,
            record: crate::read::size(number),
            stream: 0,
            size: 0,
            times: Times::default(),
            content: Content::Runs,
            runs: &[],
        };
        self.push(entry).map_or(Parent::Unknown, Parent::Entry)
    }

    fn is_directory(&mut self, at: Address) -> bool {
        let found = self.logical.entry(at, &mut Vec::new());
        found.is_some_and(|(entry, ..)| entry.file_type == file_type::DIRECTORY)
    }

    /// The first directory of the volume, which writers make for the root.
    fn search(&mut self) -> Option<Address> {
        let partitions = u16::try_from(self.logical.partitions.len()).unwrap_or(0);
        let blocks = |partition| (0..SEARCHED).map(move |block| Address { partition, block });
        // The last map is that of the metadata, where there is one.
        (0..partitions).rev().flat_map(blocks).find(|at| {
            let found = self.logical.entry(*at, &mut Vec::new());
            found.is_some_and(|(entry, ..)| {
                entry.file_type == file_type::DIRECTORY
                    && entry.trust == Trust::Sound
                    && entry.location == at.block
            })
        })
    }

    fn descend(&mut self, mut level: Vec<Directory>) {
        while !level.is_empty() && !self.full {
            let mut next = Vec::new();
            for directory in level {
                self.directory(&directory, &mut next);
            }
            next.sort_by_key(|directory| directory.runs.first().map_or(0, |run| run.offset));
            level = next;
        }
    }

    /// Reads the names of a directory.
    fn directory(&mut self, directory: &Directory, next: &mut Vec<Directory>) {
        let at = self.offset(directory.icb);
        if !self.entered.insert(at) {
            return self.note("a directory that another one is, too: what it holds is listed there", at);
        }
        let Some(identifiers) = self.identifiers(&directory.runs, at) else { return };
        for identifier in identifiers {
            if identifier.deleted {
                self.deleted.push((directory.parent, directory.icb, identifier));
            } else {
                self.named(directory, &identifier, next);
            }
            if self.full {
                return;
            }
        }
    }

    pub(super) fn identifiers(&mut self, runs: &[Run], at: u64) -> Option<Vec<Identifier>> {
        let length = runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
        if length > MAX_DIRECTORY {
            let place = Extent::new(at.min(self.size()), self.logical.block);
            self.tally.note(
                ProblemKind::Limit,
                "directories of which only the first 256 MiB are read",
                place,
            );
        }
        if !self.logical.spend(length.min(MAX_DIRECTORY)) {
            self.tally.note(
                ProblemKind::Limit,
                "directories that refer to each other's content",
                Extent::new(at, 0),
            );
            return None;
        }
        let mut bytes = Vec::new();
        let mut left = MAX_DIRECTORY;
        for whole in runs {
            let run = Run { length: whole.length.min(left), ..*whole };
            left = left.saturating_sub(run.length);
            if run.length == 0 {
                continue;
            }
            match self.logical.read_runs(&[run]) {
                Some(part) => {
                    bytes.extend(part);
                    self.places.push(run);
                }
                None => {
                    let place = Extent::new(run.offset.min(self.size()), run.length.min(self.size()));
                    self.tally.note(ProblemKind::Unreadable, "a part of a directory cannot be read", place);
                    // What follows keeps its place, and what is missing holds no name.
                    let missing = usize::try_from(run.length.min(1 << 20)).unwrap_or(0);
                    bytes.resize(bytes.len().saturating_add(missing), 0);
                }
            }
        }
        let mut found = Vec::new();
        let damaged = directory::each(&bytes, |identifier| found.push(identifier));
        if damaged > 0 {
            self.note("a damaged file identifier: what follows it was searched for", at);
        }
        Some(found)
    }

    /// Lists a name in use.
    fn named(&mut self, directory: &Directory, identifier: &Identifier, next: &mut Vec<Directory>) {
        let found = self.logical.entry(identifier.icb, &mut self.places);
        let Some(found) = found.filter(|_| identifier.has_icb) else {
            let at = self.offset(directory.icb);
            self.note("names whose file entry cannot be read", at);
            self.lost(directory.parent, identifier, directory.state);
            return;
        };
        if directory.state == EntryState::Allocated {
            self.used.insert(found.2);
        }
        self.check(&found, identifier.icb);
        let runs = self.pieces(&found, identifier.icb);
        let content = self.content(&found.0, &runs);
        let Some(index) =
            self.add(directory.parent, &identifier.name, (0, directory.state), &found, (content, &runs))
        else {
            return;
        };
        self.streams(&found, &identifier.name, directory.parent, directory.state);
        if found.0.kind() == EntryKind::Directory {
            let (icb, state) = (identifier.icb, directory.state);
            next.push(Directory { icb, parent: Parent::Entry(index), state, runs });
        }
    }

    /// Lists the named streams of a file (OSTA UDF 2.60, section 3.3.5).
    fn streams(&mut self, found: &Found, name: &[u8], parent: Parent, state: EntryState) {
        if let Some(streams) = found.0.streams {
            self.stream_directory(streams.at, name, parent, state);
        }
        if found.0.attributes.is_some() {
            let place = Extent::new(found.2, self.logical.block);
            self.tally.note(
                ProblemKind::Unsupported,
                "files of extended attributes, which are not read",
                place,
            );
        }
    }

    fn stream_directory(&mut self, icb: Address, name: &[u8], parent: Parent, state: EntryState) {
        let at = self.offset(icb);
        let Some(found) = self.logical.entry(icb, &mut self.places) else {
            return self.note("a stream directory that cannot be read", at);
        };
        // Two names of one file lead here twice: the streams belong to both.
        let runs = self.pieces(&found, icb);
        let Some(identifiers) = self.identifiers(&runs, at) else { return };
        if identifiers.len() > usize::from(u16::MAX) {
            let place = Extent::new(at.min(self.size()), self.logical.block);
            self.tally.note(ProblemKind::Limit, "more named streams of a file than can be listed", place);
        }
        for (number, identifier) in (1..=u16::MAX).zip(identifiers) {
            let own = [name, b":", &identifier.name].concat();
            let Some(stream) = self.logical.entry(identifier.icb, &mut self.places) else {
                self.note("names whose file entry cannot be read", at);
                continue;
            };
            let runs = self.pieces(&stream, identifier.icb);
            let state = if identifier.deleted { EntryState::Deleted } else { state };
            let content = match state {
                EntryState::Allocated => self.content(&stream.0, &runs),
                _ => self.grade(&stream, identifier.icb, &runs),
            };
            self.add(parent, &own, (number, state), &stream, (content, &runs));
        }
    }

    /// How the content of a file in use is had.
    pub(super) fn content(&self, entry: &Entry, runs: &[Run]) -> Content {
        let covered = runs.iter().map(|run| run.length).fold(0, u64::saturating_add);
        match (entry.form, entry.kind()) {
            (Form::Unknown(_), _) => Content::Unsupported,
            (Form::Embedded, _) if covered < entry.size => Content::Lost,
            (Form::Embedded, EntryKind::File) if entry.size > 0 => Content::Opened,
            (_, EntryKind::Symlink) => Content::Opened,
            _ => Content::Runs,
        }
    }

    /// The pieces of a file, filled up with a hole where descriptors are missing.
    pub(super) fn pieces(&mut self, found: &Found, icb: Address) -> Vec<Run> {
        let mut pieces = self.logical.pieces(found, icb.partition, &mut self.places);
        if let Some(fault) = pieces.fault {
            self.note(fault, found.2);
        }
        let missing = found.0.size.saturating_sub(pieces.covered);
        if let Form::Unknown(_) = found.0.form {
            let place = Extent::new(found.2, self.logical.block);
            self.tally.note(ProblemKind::Unsupported, "allocation descriptors of an unknown form", place);
        } else if missing > 0 {
            self.note("files whose pieces are shorter than they say", found.2);
            if found.0.form != Form::Embedded {
                pieces.runs.push(Run::new(super::NOWHERE, missing));
            }
        }
        let beyond = |run: &Run| !run.is_hole() && run.offset.saturating_add(run.length) > self.size();
        if pieces.runs.iter().any(beyond) && missing == 0 {
            self.note(
                "files that reach beyond the end of the volume: it is cut short, or they are damaged",
                found.2,
            );
        }
        pieces.runs
    }

    /// Says so when an entry does not agree with its tag.
    fn check(&mut self, found: &Found, icb: Address) {
        if found.0.trust != Trust::Sound {
            self.note("file entries whose checksums do not hold: they are used as they are", found.2);
        } else if found.0.strategy != 4 && found.0.strategy != 4096 {
            self.note("file entries of an unknown strategy: they are read as those of strategy 4", found.2);
        } else if found.0.strategy == 4 && found.0.location != icb.block {
            self.note("file entries that say they stand elsewhere", found.2);
        }
    }

    pub(super) fn lost(&mut self, parent: Parent, identifier: &Identifier, state: EntryState) {
        let entry = NewEntry {
            parent,
            name: &identifier.name,
            kind: if identifier.is_directory { EntryKind::Directory } else { EntryKind::File },
            state,
            // No entry can stand at an odd byte.
            record: self.offset(identifier.icb) | 1,
            stream: 0,
            size: 0,
            times: Times::default(),
            content: Content::Lost,
            runs: &[],
        };
        self.push(entry);
    }

    pub(super) fn add(
        &mut self,
        parent: Parent,
        name: &[u8],
        (stream, state): (u16, EntryState),
        found: &Found,
        (content, runs): (Content, &[Run]),
    ) -> Option<EntryIndex> {
        let (entry, _, record) = found;
        // In several pieces it cannot be known again by its first.
        if let ([only], EntryState::Allocated) = (runs, state) {
            self.known.insert((only.offset, entry.size));
        }
        self.push(NewEntry {
            parent,
            name,
            kind: entry.kind(),
            state,
            record: *record,
            stream,
            size: entry.size,
            times: entry.times,
            content,
            runs,
        })
    }

    fn push(&mut self, entry: NewEntry<'_>) -> Option<EntryIndex> {
        let added = self.survey.add(entry);
        if added.is_none() && !std::mem::replace(&mut self.full, true) {
            let detail = "the source has more entries than can be listed: the rest of this volume is not";
            self.survey.problem(Problem::new(ProblemKind::Limit, detail));
        }
        added
    }

    fn note(&mut self, detail: &str, at: u64) {
        self.tally.note(ProblemKind::Corrupt, detail, Extent::new(at.min(self.size()), self.logical.block));
    }

    fn offset(&self, at: Address) -> u64 {
        self.logical.offset(at).unwrap_or(super::NOWHERE)
    }

    fn size(&self) -> u64 {
        self.logical.source.size()
    }

    /// Hands over the places of metadata, in physical order and merged, and the problems.
    fn finish(self) -> HashSet<(u64, u64)> {
        let volume = self.logical.source.size();
        let read =
            self.places.iter().filter(|run| !run.is_hole()).map(|run| Extent::new(run.offset, run.length));
        let mut places: Vec<Extent> = self.logical.places.iter().copied().chain(read).collect();
        places.sort_unstable();
        let mut end = 0;
        for place in places {
            let start = place.offset.max(end);
            let stop = place.end().min(volume);
            if start < stop {
                self.survey.metadata(start, stop.saturating_sub(start));
            }
            end = end.max(stop);
        }
        self.tally.hand_over(self.survey);
        self.known
    }
}
