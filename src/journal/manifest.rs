//! The manifest that closes a run folder: every file with size and SHA-256, and the head of the journal.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::chain::walk;
use super::error::shown;
use super::record::Head;
use super::store::{Disk, Log as _, Store, open_regular};
use super::{CORRECTIONS, Error, Fault, LATER_REPORTS, MANIFEST, SIGNATURE};

/// The version of the form of a manifest.
const SCHEMA: u32 = 1;
/// Largest manifest that is read or written, in bytes.
const MAX_MANIFEST: u64 = 64 << 20;
/// The name of a manifest that is not whole yet.
const PART: &str = "manifest.json.part";

/// What `manifest.json` holds. The same folder gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the form: 1.
    pub schema: u32,
    /// The journal it was made for.
    pub journal: JournalLine,
    /// Every file of the folder but the manifest, its signature, the corrections and later reports, by name.
    pub files: Vec<FileLine>,
}

/// The journal as a manifest states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalLine {
    /// Number of records.
    pub records: u64,
    /// SHA-256 of the last line without its newline, lower-case hexadecimal.
    pub head: String,
}

/// A file as a manifest states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLine {
    /// Its path from the run folder, separators `/`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The bytes of the file, which a signature is made over.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Seals a run folder: syncs and hashes every file in it and writes `manifest.json`, last of all.
///
/// `head` is what the writer committed. Refused when the journal in the folder has another head, is broken or does
/// not end with the end of the run, when the folder is sealed already, and when it holds anything but regular files
/// and folders. The manifest appears under its name whole or not at all; what an interrupted attempt left is removed.
pub fn seal(folder: &Path, head: Head) -> Result<Manifest, Error> {
    seal_with(&Disk, folder, head)
}

/// The same on another disk.
pub fn seal_with(store: &impl Store, folder: &Path, head: Head) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let part = folder.join(PART);
    if fs::symlink_metadata(&path).is_ok() {
        return Err(Error::Refused(format!("{}: the run is sealed already", path.display())));
    }
    let walked = walk(folder, |_| ())?;
    if let Some(fault) = walked.fault {
        return Err(Error::Corrupt(fault));
    }
    if !walked.ended || walked.head != head {
        let found = format!("{} records, head {}, ended: {}", walked.head.records, walked.head, walked.ended);
        let expected = format!("{} records, head {head}, ended", head.records);
        return Err(Error::Refused(format!("cannot seal: the journal holds {found}; expected {expected}")));
    }
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(&part)(error)),
        _ => {}
    }
    let manifest = collect(store, folder, head)?;
    let bytes = manifest.to_bytes().map_err(Error::io(&path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_MANIFEST {
        return Err(Error::Refused(format!("too many files for a manifest of {MAX_MANIFEST} bytes")));
    }
    let written = || {
        let mut log = store.create_new(&part)?;
        log.write_all(&bytes)?;
        log.sync_data()?;
        drop(log);
        store.rename(&part, &path)?;
        store.sync_folder(folder)
    };
    written().map_err(Error::io(&path))?;
    Ok(manifest)
}

fn collect(store: &impl Store, folder: &Path, head: Head) -> Result<Manifest, Error> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    for (name, found) in contents(folder)?.files {
        if !found.regular {
            return Err(Error::Refused(format!("cannot seal: {} is not a regular file", shown(&name))));
        }
        store.sync_file(&found.path).map_err(Error::io(&found.path))?;
        files.push(found.line(name)?);
        folders.extend(found.path.parent().map(Path::to_path_buf));
    }
    folders.dedup();
    for folder in folders {
        store.sync_folder(&folder).map_err(Error::io(&folder))?;
    }
    let journal = JournalLine { records: head.records, head: head.to_string() };
    Ok(Manifest { schema: SCHEMA, journal, files })
}

/// What a run folder holds that a manifest covers, and the folders that it does not cover.
pub(super) struct Contents {
    files: BTreeMap<String, Found>,
    /// Folders of later reports, by name.
    pub later: Vec<String>,
}

struct Found {
    path: PathBuf,
    regular: bool,
}

impl Found {
    fn line(&self, name: String) -> Result<FileLine, Error> {
        let mut file = open_regular(&self.path).map_err(Error::io(&self.path))?;
        let (size, sha256) = digest(&mut file).map_err(Error::io(&self.path))?;
        Ok(FileLine { name, size, sha256 })
    }
}

