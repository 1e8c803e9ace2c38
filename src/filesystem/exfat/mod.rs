//! exFAT and TexFAT as Microsoft's "exFAT file system specification", revision 1.00, describes them.
//!
//! What it has in common with FAT (the table, chains, recovery) is FAT's. `boot` finds the layout, `system` what the
//! root directory says of the volume, `directory` and `set` put entries together, `walk` lists the living ones,
//! `deleted` the others.
//!
//! Names are UTF-8, lone surrogates as generalised UTF-8, so that two names never become one. A record number is the
//! byte offset of a file's first directory entry from the start of the volume, divided by 32. Clusters that a vendor
//! attached to a file are a stream of it, `file:{GUID}`.
//!
//! Behind its valid length a file reads as zeros: a hole, whatever its clusters hold. Neither that nor slack is
//! claimed. Of TexFAT's two FATs and bitmaps the active ones are followed.

mod boot;
mod deleted;
mod directory;
mod set;
mod system;
#[cfg(test)]
mod tests;
mod upcase;
mod walk;

use std::sync::Arc;

use super::fat::boot::{Geometry, Root};
use super::fat::listing::claim;
use super::{Filesystem, Format, Stream};
use crate::model::{Extent, FileEntry, Survey, TimeEncoding};
use crate::read::{Confidence, Pieces, ReadAt, Result};

use self::system::System;
use self::walk::Walk;

/// exFAT.
pub(super) struct Exfat;

impl Format for Exfat {
    fn name(&self) -> &'static str {
        "exfat"
    }

    fn description(&self) -> &'static str {
        "exFAT and TexFAT with deleted and orphaned entries; sectors of 512 to 4096 bytes, clusters up to 32 MiB"
    }

    /// `Strong` when the main boot region has its checksum; `Weak` when it can be used nevertheless, or only its
    /// backup can, which other formats leave behind.
    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        match boot::find(volume) {
            Ok(boot) if boot.at == 0 && boot.verified => Confidence::Strong,
            Ok(_) => Confidence::Weak,
            Err(_) => Confidence::No,
        }
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        let boot = boot::find(&volume)?;
        let mut geometry = boot.geometry;
        geometry.fit(volume.size());
        let root = match geometry.root {
            Root::Cluster(first) if geometry.has(first) => {
                vec![Extent::new(geometry.place(first), geometry.cluster)]
            }
            _ => Vec::new(),
        };
        // The label is among the first entries that a formatter writes.
        let label = System::read(&volume, &root, geometry.sector).label;
        Ok(Box::new(Volume { volume, geometry: Arc::new(geometry), label, at: boot.at }))
    }
}

/// An opened volume.
struct Volume {
    volume: Arc<dyn ReadAt>,
    geometry: Arc<Geometry>,
    label: String,
    /// Place of the boot region that is used.
    at: u64,
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        if self.geometry.copies == 2 { "TexFAT".into() } else { "exFAT".into() }
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::Exfat
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        claim(survey, &self.volume, 0, self.geometry.sector.saturating_mul(24));
        self.geometry.flaws.iter().for_each(|problem| survey.problem(problem.clone()));
        if self.at == 0 {
            let backup = boot::compare_backup(&self.volume, self.geometry.sector);
            backup.into_iter().for_each(|problem| survey.problem(problem));
        }
        let mut walk = Walk::new(Arc::clone(&self.volume), Arc::clone(&self.geometry), survey);
        walk.living();
        walk.deleted();
        walk.orphans();
        walk.recover();
        walk.listing.hand_over();
        Ok(())
    }

    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>> {
        // No entry of this file system needs to be asked for; its runs say the same in another way.
        Ok(Box::new(Pieces::new(Arc::clone(&self.volume), entry.runs(), entry.size())))
    }
}
