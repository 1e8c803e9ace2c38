//! Finding the superblock: the first one, or a copy of it when that is damaged or older.

use super::superblock::{MAGIC, SIZE, Superblock};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result, size};

/// Where superblocks stand, in bytes from the start of the volume. Source: Btrfs on-disk format, "Superblock".
pub(super) const PLACES: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];

/// A superblock that could be read.
struct Candidate {
    superblock: Superblock,
    offset: u64,
    /// Whether its checksum holds and it says that it stands there; `true` where that cannot be computed.
    sound: bool,
}

/// How sure it is that this is Btrfs.
pub(super) fn probe(volume: &dyn ReadAt) -> Confidence {
    match read(volume, PLACES[0]) {
        Ok(first) if first.sound => return Confidence::Strong,
        Ok(_) => return Confidence::Weak,
        Err(_) => {}
    }
    let copy = PLACES.iter().skip(1).any(|at| read(volume, *at).is_ok_and(|copy| copy.sound));
    let magic = volume.read_vec(PLACES[0].saturating_add(64), MAGIC.len());
    if copy || magic.is_ok_and(|bytes| bytes == MAGIC) { Confidence::Weak } else { Confidence::No }
}

/// The superblock to work with, where it stands, and what is wrong with others.
pub(super) fn find(volume: &dyn ReadAt) -> Result<(Superblock, u64, Vec<Problem>)> {
    let first = read(volume, PLACES[0]);
    let mut problems = Vec::new();
    let inside = PLACES.iter().skip(1).filter(|at| at.saturating_add(size(SIZE)) <= volume.size());
    let copies = inside.filter_map(|at| match read(volume, *at) {
        Ok(copy) if copy.sound => Some(copy),
        Ok(_) => {
            let detail = format!("the copy of the superblock at byte {at}: its checksum does not hold");
            problems.push(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(*at, size(SIZE))));
            None
        }
        Err(Error::Io(unreadable)) => {
            problems.push(Error::Io(unreadable).into_problem());
            None
        }
        Err(_) => None,
    });
    // Of equals the first stays.
    let best = copies.reduce(|best, copy| if newer(&copy, &best) { copy } else { best });
    let used = match (first, best) {
        (Ok(first), Some(copy)) if first.sound => {
            // What another file system left behind is nobody's copy.
            if copy.superblock.fsid == first.superblock.fsid && newer(&copy, &first) { copy } else { first }
        }
        (Ok(first), None) => first,
        (Ok(_) | Err(_), Some(copy)) => copy,
        (Err(error), None) => return Err(error),
    };
    let place = Extent::new(PLACES[0], size(SIZE));
    if used.offset != PLACES[0] {
        let detail = format!(
            "the superblock at byte {} is damaged or older than its copy at byte {}, which is used instead",
            PLACES[0], used.offset
        );
        problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
    } else if !used.sound {
        let detail =
            "superblock: expected a checksum that holds, found another, and no copy: it is used all the same";
        problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
    }
    Ok((used.superblock, used.offset, problems))
}

fn newer(one: &Candidate, other: &Candidate) -> bool {
    one.superblock.generation > other.superblock.generation
}

fn read(volume: &dyn ReadAt, offset: u64) -> Result<Candidate> {
    let bytes = volume.read_vec(offset, SIZE)?;
    let superblock = Superblock::parse(&bytes, offset)?;
    let stands = Fields(&bytes).u64(48) == Some(offset);
    let sound = stands && superblock.checksum.holds_in(&bytes) != Some(false);
    Ok(Candidate { superblock, offset, sound })
}
