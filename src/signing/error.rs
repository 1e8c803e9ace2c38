//! What can be wrong with keys, signatures and sealed files, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be signed, verified, sealed or opened. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random numbers ({0}): no key was made")]
    Randomness(String),
    /// The name is no name for a key.
    #[error(
        "`{0}` cannot name a key: use letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    KeyName(String),
    /// A key file of that name is there already.
    #[error("{}: exists, and a key is never overwritten; choose another name", .0.display())]
    Exists(PathBuf),
    /// Others than the owner may use the secret key.
    #[error(
        "{}: others than its owner may read or alter this secret key (mode {mode:03o}): run `chmod 600` on it; on a \
         file system without owners (FAT, exFAT) copy it to a folder of your own first. If others could have \
         read it, make a new key",
        path.display()
    )]
    Exposed {
        /// The secret key.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not the key it should be.
    #[error("{}: expected {expected}, found {found}", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is in it, and what to do where that is known.
        found: &'static str,
    },
    /// The bytes are no public key of Ed25519, or one under which anybody can sign.
    #[error(
        "not a sound Ed25519 public key: no proper tool makes such a one; get the key again from its owner"
    )]
    UnsoundKey,
    /// The bytes are no signature.
    #[error("expected a signature of 64 bytes, found {found} bytes")]
    SignatureLength {
        /// Length of what was given, in bytes.
        found: usize,
    },
    /// The signature was not made by this key over this message for this purpose.
    #[error(
        "the signature does not fit: what was signed has been altered, or another key signed it; do not use it, get \
         it again from where it was issued"
    )]
    BadSignature,
    /// The key cannot be written as text.
    #[error("the key cannot be encoded: {0}")]
    Encoding(String),
    /// The passphrase is empty or blank.
    #[error("the passphrase is empty: nothing is sealed or opened with such a one")]
    BlankPassphrase,
    /// The text is no recipient.
    #[error(
        "recipient {number}: expected the text `age1...` that `age-keygen -y` prints, found something else"
    )]
    Recipient {
        /// Its place among those given, from 1.
        number: usize,
    },
    /// No recipient, or too many.
    #[error("expected 1 to {most} recipients, found {found}")]
    RecipientCount {
        /// How many were given.
        found: usize,
        /// How many fit.
        most: usize,
    },
    /// A line of an identity file is no identity.
    #[error(
        "{}, line {line}: expected `AGE-SECRET-KEY-1...` as `age-keygen` writes it, a comment or an empty line",
        path.display()
    )]
    Identity {
        /// The identity file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// The identity file holds no identity.
    #[error("{}: expected a line `AGE-SECRET-KEY-1...` as `age-keygen` writes it, found none", .0.display())]
    NoIdentity(PathBuf),
    /// The file is not sealed with age.
    #[error("expected a file sealed with age (first line `age-encryption.org/v1`), found something else")]
    NotSealed,
    /// The file is sealed by a version of age that is not known here.
    #[error("sealed with another version of age: seal it again with one that writes `age-encryption.org/v1`")]
    SealVersion,
    /// The file is sealed as text.
    #[error(
        "sealed as text (armored), which is not read: convert it with `age -d -o PLAIN FILE`, then `onscene set \
         build --seal`, or seal it without `--armor`"
    )]
    Armored,
    /// Sealed with a passphrase; a key was given.
    #[error("sealed with a passphrase, and a key was given: give the passphrase")]
    NeedsPassphrase,
    /// Sealed for keys; a passphrase was given.
    #[error("sealed for keys, and a passphrase was given: give the identity file of one of them")]
    NeedsKey,
    /// The file asks for more work than any honest one.
    #[error(
        "opening would take scrypt work factor {required}, more than {most} is refused: a hostile file, or one sealed \
         with unusual settings; have it sealed again"
    )]
    ExcessiveWork {
        /// What the file asks for, as the binary logarithm.
        required: u8,
        /// What is accepted.
        most: u8,
    },
    /// The passphrase is wrong, or the header was altered: the two cannot be told apart.
    #[error(
        "wrong passphrase, or the file's beginning was altered: type it again (capitals, keyboard layout); if it stays \
         so, get the file again. A lost passphrase cannot be recovered by anybody"
    )]
    WrongPassphrase,
    /// None of the keys opens the file, or the header was altered: the two cannot be told apart.
    #[error(
        "none of the keys given opens it, or the file's beginning was altered: give the identity file of a key it was \
         sealed for; if it stays so, get the file again. A lost key cannot be recovered by anybody"
    )]
    WrongKey,
    /// The sealed file is not as it was when it was sealed.
    #[error("the sealed file was altered or cut short: nothing of it may be used; get it again")]
    Altered,
    /// What is sealed or opened could not be read.
    #[error("reading failed: {0}")]
    Read(io::Error),
    /// What is sealed or opened could not be written.
    #[error("writing failed: {0}")]
    Write(io::Error),
    /// The sealing itself failed.
    #[error("sealing failed: {0}")]
    Seal(String),
}

impl Error {
    /// Whether what was signed or sealed is itself at fault, not the way to it or who opens it.
    pub const fn is_altered(&self) -> bool {
        matches!(self, Self::Altered | Self::BadSignature | Self::UnsoundKey)
    }

    /// Names the file that an I/O error concerns.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}
