//! What ext knows of the content of its inodes.

use crate::model::{Content, EntryKind, EntryState, ProblemKind, Run};

use super::Volume;
use super::bitmap::BlockBitmaps;
use super::inodes::own;
use crate::filesystem::tree::{self, Row, mark};

/// Judges inodes by their marks and the block bitmaps.
pub(super) struct Judge<'t> {
    /// The volume.
    pub volume: &'t Volume,
    /// Which blocks are in use.
    pub blocks: &'t BlockBitmaps,
}

impl tree::Judge for Judge<'_> {
    fn content(&self, row: &Row, runs: &[Run], state: EntryState) -> Content {
        if row.kind == EntryKind::Other {
            return Content::Runs;
        }
        if row.has(mark::DAMAGED) {
            return Content::Lost;
        }
        if row.has(own::ENCRYPTED) && row.kind != EntryKind::Directory {
            return Content::Encrypted;
        }
        if row.has(own::COMPRESSED) {
            return Content::Unsupported;
        }
        if row.has(own::INLINE) {
            return if row.kind == EntryKind::File { Content::Opened } else { Content::Lost };
        }
        let short_link = row.kind == EntryKind::Symlink && runs.is_empty() && row.size > 0;
        if short_link {
            return Content::Lost;
        }
        let covered = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.length));
        if covered < row.size && row.kind != EntryKind::Directory {
            return Content::Lost;
        }
        // A bitmap may be older than an inode that has links and a name; the remains of a deleted one are no file.
        let named = state == EntryState::Allocated;
        if row.has(mark::IN_USE) || named && row.has(mark::LINKED) {
            return Content::Runs;
        }
        // Deletion by Linux clears size and places: nothing then says what the content was. A size without a single
        // block is the same, not a file of zeros.
        let mut held = runs.iter().filter(|run| !run.is_hole()).peekable();
        let known = held.peek().is_some();
        match known && held.all(|run| self.blocks.is_free(self.volume, *run)) {
            true if named => Content::Likely,
            true => Content::Runs,
            false if named && known => Content::Overwritten,
            false => Content::Lost,
        }
    }

    fn trouble(&self, row: &Row, content: Content) -> Option<(ProblemKind, &'static str)> {
        let file = row.kind == EntryKind::File;
        let (kind, what) = match () {
            () if row.has(own::ENCRYPTED) && !file => {
                (ProblemKind::Encrypted, "the names in it are encrypted")
            }
            () if row.has(own::ENCRYPTED) => (ProblemKind::Encrypted, "its content is encrypted"),
            () if content.is_had() || row.has(mark::DAMAGED) || !file => return None,
            () if row.has(own::COMPRESSED) => (ProblemKind::Unsupported, "its content is compressed"),
            () => (ProblemKind::Corrupt, "its content has no place"),
        };
        Some((kind, what))
    }
}
