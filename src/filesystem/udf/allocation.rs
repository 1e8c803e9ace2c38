//! Allocation descriptors: where the content of a file is (ECMA-167, part 4, sections 12 and 14.14).

use std::collections::HashSet;

use super::icb::Form;
use super::partition::push;
use super::tag::{Address, Long, Tag, id, split};
use super::volume::Logical;
use crate::model::Run;
use crate::read::Fields;

/// Most bytes of one extent of allocation descriptors: writers use one block.
const MAX_CONTINUED: u32 = 1 << 20;

/// The pieces of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) runs: Vec<Run>,
    /// Bytes that the runs cover.
    pub(super) covered: u64,
    /// What is wrong, in words.
    pub(super) fault: Option<&'static str>,
}

/// Reads descriptors from the area of an entry on, cut to the size of the file. `partition` is that of the entry, which
/// short descriptors refer to; extents of further descriptors are added to `places`.
pub(super) fn read(
    logical: &Logical,
    area: &[u8],
    form: Form,
    (partition, size): (u16, u64),
    places: &mut Vec<Run>,
) -> Pieces {
    let mut pieces = Pieces::default();
    let mut seen: HashSet<Address> = HashSet::new();
    let mut area = area.to_vec();
    loop {
        match descriptors(logical, &area, form, (partition, size), &mut pieces) {
            Some(next) if next.length > 0 && pieces.covered < size => {
                if !seen.insert(next.at) || !logical.spend(next.length.into()) {
                    pieces.fault = Some("allocation descriptors lead back to where they were, or do not end");
                    break;
                }
                let Some(more) = continued(logical, next, places) else {
                    pieces.fault = Some("further allocation descriptors cannot be read");
                    break;
                };
                area = more;
            }
            _ => break,
        }
    }
    pieces
}

fn continued(logical: &Logical, next: Long, places: &mut Vec<Run>) -> Option<Vec<u8>> {
    let length = next.length.min(MAX_CONTINUED);
    let bytes = logical.read(next.at, length.into(), places)?;
    Tag::of(&bytes, id::ALLOCATION_EXTENT)?;
    let length = usize::try_from(Fields(&bytes).u32(20)?).ok()?;
    let rest = bytes.get(24..)?;
    Some(rest.get(..length.min(rest.len()))?.to_vec())
}

/// Takes over the descriptors of one area; the extent with further ones, if it names one.
fn descriptors(
    logical: &Logical,
    area: &[u8],
    form: Form,
    (partition, size): (u16, u64),
    pieces: &mut Pieces,
) -> Option<Long> {
    let width = match form {
        Form::Short => 8,
        Form::Long => 16,
        Form::Extended => 20,
        Form::Embedded | Form::Unknown(_) => return None,
    };
    for raw in area.chunks_exact(width) {
        let fields = Fields(raw);
        let (length, kind) = split(fields.u32(0)?);
        let (block, reference) = match form {
            Form::Short => (fields.u32(4)?, partition),
            Form::Long => (fields.u32(4)?, fields.u16(8)?),
            _ => (fields.u32(12)?, fields.u16(16)?),
        };
        let at = Address { partition: reference, block };
        if length == 0 {
            return None;
        }
        if kind == 3 {
            return Some(Long { length, kind: 0, at });
        }
        let known = pieces.runs.len();
        let left = size.saturating_sub(pieces.covered);
        if left == 0 {
            // What follows is the tail behind the end of the file.
            return None;
        }
        let bytes = u64::from(length).min(left);
        let placed = match kind {
            0 => logical.place(at, bytes, &mut pieces.runs),
            // Not recorded, whether space was set aside for it or not: zeros.
            _ => {
                push(&mut pieces.runs, Run::hole(bytes));
                Some(())
            }
        };
        if placed.is_none() {
            pieces.fault = Some("a piece of a file is in no partition");
            pieces.runs.push(Run::new(super::NOWHERE, bytes));
        }
        pieces.covered = pieces.covered.saturating_add(bytes);
        // One descriptor may become many pieces.
        let added = pieces.runs.len().saturating_sub(known).max(1);
        if !logical.spend(crate::read::size(added.saturating_mul(width))) {
            pieces.fault = Some("more allocation descriptors than a volume of this size can need");
            return None;
        }
    }
    None
}
