//! From inodes and names to entries: the tree in use, what is out of its reach, removed names, nameless remains.

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};

use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, NewEntry, Parent, Problem, ProblemKind, Run, Survey, Times,
};

use super::{Name, Names, Reports, Row, Rows, mark};

/// Most runs that further names of inodes repeat in one volume.
const MAX_REPEATS: usize = 1 << 26;

/// What a file system knows of its inodes beyond their rows.
pub(in crate::filesystem) trait Judge {
    /// How the content of an inode with those runs is had, when it is listed in that state. Runs of what is said to
    /// be [`Content::Runs`] or [`Content::Likely`] cover the size.
    fn content(&self, row: &Row, runs: &[Run], state: EntryState) -> Content;

    /// Why the content of an inode in use is not examined, unless that was said before.
    fn trouble(&self, row: &Row, content: Content) -> Option<(ProblemKind, &'static str)>;

    /// Whether a free inode may be what a removed name once stood for.
    fn is_remains(&self, row: &Row, name: &Name) -> bool {
        name.kind.is_none_or(|kind| kind == row.kind)
    }
}

/// Builds the entries of one volume.
pub(in crate::filesystem) struct Listing<'t> {
    judge: &'t dyn Judge,
    rows: &'t mut Rows,
    names: &'t Names,
    root: u64,
    /// Directories in the order in which they were walked, for the pass over removed names.
    walked: Vec<Directory>,
    /// Set when the table takes no more.
    full: Cell<bool>,
    /// Problems with single entries.
    reports: Reports,
    /// Runs that further names of an inode may still repeat.
    repeats: usize,
    /// Further names that had to do without.
    bare: u64,
}

/// A directory that has its place.
#[derive(Clone, Copy)]
struct Directory {
    number: u64,
    place: Parent,
    /// Whether it exists: the names in one that does not are removed ones.
    exists: bool,
}

/// What an entry is made of besides its name.
struct Facts<'a> {
    kind: EntryKind,
    state: EntryState,
    size: u64,
    times: Times,
    content: Content,
    runs: &'a [Run],
}

impl Facts<'_> {
    /// Leaves out the content of a further name.
    const fn strip(&mut self, bare: bool) {
        if bare {
            self.runs = &[];
            self.content = Content::Unsupported;
        }
    }
}

impl<'t> Listing<'t> {
    /// For rows and names that are in order, below the directory in the inode `root`.
    pub(in crate::filesystem) fn new(
        judge: &'t dyn Judge,
        rows: &'t mut Rows,
        names: &'t Names,
        root: u64,
    ) -> Self {
        Self {
            judge,
            rows,
            names,
            root,
            walked: Vec::new(),
            full: Cell::new(false),
            reports: Reports::default(),
            repeats: MAX_REPEATS,
            bare: 0,
        }
    }

    /// Adds every entry.
    pub(in crate::filesystem) fn list(mut self, survey: &mut Survey<'_>) {
        self.root(survey);
        self.unreachable(survey);
        self.removed(survey);
        self.orphans(survey);
        self.reports.hand_over(survey);
        if self.bare > 0 {
            let detail = "further names of files in very many pieces: their content is listed under the first name of \
                          the same record only";
            survey.problem(Problem { count: self.bare, ..Problem::new(ProblemKind::Limit, detail) });
        }
        if self.full.get() {
            survey.problem(Problem::new(
                ProblemKind::Limit,
                "more entries than one source may have: the rest are not listed",
            ));
        }
    }

    fn root(&mut self, survey: &mut Survey<'_>) {
        let root = self.rows.find(self.root);
        let is_directory = |row: &Row| row.kind == EntryKind::Directory;
        if !root.and_then(|at| self.rows.get(at)).is_some_and(is_directory) {
            let detail = format!(
                "the root directory (inode {}) cannot be read: what is found stands under $OrphanFiles",
                self.root
            );
            survey.problem(Problem::new(ProblemKind::Corrupt, detail));
            return;
        }
        if let Some(at) = root {
            self.rows.mark(at, mark::NAMED);
            self.walk(Directory { number: self.root, place: Parent::Root, exists: true }, survey);
        }
    }

