//! Gathering what leaves hold of inodes, their pieces and names.

use sha2::{Digest, Sha256};

use super::item::{FileExtent, Inode, Stored, directory_items, kind, references};
use super::node::{Key, Node};
use super::roots::{FIRST, View};
use super::{record, stub};
use crate::filesystem::tree::{MAX_INODES, MAX_RUNS};
use crate::model::{EntryKind, Problem, ProblemKind};
use crate::read::{Fields, size};

use super::notes::Notes;

/// An inode of a subvolume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Its record number.
    pub record: u64,
    /// The state of the volume in which it was found: 0 is the last one.
    pub view: u8,
    /// Whether its subvolume exists.
    pub exists: bool,
    /// What is stored.
    pub inode: Inode,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Record number of its inode.
    pub record: u64,
    /// The state of the volume in which it was found.
    pub view: u8,
    /// How it is stored.
    pub stored: Stored,
    /// Kind of compression.
    pub compression: u8,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it is reserved and not written.
    pub reserved: bool,
    /// Where it begins in the file.
    pub offset: u64,
    /// Logical address of its extent, or half a digest of what stands in the item.
    pub start: u64,
    /// Bytes of its extent as stored, or the other half.
    pub stored_bytes: u64,
    /// Where it begins within its extent once unpacked.
    pub within: u64,
    /// Its length.
    pub length: u64,
    /// Transaction that wrote it.
    pub generation: u64,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    /// Record number of the directory.
    pub directory: u64,
    /// Record number of what it names.
    pub target: u64,
    /// Its place in the order of the directory.
    pub index: u64,
    /// Place in the arena, and in the lowest 16 bits its length.
    text: u64,
    /// What the directory says of its kind.
    pub kind: Option<EntryKind>,
    /// The state of the volume in which it was found.
    pub view: u8,
    /// Whether its subvolume exists.
    pub exists: bool,
    /// Type of the item that held it.
    pub source: u8,
}

/// Everything that leaves held.
#[derive(Default)]
pub(super) struct Gathered {
    /// Inodes.
    pub inodes: Vec<Found>,
    /// Pieces of files.
    pub pieces: Vec<Piece>,
    /// Names.
    pub names: Vec<Named>,
    text: Vec<u8>,
    /// Subvolumes that a snapshot's directories name and that it does not hold: empty directories.
    pub stubs: Vec<u64>,
    beyond: u64,
    over_limit: u64,
    garbled: u64,
}

/// Which items are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Inodes, pieces, and names as directories list them.
    Usual,
    /// The names that usual sweeps pass over, for when names were damaged.
    OtherNames,
}

impl Gathered {
    /// Takes in a leaf of those trees.
    pub(super) fn leaf(&mut self, view: &View, age: u8, wanted: Wanted, trees: &[u64], node: &Node) {
        for (key, data) in node.items().filter(|(key, _)| key.objectid >= FIRST) {
            if !wanted.includes(key.kind) {
                continue;
            }
            if key.objectid >> super::INODE_BITS != 0 {
                // Numbers from the top downwards are the volume's own: orphans and the like.
                self.beyond = self.beyond.saturating_add(u64::from(key.kind == kind::INODE));
                continue;
            }
            for tree in trees {
                let exists = view.trees.get(tree).is_some_and(|root| !root.removed);
                let full = self.inodes.len() >= MAX_INODES
                    || self.names.len() >= MAX_INODES
                    || self.pieces.len() >= MAX_RUNS;
                if full {
                    self.over_limit = self.over_limit.saturating_add(1);
                    continue;
                }
                if self.item(view, (*tree, age, exists), key, data).is_none() {
                    self.garbled = self.garbled.saturating_add(1);
                }
            }
        }
    }

