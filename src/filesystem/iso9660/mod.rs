//! ISO 9660 after ECMA-119, with Joliet, Rock Ridge (IEEE P1282 over SUSP) and zisofs.
//!
//! `descriptor` reads the set of volume descriptors of a session, `session` looks for further sets, `tree` walks one
//! tree (`record`, `susp`, `rock_ridge`, `content`, `paths`), `listing` puts the trees together.
//!
//! Listed is the union of all trees. Names come from the primary tree when it has Rock Ridge, else from Joliet, else
//! from the enhanced descriptor, else from the primary tree without `;1`. A file of another tree is added when no
//! file with its first block and length is listed yet. Directories that only a path table has are orphans. What only
//! another session has is listed below `.session at block N`: as deleted when that session is older. A boot image of El
//! Torito that no file begins with is listed as `.boot image N`.
//!
//! A record number is the byte offset of the first extent of a file, which is even, so that two names of one content are
//! one record. Everything without content, and a file that begins where another of a different length does, has the
//! byte offset of its directory record plus one (of one at an odd byte: plus 2^62). Beside another file system, 2^61 is added.

mod boot;
mod both;
pub(super) mod cache;
mod content;
mod descriptor;
mod listing;
pub(super) mod name;
mod part;
mod paths;
mod record;
mod rock_ridge;
mod session;
mod susp;
pub(super) mod tally;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
mod tree;
mod zisofs;

use std::collections::HashSet;
use std::sync::Arc;

use super::udf::Udf;
use super::{Filesystem, Format, Stream};
use crate::model::{EntryKind, FileEntry, Survey, TimeEncoding};
use crate::read::{Confidence, Error, Memory, ReadAt, Result};

use self::cache::Cache;
use self::descriptor::{Descriptor, Kind, SECTOR, SYSTEM_AREA, Set};
use self::record::Record;
use self::rock_ridge::Attributes;

/// Most nodes of one tree: as many as the entries of a source.
const MAX_NODES: usize = 100_000_000;
/// The first descriptor of the first session.
const FIRST: u64 = SYSTEM_AREA * SECTOR;
/// Added to the place of a record at an odd byte, where none should be.
const ODD: u64 = 1 << 62;

/// ISO 9660.
pub(super) struct Iso9660;

impl Format for Iso9660 {
    fn name(&self) -> &'static str {
        "iso9660"
    }

    fn description(&self) -> &'static str {
        "ISO 9660 levels 1 to 4 with Joliet, Rock Ridge, zisofs and further sessions; no raw sectors of 2352 bytes"
    }

    /// `Strong` when the descriptors agree with themselves; `Weak` when they are damaged, or when a UDF file system
    /// is there as well, which then lists the same files.
    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        let set = descriptor::read(volume, FIRST);
        if set.trees.is_empty() {
            return if is_raw(volume) { Confidence::Weak } else { Confidence::No };
        }
        if set.is_sound() && !is_bridge(volume) { Confidence::Strong } else { Confidence::Weak }
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        let set = descriptor::read(&volume, FIRST);
        if set.trees.is_empty() {
            if is_raw(&volume) {
                let found = "sectors of 2352 bytes; convert the image to sectors of 2048 bytes";
                return Err(Error::unsupported("the image of a disc", 0, found));
            }
            let found = volume.read_vec(FIRST, 7)?;
            return Err(Error::corrupt("volume descriptor", FIRST, "CD001", found.escape_ascii()));
        }
        Ok(Box::new(Volume { volume, set }))
    }
}

/// The number that stands for a directory record at that byte: odd, as no place of content is.
const fn number_of(place: u64) -> u64 {
    if place & 1 == 0 { place.saturating_add(1) } else { place.saturating_add(ODD) }
}

/// The byte of the directory record with that number.
const fn place_of(number: u64) -> u64 {
    if number < ODD { number.saturating_sub(1) } else { number.saturating_sub(ODD) }
}

/// Whether a UDF file system can be read from the same volume.
fn is_bridge(volume: &dyn ReadAt) -> bool {
    Udf.probe(volume) == Confidence::Strong
}