    /// Adds the names in use of a directory and of those below it, upper ones first.
    fn walk(&mut self, top: Directory, survey: &mut Survey<'_>) {
        let mut queue = VecDeque::from([top]);
        while let Some(directory) = queue.pop_front() {
            let at = self.rows.find(directory.number);
            if !at.is_some_and(|at| self.rows.mark(at, mark::WALKED)) {
                continue;
            }
            self.walked.push(directory);
            let names = self.names;
            for name in names.of(directory.number).iter().filter(|name| !name.deleted) {
                if self.full.get() {
                    return;
                }
                queue.extend(self.used(directory, name, survey));
            }
        }
    }

    /// Adds a name in use; returns the directory that it names and that has not had a place yet.
    fn used(&mut self, directory: Directory, name: &Name, survey: &mut Survey<'_>) -> Option<Directory> {
        let text = self.names.text(name);
        let Some(at) = self.rows.find(name.target) else {
            let index =
                self.add(directory.place, text, name.target, &lost(EntryState::Allocated, name), survey)?;
            let detail = format!("inode {} is empty or could not be read", name.target);
            self.report(survey, index, ProblemKind::Corrupt, detail);
            return None;
        };
        let row = *self.rows.get(at)?;
        let bare = row.has(mark::NAMED) && !self.may_repeat(&row);
        let mut facts = self.facts(&row, EntryState::Allocated);
        facts.strip(bare);
        let content = facts.content;
        let index = self.add(directory.place, text, name.target, &facts, survey)?;
        self.rows.mark(at, mark::NAMED | mark::OWNED);
        if !row.has(mark::IN_USE) {
            let detail = format!("inode {} is named by a directory and not in use", row.number);
            self.report(survey, index, ProblemKind::Corrupt, detail);
        }
        if !bare {
            self.trouble(&row, content, index, survey);
        }
        if row.kind != EntryKind::Directory {
            return None;
        }
        if row.has(mark::NAMED) {
            let detail = format!("directory inode {} has another place in the tree too", row.number);
            self.report(survey, index, ProblemKind::Corrupt, detail);
            return None;
        }
        if let Some(parent) = self.names.parent(row.number).filter(|parent| *parent != directory.number) {
            let detail = format!(
                "`..` of directory inode {}: expected inode {}, found {parent}",
                row.number, directory.number
            );
            self.report(survey, index, ProblemKind::Corrupt, detail);
        }
        Some(Directory { number: row.number, place: Parent::Entry(index), exists: true })
    }

    /// Whether the runs of an inode that has an entry may be listed once more: a few names of a file in a million
    /// pieces would take all memory. The first run of each is free, as an entry costs more.
    fn may_repeat(&mut self, row: &Row) -> bool {
        let cost = self.rows.runs(row).len().saturating_sub(1);
        let Some(left) = self.repeats.checked_sub(cost) else {
            self.bare = self.bare.saturating_add(1);
            return false;
        };
        self.repeats = left;
        true
    }

    /// Adds inodes in use that no name in use leads to.
    fn unreachable(&mut self, survey: &mut Survey<'_>) {
        let mut found = 0_u64;
        let mut first = None;
        for at in self.tops(true) {
            let Some(row) = self.nameless(at, true) else { continue };
            let state = if row.has(mark::LINKED) { EntryState::Allocated } else { EntryState::Orphan };
            let facts = self.facts(&row, state);
            let content = facts.content;
            let Some(index) = self.add(Parent::Unknown, &orphan_name(&row), row.number, &facts, survey)
            else {
                return;
            };
            self.rows.mark(at, mark::NAMED);
            self.trouble(&row, content, index, survey);
            if state == EntryState::Allocated {
                found = found.saturating_add(1);
                first.get_or_insert(row.number);
            }
            if row.kind == EntryKind::Directory {
                self.walk(
                    Directory { number: row.number, place: Parent::Entry(index), exists: true },
                    survey,
                );
            }
        }
        if let Some(first) = first {
            let detail = format!(
                "{found} inodes are in use and no directory names them, the first is {first}: they stand under $OrphanFiles"
            );
            survey.problem(Problem::new(ProblemKind::Corrupt, detail));
        }
    }

