//! The fingerprint of a public key: what people compare.

use std::fmt;

/// Digits in a group of the short form.
const GROUP: usize = 4;
/// Groups in the short form: 96 bits, out of reach for somebody who makes keys until one looks like another.
const GROUPS: usize = 6;

/// SHA-256 of the 32 raw bytes of a public key; displayed as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl Fingerprint {
    /// The raw digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 24 digits in groups of four, for reading out on the telephone.
    pub fn short(&self) -> String {
        let digits: Vec<char> = self.to_string().chars().take(GROUP * GROUPS).collect();
        let groups: Vec<String> = digits.chunks(GROUP).map(|group| group.iter().collect()).collect();
        groups.join(" ")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
