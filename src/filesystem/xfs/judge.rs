//! What XFS knows of the content of its inodes.

use super::Volume;
use super::inodes::own;
use super::tables::Tables;
use crate::filesystem::tree::{self, Row, mark};
use crate::model::{Content, EntryKind, EntryState, Problem, ProblemKind, Run, Survey};

/// Judges inodes by their marks.
pub(super) struct Judge<'v> {
    /// The volume.
    pub volume: &'v Volume,
}

impl tree::Judge for Judge<'_> {
    fn content(&self, row: &Row, runs: &[Run], state: EntryState) -> Content {
        if row.kind == EntryKind::Other {
            return Content::Runs;
        }
        if row.has(mark::DAMAGED | own::NOWHERE) {
            return Content::Lost;
        }
        if row.has(own::REALTIME) {
            return Content::Unsupported;
        }
        if row.has(own::LOCAL) {
            return if row.kind == EntryKind::Directory { Content::Lost } else { Content::Opened };
        }
        // The blocks of a remote target have headers.
        if row.kind == EntryKind::Symlink && self.volume.superblock.is_v5() {
            return Content::Opened;
        }
        let covered = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.length));
        if covered < row.size && row.kind != EntryKind::Directory {
            return Content::Lost;
        }
        // A name in use does not make the remains of a free inode a file.
        if row.has(own::SEARCHED) && (state != EntryState::Allocated || row.has(own::FREE)) {
            return Content::Likely;
        }
        match row.has(mark::IN_USE) {
            true => Content::Runs,
            false if row.has(own::FREE) => Content::Likely,
            false => Content::Overwritten,
        }
    }

    fn trouble(&self, row: &Row, content: Content) -> Option<(ProblemKind, &'static str)> {
        let said = content.is_had() || row.has(mark::DAMAGED | own::REALTIME) || row.kind != EntryKind::File;
        (!said).then_some((ProblemKind::Corrupt, "its content has no place"))
    }
}

/// Finds out what is left of deleted inodes: directories are not taken for files, and blocks that are in use again
/// are known to be.
pub(super) fn settle_deleted(tables: &mut Tables<'_>, survey: &mut Survey<'_>) {
    let unit = tables.volume.superblock.block_size;
    let mut places = std::mem::take(&mut tables.places);
    let (mut free, mut directories) = (Vec::new(), Vec::new());
    let mut whole_blocks = 0_u64;
    let rows = &tables.inodes.rows;
    let mut space = tables.free_space();
    let doubtful = |row: &Row| !row.has(mark::IN_USE) || row.has(own::SEARCHED);
    for (at, row) in rows.list().iter().enumerate().filter(|(_, row)| doubtful(row)) {
        let runs = rows.runs(row);
        let mut held = runs.iter().filter(|run| !run.is_hole());
        if row.has(own::NOWHERE) || !held.clone().all(|run| space.is_free(*run, &mut places, survey)) {
            continue;
        }
        free.push(at);
        if row.has(mark::IN_USE) {
            continue;
        }
        whole_blocks = whole_blocks.saturating_add(u64::from(row.has(own::WHOLE_BLOCKS)));
        if row.size <= unit.saturating_mul(64)
            && let Some(first) = held.next()
            && let Ok(magic) = tables.volume.source.read_vec(first.offset, 4)
            && matches!(magic.as_slice(), b"XD2B" | b"XD2D" | b"XDB3" | b"XDD3")
        {
            directories.push(at);
        }
    }
    for at in free {
        tables.inodes.rows.mark(at, own::FREE);
    }
    for at in directories {
        if let Some(row) = tables.inodes.rows.get_mut(at) {
            row.kind = EntryKind::Directory;
        }
    }
    tables.places = places;
    if whole_blocks > 0 {
        let mut problem = Problem::new(
            ProblemKind::Lost,
            "deleted files whose size is not recorded any more: their content is taken up to the end of its last block",
        )
        .advise("a digest of the whole file does not match then; look at their blocks");
        problem.count = whole_blocks;
        survey.problem(problem);
    }
}
