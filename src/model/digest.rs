//! Digest values and the set of kinds that a run needs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 1321, 16 bytes. Collisions can be made at will: a match by MD5 alone is reported as weak.
    Md5,
    /// FIPS 180-4, 20 bytes. Chosen-prefix collisions exist.
    Sha1,
    /// FIPS 180-4, 32 bytes.
    Sha256,
}

impl Algorithm {
    /// Every kind, shortest digest first.
    pub const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    /// Length of a value in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The name used in options, lists and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The kind whose values have this many bytes.
    pub fn of_length(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.length() == bytes)
    }

    /// The kind of that name in any usual spelling: `SHA-1`, `sha_256`, `md5`.
    pub fn named(name: &str) -> Option<Self> {
        let plain: String =
            name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        Self::ALL.into_iter().find(|a| a.name() == plain)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        })
    }
}

/// A set of digest kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Algorithms {
    /// MD5 is wanted.
    pub md5: bool,
    /// SHA-1 is wanted.
    pub sha1: bool,
    /// SHA-256 is wanted.
    pub sha256: bool,
}

impl Algorithms {
    /// All three kinds.
    pub const ALL: Self = Self { md5: true, sha1: true, sha256: true };

    /// Whether that kind is in the set.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Md5 => self.md5,
            Algorithm::Sha1 => self.sha1,
            Algorithm::Sha256 => self.sha256,
        }
    }

    /// Adds a kind.
    pub fn insert(&mut self, algorithm: Algorithm) {
        match algorithm {
            Algorithm::Md5 => self.md5 = true,
            Algorithm::Sha1 => self.sha1 = true,
            Algorithm::Sha256 => self.sha256 = true,
        }
    }

    /// The kinds of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            md5: self.md5 || other.md5,
            sha1: self.sha1 || other.sha1,
            sha256: self.sha256 || other.sha256,
        }
    }

    /// Whether no kind is wanted.
    pub const fn is_empty(self) -> bool {
        !(self.md5 || self.sha1 || self.sha256)
    }

    /// The kinds in the set, shortest digest first.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

/// One digest value with its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 32],
}

impl Digest {
    /// A value of the kind that has this many bytes; `None` for any other length.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let algorithm = Algorithm::of_length(bytes.len())?;
        let mut padded = [0; 32];
        padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { algorithm, bytes: padded })
    }

    /// Reads hexadecimal digits of either case; the length decides the kind.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = digits.len() / 2;
        let target = bytes.get_mut(..length)?;
        hex::decode_to_slice(digits, target).ok()?;
        Self::new(target)
    }

    /// The kind of the value.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes of the value, as many as its kind has.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.length()).unwrap_or(&self.bytes)
    }

    /// Whether this is the digest of no bytes at all, which lists contain by accident.
    pub fn is_of_empty_file(&self) -> bool {
        EMPTY_FILE.get(self.algorithm) == Some(*self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.algorithm.name())
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_hex(&digits).ok_or_else(|| serde::de::Error::custom("not a digest in hexadecimal"))
    }
}

/// The digests of one stream of bytes; a kind that was not computed is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// MD5, when computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<Digest>,
    /// SHA-1, when computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Digest>,
    /// SHA-256, when computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

impl Digests {
    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.md5.is_none() && self.sha1.is_none() && self.sha256.is_none()
    }

    /// The value of that kind, when computed.
    pub const fn get(&self, algorithm: Algorithm) -> Option<Digest> {
        match algorithm {
            Algorithm::Md5 => self.md5,
            Algorithm::Sha1 => self.sha1,
            Algorithm::Sha256 => self.sha256,
        }
    }

    /// Keeps a value under its kind.
    pub fn set(&mut self, digest: Digest) {
        match digest.algorithm() {
            Algorithm::Md5 => self.md5 = Some(digest),
            Algorithm::Sha1 => self.sha1 = Some(digest),
            Algorithm::Sha256 => self.sha256 = Some(digest),
        }
    }

    /// The computed values, shortest first.
    pub fn iter(&self) -> impl Iterator<Item = Digest> {
        [self.md5, self.sha1, self.sha256].into_iter().flatten()
    }

    /// Whether every value that both hold is the same.
    pub fn agree(&self, other: &Self) -> bool {
        self.iter().all(|d| other.get(d.algorithm()).is_none_or(|o| o == d))
    }
}

/// The digests of the empty stream.
pub const EMPTY_FILE: Digests = Digests {
    md5: Some(constant(Algorithm::Md5, *b"\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
    sha1: Some(constant(Algorithm::Sha1, *b"\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09\0\0\0\0\0\0\0\0\0\0\0\0")),
    sha256: Some(constant(Algorithm::Sha256, *b"\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55")),
};

const fn constant(algorithm: Algorithm, bytes: [u8; 32]) -> Digest {
    Digest { algorithm, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_of_either_case_is_read_and_its_length_decides_the_kind() {
        let lower = Digest::from_hex("5d41402abc4b2a76b9719d911017c592").unwrap();
        assert_eq!(Digest::from_hex("5D41402ABC4B2A76B9719D911017C592"), Some(lower));
        assert_eq!(lower.algorithm(), Algorithm::Md5);
        for wrong in
            ["", "5d", "5d41402abc4b2a76b9719d911017c59", "5d41402abc4b2a76b9719d911017c59g", &"a".repeat(66)]
        {
            assert_eq!(Digest::from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_of_kinds_are_known_in_their_usual_spellings() {
        for name in ["SHA-1", "sha1", "Sha_1"] {
            assert_eq!(Algorithm::named(name), Some(Algorithm::Sha1));
        }
        assert_eq!(Algorithm::named("sha512"), None);
    }

    #[test]
    fn the_digest_of_the_empty_file_is_recognised_in_every_kind() {
        assert!(EMPTY_FILE.iter().all(|d| d.is_of_empty_file()));
        assert_eq!(EMPTY_FILE.iter().count(), 3);
    }
}
