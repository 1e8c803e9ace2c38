//! Finding the superblock: the first one, or a backup when that is damaged.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::superblock::{SIZE, Superblock, checksum_holds};
use crate::filesystem::sweep;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result, size};

/// Where the checksum of a superblock stands.
const CHECKSUM: usize = 224;
/// Sector sizes that a volume may have.
const SECTORS: [u64; 7] = [512, 1024, 2048, 4096, 8192, 16384, 32768];

/// A superblock that could be read.
struct Candidate {
    superblock: Superblock,
    offset: u64,
    /// What its checksum says; `None` where there is none.
    checksum: Option<bool>,
}

/// How sure it is that this is XFS.
pub(super) fn probe(volume: &dyn ReadAt) -> Confidence {
    match read(volume, 0) {
        Ok(found) if found.checksum != Some(false) => return Confidence::Strong,
        Ok(_) => return Confidence::Weak,
        Err(_) => {}
    }
    let has = |at: u64, magic: &[u8]| volume.read_vec(at, 4).is_ok_and(|bytes| bytes == magic);
    let headers = |sector: &u64| has(*sector, b"XAGF") && has(sector.saturating_mul(2), b"XAGI");
    let backup = || usual_places(volume.size()).into_iter().any(|at| read_backup(volume, at).is_some());
    if has(0, b"XFSB") || SECTORS.iter().any(headers) || backup() { Confidence::Weak } else { Confidence::No }
}

/// The superblock to work with, and what was wrong with others.
///
/// The first one is believed when its checksum holds, or, without checksums, when the backups do not outvote it.
pub(super) fn find(volume: &Arc<dyn ReadAt>) -> Result<(Superblock, u64, Vec<Problem>)> {
    let volume = &**volume;
    let first = read(volume, 0);
    if let Ok(first) = &first
        && first.checksum == Some(true)
    {
        return Ok((first.superblock.clone(), 0, Vec::new()));
    }
    let unsupported = |error: &Error| matches!(error, Error::Unsupported { .. });
    if let Ok(first) = &first
        && first.checksum.is_none()
    {
        return Ok(outvoted(volume, first));
    }
    let reason = match &first {
        Ok(first) => Error::corrupt("superblock", first.offset, "a checksum that holds", "otherwise"),
        Err(error) => error.clone(),
    };
    match (search(volume), first) {
        (Some(backup), _) => {
            let detail =
                format!("{reason}: the backup at byte {} of the volume is used instead", backup.offset);
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(0, size(SIZE)));
            Ok((backup.superblock, backup.offset, vec![problem]))
        }
        (None, Ok(first)) => {
            let detail = format!("{reason}, and no backup was found: it is used all the same");
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(0, size(SIZE)));
            Ok((first.superblock, 0, vec![problem]))
        }
        (None, Err(error)) if unsupported(&error) => Err(error),
        (None, Err(_)) => Err(reason),
    }
}

/// Without checksums: two backups that agree with each other and not with the first superblock are right.
fn outvoted(volume: &dyn ReadAt, first: &Candidate) -> (Superblock, u64, Vec<Problem>) {
    let mut backups = (1..first.superblock.groups.min(9))
        .filter_map(|group| read_backup(volume, first.superblock.group_start(group)));
    let same = |one: &Superblock, two: &Superblock| geometry(one) == geometry(two);
    let mut problems = Vec::new();
    if let Some(one) = backups.next()
        && !same(&one.superblock, &first.superblock)
    {
        let other = backups.next().filter(|two| same(&one.superblock, &two.superblock));
        let used = if other.is_some() { "the backup is used" } else { "the first is used" };
        let detail = format!(
            "the superblock at byte 0 and its backup at byte {} describe different geometries: {used}",
            one.offset
        );
        let place = Extent::new(0, size(SIZE));
        problems.push(Problem::new(ProblemKind::Ambiguous, detail).at(place));
        if other.is_some() {
            let superblock = Superblock { root: first.superblock.root, ..one.superblock };
            return (superblock, one.offset, problems);
        }
    } else if first.superblock.groups > 1 && read_backup(volume, first.superblock.group_start(1)).is_none() {
        // The numbers that say where backups are may themselves be wrong.
        if let Some(backup) = likely_places(volume.size()).into_iter().find_map(|at| read_backup(volume, at))
            && !same(&backup.superblock, &first.superblock)
        {
            let detail = format!(
                "the superblock at byte 0 describes another geometry than its backup at byte {}: the backup is used",
                backup.offset
            );
            let place = Extent::new(0, size(SIZE));
            problems.push(Problem::new(ProblemKind::Ambiguous, detail).at(place));
            let superblock = Superblock { root: first.superblock.root, ..backup.superblock };
            return (superblock, backup.offset, problems);
        }
    }
    (first.superblock.clone(), 0, problems)
}

