//! The names of all directories: one arena, in the order of their directories once sorted.

use crate::model::{EntryKind, Problem, ProblemKind, Survey};
use crate::read::size;

use super::MAX_INODES;

/// One name in one directory.
#[derive(Clone, Copy, Debug)]
pub(in crate::filesystem) struct Name {
    /// Inode of the directory.
    pub directory: u64,
    /// Inode that it names; 0 when that is not known any more.
    pub target: u64,
    /// Place in the arena of names, and in the lowest 16 bits its length.
    text: u64,
    block: u32,
    /// What the directory says of the inode's kind.
    pub kind: Option<EntryKind>,
    /// Whether it was removed.
    pub deleted: bool,
}

/// Every name.
#[derive(Default)]
pub(in crate::filesystem) struct Names {
    list: Vec<Name>,
    text: Vec<u8>,
    parents: Vec<(u64, u64)>,
    over_limit: bool,
}

/// A name as it was found.
#[derive(Clone, Copy, Debug)]
pub(in crate::filesystem) struct Found<'a> {
    /// Inode that it names; 0 when that is not known any more.
    pub target: u64,
    /// What the directory says of the inode's kind.
    pub kind: Option<EntryKind>,
    /// The name as stored.
    pub name: &'a [u8],
    /// Whether it was removed.
    pub deleted: bool,
}

impl Names {
    /// Adds a name that stands in that block of a directory.
    pub(in crate::filesystem) fn push(
        &mut self,
        directory: u64,
        block: u64,
        found: &Found<'_>,
        survey: &mut Survey<'_>,
    ) {
        if self.list.len() >= MAX_INODES {
            if !std::mem::replace(&mut self.over_limit, true) {
                let detail = format!("more than {MAX_INODES} names: further ones are not listed");
                survey.problem(Problem::new(ProblemKind::Limit, detail));
            }
            return;
        }
        let start = size(self.text.len());
        for byte in found.name {
            match byte {
                b'/' => self.text.extend(b"%2F"),
                0 => self.text.extend(b"%00"),
                byte => self.text.push(*byte),
            }
        }
        let length = size(self.text.len()).saturating_sub(start);
        self.list.push(Name {
            directory,
            target: found.target,
            text: start << 16 | length,
            block: u32::try_from(block).unwrap_or(u32::MAX),
            kind: found.kind,
            deleted: found.deleted,
        });
    }

    /// Notes the inode that the `..` of a directory names.
    pub(in crate::filesystem) fn add_parent(&mut self, directory: u64, parent: u64) {
        self.parents.push((directory, parent));
    }

    /// Number of names.
    pub(in crate::filesystem) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Drops the names behind the first `before` of which `keep` says no.
    pub(in crate::filesystem) fn retain_behind(&mut self, before: usize, keep: impl Fn(&Name) -> bool) {
        let rest = self.list.split_off(before.min(self.list.len()));
        self.list.extend(rest.into_iter().filter(keep));
    }

    /// Puts the names in the order of their directories' inodes, and within one as they stand there.
    pub(in crate::filesystem) fn sort(&mut self) {
        self.list.sort_unstable_by_key(|name| (name.directory, name.block, name.text));
        self.parents.sort_unstable();
    }

    /// The names of a directory; names must be in order.
    pub(in crate::filesystem) fn of(&self, directory: u64) -> &[Name] {
        let start = self.list.partition_point(|name| name.directory < directory);
        let rest = self.list.get(start..).unwrap_or_default();
        let end = rest.partition_point(|name| name.directory == directory);
        rest.get(..end).unwrap_or_default()
    }

    /// All names.
    pub(in crate::filesystem) fn list(&self) -> &[Name] {
        &self.list
    }

    /// The bytes of a name. Separators and zero bytes, which no sound name holds, are escaped.
    pub(in crate::filesystem) fn text(&self, name: &Name) -> &[u8] {
        let start = usize::try_from(name.text >> 16).unwrap_or(usize::MAX);
        let length = usize::try_from(name.text & 0xffff).unwrap_or(0);
        self.text.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// The inode that the `..` of a directory names; names must be in order.
    pub(in crate::filesystem) fn parent(&self, directory: u64) -> Option<u64> {
        let at = self.parents.binary_search_by_key(&directory, |(directory, _)| *directory).ok()?;
        self.parents.get(at).map(|(_, parent)| *parent)
    }

    /// Directories whose `..` names themselves, as only a root's does; names must be in order.
    pub(in crate::filesystem) fn own_parents(&self) -> impl Iterator<Item = u64> + '_ {
        self.parents.iter().filter(|(directory, parent)| directory == parent).map(|(own, _)| *own)
    }
}
