//! From rows to entries: the tree in use from the root on, and what is in use and out of its reach.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};

use super::content::Packed;
use super::facts::{Facts, Known, Unread};
use super::index::{ROOT, Row};
use super::record::{Role, times};
use crate::filesystem::compression::decmpfs;
use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, NewEntry, Parent, Problem, ProblemKind, Survey,
};

/// The folders that hold what hard links lead to.
const FILE_LINKS: &[u8] = b"\0\0\0\0HFS+ Private Data";
const FOLDER_LINKS: &[u8] = b".HFS+ Private Directory Data\r";

/// Stream numbers: the resource fork, the first named attribute, and the data fork of a file whose content is elsewhere.
const RESOURCE: u16 = 1;
const FIRST_ATTRIBUTE: u16 = 2;
const DATA: u16 = u16::MAX;

/// Builds the entries of one volume.
pub(super) struct Listing<'k, 'v> {
    pub(super) known: &'k Known<'v>,
    /// Rows in the private folders by the number that links have.
    file_links: HashMap<u32, usize>,
    folder_links: HashMap<u32, usize>,
    /// Where the entries of a folder go, for each folder that has its place.
    pub(super) places: HashMap<u32, Parent>,
    /// Positions of rows that have an entry.
    listed: Vec<bool>,
    /// Files whose streams have entries: they are listed under the first name only.
    streamed: HashSet<u64>,
    packed: HashMap<u64, Packed>,
    unread: Unread,
    full: Cell<bool>,
}

impl<'k, 'v> Listing<'k, 'v> {
    pub(super) fn new(known: &'k Known<'v>) -> Self {
        Self {
            known,
            file_links: targets(known, FILE_LINKS, "iNode"),
            folder_links: targets(known, FOLDER_LINKS, "dir_"),
            places: HashMap::new(),
            listed: vec![false; known.index.rows().len()],
            streamed: HashSet::new(),
            packed: HashMap::new(),
            unread: Unread::default(),
            full: Cell::new(false),
        }
    }

    /// Adds every entry; returns what compressed files are made of, by record.
    pub(super) fn list(mut self, survey: &mut Survey<'_>) -> HashMap<u64, Packed> {
        self.walk([(ROOT, Parent::Root)].into(), survey);
        self.unreachable(survey);
        self.remains(survey);
        self.copies(survey);
        for problem in std::mem::take(&mut self.unread).problems() {
            survey.problem(problem);
        }
        if self.known.overflow.is_exhausted() {
            let detail =
                "more extents than are followed: the content of the files that have the rest counts as lost";
            survey.problem(Problem::new(ProblemKind::Limit, detail));
        }
        if self.full.get() {
            let detail = "more entries than one source may have: the rest are not listed";
            survey.problem(Problem::new(ProblemKind::Limit, detail));
        }
        self.packed
    }

    /// Says that files have the number of another.
    fn copies(&self, survey: &mut Survey<'_>) {
        let mut copies = self.known.index.rows().iter().filter(|row| row.is_copy());
        let Some(first) = copies.next() else { return };
        let detail = format!(
            "files or folders whose number another one has, too, the first is number {}: each was read by itself",
            first.number
        );
        let mut problem = Problem::new(ProblemKind::Corrupt, detail);
        problem.count = crate::read::size(copies.count()).saturating_add(1);
        survey.problem(problem);
    }

    /// Adds what is in folders and below, upper ones first; the folder that holds linked folders comes last, so that
    /// these stand where their links are.
    fn walk(&mut self, mut queue: VecDeque<(u32, Parent)>, survey: &mut Survey<'_>) {
        let mut last = Vec::new();
        while let Some((folder, place)) = queue.pop_front().or_else(|| last.pop()) {
            if self.places.contains_key(&folder) {
                continue;
            }
            self.places.insert(folder, place);
            let known = self.known;
            let rows = known.index.of(folder);
            let first = known.index.rows().partition_point(|row| row.parent < folder);
            for (at, row) in (first..).zip(rows) {
                self.mark(at);
                let Some((number, index)) = self.row(row, place, EntryState::Allocated, survey) else {
                    continue;
                };
                match folder == ROOT && known.index.name(row) == FOLDER_LINKS {
                    true => last.push((number, Parent::Entry(index))),
                    false => queue.push_back((number, Parent::Entry(index))),
                }
                if self.full.get() {
                    return;
                }
            }
        }
    }

    /// Adds a row with its streams; returns the number of the folder that it is, or leads to, with its entry.
    pub(super) fn row(
        &mut self,
        row: &Row,
        parent: Parent,
        state: EntryState,
        survey: &mut Survey<'_>,
    ) -> Option<(u32, EntryIndex)> {
        let known = self.known;
        let name = known.index.name(row);
        let target = match row.role {
            Role::Plain(_) => Some(row),
            Role::FileLink(number) => self.target(&self.file_links, number),
            Role::FolderLink(number) => self.target(&self.folder_links, number),
        };
        let Some(target) = target else {
            let mut facts = Facts::lost();
            facts.flaw = Some("the file that this hard link leads to is missing".into());
            self.add(row, (name, 0), parent, state, facts, survey);
            self.streams(row, false, parent, state, survey);
            return None;
        };
        let facts = known.content(target, &mut self.unread);
        let is_folder = facts.kind == EntryKind::Directory;
        let place = facts.packed.as_ref().map(|packed| packed.header.place());
        let packed = place.is_some_and(|place| place != Some(decmpfs::Place::Attribute));
        if place.is_some() && target.data.size > 0 && !self.streamed.contains(&target.record()) {
            // macOS shows the unpacked content only; what the data fork holds beside it is there all the same.
            let name = [name, b":data"].concat();
            let facts = known.fork(target);
            self.add(target, (&name, DATA), parent, state, facts, survey);
        }
        let added = self.add(target, (name, 0), parent, state, facts, survey);
        self.named_streams((target, name), packed, parent, state, survey);
        if target.record() != row.record() {
            self.streams(row, false, parent, state, survey);
        }
        added.filter(|_| is_folder).map(|index| (target.number, index))
    }

