//! Reading below one directory: never outside it, never through a link, never a device, and without moving a
//! time stamp.
//!
//! On Linux every entry is opened relative to the handle of the root with `openat2(2)`, so that no race with
//! somebody who moves directories or plants links can lead outside, and no path outside the root is needed. A
//! handle may come from another process. Elsewhere the same interface promises less; [`Mount::remark`] says so.

#[cfg(unix)]
mod directory;
#[cfg(unix)]
mod resolve;
#[cfg(unix)]
mod root;
#[cfg(unix)]
mod status;
#[cfg(windows)]
mod windows;
#[cfg(any(windows, test))]
mod wtf8;

use std::io;

#[cfg(unix)]
pub use directory::{Directory, Names};
#[cfg(unix)]
pub use root::{OpenFile, Root};
#[cfg(windows)]
pub use windows::{OpenFile, Root};

use crate::model::{EntryKind, Times};

/// What the operating system says of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub kind: EntryKind,
    /// Number of the device that holds it; 0 where the system tells none (Windows).
    pub device: u64,
    /// Number of the mount through which it was reached; Linux 5.8 or later.
    pub mount: Option<u64>,
    /// Its inode number; `None` where the system tells none (Windows).
    pub inode: Option<u64>,
    /// Size in bytes.
    pub size: u64,
    /// Stamps as signed nanoseconds since 1970-01-01 UTC.
    pub times: Times,
}

impl Status {
    /// Whether both stand on the same file system, reached through the same mount.
    pub fn beside(&self, other: &Self) -> bool {
        let mounts_differ = matches!((self.mount, other.mount), (Some(one), Some(two)) if one != two);
        self.device == other.device && !mounts_differ
    }

    /// Whether both are the same item of the same file system.
    pub fn same_item(&self, other: &Self) -> bool {
        self.beside(other) && self.inode == other.inode && self.kind == other.kind
    }
}

/// What is known of the mount that holds a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Nothing can be written through it.
    pub read_only: bool,
    /// Reading never moves an access time.
    pub noatime: bool,
    /// Reading moves an access time that is older than the last change, or than a day.
    pub relatime: bool,
    /// A program (FUSE) or another machine keeps the files: what reading does to their stamps is up to it.
    pub served: bool,
    /// An inode number stays the same for as long as it is mounted. Not so on FAT, exFAT, FUSE, 9P and SMB,
    /// where the kernel may number a file anew once it has left its cache.
    pub stable_inodes: bool,
}

impl Mount {
    /// Whether reading through this mount can move no time stamp that the kernel keeps.
    pub const fn protects(&self) -> bool {
        self.read_only || self.noatime
    }

    /// What a reader of the report must know, in plain words.
    pub const fn remark(&self) -> &'static str {
        match (self.protects(), self.served) {
            _ if cfg!(windows) => "access times cannot be protected on Windows: its settings decide",
            (true, true) => {
                "mounted so that reading moves no time stamp here; a program or another machine keeps the files"
            }
            (true, false) => "mounted so that reading moves no time stamp",
            (false, true) => "a program or another machine keeps the files: it may move access times",
            (false, false) if cfg!(target_os = "linux") => {
                "mounted so that reading moves access times: opened with O_NOATIME"
            }
            (false, false) => {
                "mounted so that reading moves access times: cannot be prevented on this system"
            }
        }
    }
}

/// Why an entry below a root was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its access time would move: only its owner and root may ask the kernel to leave it alone.
    #[error("its access time cannot be protected: it belongs to another user")]
    AccessTime,
    /// It is no longer what was asked for; the kind is what stands there now.
    #[error("expected a regular file, found another kind of entry ({0:?})")]
    NotAFile(EntryKind),
    /// It is gone, or something else stands in its place: a link, or not a directory on the way to it.
    #[error("it is gone or was replaced: {0}")]
    Replaced(io::Error),
    /// The system does not allow it, or the way leads to another file system.
    #[error("not allowed: {0}")]
    Denied(io::Error),
    /// Its content is kept elsewhere and would be fetched by reading.
    #[error("its content is not on this device: reading would fetch it")]
    Elsewhere,
    /// The system failed.
    #[error("{0}")]
    Io(io::Error),
}
