//! Reading nodes: from the first copy that is sound, or else from one that is at least plausible.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::chunk::{Chunks, Located};
use super::node::{Node, Pointer};
use super::notes::Notes;
use super::superblock::Superblock;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Error, ReadAt, Result, Unreadable, size};

/// Nodes that are kept for the next look-up.
const KEPT: usize = 64;

/// Reads the nodes of a volume.
pub(super) struct Nodes {
    /// The volume.
    pub source: Arc<dyn ReadAt>,
    /// Its superblock.
    pub superblock: Superblock,
    /// Its chunks.
    pub chunks: Chunks,
    kept: Mutex<VecDeque<(u64, u64, Node)>>,
}

/// Bytes of the volume that were read in advance.
#[derive(Default)]
pub(super) struct Ahead {
    /// First byte.
    pub start: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Nodes {
    /// For that volume.
    pub(super) const fn new(source: Arc<dyn ReadAt>, superblock: Superblock, chunks: Chunks) -> Self {
        Self { source, superblock, chunks, kept: Mutex::new(VecDeque::new()) }
    }

    /// Reads a node that `pointer` describes. Damage that a copy makes good, and nodes that are used though their
    /// checksum does not hold, are noted.
    pub(super) fn read(&self, pointer: &Pointer, ahead: &Ahead, notes: &mut Notes) -> Result<Node> {
        let length = size(self.superblock.node);
        let copies = self.copies(pointer)?;
        let mut plausible = None;
        let mut wrong: Option<Error> = None;
        for place in &copies {
            let bytes = match ahead.get(*place, self.superblock.node) {
                Some(bytes) => Ok(bytes.to_vec()),
                None => self.source.read_vec(*place, self.superblock.node),
            };
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(unreadable) => {
                    notes.failed("node", *place, length, &unreadable);
                    wrong.get_or_insert(Error::Io(unreadable));
                    continue;
                }
            };
            match Node::parse(bytes, pointer, &self.superblock) {
                Some(node) if node.sound => {
                    notes.read(*place, length);
                    if wrong.is_some() {
                        let detail = format!(
                            "node {} of {} bytes: a copy is damaged, the one at byte {place} is used",
                            pointer.logical, length
                        );
                        notes.repaired(
                            Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(*place, length)),
                        );
                    }
                    return Ok(node);
                }
                other => {
                    let expected = format!("node {} with a checksum that holds", pointer.logical);
                    wrong.get_or_insert(Error::corrupt("node", *place, expected, "otherwise"));
                    if let Some(node) = other {
                        plausible.get_or_insert((node, *place));
                    }
                }
            }
        }
        let wrong = wrong.unwrap_or_else(|| Error::corrupt("node", 0, "a place", "none"));
        let Some((node, place)) = plausible else { return Err(wrong) };
        notes.read(place, length);
        notes.damaged = true;
        let detail = format!("{wrong}: it is used all the same, as far as it makes sense");
        notes.problem(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(place, length)));
        Ok(node)
    }

    /// The same with a few nodes kept in memory, for look-ups; nothing is noted.
    ///
    /// Where a node of an older state stood another may stand now: with `past`, only one that is sound is taken.
    pub(super) fn look_up(&self, pointer: &Pointer, past: bool) -> Result<Node> {
        let same = |(logical, generation, node): &&(u64, u64, Node)| {
            (*logical, *generation, node.level) == (pointer.logical, pointer.generation, pointer.level)
        };
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().find(same).map(|(_, _, node)| node.clone());
        drop(kept);
        let node = match known {
            Some(node) => node,
            None => {
                let node = self.read(pointer, &Ahead::default(), &mut Notes::default())?;
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.truncate(KEPT.saturating_sub(1));
                kept.push_front((pointer.logical, pointer.generation, node.clone()));
                node
            }
        };
        if past && !node.sound {
            let expected = format!("node {} of transaction {}", pointer.logical, pointer.generation);
            return Err(Error::corrupt("node of an older state", pointer.logical, expected, "another"));
        }
        Ok(node)
    }

    /// Where the first copy of a node is; for putting nodes in order.
    pub(super) fn place(&self, pointer: &Pointer) -> u64 {
        match self.chunks.locate(pointer.logical).0 {
            Located::Here(copies) => copies.first().copied().unwrap_or(u64::MAX),
            _ => u64::MAX,
        }
    }

    /// Most nodes that the volume has room for.
    pub(super) fn room(&self) -> u64 {
        self.source.size().checked_div(size(self.superblock.node)).unwrap_or(0).saturating_add(1024)
    }

    fn copies(&self, pointer: &Pointer) -> Result<Vec<u64>> {
        let length = size(self.superblock.node);
        let logical = pointer.logical;
        let (located, room) = self.chunks.locate(logical);
        let what = "logical address of a node";
        match located {
            Located::Here(copies) if room >= length => Ok(copies),
            Located::Here(_) => Err(Error::unsupported(what, logical, "a node across two stripes")),
            Located::Elsewhere => Err(Error::Io(Unreadable::new(
                logical,
                length,
                "these logical bytes are on a missing device",
            ))),
            Located::Parity => Err(Error::unsupported("profile of metadata", logical, "RAID5 or RAID6")),
            Located::Nowhere => Err(Error::corrupt(what, logical, "one inside a chunk", "none")),
        }
    }
}

impl Ahead {
    fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(start..start.checked_add(length)?)
    }
}
