//! Walking a folder handle by handle: no link is followed, no access time moves, no depth exhausts the handles.

use std::ffi::CString;

use super::listing::{Listing, Next};
use super::refusal;
use crate::model::{EntryIndex, ProblemKind};
use crate::platform::descent::{Directory, OpenError, Root, Status};
use crate::read::Result;

/// Directories that are held open, the deepest ones. The way back up leads through `..`, compared with what was
/// there on the way down.
const HELD: usize = 48;

/// A descent below a root.
pub(super) struct Descent<'r> {
    root: &'r Root,
    accept_atime: bool,
    levels: Vec<Level>,
    /// Directories whose access times were not protected.
    pub(super) moved: u64,
}

/// A directory between the start and the place of the descent.
struct Level {
    directory: Option<Directory>,
    status: Status,
    /// Names that are still to be looked at.
    names: std::vec::IntoIter<CString>,
}

impl<'r> Descent<'r> {
    pub(super) const fn new(root: &'r Root, accept_atime: bool) -> Self {
        Self { root, accept_atime, levels: Vec::new(), moved: 0 }
    }

    /// Lists everything below the root. An error when the root itself cannot be listed.
    pub(super) fn whole(&mut self, listing: &mut Listing<'_, '_>) -> Result<()> {
        let opened = self.root.directory(None, &[], self.accept_atime);
        let opened = opened.map_err(|error| refusal::error(error, "the folder", 0))?;
        self.list(opened, self.root.status(), listing);
        self.go_on(listing);
        Ok(())
    }

    /// Lists everything below a directory that was just added to the current directory of the listing. False when
    /// the table is full.
    pub(super) fn part(&mut self, index: EntryIndex, status: &Status, listing: &mut Listing<'_, '_>) -> bool {
        listing.enter(index, status);
        match self.root.directory(None, &listing.names(), self.accept_atime) {
            Ok(opened) => self.list_entered(opened, *status, listing),
            Err(error) => unlisted(&error, listing),
        }
        let depth = listing.depth().saturating_sub(1);
        let room = self.go_on(listing);
        listing.leave_to(depth);
        room
    }

    /// Goes through the levels until none is left. False when the table is full.
    fn go_on(&mut self, listing: &mut Listing<'_, '_>) -> bool {
        while let Some(level) = self.levels.last_mut() {
            let next = match (level.names.next(), &level.directory) {
                (Some(name), Some(directory)) => {
                    let next = listing.entry(name.to_bytes(), directory.status_of(&name));
                    (next, name)
                }
                _ => {
                    self.up(listing);
                    continue;
                }
            };
            match next {
                (Next::Beside, _) => {}
                (Next::Enter(index, status), name) => self.down(index, status, &name, listing),
                (Next::Stop, _) => {
                    self.levels.clear();
                    return false;
                }
            }
        }
        true
    }

    fn down(&mut self, index: EntryIndex, status: Status, name: &CString, listing: &mut Listing<'_, '_>) {
        let depth = listing.depth();
        let levels = self.levels.len();
        let start = self.levels.last().and_then(|level| level.directory.as_ref());
        let opened = self.root.directory(start, &[name.to_bytes()], self.accept_atime);
        listing.enter(index, &status);
        match opened {
            Ok(opened) => self.list_entered(opened, status, listing),
            Err(error) => unlisted(&error, listing),
        }
        if self.levels.len() == levels {
            listing.leave_to(depth);
        }
    }

    /// Lists a directory of the tree, unless something else has taken its place.
    fn list_entered(&mut self, opened: (Directory, bool), status: Status, listing: &mut Listing<'_, '_>) {
        match opened.0.status() {
            Ok(found) if found.same_item(&status) => self.list(opened, status, listing),
            Ok(_) => listing.problem(ProblemKind::Changed, "another directory took its place".into()),
            Err(error) => unlisted(&error.into(), listing),
        }
    }

    fn list(&mut self, opened: (Directory, bool), status: Status, listing: &mut Listing<'_, '_>) {
        let (directory, keeps_atime) = opened;
        if !keeps_atime {
            self.moved = self.moved.saturating_add(1);
        }
        let found = directory.names();
        if let Some(error) = found.failure {
            unlisted(&error.into(), listing);
        }
        if found.too_many {
            let kept = found.names.len();
            listing.problem(ProblemKind::Limit, format!("more than {kept} names: the rest is not listed"));
        }
        if let Some(level) = self.levels.len().checked_sub(HELD).and_then(|at| self.levels.get_mut(at)) {
            level.directory = None;
        }
        self.levels.push(Level { directory: Some(directory), status, names: found.names.into_iter() });
    }

    /// Leaves a directory that is done and holds the one above it again.
    fn up(&mut self, listing: &mut Listing<'_, '_>) {
        let left = self.levels.pop();
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        listing.leave_to(listing.depth().saturating_sub(1));
        if level.directory.is_some() {
            return;
        }
        let expected = level.status;
        let is_expected =
            |directory: &Directory| directory.status().is_ok_and(|found| found.same_item(&expected));
        let above = left.and_then(|left| left.directory?.above().ok()).filter(is_expected);
        level.directory = above.or_else(|| self.root.passage(&listing.names()).ok()).filter(is_expected);
        let lost = level.names.len();
        if level.directory.is_none() && lost > 0 {
            listing.problem(
                ProblemKind::Changed,
                format!("it was moved while it was listed: {lost} names in it were not looked at"),
            );
        }
    }
}

fn unlisted(error: &OpenError, listing: &mut Listing<'_, '_>) {
    listing.problem(refusal::kind(error), format!("the directory cannot be listed: {error}"));
}
