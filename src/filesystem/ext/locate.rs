//! Finding a superblock that can be trusted: the first, or one of its backups.

use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, ReadAt, Result};

use super::superblock::{PRIMARY, SIZE, Superblock};

/// How sure it is that the volume holds an ext file system.
pub(super) fn probe(volume: &dyn ReadAt) -> Confidence {
    match read(volume, PRIMARY) {
        Ok(superblock) if superblock.is_trusted(volume.size()) => Confidence::Strong,
        Ok(_) => Confidence::Weak,
        // Backups survive a reformat with something else, so they alone are never more than a hint.
        Err(_) if backups(volume).next().is_some() => Confidence::Weak,
        Err(_) => Confidence::No,
    }
}

/// The superblock to work with, and what was wrong on the way to it.
pub(super) fn find(volume: &dyn ReadAt) -> Result<(Superblock, Vec<Problem>)> {
    let primary = read(volume, PRIMARY);
    let why = match &primary {
        Ok(superblock) if superblock.is_trusted(volume.size()) => {
            let problems = doubt(superblock).into_iter().collect();
            return primary.map(|superblock| (superblock, problems));
        }
        Ok(superblock) => match &superblock.doubt {
            Some(doubt) => doubt.clone(),
            None if superblock.checksum == Some(false) => "its checksum does not hold".into(),
            None => return primary.map(|superblock| (superblock, Vec::new())),
        },
        Err(error) => error.to_string(),
    };
    let place = Extent::new(PRIMARY, crate::read::size(SIZE));
    let damaged = |more: String| {
        Problem::new(ProblemKind::Corrupt, format!("first superblock: {why}; {more}")).at(place)
    };
    if let Some(backup) = backups(volume).next() {
        let note = damaged(format!(
            "the backup at byte {} is used instead, which does not know whether the journal was replayed",
            backup.offset
        ));
        return Ok((backup, vec![note]));
    }
    let superblock = primary?;
    Ok((superblock, vec![damaged("no backup can be trusted more, so it is used as it is".into())]))
}

/// A superblock whose checksum holds and whose geometry still seems odd is used, with a word about it.
fn doubt(superblock: &Superblock) -> Option<Problem> {
    let doubt = superblock.doubt.as_ref()?;
    let place = Extent::new(superblock.offset, crate::read::size(SIZE));
    Some(Problem::new(ProblemKind::Corrupt, format!("superblock: {doubt}")).at(place))
}

/// Backups that can be trusted, at the places where the usual block sizes put those of groups 1 and 3.
fn backups(volume: &dyn ReadAt) -> impl Iterator<Item = Superblock> + '_ {
    places().filter_map(move |offset| read(volume, offset).ok()).filter(move |backup| {
        let expected = backup.group_block(backup.own_group.into()).saturating_mul(backup.block_size);
        backup.own_group > 0 && expected == backup.offset && backup.is_trusted(volume.size())
    })
}

/// A fixed list, so that the search reads a bounded number of bytes. Groups of other than the usual size are not found.
fn places() -> impl Iterator<Item = u64> {
    let usual = [1, 3].into_iter().flat_map(|group: u64| {
        (10..=16_u32).map(move |log| {
            let block = 1_u64 << log;
            let first = if log == 10 { block } else { 0 };
            // A group has as many blocks as a block has bits.
            group.saturating_mul(block.saturating_mul(8).saturating_mul(block)).saturating_add(first)
        })
    });
    // Clusters of 16 blocks of 4096 bytes, the default of bigalloc.
    usual.chain([2 << 30])
}

fn read(volume: &dyn ReadAt, offset: u64) -> Result<Superblock> {
    let mut bytes = [0; SIZE];
    volume.read_exact_at(offset, &mut bytes)?;
    Superblock::parse(&bytes, offset, volume.size())
}
