//! APFS. The source of facts is Apple's "Apple File System Reference".
//!
//! A container holds several volumes that share its blocks. Here the container is one file system: every volume is a
//! directory in the root, named as the volume is (a second one of the same name gets a number), and the label of the
//! file system is the list of those names. Record numbers are unique over the container: the highest byte is the slot
//! of the volume (0 to 99), the others are the number of the object; snapshots and remains of older states have
//! highest bytes of their own, from 100 on.
//!
//! `checkpoint` finds the newest `container` superblock that can be trusted. Its object map (`map`) leads to the
//! superblock of each `volume`, and that volume's own map to the nodes of its tree. `tree` walks trees level by level,
//! each level in the order of the medium; `catalog` keeps the records (`record`) of a state, `listing` makes entries
//! of them, `content` says what a file's bytes are. `snapshot` lists, under `.snapshot NAME` in the volume's directory,
//! the files of a snapshot whose content is neither in the volume nor in an older snapshot. Files that older
//! checkpoints know and that are gone are deleted entries; `space` says whether their blocks are still free. Nothing
//! is searched for in free space. Extended attributes of 128 bytes and more are streams `file:attribute`, the resource
//! fork is `file:rsrc`; shorter ones are read as metadata only. A file with several names has them under the first. The
//! data stream of a compressed file, which nothing shows, is `file:data`. Of snapshots and older states, attributes of
//! directories are listed only where a directory leads to a listed file.
//!
//! Encrypted volumes are a directory and a problem; their blocks are claimed by what is not encrypted of them. Fusion
//! drives are not read.

mod block;
mod catalog;
mod checkpoint;
mod container;
mod content;
mod encrypted;
mod listed;
mod listing;
mod map;
mod node;
mod numbering;
mod object;
mod packed;
mod record;
mod snapshot;
mod space;
mod survey;
mod tree;
mod volume;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Filesystem, Format, Stream};
use crate::model::{FileEntry, Problem, ProblemKind, Survey, TimeEncoding};
use crate::read::{Confidence, Error, ReadAt, Result};

use self::block::{Blocks, Notes};
use self::checkpoint::Checkpoints;
use self::map::ObjectMap;
use self::packed::Packed;
use self::space::Space;
use self::volume::Superblock;

/// APFS.
pub(super) struct Apfs;

impl Format for Apfs {
    fn name(&self) -> &'static str {
        "apfs"
    }

    fn description(&self) -> &'static str {
        "APFS containers with all their volumes, snapshots, compressed files and deleted entries of older checkpoints; \
         encrypted volumes are named and not read, Fusion drives not read"
    }

    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        checkpoint::probe(volume)
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        Ok(Box::new(Opened::open(&volume)?))
    }
}

/// An opened container.
struct Opened {
    blocks: Blocks,
    checkpoints: Checkpoints,
    /// The volumes in the order of their slots.
    volumes: Vec<Entry>,
    /// What was found out before the survey began.
    notes: Mutex<Option<Notes>>,
    /// How compressed files are had, by record; filled by the survey.
    packed: OnceLock<HashMap<u64, Packed>>,
}

/// A volume of the container.
struct Entry {
    slot: u8,
    /// Virtual identifier of its superblock.
    id: u64,
    /// Its name, unlike that of any other volume.
    name: Vec<u8>,
    /// Absent when it cannot be used.
    superblock: Option<Superblock>,
}

impl Entry {
    /// The name as text that may be shown.
    fn words(&self) -> String {
        words(&self.name)
    }
}

