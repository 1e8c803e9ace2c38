//! The digests of one stream, fed block by block.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::model::{Algorithms, Digest, Digests};

/// Several digests of the same bytes.
#[derive(Clone, Default)]
pub struct Hasher {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl Hasher {
    /// Computes the kinds of that set.
    pub fn new(wanted: Algorithms) -> Self {
        Self {
            md5: wanted.md5.then(Md5::new),
            sha1: wanted.sha1.then(Sha1::new),
            sha256: wanted.sha256.then(Sha256::new),
        }
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// The digests of everything taken in.
    pub fn finish(self) -> Digests {
        Digests {
            md5: self.md5.and_then(|h| Digest::new(&h.finalize())),
            sha1: self.sha1.and_then(|h| Digest::new(&h.finalize())),
            sha256: self.sha256.and_then(|h| Digest::new(&h.finalize())),
        }
    }
}