/// Size and SHA-256 of what is left of a stream.
fn digest(reader: &mut impl Read) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 14];
    let mut size = 0_u64;
    loop {
        let read = match reader.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok((size, hex::encode(hash.finalize())))
}

/// Lists a run folder without following links.
pub(super) fn contents(folder: &Path) -> Result<Contents, Error> {
    let mut contents = Contents { files: BTreeMap::new(), later: Vec::new() };
    let mut entries = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_path_buf();
            Error::io(&path)(error.into())
        })?;
        if is_later_report(&entry) {
            contents.later.push(entry.file_name().to_string_lossy().into_owned());
            entries.skip_current_dir();
        } else if !entry.file_type().is_dir() && !is_apart(&entry) {
            let (name, plain) = name(folder, entry.path());
            let regular = plain && entry.file_type().is_file();
            contents.files.insert(name, Found { path: entry.into_path(), regular });
        }
    }
    Ok(contents)
}

fn is_later_report(entry: &DirEntry) -> bool {
    entry.depth() == 1
        && entry.file_type().is_dir()
        && entry.file_name().to_str().is_some_and(|name| name.starts_with(LATER_REPORTS))
}

/// Files of the folder that are not in the manifest because they come after it.
fn is_apart(entry: &DirEntry) -> bool {
    entry.depth() == 1
        && [MANIFEST, SIGNATURE, CORRECTIONS].iter().any(|name| entry.file_name().to_str() == Some(name))
}

/// The path within the folder, and whether it is text that a manifest can hold without loss.
fn name(folder: &Path, path: &Path) -> (String, bool) {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    (parts.join("/"), inside.to_str().is_some())
}

/// The bytes of the manifest; `None` when there is none.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<u8>>, Error> {
    let path = folder.join(MANIFEST);
    let file = match open_regular(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io(&path))?,
    };
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to be seen as too long.
    file.take(MAX_MANIFEST.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io(&path))?;
    Ok(Some(bytes))
}

/// Every way in which a folder is not what its manifest says. Names in a manifest are compared, never opened.
pub(super) fn compare(bytes: &[u8], head: Head, contents: Contents) -> Result<Vec<Fault>, Error> {
    let of_manifest = |expected: String, found: &str| Fault::of_file(MANIFEST, expected, found);
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_MANIFEST {
        return Ok(vec![of_manifest(format!("at most {MAX_MANIFEST} bytes"), "more")]);
    }
    let manifest: Manifest = match serde_json::from_slice(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(vec![of_manifest("a manifest in JSON".into(), &error.to_string())]),
    };
    let mut faults = Vec::new();
    if manifest.schema != SCHEMA {
        faults.push(of_manifest(format!("schema {SCHEMA}"), &manifest.schema.to_string()));
    }
    if manifest.journal.records != head.records {
        let stated = format!("{} records as the manifest states", manifest.journal.records);
        faults.push(Fault::of_file(super::JOURNAL, stated, &head.records.to_string()));
    }
    if manifest.journal.head != head.to_string() {
        let stated = format!("the head {} of the manifest", shown(&manifest.journal.head));
        faults.push(Fault::of_file(super::JOURNAL, stated, &head.to_string()));
    }
    let mut present = contents.files;
    for line in &manifest.files {
        match present.remove(&line.name) {
            None => faults.push(Fault::of_file(&line.name, "a file that the manifest lists", "none")),
            Some(found) if !found.regular => {
                faults.push(Fault::of_file(&line.name, "a regular file", "something else"));
            }
            Some(found) => faults.extend(differences(line, &found.line(line.name.clone())?)),
        }
    }
    faults.extend(present.into_keys().map(|name| {
        Fault::of_file(&name, "only files that the manifest lists", "a file that it does not list")
    }));
    if faults.is_empty() && manifest.to_bytes().map_err(Error::io(Path::new(MANIFEST)))? != bytes {
        faults.push(of_manifest("the bytes that its content gives".into(), "other bytes"));
    }
    Ok(faults)
}

fn differences(stated: &FileLine, found: &FileLine) -> Vec<Fault> {
    let mut faults = Vec::new();
    if stated.size != found.size {
        faults.push(Fault::of_file(
            &found.name,
            format!("{} bytes", stated.size),
            &format!("{} bytes", found.size),
        ));
    }
    if stated.sha256 != found.sha256 {
        faults.push(Fault::of_file(&found.name, format!("SHA-256 {}", shown(&stated.sha256)), &found.sha256));
    }
    faults
}
