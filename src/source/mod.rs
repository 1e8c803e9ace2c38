//! What the operator points at: a block device, the files of a disk image, or a folder.
//!
//! The recorder opens a source read-only and parses nothing in it; the examiner gets the open handles.

pub mod segments;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::container::{self, Image};
use crate::model::{DeviceIdentity, SourceKind};
use crate::platform::{self, EvidenceFile, Presence};
use crate::read::ReadAt;

/// A source as the recorder opened it.
#[derive(Debug)]
pub struct EvidenceSource {
    /// What sort of thing it is.
    pub kind: SourceKind,
    /// As the operator named it.
    pub path: PathBuf,
    /// The open files: one for a device or a folder, one for each segment of an image, in order.
    pub files: Vec<(PathBuf, File)>,
    /// What a device says of itself.
    pub device: DeviceIdentity,
    /// Whether the kernel refuses writes to it; `None` where that is not known.
    pub read_only: Option<bool>,
    /// What the record must say of it: missing segments, mounts.
    pub remarks: Vec<String>,
}

/// How the remark of a mount ends.
const MOUNTED_END: &str = " while it was examined";

/// Why a source cannot be opened; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is nothing of that name.
    #[error(
        "{0}: there is no such file, folder or device; check the spelling, or run `onscene scan` alone to see what is attached"
    )]
    Missing(PathBuf),
    /// It cannot be opened for reading.
    #[error("{path}: cannot be opened for reading: {error}")]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It holds no byte.
    #[error("{0}: is empty; a device without a medium, or an image that was never written")]
    Empty(PathBuf),
    /// It is a socket, a pipe or a character device.
    #[error("{0}: is neither a file, a folder nor a block device")]
    NotASource(PathBuf),
    /// A segment of a split raw image is missing, so what follows it would be read at the wrong place.
    #[error("{path}: {missing}; put all files of the image into one folder")]
    MissingSegment {
        /// What was given.
        path: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// It is a later segment of an image.
    #[error("{path}: is not the first file of its image; give {first} instead")]
    LaterSegment {
        /// What was given.
        path: PathBuf,
        /// What to give.
        first: String,
    },
}

