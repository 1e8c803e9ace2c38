//! The kinds of checksum that a volume may use, and whether one holds.

use sha2::{Digest, Sha256};

use super::xxhash::xxhash64;
use crate::codec::crc32c::crc32c;
use crate::read::Fields;

/// A kind of checksum. Source: Btrfs on-disk format, superblock, `csum_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// CRC-32C.
    Crc32c,
    /// xxHash with 64 bits.
    Xxhash64,
    /// SHA-256.
    Sha256,
    /// BLAKE2b with 256 bits; not computed by this version.
    Blake2b,
}

impl Kind {
    /// The kind of that number.
    pub(super) const fn of(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Crc32c),
            1 => Some(Self::Xxhash64),
            2 => Some(Self::Sha256),
            3 => Some(Self::Blake2b),
            _ => None,
        }
    }

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "CRC-32C",
            Self::Xxhash64 => "xxHash64",
            Self::Sha256 => "SHA-256",
            Self::Blake2b => "BLAKE2b",
        }
    }

    /// Bytes of one checksum.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Crc32c => 4,
            Self::Xxhash64 => 8,
            Self::Sha256 | Self::Blake2b => 32,
        }
    }

    /// Whether `stored` is the checksum of `bytes`; `None` where that cannot be said.
    pub(super) fn holds(self, stored: &[u8], bytes: &[u8]) -> Option<bool> {
        let stored = stored.get(..self.length())?;
        match self {
            Self::Crc32c => Some((!crc32c(!0, bytes)).to_le_bytes() == stored),
            Self::Xxhash64 => Some(xxhash64(bytes).to_le_bytes() == stored),
            Self::Sha256 => Some(Sha256::digest(bytes).as_slice() == stored),
            Self::Blake2b => None,
        }
    }

    /// The same for a block of metadata, whose first 32 bytes are the room of its checksum.
    pub(super) fn holds_in(self, block: &[u8]) -> Option<bool> {
        let (stored, rest) = block.split_at_checked(ROOM)?;
        self.holds(Fields(stored).bytes(0, ROOM)?, rest)
    }
}

/// Bytes at the front of a block that are kept for its checksum.
const ROOM: usize = 32;
