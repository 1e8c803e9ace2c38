//! What seals and what opens: passphrases, recipients and identities of age.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use age::secrecy::zeroize::Zeroizing;
use age::secrecy::{ExposeSecret as _, SecretString};
use age::x25519;

use super::Error;

/// Most recipients of one file; their lines must fit the header that [`super::open`] reads.
const MAX_RECIPIENTS: usize = 128;
/// Longest identity file in bytes.
const MAX_IDENTITIES: usize = 64 << 10;

/// What a file is sealed with. Whoever loses it loses the file: nobody can recover it.
#[derive(Debug)]
pub enum Lock {
    /// Anybody who knows the passphrase opens it.
    Passphrase(Passphrase),
    /// Anybody who has the identity of one of the recipients opens it.
    Recipients(Recipients),
}

/// What a sealed file is opened with.
#[derive(Debug)]
pub enum Unlock {
    /// For files that were sealed with a passphrase.
    Passphrase(Passphrase),
    /// For files that were sealed for recipients.
    Identities(Identities),
}

/// A passphrase that is not blank. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct Passphrase(pub(super) SecretString);

/// Public keys of age, `age1...`.
#[derive(Clone, Debug)]
pub struct Recipients(pub(super) Vec<x25519::Recipient>);

/// Secret keys of age, `AGE-SECRET-KEY-1...`. Wiped from memory when dropped; never printed.
pub struct Identities(pub(super) Vec<x25519::Identity>);

impl Passphrase {
    /// Takes a passphrase over, exactly as typed. Letters outside ASCII can be encoded in more than one way; all
    /// keyboards agree on ASCII.
    ///
    /// # Errors
    /// When it is empty or consists of blanks.
    pub fn new(text: String) -> Result<Self, Error> {
        let text = Zeroizing::new(text);
        let blank = text.trim().is_empty();
        if blank { Err(Error::BlankPassphrase) } else { Ok(Self(SecretString::from(text.as_str()))) }
    }

    /// Whether both are the same, as when one is typed twice.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Recipients {
    /// Reads recipients as `age-keygen -y` prints them, each `age1...`.
    ///
    /// # Errors
    /// When one is none, or there is none or too many.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, Error> {
        if !(1..=MAX_RECIPIENTS).contains(&texts.len()) {
            return Err(Error::RecipientCount { found: texts.len(), most: MAX_RECIPIENTS });
        }
        let parse = |(number, text): (usize, &T)| {
            text.as_ref().trim().parse().map_err(|_: &str| Error::Recipient { number })
        };
        (1..).zip(texts).map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Identities {
    /// Reads an identity file as `age-keygen` writes it: one identity a line, comments with `#`.
    ///
    /// # Errors
    /// When it cannot be read, a line is no identity of this kind, or there is none. No line is repeated.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_IDENTITIES));
        let limit = u64::try_from(MAX_IDENTITIES).unwrap_or(u64::MAX);
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(limit).read_to_end(&mut bytes).map_err(Error::io(path))?;
        let mut identities = Vec::new();
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let misfit = || Error::Identity { path: path.to_path_buf(), line };
            let text = std::str::from_utf8(text).map_err(|_| misfit())?.trim();
            if !text.is_empty() && !text.starts_with('#') {
                identities.push(text.parse().map_err(|_: &str| misfit())?);
            }
        }
        if identities.is_empty() { Err(Error::NoIdentity(path.to_path_buf())) } else { Ok(Self(identities)) }
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} identities", self.0.len())
    }
}