    fn target(&self, links: &HashMap<u32, usize>, number: u32) -> Option<&'k Row> {
        self.known.index.rows().get(*links.get(&number)?)
    }

    fn streams(
        &mut self,
        row: &Row,
        packed: bool,
        parent: Parent,
        state: EntryState,
        survey: &mut Survey<'_>,
    ) {
        let name = self.known.index.name(row);
        self.named_streams((row, name), packed, parent, state, survey);
    }

    /// Adds the resource fork and the attributes of a file under one of its names.
    fn named_streams(
        &mut self,
        (row, name): (&Row, &[u8]),
        packed: bool,
        parent: Parent,
        state: EntryState,
        survey: &mut Survey<'_>,
    ) {
        let known = self.known;
        if !self.streamed.insert(row.record()) {
            return;
        }
        let full_name = |stream: &[u8]| [name, b":", stream].concat();
        if let Some(facts) = known.resource(row, packed) {
            self.add(row, (&full_name(b"rsrc"), RESOURCE), parent, state, facts, survey);
        }
        let attributes = known.attributes(row);
        if attributes.len() > usize::from(DATA.saturating_sub(FIRST_ATTRIBUTE)) {
            let detail = format!(
                "{} named attributes: more than can be told apart, the rest is not listed",
                attributes.len()
            );
            let mut problem = Problem::new(ProblemKind::Limit, detail);
            problem.record = Some(row.number.into());
            survey.problem(problem);
        }
        for (number, (stream, facts)) in (FIRST_ATTRIBUTE..DATA).zip(attributes) {
            self.add(row, (&full_name(stream), number), parent, state, facts, survey);
        }
    }

    /// Adds an entry and says what is wrong with it.
    pub(super) fn add(
        &mut self,
        row: &Row,
        (name, stream): (&[u8], u16),
        parent: Parent,
        state: EntryState,
        facts: Facts,
        survey: &mut Survey<'_>,
    ) -> Option<EntryIndex> {
        let Facts { kind, size, content, runs, flaw, packed } = facts;
        let record = row.record();
        let times = times(row.dates);
        let entry = NewEntry { parent, name, kind, state, record, stream, size, times, content, runs: &runs };
        let index = survey.add(entry);
        self.full.set(self.full.get() || index.is_none());
        if let Some(packed) = packed.filter(|_| content == Content::Opened) {
            self.packed.insert(record, packed);
        }
        if let (Some(flaw), Some(entry), EntryState::Allocated) =
            (flaw, index.and_then(|index| survey.table().get(index)), state)
        {
            let problem = Problem::new(ProblemKind::Corrupt, flaw).of_entry(entry.path(), record);
            survey.problem(problem);
        }
        index
    }

    fn mark(&mut self, at: usize) {
        if let Some(listed) = self.listed.get_mut(at) {
            *listed = true;
        }
    }

    /// Whether the table takes more.
    pub(super) fn has_room(&self) -> bool {
        !self.full.get()
    }

    /// Adds rows in use whose folder is missing; of folders those first that no other of them holds.
    fn unreachable(&mut self, survey: &mut Survey<'_>) {
        let rows = self.known.index.rows();
        let is_root = |row: &Row| row.number == ROOT && row.parent < ROOT;
        if !rows.iter().any(is_root) {
            let detail = "the record of the root folder is missing; what is in it is listed nevertheless";
            survey.problem(Problem::new(ProblemKind::Corrupt, detail));
        }
        let folders: HashSet<u32> = rows.iter().filter(|row| is_folder(row)).map(|row| row.number).collect();
        let (mut found, mut first) = (0_u64, None);
        // The second turn is for folders that hold one another in a loop.
        for tops in [true, false] {
            for (at, row) in rows.iter().enumerate() {
                let held = folders.contains(&row.parent) && row.parent != row.number;
                if is_root(row) || self.listed.get(at) == Some(&true) || tops && held || !self.has_room() {
                    continue;
                }
                self.mark(at);
                found = found.saturating_add(1);
                first.get_or_insert(row.number);
                if let Some((number, index)) = self.row(row, Parent::Unknown, EntryState::Allocated, survey) {
                    self.walk([(number, Parent::Entry(index))].into(), survey);
                }
            }
        }
        if let Some(number) = first {
            let detail = format!(
                "files and folders whose own folder is missing, the first has number {number}: they stand under $OrphanFiles"
            );
            let mut problem = Problem::new(ProblemKind::Corrupt, detail);
            problem.count = found;
            survey.problem(problem);
        }
    }
}

pub(super) fn is_folder(row: &Row) -> bool {
    row.role == Role::Plain(EntryKind::Directory)
}

/// The rows of a private folder by the number behind `prefix` in their names.
fn targets(known: &Known<'_>, folder: &[u8], prefix: &str) -> HashMap<u32, usize> {
    let index = &known.index;
    let Some(folder) = index.of(ROOT).iter().find(|row| is_folder(row) && index.name(row) == folder) else {
        return HashMap::new();
    };
    let first = index.rows().partition_point(|row| row.parent < folder.number);
    let number = |row: &Row| {
        let name = std::str::from_utf8(index.name(row)).ok()?;
        let linked = matches!(row.role, Role::Plain(_));
        name.strip_prefix(prefix).filter(|_| linked)?.parse().ok()
    };
    let rows = index.of(folder.number);
    (first..).zip(rows).filter_map(|(at, row)| Some((number(row)?, at))).collect()
}
