//! Opening evidence files and devices read-only, and reading them by position.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::read::{ReadAt, Unreadable, size};

/// Opens a device or image file for reading only, without touching its access time.
///
/// # Errors
/// Any failure of the operating system. Where it refuses to leave the access time alone, that is an error too,
/// unless `accept_atime` says that the operator accepts it: there is no silent fallback.
pub fn open_evidence(path: &Path, accept_atime: bool) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags, open};
        // NONBLOCK: a pipe that was put in place of the image must not block the run. It has no effect on files.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        match open(path, flags | OFlags::NOATIME, Mode::empty()) {
            Ok(handle) => Ok(handle.into()),
            Err(rustix::io::Errno::PERM) if accept_atime => Ok(open(path, flags, Mode::empty())?.into()),
            Err(rustix::io::Errno::PERM) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it belongs to somebody else, so its access time cannot be protected while it is read: run as its \
                 owner or as root, or give --accept-atime",
            )),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        // Read access only; time stamps are a matter of the mount or the write blocker here.
        let _ = accept_atime;
        File::open(path)
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
}

impl EvidenceFile {
    /// Takes over an open handle; a device's size is found by seeking to its end.
    ///
    /// # Errors
    /// When the size cannot be found.
    pub fn new(mut file: File) -> io::Result<Self> {
        let size = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        Ok(Self { file, size })
    }
}

impl ReadAt for EvidenceFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        loop {
            #[cfg(unix)]
            let result = std::os::unix::fs::FileExt::read_at(&self.file, buffer, offset);
            #[cfg(windows)]
            let result = std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset);
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Unreadable::new(offset, size(buffer.len()), error)),
                Ok(read) => return Ok(read),
            }
        }
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
