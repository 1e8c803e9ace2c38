//! Settles the ledger of a source when its examination has ended.

use std::collections::BTreeMap;

use crate::model::{
    Bucket, Content, Coverage, CoverageCounts, EntryKind, EntryState, FileEntry, Ledger, Outcome, SkipRule,
};

use super::examine::{Examined, Status};
use super::item;
use super::schedule::Schedule;
use super::survey::Surveyed;

/// Gives every byte and every distinct file its place.
pub fn settle(surveyed: &Surveyed, examined: &Examined) -> Coverage {
    let mut coverage = counts(surveyed, examined);
    match &surveyed.medium {
        Some(medium) => {
            coverage.total = medium.size();
            (coverage.bytes, coverage.skipped) = medium_ledger(surveyed, examined, medium.size()).settle();
        }
        None => folder_bytes(surveyed, examined, &mut coverage),
    }
    coverage
}

fn counts(surveyed: &Surveyed, examined: &Examined) -> Coverage {
    let mut coverage = Coverage::default();
    for (entry, status) in distinct(surveyed, examined) {
        if entry.state() != EntryState::Allocated {
            count(&mut coverage.deleted, status);
            continue;
        }
        count(&mut coverage.files, status);
        // Only what was read in whole is known by its content.
        let seen = matches!(status.outcome, Some(Outcome::Examined | Outcome::ExaminedWhole));
        if status.media || (!seen && named_like_media(entry.name())) {
            count(&mut coverage.media, status);
        }
        coverage.known += u64::from(status.known);
    }
    let missed = Status { outcome: Some(Outcome::NotExamined), ..Status::default() };
    for entry in not_had(surveyed) {
        if entry.state() != EntryState::Allocated {
            count(&mut coverage.deleted, missed);
            continue;
        }
        count(&mut coverage.files, missed);
        if named_like_media(entry.name()) {
            count(&mut coverage.media, missed);
        }
    }
    coverage
}

fn count(counts: &mut CoverageCounts, status: Status) {
    counts.total += 1;
    match status.outcome {
        Some(Outcome::Examined) => counts.examined += 1,
        Some(Outcome::ExaminedWhole) => {
            counts.examined += 1;
            counts.examined_whole += 1;
        }
        Some(Outcome::Unreadable | Outcome::NotExamined) => counts.not_examined += 1,
        None => counts.not_reached += 1,
    }
}

/// The first entry of each distinct content with its status.
fn distinct<'a>(
    surveyed: &'a Surveyed,
    examined: &'a Examined,
) -> impl Iterator<Item = (FileEntry<'a>, Status)> + use<'a> {
    let schedule: &Schedule = &examined.schedule;
    (0..schedule.len()).filter_map(move |at| {
        let first = *schedule.group(&surveyed.table, at).first()?;
        Some((surveyed.table.get(first)?, examined.status(at)))
    })
}

/// The files whose content cannot be had; no work was planned for them.
fn not_had(surveyed: &Surveyed) -> impl Iterator<Item = FileEntry<'_>> {
    surveyed.table.iter().filter(|entry| entry.kind() == EntryKind::File && !entry.content().is_had())
}

fn medium_ledger(surveyed: &Surveyed, examined: &Examined, size: u64) -> Ledger {
    let mut ledger = Ledger::new(size);
    surveyed.volumes.iter().for_each(|extent| ledger.volume(*extent));
    surveyed.skips.iter().for_each(|(extent, rule)| ledger.skip(*extent, *rule));
    surveyed.claims.iter().for_each(|(extent, bucket)| ledger.claim(*extent, *bucket));
    examined.unreadable().iter().for_each(|extent| ledger.claim(*extent, Bucket::Unreadable));
    for (entry, status) in distinct(surveyed, examined) {
        for extent in item::extents(entry) {
            match status.outcome {
                Some(Outcome::Unreadable) => ledger.skip(extent, SkipRule::DamagedFile),
                outcome => ledger.claim(extent, bucket(outcome)),
            }
        }
    }
    for entry in not_had(surveyed) {
        for extent in item::extents(entry) {
            match entry.content() {
                Content::Encrypted => ledger.claim(extent, Bucket::Encrypted),
                Content::Unsupported => ledger.claim(extent, Bucket::Unsupported),
                // They belong to another entry, which says what became of them.
                Content::Overwritten => {}
                // Its places are not known in full and may be wrong: they take nothing from other files.
                Content::Lost | Content::Runs | Content::Likely | Content::Opened => {
                    ledger.skip(extent, SkipRule::DamagedFile)
                }
            }
        }
    }
    ledger
}

const fn bucket(outcome: Option<Outcome>) -> Bucket {
    match outcome {
        Some(Outcome::Examined) => Bucket::Examined,
        Some(Outcome::ExaminedWhole) => Bucket::ExaminedWhole,
        Some(Outcome::Unreadable) => Bucket::Unreadable,
        Some(Outcome::NotExamined) => Bucket::Unsupported,
        None => Bucket::NotReached,
    }
}

/// A folder's total is the sum of its distinct files' sizes.
fn folder_bytes(surveyed: &Surveyed, examined: &Examined, coverage: &mut Coverage) {
    let mut bytes: BTreeMap<Bucket, u64> = BTreeMap::new();
    for (entry, status) in distinct(surveyed, examined) {
        coverage.total = coverage.total.saturating_add(entry.size());
        if entry.size() > 0 {
            let sum = bytes.entry(bucket(status.outcome)).or_default();
            *sum = sum.saturating_add(entry.size());
        }
    }
    coverage.bytes = bytes;
}

/// Names that pictures and videos usually have; used only to count what nobody looked into.
fn named_like_media(name: &[u8]) -> bool {
    const ENDINGS: [&str; 35] = [
        "3g2", "3gp", "arw", "asf", "avi", "avif", "bmp", "cr2", "cr3", "dng", "flv", "gif", "heic", "heif",
        "hif", "jpe", "jpeg", "jpg", "jxl", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "nef",
        "orf", "png", "tif", "tiff", "webm", "webp", "wmv",
    ];
    let ending = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default().to_ascii_lowercase();
    std::str::from_utf8(&ending).is_ok_and(|ending| ENDINGS.binary_search(&ending).is_ok())
}

#[cfg(test)]
mod tests;
