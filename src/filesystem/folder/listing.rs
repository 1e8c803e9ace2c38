//! Where both ways of walking a folder put what they find, so that they find the same.

use std::collections::BTreeSet;
use std::io;

use sha2::{Digest as _, Sha256};

use super::refusal;
use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, NewEntry, Parent, Problem, ProblemKind, RawText, Survey,
};
use crate::platform::descent::{OpenError, Status};

/// Deepest level that is entered. Opening a file walks its whole path: deeper trees are made to exhaust us.
const MAX_DEPTH: usize = 32_768;
/// Longest path in a problem, in bytes; of a longer one the end is kept. Twice what the kernel takes at once.
const MAX_PATH: usize = 8_192;

/// Entries and problems of a folder, with the directories between the root and the place of the walk.
pub(super) struct Listing<'a, 's> {
    survey: &'a mut Survey<'s>,
    root: Status,
    levels: Vec<Level>,
    /// Inode numbers of the root and of `levels`.
    above: BTreeSet<u64>,
    stable_inodes: bool,
}

struct Level {
    index: EntryIndex,
    inode: Option<u64>,
    /// Its path with a `/` behind it, on the way to a digest.
    path: Sha256,
}

/// What a walker does after an entry was added.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// List the directory that was added.
    Enter(EntryIndex, Status),
    /// Go on beside it.
    Beside,
    /// The table is full: end the walk.
    Stop,
}

impl<'a, 's> Listing<'a, 's> {
    /// Below `root`, on a mount whose inode numbers stay or do not.
    pub(super) fn new(survey: &'a mut Survey<'s>, root: Status, stable_inodes: bool) -> Self {
        Self { survey, root, levels: Vec::new(), above: root.inode.into_iter().collect(), stable_inodes }
    }

    /// The record number of an entry of the current directory.
    fn record(&self, name: &[u8], status: &Status) -> u64 {
        match status.inode.filter(|_| self.stable_inodes) {
            Some(inode) => inode,
            None => {
                let mut path = self.levels.last().map_or_else(Sha256::new, |level| level.path.clone());
                path.update(name);
                let digest = path.finalize();
                digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first) >> 1)
            }
        }
    }

    /// Directories between the root and the place of the walk.
    pub(super) const fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Adds an entry of the current directory, or the problem why it is not known.
    pub(super) fn entry(&mut self, name: &[u8], status: io::Result<Status>) -> Next {
        let status = match status {
            Ok(status) => status,
            Err(error) => {
                let error = OpenError::from(error);
                let detail = format!("the entry was named and cannot be asked: {error}");
                let mut problem = Problem::new(refusal::kind(&error), detail);
                problem.path = Some(self.path(Some(name)));
                self.survey.problem(problem);
                return Next::Beside;
            }
        };
        let foreign = !status.beside(&self.root);
        let record = self.record(name, &status);
        let file = status.kind == EntryKind::File;
        let added = self.survey.add(NewEntry {
            parent: self.levels.last().map_or(Parent::Root, |level| Parent::Entry(level.index)),
            name,
            kind: status.kind,
            state: EntryState::Allocated,
            record,
            stream: 0,
            size: if file { status.size } else { 0 },
            times: status.times,
            content: match (file, foreign) {
                (true, false) => Content::Opened,
                (true, true) => Content::Lost,
                (false, _) => Content::Runs,
            },
            runs: &[],
        });
        let Some(index) = added else {
            self.survey.problem(Problem::new(
                ProblemKind::Limit,
                "more entries than can be kept: the rest is not listed",
            ));
            return Next::Stop;
        };
        if status.kind != EntryKind::Directory && !foreign {
            return Next::Beside;
        }
        match self.obstacle(&status, foreign) {
            None => Next::Enter(index, status),
            Some((kind, detail)) => {
                let problem = Problem::new(kind, detail);
                self.survey.problem(problem.of_entry(self.path(Some(name)), record));
                Next::Beside
            }
        }
    }

    /// Why a directory, or a file of another file system, is not looked into.
    fn obstacle(&self, status: &Status, foreign: bool) -> Option<(ProblemKind, String)> {
        if foreign {
            let detail = "another file system is mounted here: scan it as a source of its own";
            let devices = format!(" (device {}, that of the source is {})", status.device, self.root.device);
            return Some((ProblemKind::Refused, format!("{detail}{devices}")));
        }
        if status.inode.is_some_and(|inode| self.above.contains(&inode)) {
            return Some((
                ProblemKind::Corrupt,
                "the directory holds itself: expected a tree, found a loop".into(),
            ));
        }
        (self.depth() >= MAX_DEPTH)
            .then(|| (ProblemKind::Limit, format!("deeper than {MAX_DEPTH} levels: not looked into")))
    }

    /// What is added from now on stands in that directory.
    pub(super) fn enter(&mut self, index: EntryIndex, status: &Status) {
        self.above.extend(status.inode);
        let mut path = self.levels.last().map_or_else(Sha256::new, |level| level.path.clone());
        path.update(self.survey.table().get(index).map_or(&[][..], crate::model::FileEntry::name));
        path.update(b"/");
        self.levels.push(Level { index, inode: status.inode, path });
    }

    /// Goes back up until `depth` directories are left between the root and the place of the walk.
    pub(super) fn leave_to(&mut self, depth: usize) {
        while self.levels.len() > depth {
            if let Some(inode) = self.levels.pop().and_then(|level| level.inode) {
                self.above.remove(&inode);
            }
        }
    }

    /// Notes that the current directory was not listed, or not all of it.
    pub(super) fn problem(&mut self, kind: ProblemKind, detail: String) {
        let mut problem = Problem::new(kind, detail);
        let here = self.levels.last().and_then(|level| self.survey.table().get(level.index));
        problem.record = here.map(crate::model::FileEntry::record).or(self.root.inode);
        problem.path = Some(self.path(None));
        self.survey.problem(problem);
    }

    /// Whether the walk stands in a directory of that name.
    pub(super) fn is_in(&self, name: &[u8]) -> bool {
        let here = self.levels.last().and_then(|level| self.survey.table().get(level.index));
        here.is_some_and(|entry| entry.name() == name)
    }

    /// Whether an entry stands on the file system of the root.
    pub(super) fn is_beside_root(&self, status: io::Result<Status>) -> bool {
        status.is_ok_and(|status| status.device == self.root.device)
    }

    /// Names that lead from the root to the current directory.
    #[cfg(unix)]
    pub(super) fn names(&self) -> Vec<&[u8]> {
        let table = self.survey.table();
        self.levels.iter().filter_map(|level| Some(table.get(level.index)?.name())).collect()
    }

    /// Path of the current directory, or of an entry in it.
    fn path(&self, name: Option<&[u8]>) -> RawText {
        let here = self.levels.last().and_then(|level| self.survey.table().get(level.index));
        let mut path = here.map_or_else(Vec::new, |entry| entry.path().as_bytes().to_vec());
        if let Some(name) = name {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
        }
        RawText::new(path.split_off(path.len().saturating_sub(MAX_PATH)))
    }
}