impl EvidenceSource {
    /// Opens what stands at `path`, read-only. Nothing in it is parsed; an image's further segments are found by name.
    ///
    /// # Errors
    /// See [`SourceError`]. `accept_atime` as in [`platform::open_evidence`].
    pub fn open(path: &Path, accept_atime: bool) -> Result<Self, SourceError> {
        let unreadable = |error| SourceError::Unreadable { path: path.to_owned(), error };
        let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Missing(path.to_owned()),
            _ => unreadable(error),
        })?;
        if metadata.is_dir() {
            return Self::folder(path).map_err(unreadable);
        }
        let is_device = platform::is_block_device(&metadata);
        if !is_device && !metadata.is_file() {
            return Err(SourceError::NotASource(path.to_owned()));
        }
        let mut source = match is_device {
            true => Self::device(path, accept_atime)?,
            false => Self::image(path, accept_atime)?,
        };
        if source.size().map_err(unreadable)? == 0 {
            return Err(SourceError::Empty(path.to_owned()));
        }
        source.path = path.to_owned();
        Ok(source)
    }

    /// A source made of files that are open already: the demonstration image.
    pub fn of_image(name: &str, file: File) -> Self {
        let path = PathBuf::from(name);
        Self::new(SourceKind::Image, path.clone(), vec![(path, file)])
    }

    fn new(kind: SourceKind, path: PathBuf, files: Vec<(PathBuf, File)>) -> Self {
        Self { kind, path, files, device: DeviceIdentity::default(), read_only: None, remarks: Vec::new() }
    }

    fn folder(path: &Path) -> io::Result<Self> {
        let root = platform::descent::Root::open(path)?;
        let read_only = root.mount().read_only;
        let handle = root.into_file().map(|file| (path.to_owned(), file));
        let mut source = Self::new(SourceKind::Folder, path.to_owned(), handle.into_iter().collect());
        source.read_only = Some(read_only);
        source.remarks.push(
            "write protection not shown: a folder of a mounted file system can be changed by others".into(),
        );
        Ok(source)
    }

    fn device(path: &Path, accept_atime: bool) -> Result<Self, SourceError> {
        let open = platform::open_evidence(path, accept_atime);
        let unreadable = |error| SourceError::Unreadable { path: path.to_owned(), error };
        let (file, protected) = open.map_err(unreadable)?;
        if !file.metadata().is_ok_and(|opened| platform::is_block_device(&opened)) {
            return Err(SourceError::NotASource(path.to_owned()));
        }
        let mut source = Self::new(SourceKind::Device, path.to_owned(), vec![(path.to_owned(), file)]);
        if !protected {
            source.remarks.push(access_time(path));
        }
        let found = platform::device_at(path).unwrap_or_default();
        source.remarks.extend(found.mounts.iter().map(|(place, writable)| mounted(place, *writable)));
        source.read_only = found.read_only;
        source.device = found.identity;
        if source.device.model.is_none() && source.device.serial.is_none() {
            source
                .remarks
                .push("a partition or a device that does not describe itself: identity not available".into());
        }
        if source.read_only != Some(true) {
            source
                .remarks
                .push("no write protection shown: use a write blocker, or set the device read-only".into());
        }
        Ok(source)
    }

    fn image(path: &Path, accept_atime: bool) -> Result<Self, SourceError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |error| SourceError::Unreadable { path, error }
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().ok_or_else(|| SourceError::NotASource(path.to_owned()))?;
        let (siblings, listed_safely) = match segments::can_be_split(name) {
            true => platform::names_in(parent).map_err(unreadable(parent))?,
            false => (Vec::new(), true),
        };
        let found = segments::of(name, siblings.iter().map(std::ffi::OsString::as_os_str));
        if let Some(first) = found.first {
            return Err(SourceError::LaterSegment {
                path: path.to_owned(),
                first: first.to_string_lossy().into_owned(),
            });
        }
        // Segments of an E01 say themselves what they hold; those of a raw image are only told by their number.
        let raw =
            path.extension().is_some_and(|ending| ending.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        if let Some(missing) = found.gap.clone().filter(|_| raw) {
            return Err(SourceError::MissingSegment { path: path.to_owned(), missing });
        }
        let mut files = Vec::with_capacity(found.names.len());
        let mut remarks = Vec::new();
        if !listed_safely {
            remarks.push(access_time(parent));
        }
        for name in &found.names {
            let segment = parent.join(name);
            let opened = platform::open_evidence(&segment, accept_atime);
            let (file, protected) = opened.map_err(unreadable(&segment))?;
            // Asked of the open handle: the name may have led to something else before.
            if !file.metadata().map_err(unreadable(&segment))?.is_file() {
                return Err(SourceError::NotASource(segment));
            }
            if !protected {
                remarks.push(access_time(&segment));
            }
            files.push((segment, file));
        }
        let mut source = Self::new(SourceKind::Image, path.to_owned(), files);
        source.remarks = remarks;
        source.remarks.extend(found.gap);
        Ok(source)
    }

    /// Size in bytes of the device or of all files of the image together; 0 for a folder.
    ///
    /// # Errors
    /// When the size of a file cannot be found.
    pub fn size(&self) -> io::Result<u64> {
        if self.kind == SourceKind::Folder {
            return Ok(0);
        }
        self.files.iter().try_fold(0_u64, |sum, (_, file)| {
            Ok(sum.saturating_add(EvidenceFile::new(file.try_clone()?)?.size()))
        })
    }
}

/// What is remarked of something that had to be read without protection of its access time.
fn access_time(path: &Path) -> String {
    format!("{}: its access time could not be protected while it was read", path.display())
}

/// What is remarked of a device that is mounted at `place`.
pub fn mounted(place: &Path, writable: bool) -> String {
    let how = if writable { "for writing" } else { "read-only" };
    format!("mounted {how} at {}{MOUNTED_END}", place.display())
}

/// The place in a remark that [`mounted`] made.
pub fn mounted_place(remark: &str) -> Option<&str> {
    let (how, place) = remark.strip_prefix("mounted ")?.split_once(" at ")?;
    place.strip_suffix(MOUNTED_END).filter(|_| matches!(how, "for writing" | "read-only"))
}

/// Decodes the files of a device or image into its medium. Runs in the examiner. `presence` tells when one of them
/// stops answering.
///
/// # Errors
/// When a file's size cannot be found or no format opens the image.
pub fn decode(kind: SourceKind, files: Vec<File>, presence: &Presence) -> Result<Image, crate::read::Error> {
    let mut opened: Vec<Arc<dyn ReadAt>> = Vec::with_capacity(files.len());
    for file in files {
        let file = EvidenceFile::new(file).map_err(|error| crate::read::Unreadable::new(0, 0, error))?;
        opened.push(Arc::new(file.watched(presence)));
    }
    match kind {
        SourceKind::Image => container::open(opened),
        // A device is its own medium: a disk whose first bytes look like an image file is still a disk.
        SourceKind::Device | SourceKind::Folder => container::open_raw(opened),
    }
}
