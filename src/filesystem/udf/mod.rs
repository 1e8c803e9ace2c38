//! UDF after ECMA-167, third edition, and OSTA UDF 1.02 to 2.60.
//!
//! `locate` finds the descriptors of the volume by its anchors (`tag`), `volume` and `maps` open the logical volume with
//! its partitions (`partition`, `space`), `listing` walks the directories (`directory`, `icb`, `allocation`, `name`).
//!
//! A record number is the byte offset of the file entry on the volume, so that names of a hard-linked file share it. A
//! named stream has a file entry of its own, is called `file:stream`, and has the number in its directory, from 1 on.
//! A name whose file entry cannot be read has that place plus one.
//!
//! What of an ISO 9660 tree on the same disc is in no file here is listed below `.iso9660`, without time stamps.

mod allocation;
mod deleted;
mod directory;
mod icb;
mod listing;
mod locate;
mod maps;
mod name;
mod partition;
mod space;
mod tag;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
mod volume;

use std::sync::Arc;

use super::{Filesystem, Format, Stream, iso9660};
use crate::model::{EntryKind, FileEntry, Survey, TimeEncoding};
use crate::read::{Confidence, Error, Memory, ReadAt, Result};

use self::icb::{Entry, Form};
use self::listing::Listing;
use self::tag::Address;
use self::volume::Logical;

/// The place of bytes that are nowhere: beyond any medium, and not a hole.
const NOWHERE: u64 = 1 << 62;

/// UDF.
pub(super) struct Udf;

impl Format for Udf {
    fn name(&self) -> &'static str {
        "udf"
    }

    fn description(&self) -> &'static str {
        "UDF 1.02 to 2.60 with virtual, sparable and metadata partitions, named streams and deleted entries"
    }

    /// `Strong` when a recognition sequence and a sound anchor lead to a logical volume; `Weak` when one is missing.
    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        let found = locate::find(volume).filter(locate::Descriptors::is_complete);
        match (locate::is_recognised(volume), found) {
            (true, Some(found)) if found.anchors > 0 => Confidence::Strong,
            (false, None) => Confidence::No,
            _ => Confidence::Weak,
        }
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        Ok(Box::new(Volume { logical: Logical::open(volume)? }))
    }
}

/// An opened volume.
struct Volume {
    logical: Logical,
}

impl Volume {
    /// The content of the entry whose block begins at that byte, when it stands in the entry itself or is short.
    fn content(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let source = &self.logical.source;
        let block = usize::try_from(self.logical.block).unwrap_or(2048);
        let bytes = source.read_vec(offset, block)?;
        let missing = || Error::corrupt("file entry", offset, "the one that was listed", "another");
        let entry = Entry::parse(&bytes).ok_or_else(missing)?;
        let location = entry.location;
        let partition = (0..u16::try_from(self.logical.partitions.len()).unwrap_or(0)).find(|partition| {
            self.logical.offset(Address { partition: *partition, block: location }) == Some(offset)
        });
        let embedded = entry.form == Form::Embedded;
        let found = (entry, bytes, offset);
        let pieces = self.logical.pieces(&found, partition.unwrap_or(0), &mut Vec::new());
        // Only links are not embedded here, and no link is longer than a few blocks.
        let short = embedded || pieces.covered <= 1 << 20;
        let content = short.then(|| self.logical.read_runs(&pieces.runs)).flatten().ok_or_else(missing)?;
        if embedded && found.0.kind() != EntryKind::Symlink && crate::read::size(content.len()) != length {
            return Err(missing());
        }
        Ok(if found.0.kind() == EntryKind::Symlink { icb::target(&content) } else { content })
    }
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        let [major, minor] = self.logical.revision.to_be_bytes();
        format!("UDF {major:x}.{minor:02x}")
    }

    fn label(&self) -> String {
        self.logical.label.clone()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::Udf
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        let known = Listing::new(&self.logical, survey).run();
        iso9660::list_beside(&self.logical.source, &known, survey);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Memory(self.content(entry.record(), entry.size())?)))
    }
}
