//! From rows to entries: at once where the directory is known, the others after the sweep.

use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, NewEntry, Parent, Problem, ProblemKind, Run, Survey,
};

use super::Volume;
use super::bitmap::Bitmap;
use super::facts::{self, Fact};
use super::opened;
use super::record::Reference;
use super::reparse::Reparse;
use super::rows::{Checkpoint, Name, Row, Rows, mark};
use super::stream::Streams;
use super::tally::{Tally, Trouble};
use super::tree::{self, Home, Tree};

/// Names of one file that are listed; Windows allows 1024.
const MAX_NAMES: usize = 4096;
/// Names of one file that are looked at.
const MAX_SEEN: usize = 1 << 16;
/// Entries of one file, names times streams.
const MAX_OF_FILE: usize = 1 << 17;
/// Runs that the names of one file may repeat; further names are opened by their record instead.
const MAX_REPEATED: usize = 1 << 20;
/// Records below are the file system's own.
const FIRST_USER_RECORD: u32 = 24;

/// Builds the entries of one volume.
pub(super) struct Listing<'v> {
    volume: &'v Volume,
    bitmap: Bitmap,
    /// What waits; rows are added here.
    pub rows: Rows,
    tree: Tree,
    tally: Tally,
    /// Records that extend others: number of the base record, position of the row.
    extensions: Vec<(u32, usize)>,
    full: bool,
    // Kept for their memory.
    members: Vec<usize>,
    streams: Streams,
    runs: Vec<Run>,
    facts: Vec<Fact>,
    text: Vec<u8>,
    chosen: Vec<Name>,
}

impl<'v> Listing<'v> {
    /// For a volume whose clusters in use are known.
    pub(super) fn new(volume: &'v Volume, bitmap: Bitmap) -> Self {
        Self {
            volume,
            bitmap,
            rows: Rows::default(),
            tree: Tree::new(volume.mft.count),
            tally: Tally::default(),
            extensions: Vec::new(),
            full: false,
            members: Vec::new(),
            streams: Streams::default(),
            runs: Vec::new(),
            facts: Vec::new(),
            text: Vec::new(),
            chosen: Vec::new(),
        }
    }

    /// Whether the record of the row at a position is in use.
    pub(super) fn is_in_use(&self, at: usize) -> bool {
        self.rows.get(at).is_some_and(|row| row.has(mark::IN_USE))
    }

    /// Lists the last row at once and takes it back, or lets it wait. False when no more entries can be listed.
    pub(super) fn place(&mut self, at: usize, before: Checkpoint, survey: &mut Survey<'_>) -> bool {
        let Some(row) = self.rows.get(at).copied() else { return true };
        self.tree.reach(row.number);
        if row.base != Reference(0) {
            self.extensions.push((u32::try_from(row.base.number()).unwrap_or(u32::MAX), at));
            return true;
        }
        let waits = |name: &Name| self.tree.home(name.parent) == Home::Waiting;
        if row.has(mark::LISTED) || self.rows.names(&row).iter().any(waits) {
            if row.has(mark::DIRECTORY) {
                self.tree.wait(row.number, row.sequence, row.has(mark::IN_USE));
            }
            return true;
        }
        self.members.clear();
        self.members.push(at);
        self.emit(survey);
        self.rows.roll_back(before);
        !self.full
    }

    /// Lists what waited, and says what many files had in common.
    pub(super) fn finish(mut self, survey: &mut Survey<'_>) {
        self.tree.end();
        self.extensions.sort_unstable();
        let number = |at: usize| self.rows.get(at).map(|row| row.number);
        let known = self.extensions.iter().filter_map(|(base, at)| Some((*base, number(*at)?)));
        // What is opened later is put together from the same records. A second survey finds the same ones.
        let _ = self.volume.extensions.set(known.collect());
        for at in 0..self.rows.list().len() {
            if self.full {
                break;
            }
            let Some(row) = self.rows.get(at).copied() else { continue };
            if self.base_of(&row).is_none() {
                self.settle(at, survey);
            }
        }
        self.tally.hand_over(survey);
        if self.full {
            self.note_full(survey);
        }
    }

