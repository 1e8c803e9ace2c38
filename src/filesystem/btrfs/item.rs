//! Items of the trees of subvolumes: inodes, names, file extents.

use super::node::Key;
use crate::model::{EntryKind, Times};
use crate::read::Fields;

/// Types of items. Source: Btrfs on-disk format, "Item types".
pub(super) mod kind {
    /// An inode.
    pub const INODE: u8 = 1;
    /// Names of an inode in one directory.
    pub const INODE_REF: u8 = 12;
    /// Names of an inode in several directories.
    pub const INODE_EXTREF: u8 = 13;
    /// A name in a directory, found by its hash.
    pub const DIR_ITEM: u8 = 84;
    /// A name in a directory, in the order in which it was made.
    pub const DIR_INDEX: u8 = 96;
    /// A piece of a file.
    pub const EXTENT_DATA: u8 = 108;
    /// The checksums of data.
    pub const EXTENT_CSUM: u8 = 128;
    /// A tree.
    pub const ROOT: u8 = 132;
    /// From a subvolume to the directory that holds it.
    pub const ROOT_BACKREF: u8 = 144;
    /// An extent that is in use.
    pub const EXTENT: u8 = 168;
    /// A node that is in use.
    pub const METADATA: u8 = 169;
    /// A balance that was begun.
    pub const TEMPORARY: u8 = 248;
}

/// An inode as stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inode {
    /// Bytes of content.
    pub size: u64,
    /// Bytes that its extents take.
    pub allocated: u64,
    /// Number of names.
    pub links: u32,
    /// What its mode says it is; `None` for a mode that says nothing.
    pub kind: Option<EntryKind>,
    /// Its time stamps, in nanoseconds.
    pub times: Times,
}

impl Inode {
    /// Source: Btrfs on-disk format, `btrfs_inode_item`.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let fields = Fields(data);
        let kind = match fields.u32(52)? & 0o17_0000 {
            0o10_0000 => Some(EntryKind::File),
            0o04_0000 => Some(EntryKind::Directory),
            0o12_0000 => Some(EntryKind::Symlink),
            0 => None,
            _ => Some(EntryKind::Other),
        };
        let time = |at: usize| {
            let seconds = fields.u64(at)?.cast_signed();
            let nanos = i64::from(fields.u32(at.checked_add(8)?)?);
            let stamp = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
            Some(stamp.cast_unsigned())
        };
        let times = Times {
            // Older versions did not keep it.
            created: time(148).filter(|time| *time != 0),
            modified: time(136),
            accessed: time(112),
            changed: time(124),
        };
        Some(Self { size: fields.u64(16)?, allocated: fields.u64(24)?, links: fields.u32(40)?, kind, times })
    }
}

/// How a piece of a file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stored {
    /// In the item.
    Inline,
    /// In an extent.
    Plain,
    /// Nowhere: zeros. Extents that were reserved and not written are such, too.
    Hole,
}

/// A file extent as stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileExtent<'a> {
    /// Transaction that wrote it.
    pub generation: u64,
    /// How it is stored.
    pub stored: Stored,
    /// 0 none, 1 zlib, 2 LZO, 3 zstd.
    pub compression: u8,
    /// Whether it is encrypted or coded in another unknown way.
    pub encrypted: bool,
    /// Bytes of the whole extent once unpacked.
    pub unpacked: u64,
    /// Logical address of the extent.
    pub start: u64,
    /// Bytes of the extent as stored.
    pub stored_bytes: u64,
    /// Where the piece begins within the unpacked extent.
    pub within: u64,
    /// Bytes of the piece.
    pub length: u64,
    /// Whether it is reserved and not written.
    pub reserved: bool,
    /// The bytes of one that stands in the item.
    pub inline: &'a [u8],
}

impl<'a> FileExtent<'a> {
    /// Source: Btrfs on-disk format, `btrfs_file_extent_item`.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let fields = Fields(data);
        let unpacked = fields.u64(8)?;
        let extent = Self {
            generation: fields.u64(0)?,
            stored: Stored::Inline,
            compression: fields.u8(16)?,
            encrypted: fields.u8(17)? != 0 || fields.u16(18)? != 0,
            unpacked,
            start: 0,
            stored_bytes: 0,
            within: 0,
            length: unpacked,
            reserved: false,
            inline: data.get(21..)?,
        };
        let kind = fields.u8(20)?;
        if kind == 0 {
            return Some(extent);
        }
        let start = fields.u64(21)?;
        let reserved = kind == 2;
        (kind <= 2).then_some(Self {
            stored: if start == 0 || reserved { Stored::Hole } else { Stored::Plain },
            start,
            reserved,
            stored_bytes: fields.u64(29)?,
            within: fields.u64(37)?,
            length: fields.u64(45)?,
            inline: &[],
            ..extent
        })
    }
}

/// A name of something in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirItem<'a> {
    /// What it names: an inode, or a tree.
    pub location: Key,
    /// What the directory says of its kind.
    pub kind: Option<EntryKind>,
    /// The name.
    pub name: &'a [u8],
}

/// The names in an item of a directory. Source: Btrfs on-disk format, `btrfs_dir_item`.
pub(super) fn directory_items(data: &[u8]) -> impl Iterator<Item = DirItem<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let fields = Fields(rest);
        let extra = usize::from(fields.u16(25)?);
        let length = usize::from(fields.u16(27)?);
        let kind = match fields.u8(29)? & 0x7f {
            1 => Some(EntryKind::File),
            2 => Some(EntryKind::Directory),
            7 => Some(EntryKind::Symlink),
            3..=6 => Some(EntryKind::Other),
            _ => None,
        };
        let item = DirItem { location: Key::parse(fields)?, kind, name: fields.bytes(30, length)? };
        rest = rest.get(length.checked_add(extra)?.checked_add(30)?..)?;
        Some(item)
    })
}

/// The names in an item of an inode: directory and name. `key` is the item's.
pub(super) fn references(key: Key, data: &[u8]) -> impl Iterator<Item = (u64, u64, &[u8])> {
    let extended = key.kind == kind::INODE_EXTREF;
    let mut rest = data;
    std::iter::from_fn(move || {
        let fields = Fields(rest);
        let (parent, head) = if extended { (fields.u64(0)?, 8_usize) } else { (key.offset, 0) };
        let index = fields.u64(head)?;
        let length = usize::from(fields.u16(head.checked_add(8)?)?);
        let start = head.checked_add(10)?;
        let name = fields.bytes(start, length)?;
        rest = rest.get(start.checked_add(length)?..)?;
        Some((parent, index, name))
    })
}