    /// Adds the removed names of every directory that has its place, and all names of removed directories below.
    fn removed(&mut self, survey: &mut Survey<'_>) {
        // Directories found on the way are appended, so the list is walked by position.
        let mut at = 0;
        while let Some(directory) = self.walked.get(at).copied() {
            self.removed_in(directory, survey);
            at = at.saturating_add(1);
        }
        self.walked.clear();
    }

    fn removed_in(&mut self, directory: Directory, survey: &mut Survey<'_>) {
        let names = self.names.of(directory.number);
        if directory.exists && !names.iter().any(|name| name.deleted) {
            return;
        }
        // Splitting a block or reusing a slot leaves copies of names behind: each counts once, and not when it lives.
        let mut seen: HashSet<(u64, &[u8])> = HashSet::new();
        if directory.exists {
            seen.extend(
                names.iter().filter(|name| !name.deleted).map(|name| (name.target, self.names.text(name))),
            );
        }
        for name in names.iter().filter(|name| name.deleted || !directory.exists) {
            let text = self.names.text(name);
            if self.full.get() || !seen.insert((name.target, text)) {
                continue;
            }
            let at = self.rows.find(name.target);
            let row = at.and_then(|at| self.rows.get(at)).copied().filter(|row| self.is_remains(row, name));
            let (Some(at), Some(row)) = (at, row) else {
                self.add(directory.place, text, name.target, &lost(EntryState::Deleted, name), survey);
                continue;
            };
            let bare = row.has(mark::NAMED) && !self.may_repeat(&row);
            let mut facts = self.facts(&row, EntryState::Deleted);
            facts.strip(bare);
            let Some(index) = self.add(directory.place, text, row.number, &facts, survey) else { return };
            self.rows.mark(at, mark::NAMED);
            self.enter_removed(at, &row, index);
        }
    }

    fn enter_removed(&mut self, at: usize, row: &Row, index: EntryIndex) {
        if row.kind == EntryKind::Directory && self.rows.mark(at, mark::WALKED) {
            self.walked.push(Directory { number: row.number, place: Parent::Entry(index), exists: false });
        }
    }

    /// Adds deleted inodes that no name leads to.
    fn orphans(&mut self, survey: &mut Survey<'_>) {
        for at in self.tops(false) {
            let Some(row) = self.nameless(at, false) else { continue };
            let facts = self.facts(&row, EntryState::Orphan);
            let Some(index) = self.add(Parent::Unknown, &orphan_name(&row), row.number, &facts, survey)
            else {
                return;
            };
            self.rows.mark(at, mark::NAMED);
            self.enter_removed(at, &row, index);
            self.removed(survey);
        }
    }

    /// Inodes without a name, `used` or not, in the order in which they are to be added: directories first, and of
    /// these those first that no other of them names; then whatever is left, loops of directories included.
    fn tops(&mut self, used: bool) -> Vec<usize> {
        let count = self.rows.list().len();
        let (mut tops, mut others, mut files) = (Vec::new(), Vec::new(), Vec::new());
        let directories = |row: &Row| row.kind == EntryKind::Directory;
        if (0..count).any(|at| self.nameless(at, used).as_ref().is_some_and(directories)) {
            for name in self.names.list().iter().filter(|name| name.directory != name.target && !name.deleted)
            {
                let holder = self.rows.find(name.directory);
                if holder.and_then(|at| self.nameless(at, used)).is_some()
                    && let Some(target) = self.rows.find(name.target)
                {
                    self.rows.mark(target, mark::REFERRED);
                }
            }
        }
        for at in 0..count {
            match self.nameless(at, used) {
                Some(row) if row.kind != EntryKind::Directory => files.push(at),
                Some(row) if row.has(mark::REFERRED) => others.push(at),
                Some(_) => tops.push(at),
                None => {}
            }
        }
        tops.append(&mut others);
        tops.append(&mut files);
        tops
    }

    /// The row at a position when it is a user's, has no entry yet, and is in use or not, as asked.
    fn nameless(&self, at: usize, used: bool) -> Option<Row> {
        let row = self.rows.get(at)?;
        (row.has(mark::IN_USE) == used && !row.has(mark::NAMED | mark::SYSTEM) && row.number != self.root)
            .then_some(*row)
    }