/// Lists what a tree of ISO 9660 on a disc of another file system holds beside the files that that one has, given by
/// first byte and length. Time stamps are left out: the other's are stored in another way.
pub(super) fn list_beside(volume: &Arc<dyn ReadAt>, known: &HashSet<(u64, u64)>, survey: &mut Survey<'_>) {
    let set = descriptor::read(volume, FIRST);
    if !set.trees.is_empty() {
        listing::beside(volume, &set, known, survey);
    }
}

/// Whether the volume consists of raw sectors (ECMA-130, section 14) with descriptors in them.
fn is_raw(volume: &dyn ReadAt) -> bool {
    const SYNC: &[u8; 12] = b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0";
    let sector = SYSTEM_AREA.saturating_mul(2352);
    let has = |at: u64, bytes: &[u8]| volume.read_vec(at, bytes.len()).is_ok_and(|found| found == bytes);
    // The head is 16 bytes long, in mode 2 with eight more behind it.
    let identified = |head: u64| has(sector.saturating_add(head).saturating_add(1), b"CD001");
    has(0, SYNC) && has(sector, SYNC) && (identified(16) || identified(24))
}

/// An opened volume.
struct Volume {
    volume: Arc<dyn ReadAt>,
    /// The descriptors at the usual place.
    set: Set,
}

impl Volume {
    fn block(&self) -> u64 {
        self.set.trees.first().map_or(2048, |tree| tree.block)
    }

    /// The record at that byte, and what its fields say.
    fn record<T>(&self, offset: u64, take: impl FnOnce(Record<'_>, Attributes) -> T) -> Result<T> {
        let left = usize::try_from(self.volume.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = self.volume.read_vec(offset, left.min(256))?;
        let found = || Error::corrupt("directory record", offset, "the one that was listed", "another");
        let record = Record::parse(&bytes, offset).ok_or_else(found)?;
        let mut cache = Cache::new(Arc::clone(&self.volume));
        let area = record.system_use();
        // The root's record says how many bytes are skipped; 14 stand there only on discs of CD-ROM XA.
        let skip = susp::guess(area).unwrap_or(0);
        let mut attributes = Attributes::default();
        let mut show = |field: susp::Field<'_>| attributes.add(&field);
        // What is damaged was a problem of the survey.
        let _ = susp::each(area, skip, self.block(), &mut cache, &mut Vec::new(), &mut show);
        Ok(take(record, attributes))
    }
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        let mut names = vec!["ISO 9660".to_owned()];
        names.extend(self.set.trees.iter().filter_map(|tree: &Descriptor| match tree.kind {
            Kind::Joliet(level) => Some(format!("Joliet level {level}")),
            Kind::Enhanced => Some("enhanced".into()),
            Kind::Primary => None,
        }));
        names.extend(self.set.boot.map(|_| "El Torito".into()));
        names.join(", ")
    }

    fn label(&self) -> String {
        let joliet = self.set.trees.iter().find(|tree| matches!(tree.kind, Kind::Joliet(_)));
        let label = |tree: &Descriptor| Some(tree.label.clone()).filter(|label| !label.is_empty());
        joliet.and_then(label).or_else(|| self.set.trees.iter().find_map(label)).unwrap_or_default()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::Iso9660
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        listing::run(&self.volume, &self.set, survey);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        let offset = entry.record();
        if entry.kind() == EntryKind::Symlink {
            let target = self
                .record(place_of(offset), |_, attributes| attributes.target().unwrap_or_default().to_vec())?;
            return Ok(Box::new(Memory(target)));
        }
        let start = if offset & 1 == 0 {
            offset
        } else {
            let block = self.block();
            self.record(place_of(offset), |record, _| {
                let first =
                    u64::from(record.extent().little).saturating_add(record.attribute_blocks().into());
                first.saturating_mul(block)
            })?
        };
        let stored = entry.runs().iter().map(|run| run.length).fold(0, u64::saturating_add);
        Ok(Box::new(zisofs::Stream::open(Arc::clone(&self.volume), start, stored, entry.size())?))
    }
}
