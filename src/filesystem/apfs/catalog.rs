//! The records of one state of a volume, in memory and in order.

use std::collections::HashSet;
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::model::{Problem, ProblemKind, Run};
use crate::read::size;

use crate::filesystem::compression::decmpfs::Header;

use super::block::{Address, Blocks, Notes};
use super::map::ObjectMap;
use super::node::Node;
use super::object::kind;
use super::record::{Held, Inode, Link, Piece, Record, sealed_piece};
use super::tree::{Tree, Walked};
use super::volume::Superblock;

const FILES: Tree = Tree { name: "node of a file-system tree", holds: kind::FILE_SYSTEM_TREE, fixed: (0, 0) };
const EXTENTS: Tree =
    Tree { name: "node of a tree of file extents", holds: kind::FILE_EXTENTS, fixed: (16, 16) };

/// Attributes that are shorter are not entries of their own: no file that is looked for is so short, nearly every
/// file has some of them, and their bytes are read as metadata.
const SHORTEST: usize = 128;

/// Names of attributes with a meaning for the file system.
pub(super) const COMPRESSION: &[u8] = b"com.apple.decmpfs";
pub(super) const RESOURCE_FORK: &[u8] = b"com.apple.ResourceFork";
pub(super) const SYMLINK: &[u8] = b"com.apple.fs.symlink";

/// A state of a volume.
#[derive(Default)]
pub(super) struct Catalog {
    /// In the order of their identifiers, each once; with the name that each gives itself.
    pub inodes: Vec<(Inode, Text)>,
    /// In the order of the directories and, within one, of the names.
    pub links: Vec<(Link, Text)>,
    /// In the order of their owners and names.
    pub attributes: Vec<Attribute>,
    /// In the order of streams and places.
    pieces: Vec<Piece>,
    /// Headers of compressed files that stand in their record, in the order of the files.
    headers: Vec<(u64, Header)>,
    text: Vec<u8>,
    /// Whether the files are encrypted although the tree is not.
    pub is_encrypted: bool,
}

/// A name: its place among all the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    start: usize,
    length: u16,
}

/// An extended attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub owner: u64,
    pub name: Text,
    pub value: Value,
}

/// Where an attribute's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// In a node; and a part of their digest.
    Here(Run, u64),
    /// In a data stream: its identifier and size.
    Stream(u64, u64),
}

impl Catalog {
    /// Reads the state of a volume at the end of a transaction.
    ///
    /// Nodes that are lost cost what they hold; leaves that only a lost node led to are found by the object map.
    pub(super) fn read(
        blocks: &Blocks,
        volume: &Superblock,
        map: &ObjectMap,
        transaction: u64,
        notes: &mut Notes,
    ) -> Option<Self> {
        let mut catalog = Self::default();
        let resolve = |id| map.find(id, transaction);
        let walked = match resolve(volume.root) {
            Some(root) => FILES.walk(blocks, root, &resolve, notes, &mut |node, notes| {
                catalog.leaf(node, notes);
            }),
            None => {
                let place = blocks.extent(volume.block, 1);
                notes.corrupt("root of a file-system tree", place, "an object with a known place", "none");
                Walked { has_losses: true, ..Walked::default() }
            }
        };
        if walked.has_losses {
            if notes.quiet && catalog.inodes.is_empty() {
                return None;
            }
            catalog.stray_leaves(blocks, map, transaction, &walked.blocks, notes);
        }
        if volume.is_sealed() && volume.extents != 0 {
            catalog.sealed_extents(blocks, volume.extents, notes);
        }
        catalog.order(notes);
        Some(catalog)
    }

    /// Reads the leaves that the object map knows and the walk did not reach.
    fn stray_leaves(
        &mut self,
        blocks: &Blocks,
        map: &ObjectMap,
        transaction: u64,
        seen: &HashSet<u64>,
        notes: &mut Notes,
    ) {
        let known = map.at(transaction).map(|(address, _)| address);
        let mut places: Vec<Address> =
            known.filter(|address| !address.bare && !seen.contains(&address.block)).collect();
        places.sort_unstable();
        places.dedup_by_key(|address| address.block);
        // Objects of other kinds are in the map too: what is none of the tree is no damage.
        let quiet = std::mem::replace(&mut notes.quiet, true);
        FILES.visit(blocks, &places, notes, &mut |node, notes| {
            if let Ok(node) = node.as_ref()
                && node.is_leaf()
            {
                self.leaf(node, notes);
            }
        });
        notes.quiet = quiet;
    }

    fn sealed_extents(&mut self, blocks: &Blocks, root: u64, notes: &mut Notes) {
        let physical = |block| Some(Address::physical(block));
        EXTENTS.walk(blocks, Address::physical(root), &physical, notes, &mut |node, _| {
            self.pieces.extend(node.pairs().flatten().filter_map(sealed_piece));
        });
    }

    fn leaf(&mut self, node: &Node<'_>, notes: &mut Notes) {
        let mut damaged = 0_u64;
        for pair in node.pairs() {
            match pair.and_then(Record::parse) {
                Some(record) => self.take(record),
                None => damaged = damaged.saturating_add(1),
            }
        }
        if damaged > 0 {
            let found = format!("{damaged} that do not");
            notes.corrupt(FILES.name, node.extent(), "records that lie inside it", &found);
        }
    }