impl Opened {
    fn open(source: &Arc<dyn ReadAt>) -> Result<Self> {
        let mut notes = Notes::default();
        let checkpoints = Checkpoints::find(source, &mut notes)?;
        let newest = &checkpoints.newest;
        if newest.is_fusion() {
            let found =
                "a Fusion drive, which spans two devices: put it together on the computer it comes from";
            return Err(Error::unsupported("APFS container", newest.offset, found));
        }
        if let Some(unknown) = newest.unknown_features() {
            let detail = format!("APFS container: {unknown}");
            notes.problem(Problem::new(ProblemKind::Unsupported, detail).advise("compare with another tool"));
        }
        let blocks = newest.blocks(source);
        let map = ObjectMap::read(&blocks, newest.map, &mut notes);
        let mut names = HashSet::new();
        let mut volumes = Vec::new();
        for (slot, id) in newest.volumes.iter().copied() {
            let address = map.as_ref().and_then(|map| map.find(id, newest.transaction));
            let superblock = address.and_then(|address| Superblock::read(&blocks, address, &mut notes));
            let own = superblock
                .as_ref()
                .map_or_else(|| format!("volume {slot}").into(), |found| found.name.clone());
            volumes.push(Entry { slot, id, name: unique(&mut names, &own), superblock });
        }
        let notes = Mutex::new(Some(notes));
        Ok(Self { blocks, checkpoints, volumes, notes, packed: OnceLock::new() })
    }

    /// Which blocks are free; what is not known counts as used.
    fn space(&self, notes: &mut Notes) -> Space {
        let newest = &self.checkpoints.newest;
        let ephemeral = self.checkpoints.ephemeral(&self.blocks);
        Space::read(&self.blocks, newest.space_manager, &ephemeral, notes).unwrap_or_default()
    }
}

impl Filesystem for Opened {
    fn variant(&self) -> String {
        let of = |superblock: &Superblock| {
            let sealed = if superblock.is_sealed() { ", sealed" } else { "" };
            let case = if superblock.is_case_sensitive() { "case-sensitive" } else { "case-insensitive" };
            format!("{case}{sealed}")
        };
        let mut kinds: Vec<String> =
            self.volumes.iter().filter_map(|entry| entry.superblock.as_ref()).map(of).collect();
        kinds.sort_unstable();
        kinds.dedup();
        match kinds.as_slice() {
            [] => "APFS".into(),
            kinds => format!("APFS ({})", kinds.join("; ")),
        }
    }

    fn label(&self) -> String {
        let names: Vec<_> = self.volumes.iter().map(|entry| String::from_utf8_lossy(&entry.name)).collect();
        names.join(", ")
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::UnixNanos
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let packed = survey::Surveyor::new(self, notes, survey).run();
        // A second survey finds the same.
        let _ = self.packed.set(packed);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        let packed = self.packed.get().and_then(|packed| packed.get(&entry.record()));
        let found = packed.filter(|_| entry.stream() == 0);
        found
            .ok_or_else(|| Error::corrupt("compressed file", 0, "one that the survey found", entry.record()))?
            .open(&self.blocks.source)
    }
}

/// The name, with a number behind it when it is taken or empty.
fn unique(names: &mut HashSet<Vec<u8>>, own: &[u8]) -> Vec<u8> {
    let own: Vec<u8> = if own.is_empty() { b"untitled".to_vec() } else { plain(own).collect() };
    let numbered = |number: u32| match number {
        1 => own.clone(),
        _ => [own.as_slice(), format!(" ({number})").as_bytes()].concat(),
    };
    let name = (1..=u32::MAX).map(numbered).find(|name| !names.contains(name)).unwrap_or_default();
    names.insert(name.clone());
    name
}

/// A name without separators, which no sound name holds.
fn plain(name: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let escaped = |byte: &u8| -> ([u8; 3], usize) {
        match byte {
            b'/' => (*b"%2F", 3),
            byte => ([*byte, 0, 0], 1),
        }
    };
    name.iter().map(escaped).flat_map(|(bytes, length)| bytes.into_iter().take(length))
}

/// As above, without a copy for the usual name.
fn escaped(name: &[u8]) -> Cow<'_, [u8]> {
    match name.contains(&b'/') {
        true => Cow::Owned(plain(name).collect()),
        false => Cow::Borrowed(name),
    }
}

/// Bytes of the evidence as text that may be shown.
fn words(bytes: &[u8]) -> String {
    crate::model::visible(&String::from_utf8_lossy(bytes)).into_owned()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
