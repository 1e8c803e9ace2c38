//! A mounted folder: entries as the operating system gives them, read without moving a time stamp.
//!
//! Its content is what the kernel's own driver makes of the evidence: no deleted entries, no places on the
//! medium. Directories, links and other entries without content have size 0; a link's target is not read.
//!
//! A record number is the inode number where that stays the same, the device being that of the root: only names of
//! one hard-linked file share it. On mounts that number files anew (FAT, exFAT, served ones; see
//! [`crate::platform::descent::Mount::stable_inodes`]) and where the system gives no number (Windows) it is the
//! first 63 bits of the SHA-256 of the path: the bytes of the names below the root with `/` between them. There
//! each name is an item of its own, and stays the same item when the source is surveyed again.

mod content;
#[cfg(unix)]
mod descend;
mod listing;
mod refusal;
mod walk;

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Filesystem, Stream};
use crate::model::{EntryKind, FileEntry, Problem, ProblemKind, Survey, TimeEncoding};
use crate::platform::descent::{Root, Status};
use crate::read::{Error, Result};
use content::FileContent;
use listing::Listing;

/// A folder that is read below its root and nowhere else.
pub struct Folder {
    root: Root,
    accept_atime: bool,
    moved_files: AtomicU64,
}

impl Folder {
    /// Reads below `root`. What cannot be read without moving its access time is refused, or with `accept_atime`
    /// read all the same and counted.
    pub const fn new(root: Root, accept_atime: bool) -> Self {
        Self { root, accept_atime, moved_files: AtomicU64::new(0) }
    }

    /// The root, for what the system says of its mount.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// Names that lead from the root to an entry. Not cut as a printed path is.
    fn names<'a>(entry: FileEntry<'a>) -> Vec<&'a [u8]> {
        let mut names = vec![entry.name()];
        let mut top = entry;
        while let Some(parent) = top.parent() {
            names.push(parent.name());
            top = parent;
        }
        names.reverse();
        names
    }

    /// Whether the open file is the one that was surveyed.
    fn check(&self, entry: FileEntry<'_>, found: &Status) -> Result<()> {
        if !found.beside(&self.root.status()) {
            return Err(Error::Refused {
                what: "the file",
                found: format!("it lies on another file system (device {})", found.device),
            });
        }
        let times = entry.times();
        let other_birth =
            matches!((times.created, found.times.created), (Some(then), Some(now)) if then != now);
        let altered = entry.size() != found.size || times.modified != found.times.modified;
        let (other, place) = match found.inode {
            None => (false, String::new()),
            Some(inode) if self.root.mount().stable_inodes => {
                (inode != entry.record(), format!(", record {inode}"))
            }
            // The record says the path, and the kernel may have numbered the same file anew: all else must agree.
            Some(_) => (altered, format!(" of {} bytes, or of another time", found.size)),
        };
        if other_birth || other {
            let expected = format!("expected record {} of {} bytes", entry.record(), entry.size());
            return Err(Error::Changed {
                what: "the file",
                found: format!("{expected}, found another file{place}"),
            });
        }
        Ok(())
    }
}

impl Filesystem for Folder {
    fn variant(&self) -> String {
        "folder".into()
    }

    /// A folder has none.
    fn label(&self) -> String {
        String::new()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::UnixNanos
    }

    /// Depth-first, the names of each directory sorted by their bytes.
    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        let mut listing = Listing::new(survey, self.root.status(), self.root.mount().stable_inodes);
        #[cfg(windows)]
        walk::walk(&self.root, &mut listing)?;
        #[cfg(unix)]
        {
            let mut descent = descend::Descent::new(&self.root, self.accept_atime);
            // Walking by path trusts that nobody swaps a directory for a link meanwhile: a read-only mount only.
            match self.root.mount().read_only && self.root.is_at_its_path() {
                true => walk::walk(&self.root, &mut descent, &mut listing)?,
                false => descent.whole(&mut listing)?,
            }
            if descent.moved > 0 {
                survey.problem(moved(descent.moved, "directories"));
            }
        }
        Ok(())
    }

    fn remarks(&self) -> Vec<Problem> {
        match self.moved_files.load(Ordering::Relaxed) {
            0 => Vec::new(),
            files => vec![moved(files, "files")],
        }
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        if entry.kind() != EntryKind::File {
            let found = format!("it is not a regular file ({:?})", entry.kind());
            return Err(Error::Refused { what: "the entry", found });
        }
        let file = self
            .root
            .file(&Self::names(entry), self.accept_atime)
            .map_err(|error| refusal::error(error, "the file", entry.size()))?;
        self.check(entry, &file.status())?;
        if !file.keeps_atime() {
            self.moved_files.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Box::new(FileContent::new(file, self.root.mount().served)))
    }
}

/// Says that access times were not protected, as the operator accepted.
fn moved(count: u64, what: &str) -> Problem {
    let detail = format!("{what} were read without protection of their access times, as was accepted");
    let mut problem = Problem::new(ProblemKind::Changed, detail)
        .advise("run as root, as the owner of the files, or on a read-only mount");
    problem.count = count;
    problem
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
