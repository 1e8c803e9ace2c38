//! The root of a descent on Unix, and the files opened below it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::resolve::{PASSAGE, Resolver};
use super::{Directory, Mount, OpenError, Status, status};
use crate::model::EntryKind;

/// How everything is read: a pipe that took the place of a file must not block, a terminal not become ours.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Leaves access times alone; only the owner of an entry and root may ask for it (open(2), O_NOATIME).
#[cfg(target_os = "linux")]
const KEEP_ATIME: Option<OFlags> = Some(OFlags::NOATIME);
#[cfg(not(target_os = "linux"))]
const KEEP_ATIME: Option<OFlags> = None;

/// A directory below which entries are listed and read, and nothing else.
#[derive(Debug)]
pub struct Root {
    handle: OwnedFd,
    path: PathBuf,
    status: Status,
    mount: Mount,
    resolver: Resolver,
}

/// A regular file opened below a root.
#[derive(Debug)]
pub struct OpenFile {
    handle: OwnedFd,
    status: Status,
    keeps_atime: bool,
}

impl Root {
    /// Opens the directory at `path`, which may be reached through links: the operator named it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let open = |flags| rustix::fs::openat(CWD, path, LIST | OFlags::CLOEXEC | flags, Mode::empty());
        let handle = match open(KEEP_ATIME.unwrap_or(OFlags::empty())) {
            // Opening moves no stamp. Listing would, and is always done through a handle of its own.
            Err(Errno::PERM) => open(OFlags::empty())?,
            opened => opened?,
        };
        Self::from_fd(handle, path.to_owned())
    }

    /// Takes over a directory that was opened elsewhere, perhaps by another process; `path` is what it was called.
    pub fn from_fd(handle: OwnedFd, path: PathBuf) -> io::Result<Self> {
        let status = status::of_handle(handle.as_fd())?;
        if status.kind != EntryKind::Directory {
            return Err(Errno::NOTDIR.into());
        }
        let mount = mount_of(handle.as_fd())?;
        let resolver = Resolver::probe(handle.as_fd());
        Ok(Self { handle, path, status, mount, resolver })
    }

    /// Its handle, to be handed on to another process.
    pub fn into_file(self) -> Option<std::fs::File> {
        Some(self.handle.into())
    }

    /// What it was called when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the root itself is.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// How it was mounted when it was opened.
    pub const fn mount(&self) -> Mount {
        self.mount
    }

    /// Whether its path still leads to the same directory.
    pub fn is_at_its_path(&self) -> bool {
        let found = rustix::fs::openat(CWD, &self.path, PASSAGE.difference(OFlags::NOFOLLOW), Mode::empty());
        let found = found.map_err(io::Error::from).and_then(|handle| status::of_handle(handle.as_fd()));
        found.is_ok_and(|found| found.same_item(&self.status))
    }

    /// What stands at a path below the root. A link at its end is not followed, one on the way is: for trees that
    /// nobody changes.
    pub fn status_of(&self, path: &Path) -> io::Result<Status> {
        status::of_child(self.handle.as_fd(), path)
    }

    /// The directory to which `names` lead, to be passed through and not to be listed. No time stamp moves.
    pub fn passage(&self, names: &[&[u8]]) -> io::Result<Directory> {
        self.resolver.open(self.handle.as_fd(), names, PASSAGE).map(Directory::new)
    }

    /// Opens the directory to which `names` lead from `start`, or from the root, to be listed. Whether its access
    /// time is protected is told beside it; false only with `accept_atime`.
    pub fn directory(
        &self,
        start: Option<&Directory>,
        names: &[&[u8]],
        accept_atime: bool,
    ) -> Result<(Directory, bool), OpenError> {
        let start = start.map_or(self.handle.as_fd(), AsFd::as_fd);
        let (handle, keeps_atime) = self.open_guarded(start, names, LIST, accept_atime)?;
        Ok((Directory::new(handle), keeps_atime))
    }

    /// Opens the regular file to which `names` lead. The caller has seen that it is one; should it have become a
    /// pipe or a device since, it is not read and does not block.
    ///
    /// Its access time moves only when it cannot be protected and `accept_atime` is given.
    pub fn file(&self, names: &[&[u8]], accept_atime: bool) -> Result<OpenFile, OpenError> {
        let (handle, keeps_atime) = self.open_guarded(self.handle.as_fd(), names, READ, accept_atime)?;
        let status = status::of_handle(handle.as_fd())?;
        match status.kind {
            EntryKind::File => Ok(OpenFile { handle, status, keeps_atime }),
            other => Err(OpenError::NotAFile(other)),
        }
    }

    fn open_guarded(
        &self,
        start: BorrowedFd<'_>,
        names: &[&[u8]],
        flags: OFlags,
        accept_atime: bool,
    ) -> Result<(OwnedFd, bool), OpenError> {
        let plainly = || self.resolver.open(start, names, flags);
        if self.mount.protects() {
            return Ok((plainly()?, true));
        }
        let guarded = match KEEP_ATIME {
            Some(keep) => self.resolver.open(start, names, flags | keep),
            None => Err(Errno::PERM.into()),
        };
        match guarded {
            Ok(handle) => Ok((handle, true)),
            Err(error) if Errno::from_io_error(&error) != Some(Errno::PERM) => Err(error.into()),
            Err(_) if accept_atime => Ok((plainly()?, false)),
            Err(_) => Err(OpenError::AccessTime),
        }
    }

    #[cfg(test)]
    pub(crate) fn stepwise(mut self) -> Self {
        self.resolver = Resolver::stepwise();
        self
    }

    #[cfg(test)]
    pub(crate) const fn mounted(mut self, mount: Mount) -> Self {
        self.mount = mount;
        self
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl OpenFile {
    /// What the handle said when it was opened.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// What the handle says now.
    pub fn status_now(&self) -> io::Result<Status> {
        status::of_handle(self.handle.as_fd())
    }

    /// Whether reading leaves its access time alone.
    pub const fn keeps_atime(&self) -> bool {
        self.keeps_atime
    }

    /// Reads from `offset` on into the front of `buffer`: pread(2). Zero at or past the end.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::pread(&self.handle, &mut *buffer, offset))?)
    }

    #[cfg(test)]
    pub(crate) fn pretend(handle: OwnedFd, size: u64) -> Self {
        let status = Status { size, ..status::of_handle(handle.as_fd()).unwrap() };
        Self { handle, status, keeps_atime: true }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            // ENXIO: a socket, or a device without a driver, stands there now.
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::STALE) => {
                Self::Replaced(error)
            }
            Some(Errno::ACCESS | Errno::PERM | Errno::XDEV) => Self::Denied(error),
            _ => Self::Io(error),
        }
    }
}

