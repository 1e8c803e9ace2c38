//! Checksums of the stored data, of the partitions, and of those checksums.

use super::chunks::Partition;
use super::trailer::{Sum, Trailer};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{ReadAt, size};

/// Bytes that are read for checksums when an image is opened; what is longer is noted as not verified.
const BUDGET: u64 = 64 << 20;
const STEP: usize = 1 << 20;

/// Checks what the budget allows; mismatches are problems, what was not checked is a note.
pub(super) fn all(
    file: &dyn ReadAt,
    medium: &dyn ReadAt,
    trailer: &Trailer,
    partitions: &[Partition],
    ignored: &[Extent],
    problems: &mut Vec<Problem>,
    notes: &mut Vec<(String, String)>,
) {
    let mut budget = BUDGET;
    if let Sum::Crc32(stated) = trailer.data_sum {
        match crc(file, trailer.data, &[], &mut budget) {
            Some(found) if found != stated => problems.push(wrong("the stored data", stated, found)),
            Some(_) => {}
            None => notes.push(unverified("the stored data", stated)),
        }
    }
    let mut sums = Vec::new();
    for partition in partitions {
        let Sum::Crc32(stated) = partition.sum else {
            continue;
        };
        sums.extend(stated.to_be_bytes());
        let name = format!("the partition \"{}\"", partition.name);
        // Ranges that are ignored were not summed by the tools of the Mac, and were by others.
        match crc(medium, partition.extent, ignored, &mut budget) {
            Some(found) if found == stated => {}
            Some(found) => match crc(medium, partition.extent, &[], &mut budget) {
                Some(whole) if whole == stated => {}
                _ => problems.push(wrong(&name, stated, found).at(partition.extent)),
            },
            None => notes.push(unverified(&name, stated)),
        }
    }
    if let Sum::Crc32(stated) = trailer.master_sum {
        let found = crc32fast::hash(&sums);
        if found != stated {
            problems.push(wrong("the checksums of all partitions", stated, found));
        }
    }
}

/// CRC-32 of a range without what is ignored in it; none when it is too long or cannot be read.
fn crc(source: &dyn ReadAt, range: Extent, ignored: &[Extent], budget: &mut u64) -> Option<u32> {
    let end = range.offset.checked_add(range.length)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut at = range.offset;
    let mut buffer = vec![0; STEP];
    let mut rest = ignored.get(ignored.partition_point(|hole| hole.end() <= at)..).unwrap_or_default().iter();
    let mut hole = rest.next();
    while at < end {
        if let Some(found) = hole.filter(|hole| hole.offset <= at) {
            at = found.end().max(at);
            hole = rest.next();
            continue;
        }
        let stop = hole.map_or(end, |hole| hole.offset.min(end));
        let wanted = usize::try_from(stop.saturating_sub(at)).unwrap_or(STEP).min(STEP);
        *budget = budget.checked_sub(size(wanted))?;
        let part = buffer.get_mut(..wanted)?;
        source.read_exact_at(at, part).ok()?;
        hasher.update(part);
        at = at.saturating_add(size(wanted));
    }
    Some(hasher.finalize())
}

fn wrong(what: &str, stated: u32, found: u32) -> Problem {
    let detail = format!("the checksum of {what} of the DMG is {found:08x}, {stated:08x} is stated");
    Problem::new(ProblemKind::Corrupt, detail)
}

fn unverified(what: &str, stated: u32) -> (String, String) {
    ("checksum not verified".into(), format!("CRC-32 {stated:08x} of {what}"))
}
