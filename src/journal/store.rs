//! The seam to the disk that holds the run folder, so that tests can make any write, sync or rename fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file that only grows.
pub trait Log: Write {
    /// Returns once the bytes written so far survive a loss of power.
    fn sync_data(&mut self) -> io::Result<()>;
}

impl Log for File {
    fn sync_data(&mut self) -> io::Result<()> {
        Self::sync_data(self)
    }
}

/// What the journal needs of a disk. Nothing here replaces the content of a file.
pub trait Store {
    /// A file being written.
    type Log: Log;

    /// Creates a file for appending, readable by its owner only; fails when the name exists.
    fn create_new(&self, path: &Path) -> io::Result<Self::Log>;

    /// Opens an existing file for appending behind its first `keep` bytes; a torn line behind them is cut off.
    fn open_append(&self, path: &Path, keep: u64) -> io::Result<Self::Log>;

    /// Gives a file its final name; the caller has made sure that the name is free.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Returns once the content of a file, whoever wrote it, survives a loss of power.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Returns once the names in a folder survive a loss of power.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The disk as the operating system gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Store for Disk {
    type Log = File;

    fn create_new(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    }

    fn open_append(&self, path: &Path, keep: u64) -> io::Result<File> {
        // Windows cannot cut a file through a handle that may only append.
        let whole = OpenOptions::new().write(true).open(path)?;
        if whole.metadata()?.len() > keep {
            whole.set_len(keep)?;
            whole.sync_all()?;
        }
        OpenOptions::new().append(true).open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        // Windows flushes through a writable handle only.
        OpenOptions::new().read(true).write(cfg!(windows)).open(path)?.sync_all()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if cfg!(not(unix)) {
            return Ok(());
        }
        match File::open(path)?.sync_all() {
            // Some network and FUSE file systems know no sync of a folder; refusing the run would lose more.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
            {
                Ok(())
            }
            result => result,
        }
    }
}

/// Opens a file of the run folder for reading; anything but a regular file, a link included, is refused.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "expected a regular file, found something else"))
    }
}

/// How often a lock is asked for before it counts as taken.
const LOCK_TRIES: u32 = 20;
/// Time between two tries.
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

/// Takes the journal for its only writer until the handle is closed; `false` when another has it.
///
/// Held by a running [`super::Writer`] and while a correction is appended. Unix only: elsewhere a lock would keep
/// readers out. A disk that knows no locks counts as free.
pub(super) fn lock(file: &File) -> bool {
    if cfg!(not(unix)) {
        return true;
    }
    // A process that is being started holds the handles of its parent for a moment, and with them a lock that was let
    // go meanwhile: a refusal counts only when it stays.
    (0..LOCK_TRIES).any(|tried| {
        if tried > 0 {
            std::thread::sleep(LOCK_PAUSE);
        }
        !matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
    })
}
