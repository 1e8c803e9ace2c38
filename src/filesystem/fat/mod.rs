//! FAT12, FAT16 and FAT32 as Microsoft's "FAT32 File System Specification" (fatgen103) describes them.
//!
//! Names: a long name as UTF-8, lone surrogates as generalised UTF-8, so that two names never become one; an 8.3
//! name, where there is no long one, with the lower-case flags of Windows NT and bytes from 0x80 on read as code page
//! 437, since the code page of the writer is not recorded. The first character of a deleted 8.3 name is `_`.
//!
//! A record number is the byte offset of the 32-byte slot from the start of the volume, divided by 32.
//!
//! Deleted entries are those marked so, those behind the end mark of a directory, and those of deleted or orphaned
//! directories. Slack is not claimed.
//!
//! What exFAT has in common with these (the table, chains, recovery) is written so that both use it.

pub(super) mod bitmap;
pub(super) mod boot;
pub(super) mod chain;
mod deleted;
mod directory;
pub(super) mod listing;
pub(super) mod name;
pub(super) mod recovery;
pub(super) mod sectors;
mod slot;
pub(super) mod table;
#[cfg(test)]
mod tests;
pub(super) mod unowned;
mod walk;

use std::sync::Arc;

use boot::{BOOT_BYTES, Geometry, Root, Variant};
use listing::claim;
use sectors::Sectors;
use slot::{END, SLOT, Slot};
use walk::Walk;

use super::{Filesystem, Format, Stream};
use crate::model::{Extent, FileEntry, Problem, ProblemKind, Survey, TimeEncoding};
use crate::read::{Confidence, Error, Pieces, ReadAt, Result};

/// Number of the sector where a FAT32 volume keeps a copy of its boot sector.
const BACKUP_SECTOR: u64 = 6;

/// FAT12, FAT16 and FAT32.
pub struct Fat;

impl Format for Fat {
    fn name(&self) -> &'static str {
        "fat"
    }

    fn description(&self) -> &'static str {
        "FAT12, FAT16 and FAT32 with long names, deleted and orphaned entries; sectors of 512 to 4096 bytes"
    }

    /// `Strong` when the boot sector agrees with the specification and with itself; `Weak` when it can be used
    /// nevertheless, or only its backup can, which other formats leave behind.
    fn probe(&self, volume: &dyn ReadAt) -> Confidence {
        match find(volume) {
            Ok(boot) if boot.at == 0 && boot.geometry.flaws.is_empty() => Confidence::Strong,
            Ok(_) => Confidence::Weak,
            Err(_) => Confidence::No,
        }
    }

    fn open(&self, volume: Arc<dyn ReadAt>) -> Result<Box<dyn Filesystem>> {
        let mut boot = find(&volume)?;
        boot.geometry.fit(volume.size());
        if boot.geometry.disputed && !table::has_head(&volume, &boot.geometry, 0) {
            let detail =
                "the number of clusters says another variant than the layout, and the FAT fits neither";
            boot.geometry.flaws.push(Problem::new(ProblemKind::Ambiguous, detail));
        }
        let label = label(&volume, &boot.geometry);
        Ok(Box::new(Volume {
            geometry: Arc::new(boot.geometry),
            label,
            boot: boot.at,
            damage: boot.damage,
            volume,
        }))
    }
}

/// An opened volume.
struct Volume {
    volume: Arc<dyn ReadAt>,
    geometry: Arc<Geometry>,
    label: String,
    /// Place of the boot sector that is used.
    boot: u64,
    /// Why that is not the first.
    damage: Option<Problem>,
}

