//! Encrypted volumes: recognised, and described as far as they can be without a key.
//!
//! Adding one is a new file here with a [`Format`] and its line in [`FORMATS`]. Nothing here opens anything.

mod bitlocker;
mod corestorage;
mod geli;
mod luks;
mod random;
#[cfg(test)]
mod tests;

pub use random::{FALSE_ALARMS, looks_random};

use crate::model::Extent;
use crate::read::{Confidence, ReadAt};

/// What the operator must do first.
pub const ADVICE: &str = "if the computer it comes from is running, do not power it off: call the digital unit; \
                          look for passwords, recovery keys and key files";

/// A kind of encryption.
pub trait Format: Sync {
    /// Its name in tables and reports.
    fn name(&self) -> &'static str;

    /// What a reader of `onscene formats` needs to know beyond the name: variants and what is said of them.
    fn description(&self) -> &'static str;

    /// What is known of the volume without a key; `None` when it is not encrypted in this way.
    /// Reads a bounded number of bytes.
    fn examine(&self, volume: &dyn ReadAt) -> Option<Encryption>;
}

/// Every kind, alphabetical.
pub static FORMATS: &[&dyn Format] =
    &[&bitlocker::BitLocker, &corestorage::CoreStorage, &geli::Geli, &luks::Luks1, &luks::Luks2];

/// How far a volume is encrypted, and whether it can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Encrypted: it opens only with a key.
    On,
    /// Encrypted, with the key beside it: it can be opened without a password.
    Suspended,
    /// It was being encrypted.
    Encrypting,
    /// It was being decrypted.
    Decrypting,
    /// It was being encrypted anew, with another key or method.
    Reencrypting,
    /// Prepared for encryption; nothing in it was encrypted yet.
    NotYet,
    /// Managed by what can encrypt; whether it does cannot be told.
    Unknown,
}

impl State {
    /// The state in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::On => "encrypted",
            Self::Suspended => "encrypted, protection suspended: the key is stored beside it",
            Self::Encrypting => "encryption was in progress",
            Self::Decrypting => "decryption was in progress",
            Self::Reencrypting => "encrypted, a change of the key was in progress",
            Self::NotYet => "prepared for encryption, not encrypted yet",
            Self::Unknown => "whether it is encrypted cannot be told without its metadata",
        }
    }
}

/// What is known of an encrypted volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// The kind in words: `BitLocker To Go`, `LUKS2`.
    pub name: String,
    /// `Strong` when a file system in the same place would be the older one; `Weak` when the sign may be left over
    /// in front of, or behind, a newer file system.
    pub confidence: Confidence,
    /// How far it is encrypted.
    pub state: State,
    /// What its header says, in words. Text of evidence in it is escaped.
    pub facts: Vec<String>,
    /// What the operator can do.
    pub advice: String,
    /// Places that were read, from the start of the volume.
    pub metadata: Vec<Extent>,
}

impl Encryption {
    /// Kind, state and facts as one sentence.
    pub fn sentence(&self) -> String {
        let mut sentence = format!("{}: {}", self.name, self.state.label());
        for fact in &self.facts {
            sentence.push_str("; ");
            sentence.push_str(fact);
        }
        sentence
    }
}

/// What the volume is encrypted with; the surest kind, the first of equals.
pub fn recognise(volume: &dyn ReadAt) -> Option<Encryption> {
    let mut found: Vec<Encryption> = FORMATS.iter().filter_map(|format| format.examine(volume)).collect();
    found.sort_by_key(|encryption| std::cmp::Reverse(encryption.confidence));
    found.into_iter().next()
}

/// Text of evidence up to its first zero, escaped and cut to `most` characters.
fn text(bytes: &[u8], most: usize) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    shown(&String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()), most)
}

fn shown(text: &str, most: usize) -> String {
    text.chars().take(most).flat_map(char::escape_debug).collect()
}

/// A time in hundreds of nanoseconds since 1601, as Windows keeps it, in UTC.
pub(super) fn filetime(stamp: u64) -> Option<String> {
    const TO_UNIX: i128 = 116_444_736_000_000_000;
    let since = i128::from(stamp).checked_sub(TO_UNIX)?.checked_mul(100)?;
    let time = jiff::Timestamp::from_nanosecond(since).ok()?;
    (stamp != 0).then(|| format!("{time:.0}"))
}
