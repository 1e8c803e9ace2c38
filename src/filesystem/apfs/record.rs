//! The records of a file-system tree.
//!
//! Apple File System Reference, sections "File-System Objects", "Extended Fields" and "Data Streams".

use crate::model::{EntryKind, Times};
use crate::read::{Fields, size};

use super::node::Pair;

/// The low bits of a key are the object, the highest four the type of the record.
const OBJECT: u64 = 0x0fff_ffff_ffff_ffff;
/// Low bits of a length with flags.
const LENGTH: u64 = 0x00ff_ffff_ffff_ffff;
/// `INO_EXT_TYPE_NAME` and `INO_EXT_TYPE_DSTREAM`.
const FIELD_NAME: u8 = 4;
const FIELD_STREAM: u8 = 8;
/// `XATTR_DATA_STREAM` and `XATTR_DATA_EMBEDDED`.
const IN_STREAM: u16 = 1;
const EMBEDDED: u16 = 2;
/// `UF_COMPRESSED` and `SF_DATALESS` of `bsd_flags`.
const COMPRESSED: u32 = 0x20;
const DATALESS: u32 = 0x4000_0000;
/// `INODE_HAS_UNCOMPRESSED_SIZE`.
const HAS_SIZE: u64 = 0x0004_0000;

/// A record that this reader needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A file or directory, with its first name.
    Inode(Inode, &'a [u8]),
    /// A name in a directory.
    Name(Link, &'a [u8]),
    /// An extended attribute.
    Attribute { owner: u64, name: &'a [u8], held: Held<'a> },
    /// A piece of a data stream.
    Piece(Piece),
    /// Any other.
    Other,
}

/// A file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    pub id: u64,
    pub parent: u64,
    /// Identifier of its data stream.
    pub stream: u64,
    /// Created, modified, changed, accessed.
    times: [u64; 4],
    flags: u64,
    bsd_flags: u32,
    mode: u16,
    /// What a compressed file has when it is unpacked, by its own word.
    uncompressed: u64,
    /// Size of its data stream, if it has one.
    pub size: Option<u64>,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub directory: u64,
    pub target: u64,
    pub kind: EntryKind,
}

/// Where the value of an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held<'a> {
    /// In the record; with its first byte from the start of the volume.
    Here(u64, &'a [u8]),
    /// In a data stream: its identifier and size.
    Stream(u64, u64),
}

/// A piece of a data stream. In the order of stream and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    pub stream: u64,
    /// First byte within the stream.
    pub start: u64,
    /// In bytes.
    pub length: u64,
    /// First block; 0 for a hole.
    pub block: u64,
}

impl Inode {
    /// What it is, by the type of file in its mode.
    pub(super) const fn kind(&self) -> EntryKind {
        match self.mode & 0o170_000 {
            0o040_000 => EntryKind::Directory,
            0o100_000 => EntryKind::File,
            0o120_000 => EntryKind::Symlink,
            _ => EntryKind::Other,
        }
    }

    /// Its time stamps, nanoseconds since 1970.
    pub(super) const fn times(&self) -> Times {
        let [created, modified, changed, accessed] = self.times;
        Times {
            created: Some(created),
            modified: Some(modified),
            changed: Some(changed),
            accessed: Some(accessed),
        }
    }

    /// Whether its content is in its attributes, compressed.
    pub(super) const fn is_compressed(&self) -> bool {
        self.bsd_flags & COMPRESSED != 0
    }

    /// Whether its content is with a provider on the network, and not here.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.bsd_flags & DATALESS != 0
    }

    /// What it has when it is unpacked, if it says so.
    pub(super) fn uncompressed(&self) -> Option<u64> {
        (self.flags & HAS_SIZE != 0).then_some(self.uncompressed)
    }
}

