//! A volume in a few words and numbers.

use crate::filesystem::Filesystem;
use crate::model::{Content, EntryKind, EntryState, EntryTable, Extent, Problem, ProblemKind, VolumeSummary};
use crate::volume::Volume;

/// Most pieces that are listed of one volume.
const MAX_EXTENTS: usize = 64;

/// Where a volume begins on the medium, and how long it is; `None` for one that lies nowhere.
pub(super) fn extent(volume: &Volume) -> Option<Extent> {
    let start = volume.placement.as_piece().or_else(|| volume.placement.at(0))?.offset;
    Some(Extent::new(start, volume.placement.length()))
}

/// A place in a volume as a place of the medium; of several pieces the first.
pub(super) fn place(volume: &Volume, place: Extent) -> Option<Extent> {
    if let Some(piece) = volume.placement.as_piece() {
        return Some(Extent::new(piece.offset.saturating_add(place.offset), place.length));
    }
    volume.placement.places(place.offset, place.length.max(1)).first().copied()
}

/// A volume of which nothing is listed.
pub(super) fn bare(volume: &Volume, filesystem: Option<String>) -> VolumeSummary {
    let mut extents = match volume.placement.as_piece() {
        Some(_) => Vec::new(),
        None => volume.placement.places(0, volume.placement.length()),
    };
    let more_extents = crate::read::size(extents.len().saturating_sub(MAX_EXTENTS));
    extents.truncate(MAX_EXTENTS);
    VolumeSummary {
        source: 0,
        volume: u32::from(volume.number),
        extent: extent(volume).unwrap_or(Extent::new(0, volume.placement.length())),
        extents,
        more_extents,
        on: volume.on.iter().map(|number| u32::from(*number)).collect(),
        kind: volume.kind.clone(),
        table_label: volume.label.clone(),
        filesystem,
        holds: volume.holds.clone(),
        label: String::new(),
        files: 0,
        deleted: 0,
        directories: 0,
    }
}

/// A volume whose entries are those from `first` on, and what is lost of its deleted ones.
pub(super) fn of(
    volume: &Volume,
    filesystem: &dyn Filesystem,
    table: &EntryTable,
    first: usize,
) -> (VolumeSummary, Option<Problem>) {
    let mut summary = bare(volume, Some(filesystem.variant()));
    summary.label = filesystem.label();
    let mut lost = 0_u64;
    for entry in table.iter().skip(first) {
        match (entry.state(), entry.kind()) {
            (EntryState::Allocated, EntryKind::File) => summary.files += 1,
            (EntryState::Allocated, EntryKind::Directory) => summary.directories += 1,
            (EntryState::Allocated, _) => {}
            (EntryState::Deleted | EntryState::Orphan, kind) => {
                summary.deleted += 1;
                let gone = matches!(entry.content(), Content::Lost | Content::Overwritten);
                lost += u64::from(kind == EntryKind::File && gone);
            }
        }
    }
    let problem = (lost > 0).then(|| {
        let detail =
            "content of deleted entries is gone: overwritten by other files, or its place is not recorded";
        let mut problem = Problem::new(ProblemKind::Lost, detail).in_volume(summary.volume);
        problem.count = lost;
        problem
    });
    (summary, problem)
}