    /// Says that not everything is listed.
    pub(super) fn note_full(&mut self, survey: &mut Survey<'_>) {
        let detail = "more entries than one source may have: the rest are not listed";
        survey.problem(Problem::new(ProblemKind::Limit, detail));
    }

    /// The row that a row extends.
    fn base_of(&self, row: &Row) -> Option<usize> {
        if row.base == Reference(0) {
            return None;
        }
        let at = self.rows.find(u32::try_from(row.base.number()).ok()?)?;
        self.rows.get(at).is_some_and(|base| extends(row, base)).then_some(at)
    }

    /// Lists a row that waited, and before it the directories above it.
    fn settle(&mut self, at: usize, survey: &mut Survey<'_>) {
        if !self.rows.mark(at, mark::CLIMBED) {
            return;
        }
        let mut climb = vec![at];
        while let Some(top) = climb.last().copied() {
            self.gather_members(top);
            let above = self.names().find_map(|name| self.unsettled(name.parent));
            if let Some(above) = above.filter(|above| self.rows.mark(*above, mark::CLIMBED)) {
                climb.push(above);
                continue;
            }
            self.emit(survey);
            climb.pop();
        }
    }

    /// The row of a directory that waits and was not reached yet.
    fn unsettled(&self, directory: Reference) -> Option<usize> {
        let waits = self.tree.home(directory) == Home::Waiting;
        let number = u32::try_from(directory.number()).ok().filter(|_| waits)?;
        let at = self.rows.find(number)?;
        self.rows.get(at).is_some_and(|row| !row.has(mark::CLIMBED)).then_some(at)
    }

    /// Finds the rows that belong to the one at a position.
    fn gather_members(&mut self, at: usize) {
        self.members.clear();
        self.members.push(at);
        let Some(base) = self.rows.get(at).filter(|row| row.has(mark::LISTED)) else { return };
        let start = self.extensions.partition_point(|(number, _)| *number < base.number);
        let own = self.extensions.iter().skip(start).take_while(|(number, _)| *number == base.number);
        let extends = |at: &usize| self.rows.get(*at).is_some_and(|row| extends(row, base));
        self.members.extend(own.map(|(_, at)| *at).filter(extends));
    }

    /// The names of the file whose rows were gathered: those for DOS count only where there is no other.
    fn names(&self) -> impl Iterator<Item = &Name> {
        let all = || {
            self.members
                .iter()
                .filter_map(|at| self.rows.get(*at))
                .flat_map(|row| self.rows.names(row))
                .take(MAX_SEEN)
        };
        let only_dos = all().all(|name| name.dos);
        all().filter(move |name| only_dos || !name.dos).take(MAX_NAMES)
    }

    /// Adds the entries of the file whose rows were gathered.
    fn emit(&mut self, survey: &mut Survey<'_>) {
        let Some(mut row) = self.members.first().and_then(|at| self.rows.get(*at)).copied() else { return };
        row.reparse = self.rows.reparse(&self.members);
        let told_apart = self.streams.assemble(&self.rows, &self.members);
        self.runs.clear();
        self.facts.clear();
        let inquiry = facts::Inquiry {
            rows: &self.rows,
            streams: &self.streams,
            row: &row,
            cluster: self.volume.geometry.cluster,
            bitmap: &self.bitmap,
            directory: self.streams.is_directory(&self.rows, &self.members),
            promised: &|| opened::names_main_stream(self.volume, row.number),
        };
        inquiry.facts(&mut self.runs, &mut self.facts);
        let mut text = std::mem::take(&mut self.text);
        let mut chosen = std::mem::take(&mut self.chosen);
        chosen.clear();
        chosen.extend(self.names().copied());
        let mut first = None;
        let mut orphaned = false;
        for (index, name) in chosen.iter().enumerate() {
            let home = self.tree.home(name.parent);
            orphaned |= matches!(home, Home::Unknown | Home::Waiting);
            text.clear();
            text.extend_from_slice(self.rows.name_text(name));
            let added = self.add(&row, home, &mut text, index, survey);
            first = first.or(added);
        }
        let names = chosen.len();
        self.chosen = chosen;
        if names == 0 && self.is_worth_listing(&row) {
            text.clear();
            text.extend_from_slice(format!("OrphanFile-{}", row.number).as_bytes());
            first = self.add(&row, Home::Unknown, &mut text, 0, survey);
            orphaned = true;
        }
        self.text = text;
        self.count(&row, first, orphaned, told_apart && names < MAX_NAMES);
    }