    fn item(
        &mut self,
        view: &View,
        (tree, age, exists): (u64, u8, bool),
        key: Key,
        data: &[u8],
    ) -> Option<()> {
        let own = record(tree, key.objectid);
        match key.kind {
            kind::INODE => {
                self.inodes.push(Found { record: own, view: age, exists, inode: Inode::parse(data)? })
            }
            kind::EXTENT_DATA => self.pieces.push(Piece::new(own, age, key.offset, FileExtent::parse(data)?)),
            kind::DIR_ITEM | kind::DIR_INDEX => {
                for item in directory_items(data) {
                    let child = item.location.objectid;
                    let target = match item.location.kind {
                        kind::ROOT if view.stands_in(tree, key.objectid, child) => record(child, FIRST),
                        kind::ROOT => {
                            let stub = stub(tree, child);
                            self.stubs.push(stub);
                            stub
                        }
                        _ if child >> super::INODE_BITS == 0 => record(tree, child),
                        _ => 0,
                    };
                    let index = if key.kind == kind::DIR_INDEX { key.offset } else { u64::MAX };
                    let named = Named {
                        directory: own,
                        target,
                        index,
                        text: 0,
                        kind: item.kind,
                        view: age,
                        exists,
                        source: key.kind,
                    };
                    self.name(named, item.name);
                }
            }
            _ => {
                for (parent, index, name) in references(key, data) {
                    // A root names itself `..`.
                    if parent == key.objectid || parent >> super::INODE_BITS != 0 {
                        continue;
                    }
                    let named = Named {
                        directory: record(tree, parent),
                        target: own,
                        index,
                        text: 0,
                        kind: None,
                        view: age,
                        exists,
                        source: key.kind,
                    };
                    self.name(named, name);
                }
            }
        }
        Some(())
    }

    fn name(&mut self, named: Named, name: &[u8]) {
        let start = size(self.text.len());
        self.text.extend(name);
        self.names.push(Named { text: start << 16 | size(name.len()), ..named });
    }

    /// The bytes of a name.
    pub(super) fn text(&self, name: &Named) -> &[u8] {
        let start = usize::try_from(name.text >> 16).unwrap_or(usize::MAX);
        let length = usize::try_from(name.text & 0xffff).unwrap_or(0);
        self.text.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// Whether items were passed over.
    pub(super) const fn is_incomplete(&self) -> bool {
        self.over_limit > 0 || self.garbled > 0
    }

    /// Says what was counted.
    pub(super) fn note(&self, notes: &mut Notes) {
        for (count, kind, what) in [
            (self.beyond, ProblemKind::Limit, "inodes with numbers of more than 40 bits are not listed"),
            (self.over_limit, ProblemKind::Limit, "items beyond the number that is kept are not listed"),
            (
                self.garbled,
                ProblemKind::Corrupt,
                "items of inodes and files make no sense and were passed over",
            ),
        ] {
            if count > 0 {
                let mut problem = Problem::new(kind, what);
                problem.count = count;
                notes.problem(problem);
            }
        }
    }
}

impl Wanted {
    const fn includes(self, item: u8) -> bool {
        match self {
            Self::Usual => matches!(item, kind::INODE | kind::EXTENT_DATA | kind::DIR_INDEX),
            Self::OtherNames => matches!(item, kind::DIR_ITEM | kind::INODE_REF | kind::INODE_EXTREF),
        }
    }
}

impl Piece {
    fn new(record: u64, view: u8, offset: u64, extent: FileExtent<'_>) -> Self {
        let mut piece = Self {
            record,
            view,
            stored: extent.stored,
            compression: extent.compression,
            encrypted: extent.encrypted,
            reserved: extent.reserved,
            offset,
            start: extent.start,
            stored_bytes: extent.stored_bytes,
            within: extent.within,
            length: extent.length,
            generation: extent.generation,
        };
        if extent.stored == Stored::Inline {
            let digest = Sha256::digest(extent.inline);
            piece.start = Fields(&digest).u64(0).unwrap_or(0);
            piece.stored_bytes = Fields(&digest).u64(8).unwrap_or(0);
        }
        piece
    }

    /// Whether both are the same bytes at the same place of a file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let facts = |piece: &Self| {
            let kind = (piece.stored, piece.compression, piece.encrypted, piece.reserved);
            (kind, piece.offset, piece.start, piece.stored_bytes, piece.within, piece.length)
        };
        facts(self) == facts(other)
    }

    /// The end of the piece in the file.
    pub(super) const fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// Whether the place of its bytes on the volume is known.
    pub(super) fn has_place(&self) -> bool {
        self.stored == Stored::Plain
    }
}
