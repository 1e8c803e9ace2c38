//! Sets that are recognised by what lies outside of their volumes, and are not put together by this version.

use super::{Partition, Table};
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::ReadAt;

const ADVICE: &str = "put its volumes together read-only in the laboratory and examine what is on them";

/// What the medium says of sets beside its partitions.
pub(super) fn problems(medium: &dyn ReadAt, table: &Table) -> Vec<Problem> {
    let partitions = &table.layout.partitions;
    let mut problems = Vec::new();
    if let Some(place) = dynamic_disk(medium, partitions) {
        let detail = "Windows dynamic disk: its volumes are not put together by this version; what begins at the start \
                      of a partition is read as if it stood there alone, spanned, striped and later volumes are not";
        problems.push(Problem::new(ProblemKind::Unsupported, detail).at(place).advise(ADVICE));
    }
    for pool in partitions.iter().filter(|partition| partition.kind == "Windows storage spaces") {
        let detail = "Windows storage spaces: its spaces are not put together by this version";
        let problem =
            Problem::new(ProblemKind::Unsupported, detail).at(Extent::new(pool.extent.offset, 4096));
        problems.push(problem.in_volume(u32::from(pool.number)).advise(ADVICE));
    }
    problems
}

/// The private header of the logical disk manager: in sector 6 behind an MBR, in the partition for it of a GPT.
///
/// Source: Linux, block/partitions/ldm.h, `OFF_PRIV1`, `OFF_PRIV2`.
fn dynamic_disk(medium: &dyn ReadAt, partitions: &[Partition]) -> Option<Extent> {
    let header = |at: u64| {
        medium.read_vec(at, 8).is_ok_and(|bytes| bytes == b"PRIVHEAD").then(|| Extent::new(at, 512))
    };
    let dynamic = |kind: &str| partitions.iter().find(|partition| partition.kind == kind);
    if let Some(metadata) = dynamic("Windows dynamic disk metadata") {
        let last = metadata.extent.end().checked_sub(512);
        return Some(last.and_then(header).unwrap_or(Extent::new(metadata.extent.offset, 512)));
    }
    dynamic("Windows dynamic disk")
        .and_then(|_| header(6 * 512).or_else(|| header(medium.size().checked_sub(0x10_0000)?)))
}
