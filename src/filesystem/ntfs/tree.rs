//! Which directories have their entry, by record number.

use std::collections::HashMap;

use crate::model::EntryIndex;

use super::record::Reference;

/// The record of the root directory.
pub(super) const ROOT: u64 = 5;

/// The place of one record in the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// It is no directory, or it was not read yet.
    #[default]
    None,
    /// A directory that waits for its own parent.
    Waiting,
    /// A directory with an entry.
    Entry(EntryIndex),
}

#[derive(Clone, Copy, Default)]
struct Node {
    place: Place,
    sequence: u16,
    in_use: bool,
}

/// Directories by record number.
pub(super) struct Tree {
    nodes: HashMap<u32, Node>,
    /// Records below were read.
    read: u64,
    count: u32,
}

/// Where a name belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// In the root.
    Root,
    /// In a directory that has its entry.
    Entry(EntryIndex),
    /// In a directory that may come yet.
    Waiting,
    /// Its directory is not there any more.
    Unknown,
}

impl Tree {
    /// For that many records.
    pub(super) fn new(count: u32) -> Self {
        Self { nodes: HashMap::new(), read: 0, count }
    }

    /// Notes that records up to and with that one were read.
    pub(super) fn reach(&mut self, number: u32) {
        self.read = u64::from(number).saturating_add(1);
    }

    /// Notes that all records were read.
    pub(super) fn end(&mut self) {
        self.read = u64::MAX;
    }

    /// Notes a directory that waits.
    pub(super) fn wait(&mut self, number: u32, sequence: u16, in_use: bool) {
        self.set(number, Node { place: Place::Waiting, sequence, in_use });
    }

    /// Notes a directory's entry.
    pub(super) fn enter(&mut self, number: u32, sequence: u16, in_use: bool, entry: EntryIndex) {
        self.set(number, Node { place: Place::Entry(entry), sequence, in_use });
    }

    fn set(&mut self, number: u32, node: Node) {
        self.nodes.insert(number, node);
    }

    /// Where a name belongs whose directory is that one.
    pub(super) fn home(&self, directory: Reference) -> Home {
        let number = directory.number();
        if number == ROOT {
            return Home::Root;
        }
        if number >= u64::from(self.count) {
            return Home::Unknown;
        }
        if number >= self.read {
            return Home::Waiting;
        }
        let node = u32::try_from(number)
            .ok()
            .and_then(|number| self.nodes.get(&number))
            .copied()
            .unwrap_or_default();
        match node.place {
            Place::None => Home::Unknown,
            _ if !refers(directory, node.sequence, node.in_use) => Home::Unknown,
            Place::Waiting => Home::Waiting,
            Place::Entry(entry) => Home::Entry(entry),
        }
    }
}

/// Whether a reference means the record with that sequence number: deletion raises the number by one.
pub(super) fn refers(reference: Reference, sequence: u16, in_use: bool) -> bool {
    let before = match sequence {
        // Zero is left out when numbers begin anew.
        1 => u16::MAX,
        other => other.wrapping_sub(1),
    };
    reference.sequence() == sequence || !in_use && reference.sequence() == before
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn reference(number: u64, sequence: u64) -> Reference {
        Reference(sequence << 48 | number)
    }

    #[test]
    fn a_directory_is_the_same_only_with_its_sequence_number() {
        let mut tree = Tree::new(100);
        tree.enter(30, 4, true, 7);
        tree.enter(31, 4, false, 8);
        tree.wait(32, 1, false);
        tree.reach(40);
        let home = |number, sequence| tree.home(reference(number, sequence));
        assert_eq!((home(30, 4), home(30, 3), home(31, 3)), (Home::Entry(7), Home::Unknown, Home::Entry(8)));
        assert_eq!(
            (home(31, 4), home(31, 5), home(32, 0xffff)),
            (Home::Entry(8), Home::Unknown, Home::Waiting)
        );
        assert_eq!((home(5, 9), home(40, 1), home(41, 1)), (Home::Root, Home::Unknown, Home::Waiting));
        assert_eq!((home(100, 1), home(1 << 40, 1)), (Home::Unknown, Home::Unknown));
    }
}
