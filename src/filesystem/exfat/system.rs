//! What the root directory says of the volume: label, allocation bitmaps, up-case table.
//!
//! exFAT specification, sections 7.1 "Allocation Bitmap Directory Entry", 7.2 "Up-case Table Directory Entry" and
//! 7.3 "Volume Label Directory Entry".

use std::sync::Arc;

use super::set::{SLOT, kind};
use super::upcase::{self, Upcase};
use crate::filesystem::fat::bitmap::Bitmap;
use crate::filesystem::fat::boot::Geometry;
use crate::filesystem::fat::chain::{Clusters, Space, runs};
use crate::filesystem::fat::listing::claim;
use crate::filesystem::fat::name;
use crate::filesystem::fat::sectors::{Sectors, read_slots};
use crate::model::{Extent, Problem, ProblemKind, Run, Survey};
use crate::read::{Error, Fields, ReadAt, size};

const BITMAP: u8 = 0x81;
const UPCASE: u8 = 0x82;
const LABEL: u8 = 0x83;
/// Bytes of a bitmap that are read at once.
const PIECE: u64 = 1 << 20;

/// System entries of a root directory.
#[derive(Default)]
pub(super) struct System {
    pub(super) label: String,
    bitmaps: [Option<Table>; 2],
    upcase: Option<Table>,
}

/// Clusters that hold a table.
#[derive(Clone, Copy)]
struct Table {
    /// Place of its entry.
    entry: u64,
    first: u32,
    bytes: u64,
    checksum: u32,
}

impl System {
    /// Reads the entries up to the end of the directory.
    pub(super) fn read(volume: &dyn ReadAt, root: &[Extent], sector: u64) -> Self {
        let mut system = Self::default();
        // What cannot be read is reported when the directory is listed.
        let _ = read_slots(volume, root, sector, &mut |place, slot| {
            if let Some(slot) = slot {
                system.take(slot, place);
            }
            slot.is_none_or(|slot| kind(slot) != 0)
        });
        system
    }

    fn take(&mut self, slot: &[u8; SLOT], entry: u64) {
        let fields = Fields(slot);
        let table = Table {
            entry,
            first: fields.u32(20).unwrap_or(0),
            bytes: fields.u64(24).unwrap_or(0),
            checksum: fields.u32(4).unwrap_or(0),
        };
        match kind(slot) {
            BITMAP => {
                let [first, second] = &mut self.bitmaps;
                let place = if fields.u8(1).unwrap_or(0) & 1 == 0 { first } else { second };
                place.get_or_insert(table);
            }
            UPCASE => {
                self.upcase.get_or_insert(table);
            }
            LABEL if self.label.is_empty() => {
                // Some writers use the reserved bytes behind the eleven characters.
                let units = slot.as_chunks::<2>().0.iter().skip(1).map(|pair| u16::from_le_bytes(*pair));
                let units = units.take(fields.u8(1).unwrap_or(0).into());
                self.label = String::from_utf8_lossy(&name::utf16(units)).into_owned();
            }
            _ => {}
        }
    }