    /// Size, times and content of an inode that is listed as being in that state.
    fn facts(&self, row: &Row, state: EntryState) -> Facts<'_> {
        let runs = self.rows.runs(row);
        let content = self.judge.content(row, runs, state);
        // What exists and is not examined has its place in the ledger all the same.
        let exists = row.has(mark::IN_USE) || state == EntryState::Allocated && row.has(mark::LINKED);
        let runs = if content.is_had() || exists { runs } else { &[] };
        Facts { kind: row.kind, state, size: row.size, times: row.times(), content, runs }
    }

    /// Whether a removed name still says what a free inode was.
    fn is_remains(&self, row: &Row, name: &Name) -> bool {
        // An inode in use belongs to another name now; so does one that a name in use leads to.
        !row.has(mark::IN_USE | mark::OWNED) && self.judge.is_remains(row, name)
    }

    fn report(&mut self, survey: &mut Survey<'_>, index: EntryIndex, kind: ProblemKind, detail: String) {
        self.reports.note(Some(index), Problem::new(kind, detail), survey);
    }

    /// Says why the content of an entry in use is not examined.
    fn trouble(&mut self, row: &Row, content: Content, index: EntryIndex, survey: &mut Survey<'_>) {
        if let Some((kind, what)) = self.judge.trouble(row, content) {
            self.report(survey, index, kind, format!("inode {}: {what}", row.number));
        }
    }

    fn add(
        &self,
        parent: Parent,
        name: &[u8],
        record: u64,
        facts: &Facts<'_>,
        survey: &mut Survey<'_>,
    ) -> Option<EntryIndex> {
        let Facts { kind, state, size, times, content, runs } = *facts;
        let index =
            survey.add(NewEntry { parent, name, kind, state, record, stream: 0, size, times, content, runs });
        self.full.set(self.full.get() || index.is_none());
        index
    }
}

/// An entry of which nothing but the name is known.
fn lost(state: EntryState, name: &Name) -> Facts<'static> {
    Facts {
        kind: name.kind.unwrap_or(EntryKind::File),
        state,
        size: 0,
        times: Times::default(),
        content: Content::Lost,
        runs: &[],
    }
}

fn orphan_name(row: &Row) -> Vec<u8> {
    format!("OrphanFile-{}", row.number).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filesystem::tree::{Found, Mapped};
    use crate::model::{EntryTable, Placement};

    struct Plain;

    impl Judge for Plain {
        fn content(&self, _: &Row, _: &[Run], _: EntryState) -> Content {
            Content::Runs
        }

        fn trouble(&self, _: &Row, _: Content) -> Option<(ProblemKind, &'static str)> {
            None
        }
    }

    #[test]
    fn further_names_of_a_file_in_very_many_pieces_do_without_its_runs() {
        let mut table = EntryTable::default();
        let mut survey = Survey::new(0, Placement::whole(1 << 30), &mut table);
        let (mut rows, mut names) = (Rows::default(), Names::default());
        let used = [(true, mark::IN_USE | mark::LINKED)];
        rows.push(Row::new(2, EntryKind::Directory, 0, Times::default(), &used));
        let file = rows.push(Row::new(7, EntryKind::File, 5 * 512, Times::default(), &used));
        let mut mapped = Mapped::default();
        (0..5).for_each(|block| mapped.push(block, 1, Some(block * 4096), 512));
        rows.set_runs(file, mapped, &mut survey);
        for name in [b"a", b"b", b"c"] {
            let found = Found { target: 7, kind: None, name, deleted: false };
            names.push(2, 0, &found, &mut survey);
        }
        names.sort();
        let mut listing = Listing::new(&Plain, &mut rows, &names, 2);
        listing.repeats = 7;
        listing.list(&mut survey);
        let problems = survey.finish().problems;
        assert_eq!(
            problems.iter().map(|problem| (problem.kind, problem.count)).collect::<Vec<_>>(),
            [(ProblemKind::Limit, 1)]
        );
        let listed: Vec<_> = table.iter().map(|entry| (entry.content(), entry.runs().len())).collect();
        assert_eq!(listed, [(Content::Runs, 5), (Content::Runs, 5), (Content::Unsupported, 0)]);
    }
}
