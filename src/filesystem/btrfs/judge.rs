//! What Btrfs knows of the content of its inodes.

use super::own;
use super::settle::NOT_EXAMINED;
use crate::filesystem::tree::{self, Row, mark};
use crate::model::{Content, EntryKind, EntryState, ProblemKind, Run};

/// Judges inodes by their marks.
pub(super) struct Judge;

impl tree::Judge for Judge {
    fn content(&self, row: &Row, _runs: &[Run], state: EntryState) -> Content {
        if matches!(row.kind, EntryKind::Other | EntryKind::Directory) {
            return Content::Runs;
        }
        if row.has(mark::DAMAGED) {
            return Content::Lost;
        }
        if row.has(own::ENCRYPTED) {
            return Content::Encrypted;
        }
        if row.has(own::ELSEWHERE | own::UNKNOWN) {
            return Content::Unsupported;
        }
        let (in_use, opened) =
            (row.has(mark::IN_USE) || state == EntryState::Allocated, row.has(own::OPENED));
        match (in_use || row.has(own::HELD), opened) {
            (true, true) => Content::Opened,
            (true, false) => Content::Runs,
            _ if row.has(own::TAKEN) => Content::Overwritten,
            // What stands in a node whose checksum holds is certain.
            (false, true) if !row.has(own::PACKED | own::MIXED) => Content::Opened,
            // What is only likely must not be unpacked as if it were certain.
            (false, true) => Content::Unsupported,
            (false, false) => Content::Likely,
        }
    }

    fn trouble(&self, row: &Row, content: Content) -> Option<(ProblemKind, &'static str)> {
        let said = content.is_had() || row.has(mark::DAMAGED | NOT_EXAMINED);
        (!said).then_some((ProblemKind::Corrupt, "its content has no place"))
    }
}