    /// Claims the clusters of the bitmaps and gives those that are free according to the active one; `None`, with
    /// its reason as a problem, when no bitmap can be believed.
    pub(super) fn free(
        &self,
        volume: &Arc<dyn ReadAt>,
        geometry: &Geometry,
        space: &mut Space,
        survey: &mut Survey<'_>,
    ) -> Option<Bitmap> {
        let clusters = u64::from(geometry.last_cluster).saturating_sub(1);
        let needed = clusters.div_ceil(8);
        let active = geometry.only_copy == Some(1);
        let mut believed = None;
        for (second, table) in [false, true].into_iter().zip(self.bitmaps) {
            let Some(table) = table else { continue };
            let pieces = table.place("allocation bitmap", needed, geometry, space, survey);
            if second == active {
                believed = Some((table, pieces));
            }
        }
        let Some((table, pieces)) = believed else {
            let detail =
                "the root directory has no entry of the allocation bitmap: it is not known what is free";
            survey.problem(Problem::new(ProblemKind::Corrupt, detail));
            return None;
        };
        let mut free = Bitmap::new(geometry.last_cluster);
        let mut cluster = 2_u32;
        for run in &pieces {
            claim(survey, volume, run.offset, run.length);
            let mut at = run.offset;
            let end = run.offset.saturating_add(run.length);
            while at < end {
                let length = usize::try_from(PIECE.min(end.saturating_sub(at))).unwrap_or(0);
                let block = Sectors::read(volume, at, length, geometry.sector);
                for failure in &block.failures {
                    survey.problem(Error::from(failure.clone()).into_problem());
                }
                for offset in 0..length {
                    // What cannot be read counts as used.
                    let byte = block.get(offset, 1).and_then(|bytes| bytes.first()).copied().unwrap_or(0xff);
                    for bit in 0..8_u32 {
                        if byte.checked_shr(bit).unwrap_or(0) & 1 == 0 && geometry.has(cluster) {
                            free.insert(cluster);
                        }
                        cluster = cluster.saturating_add(1);
                    }
                }
                at = at.saturating_add(size(length));
            }
        }
        if table.bytes < needed || free.contains(table.first) || pieces.is_empty() {
            let detail = format!(
                "the allocation bitmap at cluster {} is too short ({} bytes, expected {needed}) or calls itself free: it was not believed",
                table.first, table.bytes
            );
            survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(table.entry, 32)));
            return None;
        }
        Some(free)
    }

    /// The up-case table, when it has the checksum that its entry states.
    pub(super) fn upcase(
        &self,
        volume: &Arc<dyn ReadAt>,
        geometry: &Geometry,
        space: &mut Space,
        survey: &mut Survey<'_>,
    ) -> Option<Upcase> {
        let Some(table) = self.upcase else {
            let detail =
                "the root directory has no entry of the up-case table: hashes of names were not verified";
            survey.problem(Problem::new(ProblemKind::Corrupt, detail));
            return None;
        };
        let pieces = table.place("up-case table", upcase::MAX_BYTES, geometry, space, survey);
        let bytes = table.bytes.min(upcase::MAX_BYTES);
        let length = usize::try_from(bytes).unwrap_or(0);
        pieces.iter().for_each(|run| claim(survey, volume, run.offset, run.length));
        let content = crate::read::Pieces::new(Arc::clone(volume), &pieces, bytes);
        let found = content.read_vec(0, length).map(|stored| (upcase::table_checksum(&stored), stored));
        let problem = match found {
            Ok((sum, stored)) if sum == table.checksum => return Some(Upcase::unpack(&stored)),
            Ok((sum, _)) => Problem::new(
                ProblemKind::Corrupt,
                format!(
                    "up-case table at cluster {}: expected checksum {:08x}, found {sum:08x}; hashes of names were not verified",
                    table.first, table.checksum
                ),
            ),
            Err(error) => Problem::new(ProblemKind::Unreadable, format!("up-case table: {}", error.reason)),
        };
        let place =
            pieces.first().map_or(Extent::new(table.entry, 32), |run| Extent::new(run.offset, run.length));
        survey.problem(problem.at(place));
        None
    }
}

impl Table {
    /// Claims the clusters of the table and gives the places of at most `most` bytes.
    fn place(
        &self,
        what: &str,
        most: u64,
        geometry: &Geometry,
        space: &mut Space,
        survey: &mut Survey<'_>,
    ) -> Vec<Run> {
        let bytes = self.bytes.min(most);
        let needed = geometry.clusters_for(bytes);
        let chain = space.chain(self.first);
        for problem in chain.problems(geometry, needed) {
            survey.problem(Problem { detail: format!("{what}: {}", problem.detail), ..problem });
        }
        if chain.length >= needed {
            return runs(geometry, &chain.clusters, bytes);
        }
        // Formatters write these tables in one piece.
        let room = geometry.last_cluster.saturating_add(1).saturating_sub(self.first);
        let count = u32::try_from(needed).unwrap_or(u32::MAX).min(room);
        if !geometry.has(self.first) {
            return Vec::new();
        }
        space.claim_consecutive(self.first, count.into());
        runs(geometry, &[Clusters { first: self.first, count }], bytes)
    }
}
