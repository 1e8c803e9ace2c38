//! `decmpfs`: the transparent compression of files on HFS+ and APFS.
//!
//! The attribute `com.apple.decmpfs` has a header of 16 bytes: the signature `fpmc`, the type and the size of the content
//! (little-endian). What follows depends on the type (sources: `sys/decmpfs.h` of XNU, libfsapfs documentation, "Compressed
//! data"):
//!
//! | type | codec | where |
//! |---|---|---|
//! | 1 | none, as it is | behind the header |
//! | 3, 4 | zlib | behind the header, resource fork |
//! | 7, 8 | LZVN | behind the header, resource fork |
//! | 9, 10 | none, behind a marker | behind the header, resource fork |
//! | 11, 12 | LZFSE | behind the header, resource fork |
//!
//! Content in a resource fork is cut into pieces of 64 KiB, each decoded on demand. Any piece may stand there as it is
//! behind a marker of one byte, when compressing did not shorten it.

mod chunks;
mod codec;

use std::sync::Arc;

use super::super::Stream;
use crate::read::{Error, Fields, Memory, ReadAt, Result};

use chunks::Chunks;
use codec::Codec;

/// The attribute that holds the header.
pub(crate) const ATTRIBUTE: &str = "com.apple.decmpfs";

/// Most bytes that content behind the header may decode to: the attribute is small, and so is what is kept in it.
const MAX_INLINE: u64 = 16 << 20;

/// The header of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The type, as stored.
    pub(crate) kind: u32,
    /// Size of the content in bytes, as stated.
    pub(crate) size: u64,
}

/// Where the compressed bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the attribute, behind the header.
    Attribute,
    /// In the resource fork.
    Fork,
}

impl Header {
    /// Bytes of the header; what follows in the attribute is the `inline` of [`open`].
    pub(crate) const LENGTH: usize = 16;

    /// The header at the front of the value of the attribute; `None` when the signature is not there.
    pub(crate) fn parse(attribute: &[u8]) -> Option<Self> {
        let fields = Fields(attribute);
        fields.has(0, b"fpmc").then_some(())?;
        Some(Self { kind: fields.u32(4)?, size: fields.u64(8)? })
    }

    /// Where the compressed bytes are; `None` for a type that is not read.
    pub(crate) fn place(self) -> Option<Place> {
        Some(self.method()?.1)
    }

    /// Whether [`open`] reads this type.
    pub(crate) fn is_readable(self) -> bool {
        self.method().is_some()
    }

    fn method(self) -> Option<(Codec, Place)> {
        Some(match self.kind {
            1 => (Codec::Stored, Place::Attribute),
            3 => (Codec::Zlib, Place::Attribute),
            4 => (Codec::Zlib, Place::Fork),
            7 => (Codec::Lzvn, Place::Attribute),
            8 => (Codec::Lzvn, Place::Fork),
            9 => (Codec::Marked, Place::Attribute),
            10 => (Codec::Marked, Place::Fork),
            11 => (Codec::Lzfse, Place::Attribute),
            12 => (Codec::Lzfse, Place::Fork),
            _ => return None,
        })
    }
}

/// Opens the content of a compressed file; its size is that of the header.
///
/// `inline` is the value of the attribute behind the header, `fork` the resource fork, needed when [`Header::place`] says so.
/// An error is a type that is not read, a missing fork, or a table of pieces that contradicts the size. A piece that
/// cannot be decoded is unreadable where it stands; the others are read.
pub(crate) fn open(header: Header, inline: &[u8], fork: Option<Arc<dyn ReadAt>>) -> Result<Box<dyn Stream>> {
    let Some((codec, place)) = header.method() else {
        return Err(Error::unsupported("compressed file", 0, format!("type {}", header.kind)));
    };
    if place == Place::Fork {
        let fork = fork.ok_or_else(|| Error::corrupt("compressed file", 0, "a resource fork", "none"))?;
        return Ok(Box::new(Chunks::open(codec, header.size, fork)?));
    }
    let length = usize::try_from(header.size).ok().filter(|_| header.size <= MAX_INLINE);
    let length = length.ok_or_else(|| {
        let found = format!("{} bytes, more than {MAX_INLINE}, in an attribute", header.size);
        Error::unsupported("compressed file", 0, found)
    })?;
    let content = codec.decode(inline, length);
    let content =
        content.map_err(|flaw| Error::corrupt("compressed file", 0, format!("{length} bytes"), flaw))?;
    Ok(Box::new(Memory(content)))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
