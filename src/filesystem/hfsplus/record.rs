//! Records of the catalog: folders, files and threads (TN1150, "Catalog File").

use super::fork::Fork;
use crate::model::{EntryKind, Times};
use crate::read::Fields;

/// A folder or a file as its record in the catalog has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// Number of the folder that holds it.
    pub(super) parent: u32,
    /// Its name as stored, big-endian UTF-16.
    pub(super) name: &'a [u8],
    pub(super) number: u32,
    flags: u16,
    /// Created, content changed, attributes changed, accessed: seconds since 1904.
    pub(super) dates: [u32; 4],
    pub(super) owner_flags: u8,
    pub(super) mode: u16,
    /// The number of links, of the linked file, or of the device.
    pub(super) special: u32,
    /// What only a file has.
    pub(super) file: Option<File>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    /// Type and creator.
    pub(super) finder: [u8; 8],
    pub(super) data: Fork,
    pub(super) resource: Fork,
}

/// Owner flag of a file whose content is compressed (`UF_COMPRESSED`).
pub(super) const COMPRESSED: u8 = 0x20;

/// Flag of a record that is one of several links (`kHFSHasLinkChainMask`).
const LINK_CHAIN: u16 = 0x20;

/// Longest path that macOS follows; what is longer is no target of a symbolic link.
const MAX_TARGET: u64 = 1024;

const FOLDER_LENGTH: usize = 88;
const FILE_LENGTH: usize = 248;

/// The record at the front of the bytes with its length; a thread has no content of interest.
pub(super) fn parse(bytes: &[u8]) -> Option<(usize, Option<Record<'_>>)> {
    let fields = Fields(bytes);
    let key = usize::from(fields.u16_be(0)?);
    let units = usize::from(fields.u16_be(6)?);
    let name_length = units.checked_mul(2)?;
    (units <= 255 && key == name_length.checked_add(6)?).then_some(())?;
    let start = key.checked_add(2)?;
    let data = Fields(bytes.get(start..)?);
    let name = fields.bytes(8, name_length)?;
    let parent = fields.u32_be(2)?;
    let length = match data.u16_be(0)? {
        1 => FOLDER_LENGTH,
        2 => FILE_LENGTH,
        3 | 4 if units == 0 => usize::from(data.u16_be(8)?).checked_mul(2)?.checked_add(10)?,
        _ => return None,
    };
    let end = start.checked_add(length)?;
    let body = Fields(bytes.get(start..end)?);
    let date = |at: usize| body.u32_be(at);
    if data.u16_be(0)? > 2 {
        return (length <= 520).then_some((end, None));
    }
    let file = match length {
        FILE_LENGTH => Some(File {
            finder: body.array(48)?,
            data: Fork::parse(body.bytes(88, Fork::LENGTH)?)?,
            resource: Fork::parse(body.bytes(168, Fork::LENGTH)?)?,
        }),
        _ => None,
    };
    let record = Record {
        parent,
        name,
        number: date(8)?,
        flags: body.u16_be(2)?,
        dates: [date(12)?, date(16)?, date(20)?, date(24)?],
        owner_flags: body.u8(41)?,
        mode: body.u16_be(42)?,
        special: date(44)?,
        file,
    };
    Some((end, Some(record)))
}

/// What a file or folder is to somebody who looks at the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain(EntryKind),
    /// A hard link to the file `iNode<number>` of the private folder.
    FileLink(u32),
    /// A hard link to the folder `dir_<number>` of the other private folder.
    FolderLink(u32),
}

impl Record<'_> {
    /// From mode and Finder information. Mac OS 9 wrote no mode.
    pub(super) fn role(&self) -> Role {
        let Some(file) = self.file else { return Role::Plain(EntryKind::Directory) };
        // Anybody can give a file another type: one that has content is what its content is.
        let empty = file.data.size == 0;
        Role::Plain(match (&file.finder, self.mode >> 12) {
            (b"hlnkhfs+", _) if empty => return Role::FileLink(self.special),
            // An alias of the Finder has the same type: only a link is part of a chain of links.
            (b"fdrpMACS", _) if empty && self.flags & LINK_CHAIN != 0 => {
                return Role::FolderLink(self.special);
            }
            (b"slnkrhap", 0) | (_, 0o12) if file.data.size <= MAX_TARGET => EntryKind::Symlink,
            (_, 0o1 | 0o2 | 0o6 | 0o14) if empty => EntryKind::Other,
            _ => EntryKind::File,
        })
    }
}

/// Time stamps of an entry from the dates of a record.
pub(super) fn times([created, modified, changed, accessed]: [u32; 4]) -> Times {
    let stamp = |date: u32| Some(u64::from(date));
    Times {
        created: stamp(created),
        modified: stamp(modified),
        changed: stamp(changed),
        accessed: stamp(accessed),
    }
}
