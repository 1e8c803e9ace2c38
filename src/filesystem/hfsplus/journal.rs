//! The journal: whether it holds changes that are not on the volume yet (TN1150, "Journal"). It is never replayed.

use super::header::{Header, attribute};
use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::{Fields, ReadAt};

/// The journal is on this volume, and it was never written to.
const IN_VOLUME: u32 = 1;
const NEVER_USED: u32 = 4;

/// Says what the state of the journal means for the listing.
pub(super) fn note(volume: &dyn ReadAt, header: &Header, survey: &mut Survey<'_>) {
    if !header.has(attribute::JOURNALED) {
        if !header.has(attribute::UNMOUNTED) {
            let detail = "the volume was not unmounted: what was being written may be missing or half there";
            survey.problem(Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(header.at, 512)));
        }
        return;
    }
    let Some(info) = header.run((header.journal, 1)).filter(|_| header.journal > 0) else {
        let detail = format!(
            "journal info block {}: there is no such block; the journal was not read",
            header.journal
        );
        survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(header.at, 512)));
        return;
    };
    let place = Extent::new(info.offset, info.length);
    let block = match volume.read_vec(info.offset, 512) {
        Ok(block) => block,
        Err(unreadable) => {
            let detail = format!("journal info block: {unreadable}");
            return survey.problem(Problem::new(ProblemKind::Unreadable, detail).at(place));
        }
    };
    survey.metadata(info.offset, info.length.min(512));
    let fields = Fields(&block);
    let flags = fields.u32_be(0).unwrap_or(0);
    if flags & NEVER_USED != 0 {
        return;
    }
    if flags & IN_VOLUME == 0 {
        let detail = "the journal is on another device and was not read";
        return survey.problem(Problem::new(ProblemKind::Unsupported, detail).at(place));
    }
    let start = header.base.saturating_add(fields.u64_be(36).unwrap_or(0));
    let place = Extent::new(start, 512);
    let state = volume.read_vec(start, 44).ok().and_then(|block| is_clean(&block));
    survey.metadata(start, if state.is_some() { 512 } else { 0 });
    match state {
        Some(true) => {}
        Some(false) => {
            let detail = "the journal was not replayed: what is only in it was not read, so the listing is that of the \
                          last checkpoint";
            survey.problem(Problem::new(ProblemKind::Ambiguous, detail).at(place));
        }
        None => {
            let detail = format!("journal header at byte {start}: expected JNLx, found something else");
            survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
        }
    }
}

/// Whether nothing stands between the start and the end of the journal; it is in the byte order of its writer.
fn is_clean(header: &[u8]) -> Option<bool> {
    let fields = Fields(header);
    match (fields.array::<4>(0)?, fields.array::<4>(4)?) {
        ([b'x', b'L', b'N', b'J'], [0x78, 0x56, 0x34, 0x12]) => Some(fields.u64(8)? == fields.u64(16)?),
        ([b'J', b'N', b'L', b'x'], [0x12, 0x34, 0x56, 0x78]) => Some(fields.u64_be(8)? == fields.u64_be(16)?),
        _ => None,
    }
}