    /// Whether a file without a name is more than an empty record.
    fn is_worth_listing(&self, row: &Row) -> bool {
        let holds = self.facts.iter().any(|fact| fact.size > 0);
        holds || row.has(mark::IN_USE) && row.number >= FIRST_USER_RECORD
    }

    /// Counts what is wrong with a file that was listed.
    fn count(&mut self, row: &Row, first: Option<EntryIndex>, orphaned: bool, complete: bool) {
        if first.is_none() {
            return;
        }
        let in_use = row.has(mark::IN_USE);
        for trouble in self.facts.iter().filter_map(|fact| fact.trouble) {
            self.tally.note(trouble, first);
        }
        if orphaned && in_use {
            let lone = row.base != Reference(0);
            self.tally.note(if lone { Trouble::NoBase } else { Trouble::NoParent }, first);
        }
        if !complete {
            self.tally.note(Trouble::TooManyNames, first);
        }
    }

    /// Adds one name of a file with its streams; `index` counts the names. Returns its own entry.
    fn add(
        &mut self,
        row: &Row,
        home: Home,
        text: &mut Vec<u8>,
        index: usize,
        survey: &mut Survey<'_>,
    ) -> Option<EntryIndex> {
        let in_use = row.has(mark::IN_USE);
        let (parent, state) = match home {
            Home::Root => (Parent::Root, EntryState::Deleted),
            Home::Entry(entry) => (Parent::Entry(entry), EntryState::Deleted),
            Home::Waiting | Home::Unknown => (Parent::Unknown, EntryState::Orphan),
        };
        let state = if in_use { EntryState::Allocated } else { state };
        let length = text.len();
        let repeats = |amount: usize, most: usize| amount.saturating_mul(index) > most;
        let mut own = None;
        for fact in &self.facts {
            let main = fact.number == 0;
            if main && u64::from(row.number) == tree::ROOT {
                continue;
            }
            if !main && repeats(self.facts.len(), MAX_OF_FILE) {
                break;
            }
            text.truncate(length);
            if !main {
                text.push(b':');
                text.extend_from_slice(fact.name(&self.rows, &self.streams));
            }
            let runs = self.runs.get(fact.runs.clone()).unwrap_or_default();
            let (content, runs) = match fact.content {
                Content::Runs if repeats(runs.len(), MAX_REPEATED) => (Content::Opened, &[][..]),
                Content::Encrypted | Content::Unsupported if repeats(runs.len(), MAX_REPEATED) => {
                    (fact.content, &[][..])
                }
                content => (content, runs),
            };
            let added = survey.add(NewEntry {
                parent,
                name: text,
                kind: if main { kind(row, fact) } else { EntryKind::File },
                state,
                record: row.number.into(),
                stream: fact.number,
                size: fact.size,
                times: row.times(),
                content,
                runs,
            });
            self.full |= added.is_none();
            own = own.or(added);
            if main
                && index == 0
                && row.has(mark::DIRECTORY)
                && let Some(entry) = added
            {
                self.tree.enter(row.number, row.sequence, in_use, entry);
            }
        }
        own
    }
}

/// Whether one row extends another.
pub(super) fn extends(row: &Row, base: &Row) -> bool {
    let in_use = base.has(mark::IN_USE);
    base.base == Reference(0)
        && base.has(mark::LISTED)
        && row.base.number() == u64::from(base.number)
        && row.has(mark::IN_USE) == in_use
        && tree::refers(row.base, base.sequence, in_use)
}

/// A reparse point may be set on a file that has content, which then is hidden from everybody but not gone.
const fn kind(row: &Row, main: &Fact) -> EntryKind {
    match row.reparse {
        Reparse::Link if main.directory || main.size == 0 => EntryKind::Symlink,
        Reparse::Special if main.directory || main.size == 0 => EntryKind::Other,
        _ if main.directory => EntryKind::Directory,
        _ => EntryKind::File,
    }
}
