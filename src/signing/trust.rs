//! The keys that a machine trusts: a folder of public keys, each named by its file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, PUBLIC_KEY_ENDING, PublicKey};

/// Public keys with their names, by name.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Vec<(String, PublicKey)>);

impl TrustedKeys {
    /// Reads every `*.pub` of a folder; hidden files are none. A missing folder holds no keys.
    ///
    /// # Errors
    /// When the folder or one of the files cannot be read: a key that silently does not count would make a good
    /// signature look like a stranger's.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries.map_err(Error::io(folder))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io(folder))?.path();
            if is_public_key(&path) {
                paths.push(path);
            }
        }
        paths.sort();
        let keys = paths.iter().map(|path| PublicKey::load(path).map(|key| (name(path), key)));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// The name under which a key is trusted; the first one, where it has several.
    pub fn name_of(&self, key: &PublicKey) -> Option<&str> {
        self.iter().find(|(_, trusted)| *trusted == key).map(|(name, _)| name)
    }

    /// Every key with its name, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PublicKey)> {
        self.0.iter().map(|(name, key)| (name.as_str(), key))
    }

    /// Whether no key is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_public_key(path: &Path) -> bool {
    let ending = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(PUBLIC_KEY_ENDING));
    ending && !name(path).starts_with('.')
}

fn name(path: &Path) -> String {
    let name = path.file_stem().map(PathBuf::from).unwrap_or_default();
    name.to_string_lossy().into_owned()
}