impl Filesystem for Volume {
    fn variant(&self) -> String {
        self.geometry.variant.name().into()
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn times(&self) -> TimeEncoding {
        TimeEncoding::FatLocal
    }

    fn survey(&self, survey: &mut Survey<'_>) -> Result<()> {
        claim(survey, &self.volume, 0, self.geometry.sector);
        if let Some(backup) = self.geometry.backup {
            claim(survey, &self.volume, backup, self.geometry.sector);
        }
        self.damage.iter().chain(&self.geometry.flaws).for_each(|problem| survey.problem(problem.clone()));
        if self.boot == 0 {
            self.compare_backup(survey);
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

/// A boot sector that was found, and why the first one was not used.
struct Boot {
    geometry: Geometry,
    at: u64,
    damage: Option<Problem>,
}

/// The first boot sector, or the backup of FAT32 when the first is damaged.
///
/// Damaged is one that cannot be parsed, and one whose FAT does not begin with the media byte while that of the
/// backup does: a wrong place of the FAT would lose everything.
fn find(volume: &dyn ReadAt) -> Result<Boot> {
    let first = parse(volume, 0);
    let fits = |geometry: &Geometry| table::has_head(volume, geometry, 0);
    match first {
        // Another file system says that it is here: what FAT left behind is not asked.
        Err(error) if error.offset() == boot::NAME => Err(error),
        Ok(geometry) if geometry.variant != Variant::Fat32 || fits(&geometry) => {
            Ok(Boot { geometry, at: 0, damage: None })
        }
        first => {
            let backup = backup(volume).filter(|boot| fits(&boot.geometry));
            match (first, backup) {
                (Ok(geometry), None) => Ok(Boot { geometry, at: 0, damage: None }),
                (Err(error), None) => Err(error),
                (first, Some(boot)) => {
                    let reason = match first {
                        Ok(_) => "the FAT is not where it says".to_owned(),
                        Err(error) => error.to_string(),
                    };
                    let detail = format!(
                        "the first boot sector is damaged ({reason}): its backup at byte {} was used",
                        boot.at
                    );
                    let place = Extent::new(0, boot.geometry.sector);
                    let damage = Problem::new(ProblemKind::Corrupt, detail).at(place);
                    Ok(Boot { damage: Some(damage), ..boot })
                }
            }
        }
    }
}

fn parse(volume: &dyn ReadAt, at: u64) -> Result<Geometry> {
    Geometry::parse(&volume.read_vec(at, BOOT_BYTES)?, at)
}

/// The backup for any sector size: the right one says itself that it has that size.
fn backup(volume: &dyn ReadAt) -> Option<Boot> {
    [512, 1024, 2048, 4096].into_iter().find_map(|sector: u64| {
        let at = sector.saturating_mul(BACKUP_SECTOR);
        let geometry = parse(volume, at).ok()?;
        let fits =
            geometry.sector == sector && geometry.variant == Variant::Fat32 && geometry.flaws.is_empty();
        fits.then_some(Boot { geometry, at, damage: None })
    })
}

/// The label in the root directory, else the one in the boot sector.
fn label(volume: &dyn ReadAt, geometry: &Geometry) -> String {
    // The label is the first entry that a formatter writes; the survey finds any other place of it.
    let (place, length) = match geometry.root {
        Root::Region(region) => (region.offset, region.length),
        Root::Cluster(first) => (geometry.place(first), geometry.cluster),
    };
    let length = usize::try_from(length).unwrap_or(0);
    let block = Sectors::read(volume, place, length, geometry.sector);
    (0..length)
        .step_by(SLOT)
        .filter_map(|offset| block.get(offset, SLOT)?.first_chunk::<SLOT>())
        .map(Slot)
        .take_while(|slot| slot.mark() != END)
        .find(|slot| slot.mark() != slot::DELETED && slot.is_label(geometry))
        .map(|slot| slot.name())
        .or(geometry.label.filter(|label| label != b"NO NAME    "))
        .map(|raw| name::label(&raw))
        .unwrap_or_default()
}

impl Volume {
    /// Notes where the first boot sector and its backup disagree about the layout.
    fn compare_backup(&self, survey: &mut Survey<'_>) {
        let Some(at) = self.geometry.backup else { return };
        // Jump instruction and name may differ; from byte 11 to 64 stands the layout.
        let layout = |at: u64| self.volume.read_vec(at.saturating_add(11), 53);
        let problem = match (layout(0), layout(at)) {
            (Ok(first), Ok(second)) if first == second => return,
            (Ok(_), Ok(_)) => {
                let detail = format!(
                    "the boot sector and its backup at byte {at} describe different layouts; the first was followed"
                );
                Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(at, self.geometry.sector))
            }
            (Err(error), _) | (_, Err(error)) => Error::from(error).into_problem(),
        };
        survey.problem(problem);
    }
}
