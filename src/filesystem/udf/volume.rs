//! The logical volume: its partitions, its file sets, its integrity (ECMA-167, part 3, sections 10.5, 10.6 and 10.10).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::allocation;
use super::icb::{Entry, Form};
use super::locate::{self, Descriptors, Found};
use super::maps;
use super::name;
use super::partition::{Map, Partition};
use super::tag::{Address, Long, TAG, Tag, Trust, id};
use crate::filesystem::iso9660::cache::Cache;
use crate::model::{Extent, Problem, ProblemKind, Run};
use crate::read::{Error, Fields, ReadAt, Result, size};

/// Bytes of descriptors and directories beyond what a volume holds that are read before work is given up.
const SPARE: u64 = 64 << 20;
/// Bytes that are taken from the cache at once.
const CACHED: u64 = 1 << 15;
/// Most descriptors in a sequence of integrity descriptors.
const MAX_INTEGRITY: usize = 256;

/// A logical volume.
pub(super) struct Logical {
    pub(super) source: Arc<dyn ReadAt>,
    /// Bytes of a logical block.
    pub(super) block: u64,
    pub(super) partitions: Vec<Partition>,
    /// Where the file set descriptors are.
    pub(super) file_sets: Long,
    pub(super) label: String,
    /// Revision of OSTA UDF, as two hexadecimal digits behind the point.
    pub(super) revision: u16,
    pub(super) flaws: Vec<Problem>,
    pub(super) places: Vec<Extent>,
    cache: Mutex<Cache>,
    /// Bytes that may still be read as descriptors: hostile volumes let them refer to each other.
    budget: AtomicU64,
}

