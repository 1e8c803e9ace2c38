//! The root of a descent on Windows: by path, with files shared with everybody and opened only to be read.
//!
//! Less is promised than on Linux. A junction that takes the place of a directory on the way to a file is
//! followed, files have no number (the system gives one only through unstable interfaces), and whether reading
//! moves the last access time is up to the settings of the system.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Mount, OpenError, Status, wtf8};
use crate::model::{EntryKind, Times};

/// FILE_SHARE_READ, FILE_SHARE_WRITE and FILE_SHARE_DELETE: our reading is in nobody's way.
const SHARE_ALL: u32 = 7;
/// FILE_FLAG_OPEN_NO_RECALL: content kept elsewhere stays there.
const OPEN_NO_RECALL: u32 = 0x0010_0000;
/// FILE_ATTRIBUTE_OFFLINE, FILE_ATTRIBUTE_RECALL_ON_OPEN and FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS.
const KEPT_ELSEWHERE: u32 = 0x0000_1000 | 0x0004_0000 | 0x0040_0000;
/// 1970-01-01 in units of 100 nanoseconds since 1601-01-01.
const UNIX_EPOCH: i64 = 116_444_736_000_000_000;

/// A directory below which entries are listed and read.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    status: Status,
}

/// A regular file opened below a root.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    status: Status,
}

impl Root {
    /// Takes the directory at `path`, as an absolute path that knows no limit of length.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let status = status(&path.metadata()?);
        match status.kind {
            EntryKind::Directory => Ok(Self { path, status }),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// A directory has no handle here that another process could take over.
    pub fn into_file(self) -> Option<std::fs::File> {
        None
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the root itself is.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Nothing is known of it here.
    pub fn mount(&self) -> Mount {
        Mount::default()
    }

    /// What stands at a path below the root; a link or junction at its end is not followed.
    pub fn status_of(&self, path: &Path) -> io::Result<Status> {
        Ok(status(&self.path.join(path).symlink_metadata()?))
    }

    /// Opens the regular file to which `names` lead. Windows cannot protect its last access time, whether that is
    /// accepted or not.
    pub fn file(&self, names: &[&[u8]], _accept_atime: bool) -> Result<OpenFile, OpenError> {
        let mut path = self.path.clone();
        for name in names {
            let wide =
                wtf8::to_wide(name).filter(|wide| !wide.iter().any(|unit| matches!(unit, 0 | 0x2f | 0x5c)));
            let Some(wide) = wide.filter(|_| !matches!(*name, b"" | b"." | b"..")) else {
                return Err(OpenError::Io(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "not the name of an entry",
                )));
            };
            path.push(std::ffi::OsString::from_wide(&wide));
        }
        check(&path.symlink_metadata()?)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).share_mode(SHARE_ALL).custom_flags(OPEN_NO_RECALL);
        let file = options.open(&path)?;
        let metadata = file.metadata()?;
        check(&metadata)?;
        Ok(OpenFile { file, status: status(&metadata) })
    }
}

impl OpenFile {
    /// What the handle said when it was opened.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// What the handle says now.
    pub fn status_now(&self) -> io::Result<Status> {
        Ok(status(&self.file.metadata()?))
    }

    /// Always true: on Windows this is stated once for the whole root, by [`Mount::remark`].
    pub const fn keeps_atime(&self) -> bool {
        true
    }

    /// Reads from `offset` on into the front of `buffer`. Zero at or past the end.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.seek_read(buffer, offset) {
            // ERROR_HANDLE_EOF.
            Err(error) if error.raw_os_error() == Some(38) => Ok(0),
            read => read,
        }
    }
}

/// Only a regular file whose content is on this device is opened and read.
fn check(metadata: &Metadata) -> Result<(), OpenError> {
    match kind(metadata) {
        EntryKind::File if metadata.file_attributes() & KEPT_ELSEWHERE != 0 => Err(OpenError::Elsewhere),
        EntryKind::File => Ok(()),
        other => Err(OpenError::NotAFile(other)),
    }
}

fn kind(metadata: &Metadata) -> EntryKind {
    let found = metadata.file_type();
    match (found.is_file(), found.is_dir(), found.is_symlink()) {
        (_, _, true) => EntryKind::Symlink,
        (true, ..) => EntryKind::File,
        (_, true, _) => EntryKind::Directory,
        _ => EntryKind::Other,
    }
}

fn status(metadata: &Metadata) -> Status {
    Status {
        kind: kind(metadata),
        device: 0,
        mount: None,
        inode: None,
        size: metadata.file_size(),
        times: Times {
            created: nanos(metadata.creation_time()),
            modified: nanos(metadata.last_write_time()),
            accessed: nanos(metadata.last_access_time()),
            changed: None,
        },
    }
}

/// Units of 100 nanoseconds since 1601; 0 means that the file system keeps no such stamp.
fn nanos(filetime: u64) -> Option<u64> {
    let since_1601 = i64::try_from(filetime).ok().filter(|units| *units != 0)?;
    since_1601.checked_sub(UNIX_EPOCH)?.checked_mul(100).map(i64::cast_unsigned)
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Replaced(error),
            io::ErrorKind::PermissionDenied => Self::Denied(error),
            _ => Self::Io(error),
        }
    }
}
