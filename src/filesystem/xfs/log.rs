//! Whether the log holds changes that were not written to their places yet. It is never replayed.

use super::Volume;
use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::Fields;

/// Bytes of a basic block of the log.
const BLOCK: u64 = 512;
/// Bytes before the head of the log in which the last record begins: the largest record and its headers.
const REACH: u64 = 320 << 10;
const MAGIC: u32 = 0xfeed_babe;
/// Flag of the only operation in the record that unmounting writes.
const UNMOUNT: u8 = 0x20;

/// What the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Clean,
    Dirty,
    Unknown,
}

/// Says what the log means for the listing, and returns whether nothing is missing that only the log has.
/// Source: XFS Algorithms and Data Structures, "Journaling Log".
pub(super) fn note(volume: &Volume, survey: &mut Survey<'_>) -> bool {
    let superblock = &volume.superblock;
    if superblock.log_start == 0 {
        let detail =
            "the log is on another device and was not read: changes that are only there are not listed";
        survey.problem(Problem::new(ProblemKind::Unsupported, detail));
        return false;
    }
    let start = superblock.split(superblock.log_start).map(|(group, block)| superblock.byte(group, block));
    let length = u64::from(superblock.log_blocks).saturating_mul(superblock.block_size);
    let place = start.map(|start| Extent::new(start, length));
    let place = place.filter(|place| place.end() <= volume.source.size() && place.length >= BLOCK);
    let mut state = State::Unknown;
    if let Some(place) = place {
        let log = Log { volume, place };
        if let Some((found, read)) = log.state() {
            state = found;
            survey.metadata(read.offset, read.length);
        }
    }
    let (kind, detail) = match state {
        State::Clean => return true,
        State::Dirty => (ProblemKind::Ambiguous, "changes that are only in the journal were not read"),
        State::Unknown => {
            (ProblemKind::Corrupt, "the journal cannot be read: whether it holds changes is not known")
        }
    };
    let mut problem = Problem::new(kind, detail);
    problem.extent = place;
    survey.problem(problem);
    false
}

struct Log<'v> {
    volume: &'v Volume,
    place: Extent,
}

impl Log<'_> {
    /// Whether the last record is that of an unmount, and the place that was read for it.
    fn state(&self) -> Option<(State, Extent)> {
        let blocks = self.place.length.checked_div(BLOCK)?;
        let head = self.head(blocks)?;
        let reach = REACH.checked_div(BLOCK)?.min(blocks);
        // The part before the head, around the end of the log when the head is near its beginning.
        let from = match head.checked_sub(reach) {
            Some(from) => from,
            None if head > 0 => 0,
            None => blocks.checked_sub(reach)?,
        };
        let end = if head == 0 { blocks } else { head };
        let offset = self.place.offset.checked_add(from.checked_mul(BLOCK)?)?;
        let length = end.checked_sub(from)?.checked_mul(BLOCK)?;
        let bytes = self.volume.source.read_vec(offset, usize::try_from(length).ok()?).ok()?;
        let last = bytes.chunks_exact(512).rposition(|block| Fields(block).u32_be(0) == Some(MAGIC));
        let state = last.map_or(State::Dirty, |last| self.judge(&bytes, last));
        Some((state, Extent::new(offset, length)))
    }

    /// Judges by the last record.
    fn judge(&self, bytes: &[u8], record: usize) -> State {
        let at = record.saturating_mul(512);
        let header = Fields(bytes.get(at..).unwrap_or_default());
        // A record in the second version has one header for every 32 KiB that it may be long.
        let version = header.u32_be(8).unwrap_or(1);
        let room = header.u32_be(320).and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let headers = if version & 2 != 0 { room.div_ceil(32 << 10).max(1) } else { 1 };
        let operation =
            Fields(bytes.get(at.saturating_add(headers.saturating_mul(512))..).unwrap_or_default());
        let flags = operation.u8(9).unwrap_or_default();
        match (header.u32_be(40), flags & UNMOUNT != 0) {
            (Some(1), true) => State::Clean,
            _ => State::Dirty,
        }
    }

    /// The block behind the last that was written: where the number of the cycle falls. 0 when it falls nowhere.
    fn head(&self, blocks: u64) -> Option<u64> {
        let first = self.cycle(0)?;
        let mut low = 0_u64;
        let mut high = blocks.checked_sub(1)?;
        if self.cycle(high)? == first {
            return Some(0);
        }
        while low.saturating_add(1) < high {
            let middle = low.midpoint(high);
            if self.cycle(middle)? == first { low = middle } else { high = middle }
        }
        Some(high)
    }

    /// The number of the cycle that a block was written in.
    fn cycle(&self, block: u64) -> Option<u32> {
        let offset = self.place.offset.checked_add(block.checked_mul(BLOCK)?)?;
        let bytes = self.volume.source.read_vec(offset, 8).ok()?;
        let fields = Fields(&bytes);
        match fields.u32_be(0)? {
            MAGIC => fields.u32_be(4),
            cycle => Some(cycle),
        }
    }
}
