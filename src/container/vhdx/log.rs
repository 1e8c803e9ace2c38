//! The log of changes to the tables that were not yet written to their places. Source: 2.3.

use std::sync::Arc;

use super::checksum;
use super::header::Header;
use super::patched::Patched;
use crate::model::{Problem, ProblemKind};
use crate::read::{Error, Fields, ReadAt, Result, size};

const SECTOR: usize = 4 << 10;
/// The longest log that is replayed; usual ones have 1 MiB.
const MAX_LOG: u64 = 64 << 20;
/// Entries that are tried may overlap: their bytes are summed until that many times the length of the log.
const MAX_SUMMED: usize = 16;
/// Most changes that are taken in.
const MAX_CHANGES: usize = 1 << 18;

/// A file with its log replayed.
pub(super) struct Replayed {
    pub file: Arc<dyn ReadAt>,
    /// How many entries of the log were used.
    pub entries: usize,
    pub problems: Vec<Problem>,
}

/// An entry of the log that is sound.
struct Entry {
    /// Sectors that it takes.
    sectors: usize,
    sequence: u64,
    /// The sector at which the oldest entry that still counts begins.
    tail: usize,
    descriptors: usize,
    /// Bytes that the file had at least.
    file_size: u64,
}

/// Replays the log in memory: the entries from the tail of the newest sound one to itself.
pub(super) fn replay(file: &Arc<dyn ReadAt>, header: &Header) -> Result<Replayed> {
    let place = header.log_extent;
    let dirty = |found: &str| {
        let found = format!(
            "it was not closed cleanly and its log cannot be replayed: {found}; open and close a copy with the tool that made it and scan that"
        );
        Error::unsupported("VHDX log", place.offset, found)
    };
    if place.length > MAX_LOG || !place.length.is_multiple_of(1 << 20) || place.length == 0 {
        return Err(dirty(&format!("it has {} bytes", place.length)));
    }
    let length = usize::try_from(place.length).unwrap_or(0);
    // Twice one after the other: entries go on at the start when they reach the end.
    let mut log = file.read_vec(place.offset, length).map_err(|error| dirty(&error.to_string()))?;
    log.extend_from_within(..);
    let sectors = length / SECTOR;
    let Some(sequence) = newest(&log, sectors, &header.log) else {
        return Err(dirty("it has no whole run of sound entries"));
    };
    let mut problems = Vec::new();
    let needed = sequence.last().map_or(0, |(_, entry)| entry.file_size);
    if file.size() < needed {
        let detail =
            format!("the log says that the file had {needed} bytes, it has {}: it is cut off", file.size());
        problems.push(Problem::new(ProblemKind::Corrupt, detail));
    }
    let newest = sequence.last().map_or(0, |(_, entry)| entry.sequence);
    if claims_newer(&log, sectors, &header.log, newest) {
        let detail = "an entry of the log newer than those that were replayed is damaged or was not written whole: the disk may be shown in an older state";
        problems.push(Problem::new(ProblemKind::Corrupt, detail));
    }
    let mut patched = Patched::new(Arc::clone(file), 0);
    let mut changes = 0_usize;
    for (at, entry) in &sequence {
        changes = changes.saturating_add(entry.descriptors);
        if changes > MAX_CHANGES {
            return Err(dirty("it holds too many changes"));
        }
        let bytes = log.get(at.saturating_mul(SECTOR)..).unwrap_or_default();
        apply(bytes, entry, &mut patched).ok_or_else(|| dirty("an entry contradicts itself"))?;
    }
    Ok(Replayed { file: Arc::new(patched), entries: sequence.len(), problems })
}

/// The entries that count, in order, with the sectors at which they begin: the run with the highest number whose last entry
/// names a tail within the run. Source: 2.3.3.
fn newest(log: &[u8], sectors: usize, identifier: &[u8; 16]) -> Option<Vec<(usize, Entry)>> {
    let mut budget = sectors.checked_mul(MAX_SUMMED)?;
    let mut sound: Vec<Option<Entry>> = Vec::with_capacity(sectors);
    for at in 0..sectors {
        let entry = Entry::stated(log, at, sectors, identifier);
        budget = budget.checked_sub(entry.as_ref().map_or(0, |entry| entry.sectors))?;
        sound.push(entry.and_then(|_| Entry::of(log, at, sectors, identifier)));
    }
    let mut best: Option<(u64, usize, usize)> = None;
    for start in 0..sectors {
        let Some(first) = sound.get(start).and_then(Option::as_ref) else {
            continue;
        };
        // Only where a run begins: an entry that follows another one is in that one's run.
        let (mut at, mut expected, mut used, mut count) = (start, first.sequence, 0_usize, 0_usize);
        while let Some(entry) = sound.get(at).and_then(Option::as_ref) {
            used = used.saturating_add(entry.sectors);
            if entry.sequence != expected || used > sectors {
                break;
            }
            count = count.saturating_add(1);
            if entry.tail == start && best.is_none_or(|(known, _, _)| known < entry.sequence) {
                best = Some((entry.sequence, start, count));
            }
            expected = expected.saturating_add(1);
            at = at.saturating_add(entry.sectors).checked_rem(sectors)?;
        }
    }
    let (newest, start, count) = best?;
    // A newer entry whose older companions are damaged: without them the log would lead to an older state.
    if sound.iter().flatten().any(|entry| entry.sequence > newest) {
        return None;
    }
    let mut run = Vec::new();
    let mut at = start;
    for _ in 0..count {
        let entry = Entry::of(log, at, sectors, identifier)?;
        let next = at.saturating_add(entry.sectors).checked_rem(sectors)?;
        run.push((at, entry));
        at = next;
    }
    Some(run)
}