impl<'a> Record<'a> {
    /// A record; `None` when its parts do not lie inside it.
    pub(super) fn parse(pair: Pair<'a>) -> Option<Self> {
        let key = Fields(pair.key);
        let head = key.u64(0)?;
        let object = head & OBJECT;
        match head >> 60 {
            3 => inode(object, pair.value),
            4 => attribute(object, &pair),
            8 => {
                let value = Fields(pair.value);
                Some(Self::Piece(piece(object, key.u64(8)?, value)?))
            }
            9 => name(object, &pair),
            _ => Some(Self::Other),
        }
    }
}

/// A record of the tree of file extents of a sealed volume, which has no types.
pub(super) fn sealed_piece(pair: Pair<'_>) -> Option<Piece> {
    let key = Fields(pair.key);
    piece(key.u64(0)?, key.u64(8)?, Fields(pair.value))
}

fn piece(stream: u64, start: u64, value: Fields<'_>) -> Option<Piece> {
    Some(Piece { stream, start, length: value.u64(0)? & LENGTH, block: value.u64(8)? })
}

fn inode(id: u64, value: &[u8]) -> Option<Record<'_>> {
    let fields = Fields(value);
    let stream = field(value, 92, FIELD_STREAM);
    let name = field(value, 92, FIELD_NAME).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let inode = Inode {
        id,
        parent: fields.u64(0)?,
        stream: fields.u64(8)?,
        times: [fields.u64(16)?, fields.u64(24)?, fields.u64(32)?, fields.u64(40)?],
        flags: fields.u64(48)?,
        bsd_flags: fields.u32(68)?,
        mode: fields.u16(80)?,
        uncompressed: fields.u64(84)?,
        size: stream.and_then(|stream| Fields(stream).u64(0)),
    };
    Some(Record::Inode(inode, name.get(..end)?))
}

/// The extended field of that type: counts, then the heads of all, then their values at multiples of eight.
fn field(value: &[u8], start: usize, wanted: u8) -> Option<&[u8]> {
    let blob = Fields(value.get(start..)?);
    let count = usize::from(blob.u16(0)?);
    let mut head = 4_usize;
    let mut place = count.checked_mul(4)?.checked_add(4)?;
    for _ in 0..count {
        let length = usize::from(blob.u16(head.checked_add(2)?)?);
        if blob.u8(head)? == wanted {
            return blob.bytes(place, length);
        }
        head = head.checked_add(4)?;
        place = place.checked_add(length.checked_next_multiple_of(8)?)?;
    }
    None
}

/// The key of a name gives its length in two bytes, or in the low ten bits of four whose rest is a hash.
fn name<'a>(directory: u64, pair: &Pair<'a>) -> Option<Record<'a>> {
    let key = Fields(pair.key);
    let behind = pair.key.len();
    let plain = usize::from(key.u16(8)?);
    let hashed = key.u32(8).and_then(|word| usize::try_from(word & 0x3ff).ok());
    let text = match hashed {
        Some(length) if length.checked_add(12) == Some(behind) => key.bytes(12, length)?,
        _ if plain.checked_add(10)? <= behind => key.bytes(10, plain)?,
        // A damaged length: the key itself ends with the name.
        _ => key.bytes(12, behind.checked_sub(12)?)?,
    };
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let value = Fields(pair.value);
    let kind = match value.u16(16)? & 15 {
        4 => EntryKind::Directory,
        8 => EntryKind::File,
        10 => EntryKind::Symlink,
        _ => EntryKind::Other,
    };
    Some(Record::Name(Link { directory, target: value.u64(0)? & OBJECT, kind }, text.get(..end)?))
}

fn attribute<'a>(owner: u64, pair: &Pair<'a>) -> Option<Record<'a>> {
    let key = Fields(pair.key);
    let text = key.bytes(10, usize::from(key.u16(8)?))?;
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let value = Fields(pair.value);
    let flags = value.u16(0)?;
    let data = value.bytes(4, usize::from(value.u16(2)?))?;
    let held = match flags & (IN_STREAM | EMBEDDED) {
        IN_STREAM => Held::Stream(Fields(data).u64(0)?, Fields(data).u64(8)?),
        _ => Held::Here(pair.offset.checked_add(size(4))?, data),
    };
    Some(Record::Attribute { owner, name: text.get(..end)?, held })
}
