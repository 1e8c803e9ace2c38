//! The grain directory and tables beside their copies: a flip in one of them does not pass unnoticed.

use super::sparse::Sparse;
use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Fields, ReadAt};

/// Tables that are compared; with grains of 64 KiB they stand for 256 GiB.
const MAX_TABLES: u64 = 1 << 13;
/// Entries of a table that are compared.
const MAX_ENTRIES: u64 = 1 << 12;

/// The problem of tables that differ from their copies, or cannot be read.
pub(super) fn compare(file: &dyn ReadAt, sparse: &Sparse) -> Option<Problem> {
    let copy = sparse.copy?;
    let reach = sparse.grain.saturating_mul(sparse.per_table);
    let count = sparse.sectors.saturating_mul(512).div_ceil(reach.max(1));
    let entries = usize::try_from(sparse.per_table.min(MAX_ENTRIES)).ok()?;
    let word = |at: u64| {
        let mut bytes = [0; 4];
        file.read_exact_at(at, &mut bytes).ok().map(|()| u64::from(u32::from_le_bytes(bytes)))
    };
    let table = |sector: Option<u64>| match sector {
        Some(0) => Some(Vec::new()),
        Some(sector) => file.read_vec(sector.saturating_mul(512), entries.saturating_mul(4)).ok(),
        None => None,
    };
    let mut first = None;
    let mut different = 0_u64;
    for number in 0..count.min(MAX_TABLES) {
        let entry = |directory: u64| table(word(directory.saturating_add(number.saturating_mul(4))));
        let (one, other) = (entry(sparse.directory), entry(copy));
        if one.is_none() || one != other {
            different = different.saturating_add(1);
            let index = differs(one.as_deref(), other.as_deref());
            first.get_or_insert(
                number.saturating_mul(reach).saturating_add(index.saturating_mul(sparse.grain)),
            );
        }
    }
    let at = first?;
    let detail = format!(
        "a grain table of file {} and its copy differ, first for the grain at byte {at} of the extent: the table is used where it leads somewhere",
        sparse.file.saturating_add(1)
    );
    let mut problem = Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(at, sparse.grain));
    problem.count = different;
    Some(problem)
}

/// The first entry that is not the same.
fn differs(one: Option<&[u8]>, other: Option<&[u8]>) -> u64 {
    let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
    let mut pairs = one.chunks_exact(4).zip(other.chunks_exact(4));
    let at = pairs.position(|(one, other)| Fields(one).u32(0) != Fields(other).u32(0));
    at.and_then(|at| u64::try_from(at).ok()).unwrap_or(0)
}