/// Whether something in the log begins as an entry with a higher number than that.
fn claims_newer(log: &[u8], sectors: usize, identifier: &[u8; 16], newest: u64) -> bool {
    log.chunks_exact(SECTOR).take(sectors).map(Fields).any(|entry| {
        let ours = entry.has(0, b"loge") && entry.has(32, identifier);
        ours && entry.u64(16).is_some_and(|sequence| sequence > newest)
    })
}

impl Entry {
    /// The entry that begins at that sector, when its checksum is right.
    fn of(log: &[u8], at: usize, sectors: usize, identifier: &[u8; 16]) -> Option<Self> {
        let entry = Self::stated(log, at, sectors, identifier)?;
        let fields = Fields(log.get(at.checked_mul(SECTOR)?..)?);
        let bytes = fields.bytes(0, entry.sectors.checked_mul(SECTOR)?)?;
        (fields.u32(4)? == checksum(bytes, 4)).then_some(entry)
    }

    /// The same whatever its checksum.
    fn stated(log: &[u8], at: usize, sectors: usize, identifier: &[u8; 16]) -> Option<Self> {
        let bytes = log.get(at.checked_mul(SECTOR)?..)?;
        let fields = Fields(bytes);
        if !fields.has(0, b"loge") || !fields.has(32, identifier) {
            return None;
        }
        let length = usize::try_from(fields.u32(8)?).ok()?;
        let tail = usize::try_from(fields.u32(12)?).ok()?;
        let whole = length.is_multiple_of(SECTOR) && tail.is_multiple_of(SECTOR);
        if !whole || length == 0 || length / SECTOR > sectors || tail / SECTOR >= sectors {
            return None;
        }
        fields.bytes(0, length)?;
        Some(Self {
            sectors: length / SECTOR,
            sequence: fields.u64(16)?,
            tail: tail / SECTOR,
            descriptors: usize::try_from(fields.u32(24)?).ok()?,
            file_size: fields.u64(48)?,
        })
    }
}

/// Takes the changes of an entry into the file. None when its descriptors contradict it.
fn apply(bytes: &[u8], entry: &Entry, patched: &mut Patched) -> Option<()> {
    let entry_bytes = bytes.get(..entry.sectors.checked_mul(SECTOR)?)?;
    let fields = Fields(entry_bytes);
    let described = entry.descriptors.checked_mul(32)?.checked_add(64)?;
    let mut data = described.checked_next_multiple_of(SECTOR)?;
    for number in 0..entry.descriptors {
        let at = number.checked_mul(32)?.checked_add(64)?;
        let place = fields.u64(at.checked_add(16)?)?;
        if fields.u64(at.checked_add(24)?)? != entry.sequence || !place.is_multiple_of(size(SECTOR)) {
            return None;
        }
        if fields.has(at, b"zero") {
            patched.zero(place, fields.u64(at.checked_add(8)?)?);
            continue;
        }
        let sector = Fields(entry_bytes.get(data..data.checked_add(SECTOR)?)?);
        data = data.checked_add(SECTOR)?;
        let high = u64::from(sector.u32(4)?);
        let low = u64::from(sector.u32(SECTOR.checked_sub(4)?)?);
        if !fields.has(at, b"desc") || !sector.has(0, b"data") || (high << 32 | low) != entry.sequence {
            return None;
        }
        // The first eight and the last four bytes of a sector are kept in its descriptor.
        let mut change = fields.bytes(at.checked_add(8)?, 8)?.to_vec();
        change.extend_from_slice(sector.bytes(8, SECTOR.checked_sub(12)?)?);
        change.extend_from_slice(fields.bytes(at.checked_add(4)?, 4)?);
        patched.write(place, change.into());
    }
    Some(())
}
