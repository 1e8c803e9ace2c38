//! An open directory below a root: its names, the status of its entries, and the way up.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;

use super::resolve::PASSAGE;
use super::{Status, status};

/// Most names of one directory that are kept; a server can invent them without end.
const MAX_NAMES: usize = 1 << 24;

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
}

/// The names in a directory.
#[derive(Debug, Default)]
pub struct Names {
    /// Sorted by their bytes, `.` and `..` left out.
    pub names: Vec<CString>,
    /// Why the rest could not be read.
    pub failure: Option<io::Error>,
    /// There are more than are kept.
    pub too_many: bool,
}

impl Directory {
    pub(super) const fn new(handle: OwnedFd) -> Self {
        Self { handle }
    }

    /// What the open directory is.
    pub fn status(&self) -> io::Result<Status> {
        status::of_handle(self.handle.as_fd())
    }

    /// What its entry `name` is, without opening it or following a link.
    pub fn status_of(&self, name: &CStr) -> io::Result<Status> {
        status::of_child(self.handle.as_fd(), name)
    }

    /// The directory above, to be compared with what is expected there: this one may have been moved. It can be
    /// passed through, not listed.
    pub fn above(&self) -> io::Result<Self> {
        Ok(Self::new(rustix::fs::openat(&self.handle, c"..", PASSAGE, Mode::empty())?))
    }

    /// Reads its names. What was read before a failure stays. The handle must not have been listed before.
    pub fn names(&self) -> Names {
        let mut listed = Names::default();
        listed.failure = read_names(self.handle.as_fd(), &mut listed).err();
        listed.names.sort_unstable();
        listed
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

#[cfg(target_os = "linux")]
fn read_names(directory: BorrowedFd<'_>, listed: &mut Names) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(32 * 1024);
    let mut entries = rustix::fs::RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        if !listed.keep(entry?.file_name()) {
            break;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn read_names(directory: BorrowedFd<'_>, listed: &mut Names) -> io::Result<()> {
    for entry in rustix::fs::Dir::new(rustix::io::dup(directory)?)? {
        if !listed.keep(entry?.file_name()) {
            break;
        }
    }
    Ok(())
}

impl Names {
    /// Keeps a name; false when there is no room for more.
    fn keep(&mut self, name: &CStr) -> bool {
        if matches!(name.to_bytes(), b"." | b"..") {
            return true;
        }
        self.too_many = self.names.len() >= MAX_NAMES;
        if !self.too_many {
            self.names.push(name.to_owned());
        }
        !self.too_many
    }
}
