//! Opening evidence files and devices read-only, and reading them by position.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Presence;
use super::narrow::narrow;
use crate::read::{ReadAt, Unreadable, size};

/// Opens a device or image file for reading only, without touching its access time.
///
/// # Errors
/// Any failure of the operating system. Where it refuses to leave the access time alone, that is an error too,
/// unless `accept_atime` says that the operator accepts it: there is no silent fallback. Beside the file stands
/// whether its access time is protected.
pub fn open_evidence(path: &Path, accept_atime: bool) -> io::Result<(File, bool)> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags, StatVfsMountFlags, open};
        // NONBLOCK: a pipe that was put in place of the image must not block the run. It has no effect on files.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        match open(path, flags | OFlags::NOATIME, Mode::empty()) {
            Ok(handle) => return Ok((handle.into(), true)),
            Err(rustix::io::Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        // Opening moves no stamp; reading would.
        let handle = open(path, flags, Mode::empty())?;
        let mounted = rustix::fs::fstatvfs(&handle)?.f_flag;
        let protected = mounted.intersects(StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOATIME);
        if protected || accept_atime {
            return Ok((handle.into(), protected));
        }
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to somebody else, so its access time cannot be protected while it is read: run as its owner \
             or as root, or give --accept-atime",
        ))
    }
    #[cfg(not(target_os = "linux"))]
    {
        // Read access only; time stamps are a matter of the mount or the write blocker here.
        let _ = accept_atime;
        File::open(path).map(|file| (file, true))
    }
}

/// Names in a folder, and whether its access time was protected while it was listed.
///
/// # Errors
/// When it cannot be listed in whole.
pub fn names_in(folder: &Path) -> io::Result<(Vec<OsString>, bool)> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        let root = super::descent::Root::open(folder)?;
        let opened = root.directory(None, &[], true);
        let (directory, protected) = opened.map_err(|error| io::Error::other(error.to_string()))?;
        let listed = directory.names();
        match listed.failure {
            Some(error) => Err(error),
            None if listed.too_many => Err(io::Error::other("it holds too many files")),
            None => {
                let names =
                    listed.names.into_iter().map(|name| OsString::from_vec(name.into_bytes())).collect();
                Ok((names, protected))
            }
        }
    }
    #[cfg(not(unix))]
    {
        let entries = std::fs::read_dir(folder)?;
        Ok((entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?, true))
    }
}

/// Whether the path names a block device.
pub fn is_block_device(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileTypeExt::is_block_device(&metadata.file_type())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// An opened device or file, read by position from any thread.
#[derive(Debug)]
pub struct EvidenceFile {
    file: File,
    size: u64,
    /// The smallest unit that can fail by itself, in bytes.
    sector: u32,
    presence: Presence,
    /// Second readings of failing sectors that are left.
    retries: AtomicU32,
}

/// How often a sector that fails is read again: a worn disk often gives it in the end.
const RETRIES: u32 = 2;
/// Second readings of one source in all: each can take seconds on a failing disk, and nobody waits for hours.
const ALL_RETRIES: u32 = 2000;

/// What a file of a file system is read in after a failure; sectors are not known there.
const BLOCK: u32 = 4096;

impl EvidenceFile {
    /// Takes over an open handle; a device's size is found by seeking to its end.
    ///
    /// # Errors
    /// When the size cannot be found.
    pub fn new(mut file: File) -> io::Result<Self> {
        let size = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        let sector = sector_size(&file).unwrap_or(BLOCK);
        let retries = AtomicU32::new(ALL_RETRIES);
        Ok(Self { file, size, sector, presence: Presence::default(), retries })
    }

    /// Tells by `presence` when the source is found to be gone.
    #[must_use]
    pub fn watched(mut self, presence: &Presence) -> Self {
        self.presence = presence.clone();
        self
    }

    /// Reads again what failed, a few times, as long as the source is there.
    fn retry(&self, offset: u64, buffer: &mut [u8], mut error: io::Error) -> io::Result<usize> {
        for _ in 0..RETRIES {
            let left =
                self.retries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if left.is_err() || self.presence.judge(&self.file, Some(&error)) {
                break;
            }
            match self.read_once(offset, buffer) {
                Ok(read) => return Ok(read),
                Err(again) => error = again,
            }
        }
        Err(error)
    }

    fn read_once(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            #[cfg(unix)]
            let result = std::os::unix::fs::FileExt::read_at(&self.file, buffer, offset);
            #[cfg(windows)]
            let result = std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset);
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl ReadAt for EvidenceFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let length = buffer.len();
        if self.presence.is_gone() {
            return Err(Unreadable::new(offset, size(length), "the source does not answer any more"));
        }
        let read = narrow(offset, length, self.sector, |from, to| {
            let part = buffer.get_mut(from..to).unwrap_or_default();
            self.read_once(offset.saturating_add(size(from)), part)
        });
        let read = match read {
            Err((unreadable, error)) => {
                let sector = buffer.get_mut(..unreadable).unwrap_or_default();
                self.retry(offset, sector, error).map_err(|error| (unreadable, error))
            }
            read => read,
        };
        match read {
            // A device that was unplugged ends where it begins.
            Ok(0) if length > 0 && offset < self.size && self.presence.judge(&self.file, None) => {
                Err(Unreadable::new(offset, size(length), "the source does not answer any more"))
            }
            Ok(read) => Ok(read),
            Err((unreadable, error)) => Err(Unreadable::new(offset, size(unreadable), error)),
        }
    }
}

/// The logical sector size of a block device in bytes; `None` for anything else.
fn sector_size(file: &File) -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        let device = is_block_device(&file.metadata().ok()?);
        device.then(|| rustix::fs::ioctl_blksszget(file).ok()).flatten().filter(|bytes| *bytes >= 512)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        None
    }
}

/// A file that exists in memory only and holds these bytes: the demonstration image on its way to an examiner.
///
/// # Errors
/// When the operating system has no such thing.
pub fn private_memory(name: &str, bytes: &[u8]) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        let mut file = File::from(rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?);
        io::Write::write_all(&mut file, bytes)?;
        Ok(file)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (name, bytes);
        Err(io::Error::new(io::ErrorKind::Unsupported, "this operating system has no files in memory"))
    }
}
