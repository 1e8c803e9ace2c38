//! NTFS. The source of facts is Microsoft's published structures (`ntifs.h`, [MS-FSCC], "NTFS technical reference").
//!
//! `boot` finds the $MFT, `mft` its pieces. A survey (`sweep`) reads the $MFT once, from front to end: `record` checks
//! each record, `gather` turns it into a compact row (`rows`), and `listing` adds its entries at once when the directory
//! that holds it is known, else after the sweep, when the parts of a file that stand in several records are put together
//! too (`stream`). Whether deleted content was overwritten is asked of $Bitmap (`bitmap`).
//! Content that must be made (`opened`) is that within records, compressed (`lznt1`) and of the overlay filter (`wof`).
//! The journal is never replayed, and no reparse point followed.
//!
//! Entries: one for each name in the Win32 or POSIX namespace, and below each one for each named stream, `file:stream`,
//! numbered from 1 in the order of the streams' names; a second main stream is one without a name, `file:`. A directory's
//! own content is its index. Of `$BadClus:$Bad` only the clusters that are marked bad are listed, not the hole as
//! large as the volume around them.
//! Names in directory indexes are not read: the records themselves name their directories.

mod bitmap;
mod boot;
mod compressed;
mod facts;
mod gather;
mod list;
mod listing;
mod lznt1;
mod mapping;
mod mft;
mod opened;
mod record;
mod reparse;
mod rows;
mod stream;
mod sweep;
mod tally;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
mod tree;
mod wof;

use std::sync::{Arc, OnceLock};

use super::{Filesystem, Format, Stream, utf16};
use crate::model::{Extent, FileEntry, Problem, Survey, TimeEncoding};
use crate::read::{Confidence, Fields, ReadAt, Result, size};

use self::boot::Geometry;
use self::mft::Mft;
use self::record::{Record, code};

/// The record of $Volume.
const VOLUME_RECORD: u64 = 3;

/// NTFS.
pub(super) struct Ntfs;

impl Format for Ntfs {
    fn name(&self) -> &'static str {
        "ntfs"
    }

    fn description(&self) -> &'static str {
        "NTFS with deleted entries, alternate streams, compressed files (also CompactOS); journals are not replayed"
    }

    /// `Strong` when the first sector agrees with itself and with the $MFT, `Weak` when only a backup of it does.
    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        boot::probe(volume)
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        Ok(Box::new(Volume::open(volume)?))
    }
}

/// An opened volume.
struct Volume {
    source: Arc<dyn ReadAt>,
    geometry: Geometry,
    mft: Mft,
    /// Where the boot sector that was used stands.
    boot: u64,
    about: About,
    /// Bytes that the boot sector gives the volume.
    stated: u64,
    /// Records that extend others, as the survey found them: base record, record. In order.
    extensions: OnceLock<Vec<(u32, u32)>>,
    /// The file that was opened last.
    last: opened::Last,
    /// What was wrong before the survey began.
    problems: Vec<Problem>,
}

/// What $Volume says.
#[derive(Default)]
struct About {
    label: String,
    version: Option<(u8, u8)>,
    /// Whether it was not unmounted as it should be.
    dirty: bool,
}

impl Volume {
    fn open(source: Arc<dyn ReadAt>) -> Result<Self> {
        let found = boot::find(&source)?;
        let mut geometry = found.geometry;
        let stated = geometry.clusters.saturating_mul(geometry.cluster);
        // The number in the boot sector bounds nothing that is there.
        let there = source.size().checked_div(geometry.cluster).unwrap_or(0);
        geometry.clusters = geometry.clusters.max(there);
        let (mft, damage) = Mft::find(&source, &geometry)?;
        let problems = found.damage.into_iter().chain(damage).collect();
        let about = About::read(&mft);
        let extensions = OnceLock::new();
        Ok(Self {
            source,
            geometry,
            mft,
            boot: found.at,
            about,
            stated,
            extensions,
            last: opened::Last::default(),
            problems,
        })
    }

    /// Notes bytes that were read as metadata; what lies behind the end of the volume was not.
    fn metadata(&self, place: Extent, survey: &mut Survey<'_>) {
        let end = place.end().min(self.source.size());
        if let Some(length) = end.checked_sub(place.offset).filter(|length| *length > 0) {
            survey.metadata(place.offset, length);
        }
    }

    /// The bytes of a record.
    fn record_extent(&self, number: u64) -> Extent {
        Extent::new(self.mft.place(number), size(self.mft.record_size()))
    }
}

impl About {
    /// Layout: Microsoft, "VOLUME_NAME" and "VOLUME_INFORMATION".
    fn read(mft: &Mft) -> Self {
        let mut about = Self::default();
        let Ok(mut bytes) = mft.record(VOLUME_RECORD) else { return about };
        let Some(record) = Record::open(&mut bytes, VOLUME_RECORD) else { return about };
        for attribute in record.attributes().map_while(std::result::Result::ok) {
            let Some(value) = attribute.value() else { continue };
            let fields = Fields(value);
            match attribute.code {
                code::VOLUME_NAME => {
                    let mut text = Vec::new();
                    utf16::append(utf16::little_endian(value), &mut text);
                    about.label = String::from_utf8_lossy(&text).into_owned();
                }
                code::VOLUME_INFORMATION => {
                    about.version = fields.u8(8).zip(fields.u8(9));
                    about.dirty = fields.u16(10).is_some_and(|flags| flags & 1 != 0);
                }
                _ => {}
            }
        }
        about
    }
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        match self.about.version {
            Some((major, minor)) => format!("NTFS {major}.{minor}"),
            None => "NTFS".into(),
        }
    }

    fn label(&self) -> String {
        self.about.label.clone()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::NtfsTicks
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        sweep::run(self, survey);
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        opened::open(self, entry)
    }
}
