//! Opens what the recorder handed on: a medium to be decoded, or a folder to be walked.

use std::fs::File;
use std::path::PathBuf;

use crate::container::Image;
use crate::filesystem::Filesystem;
use crate::filesystem::folder::Folder;
use crate::model::{Event, ItemId, SourceKind, Started};
use crate::platform::descent::Root;
use crate::read::Error;
use crate::source;

use super::{Context, Prior};

/// A source, decoded.
pub enum Decoded {
    /// A device or a disk image.
    Medium(Image),
    /// A folder of a mounted file system.
    Folder {
        /// Its reader.
        filesystem: Box<dyn Filesystem>,
        /// As the operator named it.
        path: PathBuf,
        /// How it was mounted, in plain words.
        mount: &'static str,
    },
}

/// Stands for the decoding of a source: what an examiner is at before it knows any volume.
const DECODING: ItemId = ItemId::survey_of(u32::MAX);

/// Decodes a source from its open files; `path` is what the operator called it.
///
/// # Errors
/// When no format opens the image, the folder is not one any more, or an examiner died of just that before.
pub fn decode(
    kind: SourceKind,
    files: Vec<File>,
    path: PathBuf,
    accept_atime: bool,
    prior: &Prior,
    context: &Context<'_>,
) -> Result<Decoded, Error> {
    if prior.culprits.contains(&DECODING) {
        return Err(Error::unsupported("the source", 0, "the examiner died when it decoded it"));
    }
    context.send(Event::Started(Started { worker: 0, items: vec![DECODING] }));
    let decoded = match kind {
        SourceKind::Folder => open_folder(files, path, accept_atime),
        SourceKind::Device | SourceKind::Image => {
            source::decode(kind, files, &context.presence).map(Decoded::Medium)
        }
    };
    context.send(Event::Started(Started { worker: 0, items: Vec::new() }));
    decoded
}

fn open_folder(files: Vec<File>, path: PathBuf, accept_atime: bool) -> Result<Decoded, Error> {
    let refused = |error: std::io::Error| Error::Refused { what: "the folder", found: error.to_string() };
    let root = open_root(files, &path).map_err(refused)?;
    let mount = root.mount().remark();
    Ok(Decoded::Folder { filesystem: Box::new(Folder::new(root, accept_atime)), path, mount })
}

#[cfg(unix)]
fn open_root(files: Vec<File>, path: &std::path::Path) -> std::io::Result<Root> {
    let handle = files.into_iter().next().ok_or(std::io::ErrorKind::NotFound)?;
    Root::from_fd(handle.into(), path.to_owned())
}

#[cfg(not(unix))]
fn open_root(_files: Vec<File>, path: &std::path::Path) -> std::io::Result<Root> {
    Root::open(path)
}
