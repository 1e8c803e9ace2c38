//! File entries (ECMA-167, part 4, sections 14.6, 14.9 and 14.17).

use super::tag::{Long, Tag, Trust, id, time};
use crate::model::{EntryKind, Times};
use crate::read::Fields;

/// File types, section 14.6.6, and those of OSTA UDF.
pub(super) mod file_type {
    pub(in super::super) const UNSPECIFIED: u8 = 0;
    pub(in super::super) const DIRECTORY: u8 = 4;
    pub(in super::super) const SYMLINK: u8 = 12;
    pub(in super::super) const STREAMS: u8 = 13;
    pub(in super::super) const VIRTUAL_TABLE: u8 = 248;
}

/// How the allocation descriptors of an entry are stored (section 14.6.8, lowest three bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Short,
    Long,
    Extended,
    /// The content stands where the descriptors would.
    Embedded,
    Unknown(u8),
}

/// A file entry, extended or not.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) trust: Trust,
    pub(super) location: u32,
    pub(super) file_type: u8,
    pub(super) strategy: u16,
    pub(super) form: Form,
    /// Bytes of content.
    pub(super) size: u64,
    pub(super) times: Times,
    /// Where the stream directory is.
    pub(super) streams: Option<Long>,
    /// Where a file with extended attributes is.
    pub(super) attributes: Option<Long>,
    /// The allocation descriptors: their first byte within the entry, and how many there are.
    pub(super) area: (usize, usize),
}

impl Entry {
    /// The entry in a block; `None` when there is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let tag = Tag::read(bytes)?;
        let fields = Fields(bytes);
        let extended = match tag.id {
            id::FILE_ENTRY => false,
            id::EXTENDED_FILE_ENTRY => true,
            _ => return None,
        };
        let at = if extended { 208 } else { 168 };
        let attributes = usize::try_from(fields.u32(at)?).ok()?;
        let area = usize::try_from(fields.u32(at.checked_add(4)?)?).ok()?;
        let fixed = at.checked_add(8)?;
        let start = fixed.checked_add(attributes)?;
        let given = |long: Long| (long.length > 0).then_some(long);
        let times = if extended {
            Times {
                accessed: time(fields, 80),
                modified: time(fields, 92),
                created: time(fields, 104),
                changed: time(fields, 116),
            }
        } else {
            let created = fields.bytes(fixed, attributes).and_then(created);
            Times {
                created,
                accessed: time(fields, 72),
                modified: time(fields, 84),
                changed: time(fields, 96),
            }
        };
        Some(Self {
            trust: tag.trust,
            location: tag.location,
            file_type: fields.u8(27)?,
            strategy: fields.u16(20)?,
            form: match fields.u16(34)? & 7 {
                0 => Form::Short,
                1 => Form::Long,
                2 => Form::Extended,
                3 => Form::Embedded,
                other => Form::Unknown(u8::try_from(other).unwrap_or(7)),
            },
            size: fields.u64(56)?,
            times,
            streams: if extended { Long::read(fields, 152).and_then(given) } else { None },
            attributes: Long::read(fields, if extended { 136 } else { 112 }).and_then(given),
            area: (start.min(bytes.len()), area.min(bytes.len().saturating_sub(start))),
        })
    }

    /// What it is.
    pub(super) const fn kind(&self) -> EntryKind {
        match self.file_type {
            file_type::DIRECTORY | file_type::STREAMS => EntryKind::Directory,
            file_type::SYMLINK => EntryKind::Symlink,
            // Block and character devices, pipes, sockets, terminal and other entries.
            // With content they are shown as files by some systems.
            1..=3 | 6 | 7 | 9..=11 if self.size == 0 => EntryKind::Other,
            _ => EntryKind::File,
        }
    }
}

/// The creation time among extended attributes (section 14.10.5: type 5, the first bit of existence).
fn created(area: &[u8]) -> Option<u64> {
    // The head of the area is 24 bytes long.
    let mut rest = area.get(24..)?;
    loop {
        let fields = Fields(rest);
        let length = usize::try_from(fields.u32(8)?).ok()?;
        if fields.u32(0)? == 5 && fields.u32(16)? & 1 != 0 {
            return time(fields, 20);
        }
        rest = rest.get(length.max(12)..)?;
    }
}

/// The target of a symbolic link from its path components (section 14.16.1).
pub(super) fn target(content: &[u8]) -> Vec<u8> {
    let mut path = Vec::new();
    let mut rest = content;
    while let Some((head, behind)) = rest.split_at_checked(4) {
        let [kind, length, ..] = head else { break };
        let Some((name, behind)) = behind.split_at_checked((*length).into()) else { break };
        if !path.is_empty() && path.last() != Some(&b'/') {
            path.push(b'/');
        }
        match kind {
            1 | 2 => path.push(b'/'),
            3 => path.extend(b".."),
            4 => path.push(b'.'),
            _ => path.extend(super::name::file(name)),
        }
        rest = behind;
    }
    path
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_put_together_from_its_components() {
        assert_eq!(target(b"\x02\0\0\0\x05\x04\0\0\x08usr\x03\0\0\0\x05\x04\0\0\x08lib"), b"/usr/../lib");
        assert_eq!(target(b"\x05\x09\0\0\x08"), b"");
    }

    #[test]
    fn an_entry_that_is_too_short_is_none() {
        for length in 0..220 {
            let mut bytes = vec![0; length];
            if length > 2 {
                bytes[..2].copy_from_slice(&[10, 1]);
                bytes[2] = 3;
            }
            assert!(Entry::parse(&bytes).is_none_or(|_| length >= 216));
        }
    }
}
