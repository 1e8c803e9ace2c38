//! The snapshots of a volume: what they hold that the volume itself does not hold any more.
//!
//! Apple File System Reference, section "Snapshots". A snapshot has no tree of its own: it is the state of the volume at
//! the end of a transaction, and the object map still knows where the nodes of that state are.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::model::EntryKind;
use crate::read::Fields;

use super::block::{Address, Blocks, Notes};
use super::catalog::{Catalog, Value};
use super::listing::{Chosen, ROOT};
use super::object::kind;
use super::record::Inode;
use super::tree::Tree;

const TREE: Tree = Tree { name: "node of a tree of snapshots", holds: kind::SNAPSHOTS, fixed: (0, 0) };

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Snapshot {
    /// The last transaction that it sees.
    pub transaction: u64,
    /// Block of the superblock of the volume as it was.
    pub superblock: u64,
    /// When it was taken, nanoseconds since 1970.
    pub created: u64,
    /// Its name; possibly hostile bytes.
    pub name: Vec<u8>,
}

/// The snapshots of a volume, oldest first.
pub(super) fn list(blocks: &Blocks, root: u64, notes: &mut Notes) -> Vec<Snapshot> {
    let mut found = Vec::new();
    let physical = |block| Some(Address::physical(block));
    TREE.walk(blocks, Address::physical(root), &physical, notes, &mut |node, _| {
        for pair in node.pairs().flatten() {
            found.extend(parse(pair.key, pair.value));
        }
    });
    found.sort_unstable();
    found.dedup_by_key(|snapshot| snapshot.transaction);
    found
}

/// Records of type 1 describe snapshots, those of type 11 lead from names to them.
fn parse(key: &[u8], value: &[u8]) -> Option<Snapshot> {
    let head = Fields(key).u64(0).filter(|head| head >> 60 == 1)?;
    let value = Fields(value);
    let name = value.bytes(50, usize::from(value.u16(48)?))?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    Some(Snapshot {
        transaction: head & 0x0fff_ffff_ffff_ffff,
        superblock: value.u64(8)?,
        created: value.u64(16)?,
        name: name.get(..end)?.to_vec(),
    })
}

/// What identifies a file and its content; times and names do not.
pub(super) type Print = [u8; 16];

/// Makes prints of the files of a state.
pub(super) struct Printer<'a> {
    catalog: &'a Catalog,
    /// Prints of long streams: several files may share one.
    long: HashMap<u64, Print>,
}

/// Pieces from which on the print of a stream is kept.
const LONG: usize = 64;

impl<'a> Printer<'a> {
    /// For the files of that state.
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        Self { catalog, long: HashMap::new() }
    }

    /// The print of a file: its number, and where its content and its attributes are.
    pub(super) fn print(&mut self, inode: &Inode) -> Print {
        let mut digest = Sha256::new();
        numbers(&mut digest, &[inode.id, inode.size.unwrap_or(u64::MAX), u64::from(inode.is_compressed())]);
        digest.update(self.stream(inode.stream));
        for attribute in self.catalog.attributes_of(inode.id) {
            match attribute.value {
                Value::Here(run, print) => numbers(&mut digest, &[1, run.length, print]),
                Value::Stream(stream, size) => {
                    numbers(&mut digest, &[2, size]);
                    digest.update(self.stream(stream));
                }
            }
        }
        cut(digest)
    }

    /// The print of the places of a stream; all of one length, so that what follows cannot be taken for a part.
    fn stream(&mut self, stream: u64) -> Print {
        if let Some(known) = self.long.get(&stream) {
            return *known;
        }
        let pieces = self.catalog.pieces_of(stream);
        let mut digest = Sha256::new();
        for piece in pieces {
            numbers(&mut digest, &[piece.start, piece.length, piece.block]);
        }
        let print = cut(digest);
        if pieces.len() >= LONG {
            self.long.insert(stream, print);
        }
        print
    }
}

fn numbers(digest: &mut Sha256, values: &[u64]) {
    values.iter().for_each(|value| digest.update(value.to_le_bytes()));
}

fn cut(digest: Sha256) -> Print {
    let mut print = [0; 16];
    print.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
    print
}

/// The files of a state whose prints are new, which they are not any more afterwards.
pub(super) fn choose(catalog: &Catalog, is_new: &mut dyn FnMut(&Inode) -> bool) -> Chosen {
    let files = catalog.inodes.iter().map(|(inode, _)| inode);
    let files = files.filter(|inode| inode.kind() != EntryKind::Directory && is_new(inode));
    let mut chosen = Chosen { files: files.map(|inode| inode.id).collect(), directories: HashSet::new() };
    let holders = catalog.links.iter().filter(|(link, _)| chosen.files.contains(&link.target));
    for (link, _) in holders {
        let mut above = link.directory;
        // A directory that is in already has those above it.
        while above != ROOT && chosen.directories.insert(above) {
            match catalog.inode(above) {
                Some((inode, _)) => above = inode.parent,
                None => break,
            }
        }
    }
    chosen
}
