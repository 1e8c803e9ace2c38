//! The special files: their places, and the one of them that nothing else reads.

use super::content;
use super::header::{Header, Special};
use super::overflow::{ForkKind, Overflow};
use crate::model::{Content, EntryKind, EntryState, NewEntry, Parent, Run, Survey, Times};

/// The runs of a special file. A B-tree and the allocation file fill their blocks, so the stated size is not asked.
pub(super) fn runs(header: &Header, overflow: &Overflow, special: Special) -> Vec<Run> {
    let fork = header.fork(special);
    let extents =
        content::extend(fork.used().collect(), fork.blocks, overflow, special.number(), ForkKind::Data);
    content::place(header, extents, u64::MAX).runs
}

/// Lists the startup file, which holds a loader and is no metadata of the file system.
pub(super) fn list_startup(header: &Header, overflow: &Overflow, survey: &mut Survey<'_>) {
    let fork = header.fork(Special::Startup);
    if fork.size == 0 {
        return;
    }
    let number = Special::Startup.number();
    let extents = content::extend(fork.used().collect(), fork.blocks, overflow, number, ForkKind::Data);
    let mapped = content::place(header, extents, fork.size);
    // A table that is full is said by the listing.
    let _ = survey.add(NewEntry {
        parent: Parent::Root,
        name: b"$StartupFile",
        kind: EntryKind::File,
        state: EntryState::Allocated,
        record: number.into(),
        stream: 0,
        size: fork.size,
        times: Times::default(),
        content: if mapped.whole { Content::Runs } else { Content::Lost },
        runs: &mapped.runs,
    });
}