/// What all copies have in common. The inodes of root and quotas are not written to every copy.
fn geometry(superblock: &Superblock) -> impl PartialEq + use<> {
    let s = superblock;
    let sizes = (s.block_size, s.blocks, s.group_blocks, s.groups, s.sector_size, s.inode_size);
    (sizes, s.directory_log, s.version, s.typed, s.directories_v2, s.log_start)
}

fn read(volume: &dyn ReadAt, offset: u64) -> Result<Candidate> {
    let bytes = volume.read_vec(offset, SIZE)?;
    candidate(volume, &bytes, offset)
}

fn candidate(volume: &dyn ReadAt, bytes: &[u8], offset: u64) -> Result<Candidate> {
    let superblock = Superblock::parse(bytes, offset, volume.size())?;
    let checksum = match superblock.is_v5() {
        true => {
            let sector = volume.read_vec(offset, superblock.sector_size);
            Some(sector.is_ok_and(|sector| checksum_holds(&sector, CHECKSUM)))
        }
        false => None,
    };
    Ok(Candidate { superblock, offset, checksum })
}

/// A backup at that place that says itself that it belongs there.
fn read_backup(volume: &dyn ReadAt, offset: u64) -> Option<Candidate> {
    let found = read(volume, offset).ok()?;
    is_backup(&found).then_some(found)
}

fn is_backup(found: &Candidate) -> bool {
    let group = found.superblock.group_start(1);
    let number = found.offset.checked_div(group).unwrap_or(0);
    found.checksum != Some(false)
        && found.offset > 0
        && found.offset.is_multiple_of(group)
        && number < found.superblock.groups.into()
}

/// Where the second group begins with the numbers that `mkfs.xfs` chooses for a single disk: four equal parts, or
/// groups of 1 TiB.
fn usual_places(volume: u64) -> [u64; 2] {
    let quarter = volume.checked_div(4096).unwrap_or(0).div_ceil(4).saturating_mul(4096);
    [quarter, 1 << 40]
}

/// Where the second group begins when a volume is cut into equal parts, at most 1 TiB each.
fn likely_places(volume: u64) -> BTreeSet<u64> {
    let mut places = BTreeSet::from([1 << 40, (1 << 40) - 4096]);
    for block in [4096_u64, 1024, 512, 65536] {
        let blocks = volume.checked_div(block).unwrap_or(0);
        let most = if block == 4096 { 64 } else { 8 };
        places.extend((2..=most).map(|groups: u64| blocks.div_ceil(groups).saturating_mul(block)));
    }
    places.retain(|at| *at > 0 && *at < volume);
    places
}

/// A backup: at a likely place, or the first that a search of the whole volume meets.
fn search(volume: &dyn ReadAt) -> Option<Candidate> {
    if let Some(found) = likely_places(volume.size()).into_iter().find_map(|at| read_backup(volume, at)) {
        return Some(found);
    }
    let mut found: Option<Candidate> = None;
    let length = volume.size().checked_div(512)?.checked_mul(512)?;
    let mut buffer = Vec::new();
    let mut at = 0_u64;
    // In parts, so that the search ends soon after its find.
    while at < length && found.is_none() {
        let part = length.saturating_sub(at).min(64 << 20);
        sweep::units(volume, at, part, 512, &mut buffer, |offset, sector| {
            let Ok(sector) = sector else { return };
            if found.is_none() && offset > 0 && Fields(sector).has(0, b"XFSB") {
                found = candidate(volume, sector, offset).ok().filter(is_backup);
            }
        });
        at = at.saturating_add(part);
    }
    found
}