    fn take(&mut self, record: Record<'_>) {
        match record {
            Record::Inode(inode, name) => {
                let name = self.keep(name);
                self.inodes.push((inode, name));
            }
            Record::Name(link, name) => {
                let name = self.keep(name);
                self.links.push((link, name));
            }
            Record::Piece(piece) => self.pieces.push(piece),
            Record::Attribute { owner, name, held } => {
                let special = [COMPRESSION, SYMLINK, RESOURCE_FORK].contains(&name);
                let value = match held {
                    Held::Here(_, bytes) if bytes.len() < SHORTEST && !special => return,
                    Held::Here(offset, bytes) => {
                        if name == COMPRESSION {
                            self.headers.extend(Header::parse(bytes).map(|header| (owner, header)));
                        }
                        let [first, ..] = *Sha256::digest(bytes).as_chunks::<8>().0 else { return };
                        Value::Here(Run::new(offset, size(bytes.len())), u64::from_le_bytes(first))
                    }
                    Held::Stream(stream, size) => Value::Stream(stream, size),
                };
                let name = self.keep(name);
                self.attributes.push(Attribute { owner, name, value });
            }
            Record::Other => {}
        }
    }

    fn keep(&mut self, name: &[u8]) -> Text {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let length = self.text.len().saturating_sub(start);
        Text { start, length: u16::try_from(length).unwrap_or(u16::MAX) }
    }

    fn order(&mut self, notes: &mut Notes) {
        let text = std::mem::take(&mut self.text);
        let name = |at: &Text| at.of(&text);
        let mut repeated = 0_u64;
        let mut repeat = |has_key: bool, is_same: bool| {
            repeated = repeated.saturating_add(u64::from(has_key && !is_same));
            has_key
        };
        self.inodes.sort_by_key(|(inode, _)| inode.id);
        self.inodes.dedup_by(|(one, first), (other, second)| {
            repeat(one.id == other.id, one == other && name(first) == name(second))
        });
        self.links.sort_by(|(one, first), (other, second)| {
            (one.directory, name(first), one.target).cmp(&(other.directory, name(second), other.target))
        });
        self.links.dedup_by(|(one, first), (other, second)| {
            (one.directory, one.target) == (other.directory, other.target) && name(first) == name(second)
        });
        self.attributes
            .sort_by(|one, other| (one.owner, name(&one.name)).cmp(&(other.owner, name(&other.name))));
        self.attributes.dedup_by(|one, other| {
            let has_key = one.owner == other.owner && name(&one.name) == name(&other.name);
            repeat(has_key, one.value == other.value)
        });
        self.headers.sort_by_key(|(owner, _)| *owner);
        // Extents that differ at one place are kept: they overlap, which makes the content doubtful.
        self.pieces.sort_unstable();
        self.pieces.dedup();
        self.text = text;
        if repeated > 0 {
            let detail = "records of a file-system tree are damaged: expected one of each key, found others with the \
                          same key, which are left out";
            let mut problem = Problem::new(ProblemKind::Corrupt, detail);
            problem.count = repeated;
            notes.problem(problem);
        }
    }

    /// The bytes of a name.
    pub(super) fn name(&self, text: Text) -> &[u8] {
        text.of(&self.text)
    }

    /// The inode of that number.
    pub(super) fn inode(&self, id: u64) -> Option<&(Inode, Text)> {
        let at = self.inodes.binary_search_by_key(&id, |(inode, _)| inode.id).ok()?;
        self.inodes.get(at)
    }

    /// The names in a directory.
    pub(super) fn names_in(&self, directory: u64) -> &[(Link, Text)] {
        self.links.get(same(&self.links, |(link, _)| link.directory, directory)).unwrap_or_default()
    }

    /// The attributes of a file.
    pub(super) fn attributes_of(&self, owner: u64) -> &[Attribute] {
        self.attributes.get(same(&self.attributes, |row| row.owner, owner)).unwrap_or_default()
    }

    /// The attribute of a file with that name.
    pub(super) fn attribute(&self, owner: u64, name: &[u8]) -> Option<Value> {
        let rows = self.attributes_of(owner);
        let at = rows.binary_search_by(|row| self.name(row.name).cmp(name)).ok()?;
        rows.get(at).map(|row| row.value)
    }

    /// The header of a compressed file, when it stands in a record.
    pub(super) fn header(&self, owner: u64) -> Option<Header> {
        self.headers.get(same(&self.headers, |(owner, _)| *owner, owner))?.first().map(|(_, header)| *header)
    }

    /// How many pieces all data streams have.
    pub(super) const fn extent_count(&self) -> u64 {
        size(self.pieces.len())
    }

    /// The pieces of a data stream.
    pub(super) fn pieces_of(&self, stream: u64) -> &[Piece] {
        self.pieces.get(same(&self.pieces, |piece| piece.stream, stream)).unwrap_or_default()
    }
}

impl Attribute {
    /// Whether it is too short to be an entry.
    pub(super) const fn is_short(&self) -> bool {
        matches!(self.value, Value::Here(run, _) if run.length < size(SHORTEST))
    }
}

impl Text {
    fn of(self, text: &[u8]) -> &[u8] {
        let end = self.start.saturating_add(usize::from(self.length));
        text.get(self.start..end).unwrap_or_default()
    }
}

/// Where the rows with that key are among rows in its order.
fn same<T>(rows: &[T], key: impl Fn(&T) -> u64, wanted: u64) -> Range<usize> {
    rows.partition_point(|row| key(row) < wanted)..rows.partition_point(|row| key(row) <= wanted)
}
