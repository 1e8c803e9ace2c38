//! Keys as files: written once, synced, never overwritten, and secret keys for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::secrecy::zeroize::Zeroizing;

use super::pem::{self, Misfit};
use super::{Error, PUBLIC_KEY_ENDING, PublicKey, SECRET_KEY_ENDING, SecretKey};

/// Longest key file in bytes; a key has some 120.
const MAX_FILE: u64 = 16 << 10;
/// Permission bits of a secret key, the owner's only.
const OWNER_ALONE: u32 = 0o600;
/// Permission bits by which others than the owner reach a file.
#[cfg(unix)]
const OTHERS: u32 = 0o077;
/// Permission bits of a public key.
const FOR_ALL: u32 = 0o644;

/// The two files of a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFiles {
    /// The secret key; it stays with its owner.
    pub secret: PathBuf,
    /// The public key, for the folder of trusted keys of every machine that shall verify.
    pub public: PathBuf,
}

impl SecretKey {
    /// Makes a key and writes `NAME.key`, readable by its owner alone, and `NAME.pub` beside it; both are on disk
    /// when this returns. Windows keeps to the permissions of the folder.
    ///
    /// # Errors
    /// When the name is none, one of the files exists, the disk refuses, or the file system cannot keep the secret
    /// key from others. Nothing is left behind then.
    pub fn create(folder: &Path, name: &str) -> Result<(Self, KeyFiles), Error> {
        let sound = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !name.starts_with(char::is_alphanumeric) || !name.chars().all(sound) || name.ends_with('.') {
            return Err(Error::KeyName(name.chars().take(64).collect()));
        }
        let files = KeyFiles {
            secret: folder.join(format!("{name}.{SECRET_KEY_ENDING}")),
            public: folder.join(format!("{name}.{PUBLIC_KEY_ENDING}")),
        };
        let key = Self::generate()?;
        let (secret, public) = (pem::secret_text(&key)?, pem::public_text(&key.public_key())?);
        write_new(&files.secret, &secret, OWNER_ALONE)?;
        write_new(&files.public, &public, FOR_ALL)
            .and_then(|()| sync_folder(folder).inspect_err(|_| drop(fs::remove_file(&files.public))))
            .inspect_err(|_| drop(fs::remove_file(&files.secret)))?;
        Ok((key, files))
    }

    /// Reads a secret key.
    ///
    /// # Errors
    /// When the file cannot be read, is no such key, or (on Unix) others than its owner may read or alter it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        const EXPECTED: &str = "a secret key of Ed25519 in PEM (PKCS#8)";
        let file = open(path, EXPECTED)?;
        kept_from_others(&file, path)?;
        pem::secret_key(&read(file, path, EXPECTED)?).map_err(misfit(path, EXPECTED))
    }
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// When the file cannot be read, or is no sound public key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        const EXPECTED: &str = "a public key of Ed25519 in PEM";
        let file = open(path, EXPECTED)?;
        pem::public_key(&read(file, path, EXPECTED)?).map_err(misfit(path, EXPECTED))
    }
}

/// Refuses a secret key that others than its owner may reach.
#[cfg(unix)]
fn kept_from_others(file: &File, path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = file.metadata().map_err(Error::io(path))?.permissions().mode() & 0o777;
    if mode & OTHERS == 0 { Ok(()) } else { Err(Error::Exposed { path: path.to_path_buf(), mode }) }
}

/// Elsewhere the permissions of the folder decide.
#[cfg(not(unix))]
fn kept_from_others(_: &File, _: &Path) -> Result<(), Error> {
    Ok(())
}

/// Writes a file that must not exist; what was begun and failed is removed.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(path.to_path_buf()),
        _ => Error::io(path)(error),
    })?;
    // Checked before anything secret is in it: some file systems keep no permissions.
    let kept = if mode == OWNER_ALONE { kept_from_others(&file, path) } else { Ok(()) };
    kept.and_then(|()| {
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(path))
    })
    .inspect_err(|_| drop(fs::remove_file(path)))
}

/// Makes the names last. Not every system can open a folder for this, and then its own order of writing holds.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Err(Error::io(folder)(error))
        }
        _ => Ok(()),
    }
}

/// Opens a regular file; a pipe would block.
fn open(path: &Path, expected: &'static str) -> Result<File, Error> {
    if fs::metadata(path).map_err(Error::io(path))?.is_file() {
        File::open(path).map_err(Error::io(path))
    } else {
        Err(Error::NotAKey { path: path.to_path_buf(), expected, found: "something that is no file" })
    }
}

/// The text of a key file, wiped when dropped.
fn read(file: File, path: &Path, expected: &'static str) -> Result<Zeroizing<String>, Error> {
    let not = |found| Error::NotAKey { path: path.to_path_buf(), expected, found };
    // The full capacity at once: a buffer that grows leaves unwiped copies behind.
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_FILE).unwrap_or(0).saturating_add(64)));
    file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(not("a file far too long for a key"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| not("bytes that are no text; only PEM is read"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn misfit(path: &Path, expected: &'static str) -> impl FnOnce(Misfit) -> Error {
    let path = path.to_path_buf();
    move |misfit| match misfit {
        Misfit::Found(found) => Error::NotAKey { path, expected, found },
        Misfit::Unsound => Error::NotAKey {
            path,
            expected,
            found: "one that no proper tool makes and under which anybody could sign; get the key again from its owner",
        },
    }
}