impl Logical {
    /// Opens the logical volume of a volume.
    pub(super) fn open(source: Arc<dyn ReadAt>) -> Result<Self> {
        let missing = |what: &'static str| Error::corrupt(what, 0, "a valid one", "none");
        let descriptors = locate::find(&source).ok_or_else(|| missing("anchor of the volume"))?;
        let found = descriptors.logical.clone().ok_or_else(|| missing("logical volume descriptor"))?;
        let fields = Fields(&found.bytes);
        let block = fields.u32(212).map(u64::from).unwrap_or(0);
        let mut flaws = descriptors.flaws.clone();
        let block = if block.is_power_of_two() && (512..=32_768).contains(&block) {
            block
        } else {
            let place = Extent::new(found.at, descriptors.sector);
            let detail = format!("logical block size: expected {}, found {block}", descriptors.sector);
            flaws.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
            descriptors.sector
        };
        if found.trust != Trust::Sound {
            let detail = "the logical volume descriptor is used though its checksums do not hold";
            flaws.push(
                Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(found.at, descriptors.sector)),
            );
        }
        let mut logical = Self {
            block,
            partitions: Vec::new(),
            file_sets: Long::read(fields, 248).unwrap_or_default(),
            label: fields.bytes(84, 128).map(name::fixed).unwrap_or_default(),
            revision: fields.u16(240).unwrap_or(0),
            flaws,
            places: descriptors.places.clone(),
            cache: Mutex::new(Cache::new(Arc::clone(&source))),
            budget: AtomicU64::new(0),
            source,
        };
        logical.renew();
        maps::read(&mut logical, &found, &descriptors);
        logical.integrity(&found, &descriptors);
        Ok(logical)
    }

    /// Lets a survey begin anew with its bound of work.
    pub(super) fn renew(&self) {
        self.budget.store(self.source.size().saturating_mul(2).saturating_add(SPARE), Ordering::Relaxed);
    }

    /// Takes bytes from the bound of work; false when nothing is left of it.
    pub(super) fn spend(&self, bytes: u64) -> bool {
        let left = self.budget.load(Ordering::Relaxed);
        self.budget.store(left.saturating_sub(bytes), Ordering::Relaxed);
        left >= bytes
    }

    /// Adds the places of `length` bytes from a logical block on to `runs`; `None` when they are nowhere.
    pub(super) fn place(&self, at: Address, length: u64, runs: &mut Vec<Run>) -> Option<()> {
        self.partitions.get(usize::from(at.partition))?.place(at.block, length, runs)
    }

    /// The byte of the volume at which a logical block begins.
    pub(super) fn offset(&self, at: Address) -> Option<u64> {
        let mut runs = Vec::new();
        self.place(at, self.block, &mut runs)?;
        runs.first().map(|run| run.offset)
    }

    /// Reads bytes from a logical block on, as far as the volume holds them, and adds their places to `places`. The caller
    /// has bounded `length`.
    pub(super) fn read(&self, at: Address, length: u64, places: &mut Vec<Run>) -> Option<Vec<u8>> {
        let mut runs = Vec::new();
        self.place(at, length, &mut runs)?;
        let bytes = self.read_runs(&runs)?;
        places.extend(runs);
        Some(bytes)
    }

    /// The bytes of runs; `None` when one of them cannot be read.
    pub(super) fn read_runs(&self, runs: &[Run]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for run in runs {
            let length = usize::try_from(run.length).ok()?;
            if run.is_hole() {
                if run.length > self.source.size() {
                    return None;
                }
                bytes.resize(bytes.len().checked_add(length)?, 0);
            } else if run.length <= CACHED {
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.extend(cache.read(run.offset, length).ok()?);
            } else {
                bytes.extend(self.source.read_vec(run.offset, length).ok()?);
            }
        }
        Some(bytes)
    }

    /// The entry at a logical block. Under strategy 4096 the last direct one of its chain.
    pub(super) fn entry(&self, icb: Address, places: &mut Vec<Run>) -> Option<(Entry, Vec<u8>, u64)> {
        let mut at = icb;
        let mut current = None;
        // Part 4, annex A: entries and indirect entries take turns.
        for _ in 0..64 {
            let bytes = self.read(at, self.block, places)?;
            let Some(entry) = Entry::parse(&bytes) else { return current };
            let chained = entry.strategy == 4096;
            current = Some((entry, bytes, self.offset(at)?));
            if !chained {
                break;
            }
            let next = Address { block: at.block.checked_add(1)?, ..at };
            let Some(bytes) = self.read(next, self.block, places) else { break };
            if Tag::of(&bytes, id::INDIRECT).is_none() {
                break;
            }
            match Long::read(Fields(&bytes), 36) {
                Some(next) if next.length > 0 => at = next.at,
                _ => break,
            }
        }
        current
    }

    /// The pieces of an entry that was read from that partition. Embedded content is a piece of the entry itself.
    pub(super) fn pieces(
        &self,
        (entry, bytes, offset): &(Entry, Vec<u8>, u64),
        partition: u16,
        places: &mut Vec<Run>,
    ) -> allocation::Pieces {
        let (start, length) = entry.area;
        let area = bytes.get(start..start.saturating_add(length)).unwrap_or_default();
        if entry.form == Form::Embedded {
            let covered = entry.size.min(size(length));
            return allocation::Pieces {
                runs: (covered > 0)
                    .then(|| Run::new(offset.saturating_add(size(start)), covered))
                    .into_iter()
                    .collect(),
                covered,
                fault: None,
            };
        }
        allocation::read(self, area, entry.form, (partition, entry.size), places)
    }

    /// Says so when the volume was not closed: what was written last may not be in it.
    fn integrity(&mut self, found: &Found, descriptors: &Descriptors) {
        let fields = Fields(&found.bytes);
        let mut next = Some((fields.u32(432).unwrap_or(0), fields.u32(436).unwrap_or(0)));
        let mut last = None;
        let mut read = 0;
        while let Some((length, start)) = next.take().filter(|(length, _)| *length > 0) {
            let sectors = u64::from(length).checked_div(descriptors.sector).unwrap_or(0);
            for number in 0..sectors {
                read = 1_usize.saturating_add(read);
                let at = u64::from(start).saturating_add(number).saturating_mul(descriptors.sector);
                let length = usize::try_from(descriptors.sector).unwrap_or(512);
                let Ok(bytes) = self.source.read_vec(at, length) else { break };
                let Some(tag) = Tag::of(&bytes, id::INTEGRITY).filter(|_| read < MAX_INTEGRITY) else {
                    break;
                };
                self.places.push(Extent::new(at, descriptors.sector));
                let fields = Fields(&bytes);
                last = fields.u32(28).map(|closed| (closed, at, tag.trust));
                let more = (fields.u32(32).unwrap_or(0), fields.u32(36).unwrap_or(0));
                next = (more.0 > 0).then_some(more);
                if next.is_some() {
                    break;
                }
            }
        }
        let problem = match last {
            Some((1, _, Trust::Sound)) => return,
            Some((1, at, _)) => ("the integrity descriptor is damaged", at),
            Some((_, at, _)) => {
                ("the volume was not closed when it was last written: changes may be half done", at)
            }
            None => ("there is no integrity descriptor", found.at),
        };
        let place = Extent::new(problem.1, descriptors.sector);
        self.flaws.push(Problem::new(ProblemKind::Corrupt, problem.0).at(place));
    }

    /// The first file sets, in their order: place of the root directory, of the system stream directory, and the name.
    pub(super) fn file_sets(&self, places: &mut Vec<Run>) -> Vec<FileSet> {
        let mut sets: Vec<FileSet> = Vec::new();
        let mut next = Some(self.file_sets);
        while let Some(at) = next.take().filter(|_| sets.len() < 16) {
            if sets.iter().any(|set| set.at == at.at) {
                break;
            }
            let Some(bytes) = self.read(at.at, self.block, places) else { break };
            let Some(tag) = Tag::of(&bytes, id::FILE_SET) else { break };
            let fields = Fields(&bytes);
            let streams = Long::read(fields, 464).filter(|long| long.length > 0);
            sets.push(FileSet {
                at: at.at,
                sound: tag.trust == Trust::Sound,
                root: Long::read(fields, 400).unwrap_or_default().at,
                streams: streams.map(|long| long.at),
            });
            next = Long::read(fields, 448).filter(|long| long.length > 0);
        }
        sets
    }
}

/// A file set descriptor (part 4, section 14.1).
pub(super) struct FileSet {
    pub(super) at: Address,
    pub(super) sound: bool,
    pub(super) root: Address,
    pub(super) streams: Option<Address>,
}

/// A partition descriptor as far as it matters.
pub(super) fn partition(found: &Found, sector: u64, block: u64) -> Partition {
    let fields = Fields(&found.bytes);
    let bytes = |at| u64::from(fields.u32(at).unwrap_or(0)).saturating_mul(sector);
    Partition {
        map: Map::Plain,
        start: bytes(188),
        length: bytes(192),
        block,
        space: None,
        write_once: matches!(fields.u32(184), Some(1 | 2)),
    }
}

/// Places of the unallocated and of the freed space bitmap of a partition: length and block.
pub(super) fn bitmaps(found: &Found) -> [(u32, u32); 2] {
    let fields = Fields(&found.bytes);
    let at = |at: usize| {
        (fields.u32(at).unwrap_or(0) & 0x3fff_ffff, fields.u32(at.saturating_add(4)).unwrap_or(0))
    };
    let first = TAG.saturating_add(48);
    [at(first), at(first.saturating_add(24))]
}