#[cfg(target_os = "linux")]
fn mount_of(handle: BorrowedFd<'_>) -> io::Result<Mount> {
    use rustix::fs::StatVfsMountFlags as Flags;
    let flags = rustix::fs::fstatvfs(handle)?.f_flag;
    // Numbers from linux/magic.h and the drivers themselves: FUSE, SMB (two), 9P; below NFS, Ceph, AFS (two).
    let magic = u64::try_from(rustix::fs::fstatfs(handle)?.f_type).unwrap_or(0);
    let numbered_anew = matches!(magic, 0x6573_5546 | 0xff53_4d42 | 0xfe53_4d42 | 0x0102_1997);
    // FAT and exFAT store no inode numbers.
    let numbers_stored = !numbered_anew && !matches!(magic, 0x4d44 | 0x2011_bab0);
    Ok(Mount {
        read_only: flags.contains(Flags::RDONLY),
        noatime: flags.contains(Flags::NOATIME),
        relatime: flags.contains(Flags::RELATIME),
        served: numbered_anew || matches!(magic, 0x6969 | 0x00c3_6400 | 0x5346_414f | 0x6b41_4653),
        stable_inodes: numbers_stored,
    })
}

#[cfg(not(target_os = "linux"))]
fn mount_of(handle: BorrowedFd<'_>) -> io::Result<Mount> {
    let flags = rustix::fs::fstatvfs(handle)?.f_flag;
    let read_only = flags.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    Ok(Mount { read_only, stable_inodes: true, ..Mount::default() })
}
